//! The verbs: what a user asks of a repository, one file each.
//!
//! Each is a method of [`Repo`](super::Repo) and returns a report, plain data that the command line
//! prints as text or JSON.

pub mod add;
pub mod ask;
pub mod blame;
pub mod branch;
pub mod checkout;
pub mod commit;
pub mod diff;
pub mod export;
pub mod fsck;
pub mod init;
pub mod log;
pub mod migrate;
pub mod reset;
pub mod revert;
pub mod rm;
pub mod show;
pub mod show_fact;
pub mod stats;
pub mod status;
pub mod switch;
pub mod tag;
pub mod undo;

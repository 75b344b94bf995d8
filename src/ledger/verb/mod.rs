//! The verbs: what a user asks of a repository, one file each.
//!
//! Each is a method of [`Repo`](super::Repo) and returns a report, plain data that the command line
//! prints as text or JSON.

pub mod add;
pub mod artefacts;
pub mod ask;
pub mod backup;
pub mod bisect;
pub mod blame;
pub mod branch;
pub mod calibrate;
pub mod check;
pub mod checkout;
pub mod cherry_pick;
pub mod commit;
pub mod config;
pub mod consolidate;
pub mod diff;
pub mod eval;
pub mod export;
#[cfg(feature = "sql")]
pub mod export_sql;
pub mod facts;
pub mod forget;
pub mod fsck;
pub mod gc;
pub mod import;
pub mod init;
pub mod lens;
pub mod log;
pub mod merge;
pub mod migrate;
pub mod neurons;
pub mod op;
#[cfg(feature = "query")]
pub mod query;
pub mod rebase;
pub mod repair;
pub mod reset;
pub mod resolve;
pub mod revert;
pub mod rm;
pub mod sentences;
pub mod show;
pub mod show_fact;
#[cfg(feature = "query")]
pub mod stage;
pub mod stash;
pub mod stats;
pub mod status;
pub mod switch;
pub mod sync;
pub mod tag;
pub mod trace;
pub mod train;
pub mod undo;

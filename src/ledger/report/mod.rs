//! What verbs tell: commits, facts and changes as plain data.

pub(super) mod citing;
pub(super) mod counts;
pub(super) mod listing;
#[cfg(feature = "query")]
pub(super) mod prov;
pub(super) mod stat;
pub(super) mod unread;
pub(super) mod view;
pub(super) mod wording;

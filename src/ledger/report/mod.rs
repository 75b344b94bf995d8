//! What verbs tell: commits, facts and changes as plain data.

pub(super) mod counts;
pub(super) mod listing;
pub(super) mod stat;
pub(super) mod view;
pub(super) mod wording;

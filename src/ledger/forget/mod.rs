//! Forgetting a subject: what is said of it taken out of all history.
//!
//! [`Scope`] finds where it is said; [`Rewriting`] makes every such commit again without it.

mod rewrite;
mod scope;

pub(super) use rewrite::Rewriting;
pub(super) use scope::Scope;

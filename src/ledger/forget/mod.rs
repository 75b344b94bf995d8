//! Forgetting a subject: what is said of it taken out of all history.
//!
//! [`Scope`] finds where it is said; [`Rewriting`] makes every such commit again without it; [`Forgetting`] says
//! what is to be removed then.

pub(super) mod note;
mod rewrite;
mod scope;

pub(super) use note::{Forgetting, complete};
pub(super) use rewrite::Rewriting;
pub(super) use scope::Scope;

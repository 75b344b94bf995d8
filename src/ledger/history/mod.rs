//! Commits and how they follow each other: walking them, naming them, and finding where a fact comes from.

pub(super) mod bisect;
pub(super) mod blame;
pub(super) mod cache;
pub(super) mod candidates;
#[cfg(feature = "query")]
pub(super) mod graphs;
pub(super) mod resolve;
pub mod revision;
pub(super) mod select;
pub(super) mod walk;

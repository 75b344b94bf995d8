//! Changes that leave the repository or come in: bundles, adapters, checkpoints.
//!
//! [`outgoing`] has a file for each format that a version is written in, [`incoming`] one for each source that a
//! change is read from. A [`bundle`] is both.

pub(super) mod bundle;
pub(super) mod incoming;
pub(super) mod outgoing;

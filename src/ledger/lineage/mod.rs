//! The deltas from the base to a version, and the weights that they make.

pub(super) mod line;
pub(super) mod load;
pub(super) mod snapshots;

pub use line::{Entry, Line};

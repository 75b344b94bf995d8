//! Versions measured by the papers' protocols.

pub(super) mod average;
pub(super) mod cases;
pub(super) mod depth;
pub(super) mod measuring;
pub(super) mod scanning;

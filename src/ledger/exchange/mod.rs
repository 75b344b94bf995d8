//! Changes that leave the repository or come in: bundles, adapters, checkpoints.

pub(super) mod adapter;
pub(super) mod bundle;
pub(super) mod card;
pub(super) mod incoming;
pub(super) mod outgoing;
pub(super) mod trained;

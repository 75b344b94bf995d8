//! What the store holds for the ledger: commits, refs, the stage and what else is current, and the checkout beside it.
//!
//! [`open`] reads it, [`update`] changes it in one transaction.

pub(super) mod bisection;
pub(super) mod checkout;
pub(super) mod checkout_journal;
pub(super) mod citations;
pub(super) mod evaluations;
pub(super) mod known_as;
pub(super) mod manifest;
pub(super) mod open;
pub(super) mod provenance;
pub(super) mod refs;
pub(super) mod roots;
pub(super) mod stash;
pub(super) mod undone;
pub(super) mod update;

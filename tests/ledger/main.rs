//! Tests of the ledger's side, without libtorch.

mod history;
mod ledger;
mod support;

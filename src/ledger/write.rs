//! Everything a verb changes, in one transaction.

use std::collections::BTreeMap;

use super::{Actor, Commit, LedgerError, repo::Ledger};
use crate::{
    delta::TensorFile,
    fact::Stage,
    id::Id,
    store::{Head, Operation, RefChange, StoreError, Transaction},
};

/// What a verb changes. Whatever it does not name stays. Each part says what it was when the verb
/// read it; if that is no longer so, nothing is changed.
#[derive(Debug, Default)]
pub(super) struct Change {
    objects: BTreeMap<[u8; 32], Vec<u8>>,
    refs: Vec<RefChange>,
    head: Option<(Head, Head)>,
    stage: Option<(Stage, Stage)>,
    z: Vec<([u8; 32], Id<TensorFile>, u32)>,
}

//! `undo` and `redo`: operations undone and redone.

use serde::Serialize;

use super::op::OperationView;
use crate::ledger::{
    LedgerError, Repo,
    actor::Actor,
    report::view::HeadView,
    state::{
        open::Ledger,
        undone::{UNDONE, Undone},
        update::Update,
    },
};

/// What `undo` took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoReport {
    /// The operations, newest first.
    pub undone: Vec<OperationView>,
    /// Where HEAD is now.
    pub head: HeadView,
    /// Facts on the stage now.
    pub staged: u64,
}

/// What `redo` redid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedoReport {
    /// The operations, oldest first.
    pub redone: Vec<OperationView>,
    /// Where HEAD is now.
    pub head: HeadView,
    /// Facts on the stage now.
    pub staged: u64,
}

impl Repo {
    /// Takes back the last `count` operations that are not undone yet: refs, HEAD, stage and stash go
    /// back to what they were.
    ///
    /// # Errors
    /// When there are not that many.
    pub fn undo(&self, actor: &Actor, count: usize) -> Result<UndoReport, LedgerError> {
        let ledger = self.read()?;
        let (mut undone, mut update, mut views) = (ledger.undone()?, Update::default(), Vec::new());
        for _ in 0..count {
            let next = ledger.undo_next(&mut undone)?;
            let operation = next.ok_or_else(|| none_left("undo", count, views.len()))?;
            update = update.undoing(&operation);
            views.push(OperationView::of(&operation));
        }
        let (head, staged) = apply(&ledger, actor, update, &undone)?;
        Ok(UndoReport { undone: views, head, staged })
    }

    /// Makes the last `count` operations again that were undone.
    ///
    /// # Errors
    /// When there are not that many, or something else was done since.
    pub fn redo(&self, actor: &Actor, count: usize) -> Result<RedoReport, LedgerError> {
        let ledger = self.read()?;
        let (mut undone, mut update, mut views) = (ledger.undone()?, Update::default(), Vec::new());
        for _ in 0..count {
            let next = ledger.redo_next(&mut undone)?;
            let operation = next.ok_or_else(|| none_left("redo", count, views.len()))?;
            update = update.redoing(&operation);
            views.push(OperationView::of(&operation));
        }
        let (head, staged) = apply(&ledger, actor, update, &undone)?;
        Ok(RedoReport { redone: views, head, staged })
    }
}

/// Why not all of the operations that were asked for can be undone or redone.
const fn none_left(what: &'static str, asked: usize, there: usize) -> LedgerError {
    match (there, what.as_bytes()) {
        (0, b"undo") => LedgerError::NothingToUndo,
        (0, _) => LedgerError::NothingToRedo,
        _ => LedgerError::TooFew { what, asked, there },
    }
}

fn apply(
    ledger: &Ledger<'_>,
    actor: &Actor,
    update: Update,
    undone: &Undone,
) -> Result<(HeadView, u64), LedgerError> {
    let was = ledger.root::<Undone>(UNDONE)?;
    update.rooting(UNDONE, was.as_ref(), Some(undone)).apply(ledger, actor)?;
    Ok((ledger.head_view()?, ledger.staged()?))
}

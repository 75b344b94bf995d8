//! `undo`: the last operation taken back.

use serde::Serialize;

use crate::{
    id::Id,
    ledger::{
        Actor, Commit, LedgerError, Repo,
        read::STAGE,
        view::HeadView,
        write::{Change, undoable},
    },
    store::Operation,
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

/// An operation of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationView {
    /// Its number.
    pub number: u64,
    /// The command that made it.
    pub command: String,
    /// Who ran it.
    pub author: String,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Branches and tags that moved.
    pub refs: Vec<RefMove>,
    /// Whether the stage changed.
    pub stage: bool,
}

/// How a ref moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefMove {
    /// Its name.
    pub name: String,
    /// Where it pointed; `None` when it was made.
    pub from: Option<Id<Commit>>,
    /// Where it points; `None` when it was deleted.
    pub to: Option<Id<Commit>>,
}

impl Repo {
    /// Takes back the last `count` operations: refs, HEAD, stage and stash go back to what they were. That is
    /// an operation too, so undoing it does them again.
    ///
    /// # Errors
    /// When there are not that many.
    pub fn undo(&self, actor: &Actor, count: usize) -> Result<UndoReport, LedgerError> {
        let ledger = self.read()?;
        // Operations that moved nothing, such as taking statistics, need not be undone; the oldest
        // that did made the repository.
        let mut operations = Vec::new();
        for operation in ledger.session.operations() {
            let operation = operation?;
            if operation.head.is_some()
                || !operation.refs.is_empty()
                || undoable(&operation).next().is_some()
            {
                operations.push(operation);
            }
            if operations.len() > count {
                break;
            }
        }
        if operations.len() <= count || count == 0 {
            return Err(LedgerError::NothingToUndo);
        }
        let undone = &operations[..count];
        let mut change = Change::default();
        for operation in undone {
            change = change.undoing(operation);
        }
        change.apply(&ledger, actor)?;
        Ok(UndoReport {
            undone: undone.iter().map(OperationView::of).collect(),
            head: ledger.head_view()?,
            staged: ledger.stage()?.changes.len() as u64,
        })
    }
}

impl OperationView {
    fn of(operation: &Operation) -> Self {
        let refs = operation.refs.iter().map(|change| RefMove {
            name: change.name.clone(),
            from: change.old,
            to: change.new,
        });
        Self {
            number: operation.sequence,
            command: operation.command.clone(),
            author: operation.author.clone(),
            time: operation.time,
            refs: refs.collect(),
            stage: undoable(operation).any(|root| root.name == STAGE),
        }
    }
}

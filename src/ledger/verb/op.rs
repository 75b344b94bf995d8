//! `op log`: what every command changed.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    commit::Commit,
    id::Id,
    ledger::{
        LedgerError, Repo,
        state::{roots::STAGE, update::undoable},
    },
    store::{Head, Operation},
};

/// The operations, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpReport {
    /// One for each command that changed something.
    pub operations: Vec<LoggedOperation>,
    /// Whether older ones were left out.
    pub more: bool,
}

/// An operation, and whether it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedOperation {
    /// The operation.
    #[serde(flatten)]
    pub operation: OperationView,
    /// Whether it is undone and can be redone.
    pub undone: bool,
    /// Whether what it led from and to is there; `gc` may have removed some of it.
    pub kept: bool,
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
    /// How HEAD moved: branch names or commit ids.
    pub head: Option<HeadMove>,
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

/// How HEAD moved: from and to a branch by name, or a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadMove {
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

impl Repo {
    /// What every command changed, newest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn op_log(&self, limit: Option<usize>) -> Result<OpReport, LedgerError> {
        let ledger = self.read()?;
        let undone: BTreeSet<u64> = ledger.undone()?.operations.into_iter().collect();
        let since = ledger.session.kept_since()?;
        let mut log = ledger.session.operations();
        let mut operations = Vec::new();
        for operation in log.by_ref().take(limit.unwrap_or(usize::MAX)) {
            let operation = operation?;
            let mut kept = true;
            if operation.sequence < since {
                for hash in operation.names() {
                    kept &= ledger.session.contains(&hash)?;
                }
            }
            let undone = undone.contains(&operation.sequence);
            operations.push(LoggedOperation {
                operation: OperationView::of(&operation),
                undone,
                kept,
            });
        }
        Ok(OpReport { operations, more: log.next().is_some() })
    }
}

impl OperationView {
    pub(super) fn of(operation: &Operation) -> Self {
        let refs = operation.refs.iter().map(|change| RefMove {
            name: change.name.clone(),
            from: change.old,
            to: change.new,
        });
        let place = |head: &Head| match head {
            Head::Branch(name) => name.clone(),
            Head::Detached(id) => id.to_string(),
        };
        let head = operation.head.as_ref();
        Self {
            number: operation.sequence,
            command: operation.command.clone(),
            author: operation.author.clone(),
            time: operation.time,
            refs: refs.collect(),
            head: head.map(|head| HeadMove { from: place(&head.old), to: place(&head.new) }),
            stage: undoable(operation).any(|root| root.name == STAGE),
        }
    }
}

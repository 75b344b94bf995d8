//! How far a merge, cherry-pick, rebase or revert came, and what it made.

use serde::Serialize;

use super::{how::Task, task::ConflictView};
use crate::{
    commit::{Check, Commit, FactView},
    id::Id,
    ledger::report::view::{CommitView, FactChange, HeadView},
};

/// How far a merge, cherry-pick or rebase came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProceedReport {
    /// What is done.
    pub task: Task,
    /// How it ended for now.
    pub outcome: Outcome,
    /// What the user called the other side.
    pub name: String,
    /// Where HEAD is now.
    pub head: HeadView,
    /// Commits made by this command, oldest first.
    pub made: Vec<TaskCommit>,
    /// Commits left out because everything they changed is so already.
    pub dropped: Vec<CommitView>,
    /// Conflicts that stopped it.
    pub conflicts: Vec<ConflictView>,
    /// Commits still to be taken in.
    pub left: u64,
}

/// How a merge, cherry-pick or rebase ended for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was nothing to do.
    UpToDate,
    /// The branch moved forward; no commit was made.
    FastForward,
    /// Commits were made and the branch is at the last one.
    Done,
    /// It waits for conflicts to be settled.
    Conflicts,
    /// It was given up.
    Aborted,
}

/// A commit that a merge, cherry-pick or rebase made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskCommit {
    /// The commit.
    pub commit: CommitView,
    /// The commit that was taken in.
    pub of: Id<Commit>,
    /// How facts differ from the first parent's.
    pub changes: Vec<FactChange>,
    /// IRIs whose words differ.
    pub words: u64,
    /// Conflicts, and what holds now.
    pub settled: Vec<ConflictView>,
    /// The version whose weights these are, bit for bit.
    pub as_in: Option<Id<Commit>>,
    /// Facts that no longer held in the sum of both sides and were edited in again.
    pub repaired: Vec<FactView>,
    /// The delta that was made; `None` where only deltas that were there are summed.
    pub delta: Option<MadeDelta>,
    /// What holds, on exactly the weights of a checkout; `None` where nothing was asked.
    pub check: Option<Check>,
    /// What is worth saying.
    pub notes: Vec<String>,
}

/// A delta that a merge, cherry-pick or rebase made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeDelta {
    /// Name of the editor.
    pub editor: String,
    /// Facts edited.
    pub facts: u64,
    /// Of them, facts whose z was known from an earlier run.
    pub known: u64,
    /// Length of its tensor file in bytes.
    pub bytes: u64,
}

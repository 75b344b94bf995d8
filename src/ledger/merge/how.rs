//! How a merge, cherry-pick, rebase or revert is done.

use std::fmt;

use bincode::{Decode, Encode};
use serde::Serialize;

use crate::ledger::edit::options::EditOptions;

/// What takes commits in one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Another branch's history is joined to ours.
    Merge = 0,
    /// Single commits are reapplied on ours.
    CherryPick = 1,
    /// Our commits are reapplied on another branch.
    Rebase = 2,
    /// Commits of ours are taken back.
    Revert = 3,
}

impl Task {
    /// Name of the verb.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::CherryPick => "cherry-pick",
            Self::Rebase => "rebase",
            Self::Revert => "revert",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the weights of two versions become one's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub enum Strategy {
    /// The deltas of both are summed, every fact is asked, and those that no longer hold are edited in
    /// again.
    #[default]
    Repair = 0,
    /// The deltas of both are summed.
    Sum = 1,
    /// The facts of the other side are edited in again.
    ReEdit = 2,
}

/// Who is right about what both sides changed, unless something else is said of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub enum Favour {
    /// Nobody: it stays open, and words are put beside each other.
    #[default]
    Nobody = 0,
    /// The side that takes in.
    Ours = 1,
    /// The side that is taken in.
    Theirs = 2,
    /// It goes back to what it was.
    Base = 3,
}

/// How conflicts are decided and weights are made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct How {
    /// How weights are put together, in place of the usual way.
    pub strategy: Option<Strategy>,
    /// Who wins conflicts.
    pub favour: Favour,
    /// How facts are edited, where they are, and what each commit that is made must reach.
    pub edit: EditOptions,
}

/// How a task is resumed. What is left out stays as it was said when it began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResumeOptions {
    /// Message of a merge.
    pub message: Option<String>,
    /// How what is left is done.
    pub how: How,
}

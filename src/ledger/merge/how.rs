//! How a merge, cherry-pick or rebase is done.

use std::fmt;

use bincode::{Decode, Encode};
use serde::Serialize;

use crate::ledger::requirements::Requirements;

/// What takes commits in one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Another branch's history is joined to ours.
    Merge,
    /// Single commits are made again on ours.
    CherryPick,
    /// Our commits are made again on another branch.
    Rebase,
}

impl Task {
    /// Name of the verb.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::CherryPick => "cherry-pick",
            Self::Rebase => "rebase",
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
    Repair,
    /// The deltas of both are summed.
    Sum,
    /// The facts of the other side are edited in again.
    ReEdit,
}

/// Who is right about what both sides changed, unless something else is said of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub enum Favour {
    /// Nobody: it stays open, and words are put beside each other.
    #[default]
    Nobody,
    /// The side that takes in.
    Ours,
    /// The side that is taken in.
    Theirs,
    /// It goes back to what it was.
    Base,
}

/// How conflicts are decided and weights are made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct How {
    /// How weights are put together, in place of the usual way.
    pub strategy: Option<Strategy>,
    /// Who wins conflicts.
    pub favour: Favour,
    /// Name of the editor, in place of the repository's.
    pub editor: Option<String>,
    /// Settings of the editor, over the repository's and the preset's.
    pub settings: toml::Table,
    /// Seed, in place of the repository's.
    pub seed: Option<u64>,
    /// What each commit that is made must reach, over what the repository requires.
    pub require: Requirements,
}

/// What is said anew of a task that goes on. What is left out stays as it was said when it began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Anew {
    /// Message of a merge.
    pub message: Option<String>,
    /// How what is left is done.
    pub how: How,
}

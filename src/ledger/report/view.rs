//! What reports show of facts and commits.

use serde::Serialize;

use crate::{
    commit::{Commit, FactView, Step},
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
    store::Head,
};

/// What became of one fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum FactChange {
    /// It did not hold before.
    Added {
        /// The fact.
        after: FactView,
    },
    /// It no longer holds; the base's belief is back.
    Removed {
        /// The fact.
        before: FactView,
    },
    /// Another object took its object's place.
    Replaced {
        /// The fact that held.
        before: FactView,
        /// The fact that holds now.
        after: FactView,
    },
}

/// How many facts a step added, removed and replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FactCounts {
    /// Facts that did not hold before.
    pub added: u64,
    /// Facts that no longer hold.
    pub removed: u64,
    /// Facts whose object is another.
    pub replaced: u64,
}

/// A commit without its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitView {
    /// Its id.
    pub id: Id<Commit>,
    /// Its parents' ids.
    pub parents: Vec<Id<Commit>>,
    /// Branches and tags that point at it, sorted.
    pub refs: Vec<String>,
    /// Whether HEAD is at it.
    pub head: bool,
    /// Who made it.
    pub author: String,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Why.
    pub message: String,
    /// What kind of step it is.
    pub step: StepView,
}

/// What a commit did to its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StepView {
    /// It is the unedited base.
    Root,
    /// It edited.
    Edit,
    /// It took an earlier commit back.
    Revert {
        /// The commit taken back.
        of: Id<Commit>,
    },
    /// It joined two histories.
    Merge,
    /// It reapplied a commit of another branch.
    Pick {
        /// That commit.
        of: Id<Commit>,
    },
    /// It edited all facts into the base at once.
    Consolidate,
    /// It imported a delta, adapter or checkpoint.
    Import {
        /// What that was, in words.
        source: String,
    },
    /// It edited again what did not hold.
    Repair,
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        match step {
            Step::Root => Self::Root,
            Step::Edit => Self::Edit,
            Step::Revert(of) => Self::Revert { of: *of },
            Step::Merge => Self::Merge,
            Step::Pick(of) => Self::Pick { of: *of },
            Step::Consolidate => Self::Consolidate,
            Step::Import(source) => Self::Import { source: source.clone() },
            Step::Repair => Self::Repair,
        }
    }
}

/// Where HEAD is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadView {
    /// The branch it is attached to, if it is.
    pub branch: Option<String>,
    /// The commit it comes to.
    pub commit: Id<Commit>,
}

impl FactChange {
    /// The fact before the change.
    #[must_use]
    pub const fn before(&self) -> Option<&FactView> {
        match self {
            Self::Added { .. } => None,
            Self::Removed { before } | Self::Replaced { before, .. } => Some(before),
        }
    }

    /// The fact after the change.
    #[must_use]
    pub const fn after(&self) -> Option<&FactView> {
        match self {
            Self::Removed { .. } => None,
            Self::Added { after } | Self::Replaced { after, .. } => Some(after),
        }
    }
}

impl FactCounts {
    /// Counts `changes`.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a FactChange>) -> Self {
        let mut counts = Self::default();
        for change in changes {
            match change {
                FactChange::Added { .. } => counts.added += 1,
                FactChange::Removed { .. } => counts.removed += 1,
                FactChange::Replaced { .. } => counts.replaced += 1,
            }
        }
        counts
    }
}

impl Ledger<'_> {
    pub(crate) fn head_view(&self) -> Result<HeadView, LedgerError> {
        let branch = match self.session.head()? {
            Head::Branch(name) => Some(name),
            Head::Detached(_) => None,
        };
        Ok(HeadView { branch, commit: self.head()? })
    }

    pub(crate) fn commit_view(
        &self,
        id: Id<Commit>,
        commit: &Commit,
    ) -> Result<CommitView, LedgerError> {
        let refs = self.names_of(id)?;
        Ok(CommitView {
            id,
            parents: commit.parents.clone(),
            refs,
            head: self.head()? == id,
            author: commit.author.clone(),
            time: commit.time,
            message: commit.message.clone(),
            step: (&commit.step).into(),
        })
    }
}

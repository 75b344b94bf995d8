//! `status`: where HEAD is and what the next commit would do.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    commit::{Check, Commit, FactView},
    fact::tree,
    id::Id,
    ledger::{
        LedgerError, Repo,
        merge::task::TaskView,
        report::{
            listing::Listing,
            view::{CommitView, FactChange, HeadView},
        },
        state::manifest::{Differences, Manifest},
        verb::bisect::BisectState,
    },
};

/// The state of the working place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusReport {
    /// The repository's root.
    pub root: PathBuf,
    /// Where HEAD is.
    pub head: HeadView,
    /// The commit there.
    pub commit: CommitView,
    /// Facts that hold there.
    pub facts: u64,
    /// What the next commit would do to them, sorted by what they say.
    pub staged: Vec<FactChange>,
    /// Staged facts that are not listed.
    pub more: u64,
    /// IRIs with staged labels or templates.
    pub words: u64,
    /// Neighbourhood facts staged to come or go.
    pub neighbourhood: u64,
    /// Predicates of staged facts for which the lexicon has no template: the commit would be refused. Where
    /// not all facts are listed, they are those of some thousand facts.
    pub without_template: Vec<String>,
    /// A merge, cherry-pick or rebase that waits to be finished.
    pub unfinished: Option<TaskView>,
    /// A bisection that is going on.
    pub bisection: Option<BisectState>,
    /// Facts that do not hold at HEAD, as the check found that was made with its commit.
    pub failing: Failing,
    /// Stages put aside.
    pub stashed: u64,
    /// The checked-out model, if there is one.
    pub checkout: Option<CheckoutState>,
}

/// Facts that a check found not to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// How many.
    pub count: u64,
    /// Of how many that were asked.
    pub of: u64,
    /// The first of them: those that the commit edited, then earlier ones.
    pub first: Vec<FactView>,
}

impl Failing {
    fn of(check: &Check, listed: usize) -> Self {
        let edited = check.facts.iter().filter(|row| !row.after.matches);
        let failing = edited.chain(&check.lost).map(|row| &row.fact);
        Self {
            count: failing.clone().count() as u64,
            of: check.facts.len() as u64 + check.kept.map_or(0, |kept| kept.of),
            first: failing.take(listed).cloned().collect(),
        }
    }
}

/// What is in the checkout directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckoutState {
    /// The directory.
    pub dir: PathBuf,
    /// The version it says it holds.
    pub commit: Id<Commit>,
    /// Whether that is where HEAD is.
    pub current: bool,
    /// What is other than kledger wrote it; `None` where an earlier kledger wrote it and did not note its files.
    pub files: Option<CheckoutFiles>,
}

/// What is in a checkout besides the files that kledger wrote. Directories end with a slash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckoutFiles {
    /// Files that were changed since.
    pub changed: Vec<String>,
    /// Files that were deleted since.
    pub deleted: Vec<String>,
    /// What was added.
    pub added: Vec<String>,
    /// How many of all these are not listed.
    pub more: u64,
}

impl CheckoutFiles {
    /// The first `listed` of what differs.
    fn list(differences: Differences, listed: usize) -> Self {
        let mut left = listed;
        let mut more = 0;
        let [changed, deleted, added] =
            [differences.changed, differences.deleted, differences.added].map(|mut names| {
                let kept = names.len().min(left);
                more += (names.len() - kept) as u64;
                left -= kept;
                names.truncate(kept);
                names
            });
        Self { changed, deleted, added, more }
    }
}

impl Repo {
    /// Where HEAD is and all that the next commit would do.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self) -> Result<StatusReport, LedgerError> {
        self.status_listing(usize::MAX)
    }

    /// As [`Repo::status`], with at most `listed` facts, and files of the checkout. Of a stage of many more only
    /// some are read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status_listing(&self, listed: usize) -> Result<StatusReport, LedgerError> {
        let ledger = self.view()?;
        let (id, commit) = ledger.head_commit()?;
        let (mut words, mut neighbourhood) = (0, 0);
        let mut staged = Listing::default();
        if let Some(stage) = ledger.stored_stage()? {
            words = tree::len(&ledger, stage.words)?;
            neighbourhood = tree::len(&ledger, stage.neighbourhood)?;
            let lexicon = ledger.lexicon(&commit).with(stage.words);
            staged = Listing::read(&ledger, &lexicon, commit.facts, stage.changes, listed)?;
        }
        let dir = self.checkout_dir();
        let checkout = match Manifest::read(&dir) {
            Some(manifest) => Some(CheckoutState {
                current: manifest.commit == id,
                commit: manifest.commit,
                files: manifest
                    .differences(&dir)?
                    .map(|differences| CheckoutFiles::list(differences, listed)),
                dir,
            }),
            None => None,
        };
        Ok(StatusReport {
            root: self.root().to_owned(),
            head: ledger.head_view()?,
            commit: ledger.commit_view(id, &commit)?,
            facts: tree::len(&ledger, commit.facts)?,
            staged: staged.changes,
            more: staged.more,
            words,
            neighbourhood,
            without_template: staged.without_template,
            unfinished: ledger.task_view()?,
            bisection: ledger.bisection()?,
            failing: ledger
                .check(&commit)?
                .map_or_else(Failing::default, |check| Failing::of(&check, listed)),
            stashed: ledger.stash()?.entries.len() as u64,
            checkout,
        })
    }
}

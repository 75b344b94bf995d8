//! `status`: where HEAD is and what the next commit would do.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    codec::Draft,
    fact::{LexiconError, tree},
    id::Id,
    ledger::{
        Commit, LedgerError, Repo, UnfinishedView,
        manifest::Manifest,
        view::{CommitView, FactChange, HeadView},
        words,
    },
};

/// The state of the working place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// The repository's root.
    pub root: PathBuf,
    /// Where HEAD is.
    pub head: HeadView,
    /// The commit there.
    pub commit: CommitView,
    /// Facts that hold there.
    pub facts: u64,
    /// What the next commit would do to them.
    pub staged: Vec<FactChange>,
    /// IRIs with staged labels or templates.
    pub words: u64,
    /// Neighbourhood facts staged to come or go.
    pub neighbourhood: u64,
    /// Predicates of staged facts for which the lexicon has no template: the commit would be refused.
    pub without_template: Vec<String>,
    /// A merge, cherry-pick or rebase that waits to be finished.
    pub unfinished: Option<UnfinishedView>,
    /// Stages put aside.
    pub stashed: u64,
    /// The checked-out model, if there is one.
    pub checkout: Option<CheckoutState>,
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
}

impl Repo {
    /// Where HEAD is and what the next commit would do.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self) -> Result<StatusReport, LedgerError> {
        let ledger = self.view()?;
        let (id, commit) = ledger.head_commit()?;
        let stage = ledger.stage()?;
        let lexicon = stage.lexicon(&ledger, commit.roots()).in_language(&self.config().language);
        let mut draft = Draft::new(&ledger);
        let next = stage.apply(&mut draft, commit.roots())?;
        let changes = words::fact_changes(&draft, &lexicon, commit.facts, next.facts)?;
        let mut without_template = Vec::new();
        for difference in tree::diff(&draft, commit.facts, next.facts) {
            let (_, _, Some(fact)) = difference? else { continue };
            match lexicon.request(&fact) {
                Err(LexiconError::NoTemplate { predicate }) => {
                    without_template.push(predicate.as_str().to_owned());
                }
                Err(LexiconError::Object(error)) => return Err(error.into()),
                _ => {}
            }
        }
        without_template.sort();
        without_template.dedup();
        let dir = self.checkout_dir();
        let checkout = Manifest::read(&dir).map(|manifest| CheckoutState {
            current: manifest.commit == id,
            commit: manifest.commit,
            dir,
        });
        Ok(StatusReport {
            root: self.root().to_owned(),
            head: ledger.head_view()?,
            commit: ledger.commit_view(id, &commit)?,
            facts: tree::len(&ledger, commit.facts)?,
            staged: changes.into_iter().map(|(_, change)| change).collect(),
            words: stage.words.len() as u64,
            neighbourhood: stage.neighbourhood.len() as u64,
            without_template,
            unfinished: ledger.unfinished_view()?,
            stashed: ledger.stash()?.entries.len() as u64,
            checkout,
        })
    }
}

//! Reading the ledger while its store is held open.

use std::collections::BTreeMap;

use crate::{
    codec::{self, Object, ObjectError, Objects},
    commit::{Artefacts, Check, Commit, Report, StatisticsRecord},
    fact::{Lexicon, LexiconTree, StoredStage, tree},
    id::Id,
    ledger::{
        config::Config,
        error::LedgerError,
        state::roots::{ARTEFACTS, STAGE, STATISTICS},
    },
    store::{Head, Session},
};

/// An object and its id.
pub(crate) type Stored<T> = (Id<T>, T);

/// The ledger while its store is held open.
pub(crate) struct Ledger<'a> {
    pub(crate) session: Session,
    pub(crate) config: &'a Config,
}

impl Objects for Ledger<'_> {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        self.session.bytes(hash)
    }
}

impl Ledger<'_> {
    pub(crate) fn commit(&self, id: Id<Commit>) -> Result<Commit, LedgerError> {
        Ok(codec::get(self, id)?)
    }

    /// As [`Ledger::commit`], with most of what the commit changed read in the same go.
    pub(crate) fn commit_and_changes(&self, id: Id<Commit>) -> Result<Commit, LedgerError> {
        self.session.preload(id.as_bytes())?;
        self.commit(id)
    }

    /// How many facts hold at a commit.
    pub(crate) fn fact_count(&self, commit: &Commit) -> Result<u64, LedgerError> {
        Ok(tree::len(self, commit.facts)?)
    }

    /// Where HEAD is.
    pub(crate) fn head(&self) -> Result<Id<Commit>, LedgerError> {
        match self.session.head()? {
            Head::Detached(commit) => Ok(commit),
            Head::Branch(name) => self.branch(&name),
        }
    }

    /// The commit at HEAD.
    pub(crate) fn head_commit(&self) -> Result<(Id<Commit>, Commit), LedgerError> {
        let id = self.head()?;
        Ok((id, self.commit(id)?))
    }

    /// The words of a commit.
    pub(crate) fn lexicon(&self, commit: &Commit) -> Lexicon<'_> {
        self.lexicon_at(self, commit.lexicon)
    }

    /// The words of the tree `root` in `objects`, in the repository's language.
    pub(crate) fn lexicon_at<'a>(
        &'a self,
        objects: &'a dyn Objects,
        root: Id<LexiconTree>,
    ) -> Lexicon<'a> {
        Lexicon::new(objects, root).in_language(&self.config.language)
    }

    /// All commits that HEAD, a branch or a tag reaches.
    pub(crate) fn reachable(&self) -> Result<BTreeMap<Id<Commit>, Commit>, LedgerError> {
        self.ancestry(self.tips()?)
    }

    /// Makes sure that `commit` is in the history of `tip`.
    pub(crate) fn require_ancestor(
        &self,
        commit: Id<Commit>,
        tip: Id<Commit>,
    ) -> Result<(), LedgerError> {
        if self.is_ancestor(commit, tip)? {
            Ok(())
        } else {
            Err(LedgerError::NotInHistory { commit })
        }
    }

    /// The check stored with a commit.
    pub(crate) fn check(&self, commit: &Commit) -> Result<Option<Check>, LedgerError> {
        match self.report(commit)? {
            Some(report) => Ok(report.check(self)?),
            None => Ok(None),
        }
    }

    /// The report stored with a commit.
    pub(crate) fn report(&self, commit: &Commit) -> Result<Option<Report>, LedgerError> {
        Ok(commit.report.map(|id| codec::get(self, id)).transpose()?)
    }

    /// The object that is current under `name`.
    pub(crate) fn root<T: Object>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        let root = self.session.root(name)?;
        Ok(root.map(|hash| codec::get(self, Id::<T>::from_bytes(hash))).transpose()?)
    }

    /// What the next commit will do, as it is stored; `None` while that is nothing.
    pub(crate) fn stored_stage(&self) -> Result<Option<StoredStage>, LedgerError> {
        self.root(STAGE)
    }

    /// How many facts the next commit is to edit in or take back.
    pub(crate) fn staged(&self) -> Result<u64, LedgerError> {
        Ok(match self.stored_stage()? {
            Some(stage) => stage.changes(self)?,
            None => 0,
        })
    }

    /// What editors were trained to; `None` while nothing is.
    pub(crate) fn artefacts(&self) -> Result<Option<Artefacts>, LedgerError> {
        self.root(ARTEFACTS)
    }

    /// The statistics taken last.
    pub(crate) fn statistics(&self) -> Result<Option<Id<StatisticsRecord>>, LedgerError> {
        Ok(self.session.root(STATISTICS)?.map(Id::from_bytes))
    }
}

//! Reading the ledger while its store is held open.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Check, Commit, Config, LedgerError, Report, Spec, StatisticsRecord,
    edit::Earlier,
    lineage::Line,
    revision::{History as _, Revision},
    view::{CommitView, HeadView},
};
use crate::{
    checkpoint::Base,
    codec::{self, Object, ObjectError, Objects},
    fact::{Lexicon, LexiconTree, StoredStage, tree},
    id::Id,
    store::{Head, Session},
};

/// Root of the store: the stage; absent while it is empty.
pub(super) const STAGE: &str = "stage";
/// Root of the store: the statistics taken last.
pub(super) const STATISTICS: &str = "statistics";

/// An object and its id.
pub(super) type Stored<T> = (Id<T>, T);

/// The ledger while its store is held open.
pub(super) struct Ledger<'a> {
    pub(super) session: Session,
    pub(super) config: &'a Config,
}

impl Objects for Ledger<'_> {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        self.session.bytes(hash)
    }
}

impl Ledger<'_> {
    pub(super) fn commit(&self, id: Id<Commit>) -> Result<Commit, LedgerError> {
        Ok(codec::get(self, id)?)
    }

    /// As [`Ledger::commit`], with most of what the commit changed read in the same go.
    pub(super) fn commit_and_changes(&self, id: Id<Commit>) -> Result<Commit, LedgerError> {
        self.session.preload(id.as_bytes())?;
        self.commit(id)
    }

    /// How many facts hold at a commit.
    pub(super) fn fact_count(&self, commit: &Commit) -> Result<u64, LedgerError> {
        Ok(tree::len(self, commit.facts)?)
    }

    /// The commit at HEAD.
    pub(super) fn head_commit(&self) -> Result<(Id<Commit>, Commit), LedgerError> {
        let id = self.head()?;
        Ok((id, self.commit(id)?))
    }

    /// The commit a user means by `text`.
    pub(super) fn resolve(&self, text: &str) -> Result<Id<Commit>, LedgerError> {
        Revision::parse(text)?.resolve(self)
    }

    /// Where HEAD goes when `text` is checked out: a branch's name attaches it, HEAD leaves it where
    /// it is, anything else detaches it.
    pub(super) fn head_for(&self, text: &str) -> Result<Head, LedgerError> {
        let revision = Revision::parse(text)?;
        if revision.is_head() {
            return Ok(self.session.head()?);
        }
        if let Some(count) = revision.as_left() {
            return revision.left(self, count);
        }
        if let Some(name) = revision.as_name()
            && self.branch_at(name)?.is_some()
        {
            return Ok(Head::Branch(name.to_owned()));
        }
        Ok(Head::Detached(revision.resolve(self)?))
    }

    pub(super) fn line(&self, commit: &Commit) -> Result<Line, LedgerError> {
        Ok(Line::load(self, commit.lineage)?)
    }

    /// The words of a commit.
    pub(super) fn lexicon(&self, commit: &Commit) -> Lexicon<'_> {
        self.lexicon_at(self, commit.lexicon)
    }

    /// The words of the tree `root` in `objects`, in the repository's language.
    pub(super) fn lexicon_at<'a>(
        &'a self,
        objects: &'a dyn Objects,
        root: Id<LexiconTree>,
    ) -> Lexicon<'a> {
        Lexicon::new(objects, root).in_language(&self.config.language)
    }

    /// All commits that HEAD, a branch or a tag leads to.
    pub(super) fn reachable(&self) -> Result<BTreeMap<Id<Commit>, Commit>, LedgerError> {
        self.ancestry(self.tips()?)
    }

    /// Makes sure that `commit` is in the history of `tip`.
    pub(super) fn require_ancestor(
        &self,
        commit: Id<Commit>,
        tip: Id<Commit>,
    ) -> Result<(), LedgerError> {
        if self.leads_to(commit, tip)? { Ok(()) } else { Err(LedgerError::NotInHistory { commit }) }
    }

    /// The check stored with a commit.
    pub(super) fn check(&self, commit: &Commit) -> Result<Option<Check>, LedgerError> {
        match self.report(commit)? {
            Some(report) => Ok(report.check(self)?),
            None => Ok(None),
        }
    }

    /// The report stored with a commit.
    pub(super) fn report(&self, commit: &Commit) -> Result<Option<Report>, LedgerError> {
        Ok(commit.report.map(|id| codec::get(self, id)).transpose()?)
    }

    /// The specs of the history of `tips`, nearest first, and the statistics that an edit of `base`
    /// can use: those taken last first, then those of the specs.
    pub(super) fn made_with(
        &self,
        tips: impl IntoIterator<Item = Id<Commit>>,
        base: Id<Base>,
    ) -> Result<Earlier, LedgerError> {
        let mut specs: Vec<Spec> = Vec::new();
        let mut known = BTreeSet::new();
        for commit in self.walk_from(tips, BTreeSet::new()) {
            if let (_, Commit { spec: Some(spec), .. }) = commit?
                && known.insert(spec)
            {
                specs.push(codec::get(self, spec)?);
            }
        }
        let mut statistics = Vec::new();
        let mut seen = BTreeSet::new();
        let used = specs.iter().map(|spec| spec.statistics);
        for id in self.statistics()?.into_iter().chain(used) {
            if seen.insert(id) {
                let record = codec::get(self, id)?;
                if record.base == base {
                    statistics.push((id, record));
                }
            }
        }
        Ok(Earlier { specs, statistics })
    }

    /// The object that is current under `name`.
    pub(super) fn root<T: Object>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        let root = self.session.root(name)?;
        Ok(root.map(|hash| codec::get(self, Id::<T>::from_bytes(hash))).transpose()?)
    }

    /// What the next commit will do, as it is stored; `None` while that is nothing.
    pub(super) fn stored_stage(&self) -> Result<Option<StoredStage>, LedgerError> {
        self.root(STAGE)
    }

    /// How many facts the next commit is to edit in or take back.
    pub(super) fn staged(&self) -> Result<u64, LedgerError> {
        Ok(match self.stored_stage()? {
            Some(stage) => stage.changes(self)?,
            None => 0,
        })
    }

    /// The statistics taken last.
    pub(super) fn statistics(&self) -> Result<Option<Id<StatisticsRecord>>, LedgerError> {
        Ok(self.session.root(STATISTICS)?.map(Id::from_bytes))
    }

    pub(super) fn head_view(&self) -> Result<HeadView, LedgerError> {
        let branch = match self.session.head()? {
            Head::Branch(name) => Some(name),
            Head::Detached(_) => None,
        };
        Ok(HeadView { branch, commit: self.head()? })
    }

    pub(super) fn commit_view(
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

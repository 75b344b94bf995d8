//! Who descends from whom: the commits as the graph that merges make of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Commit, LedgerError, read::Ledger};
use crate::id::Id;

impl Ledger<'_> {
    /// `tips` and all their ancestors, each once, those nearer to a tip first and first parents before
    /// others.
    pub(super) fn ancestors(
        &self,
        tips: impl IntoIterator<Item = Id<Commit>>,
    ) -> impl Iterator<Item = Result<(Id<Commit>, Commit), LedgerError>> {
        let mut ahead: VecDeque<Id<Commit>> = tips.into_iter().collect();
        let mut seen: BTreeSet<Id<Commit>> = BTreeSet::new();
        std::iter::from_fn(move || {
            while let Some(id) = ahead.pop_front() {
                if seen.insert(id) {
                    return Some(self.commit(id).map(|commit| {
                        ahead.extend(&commit.parents);
                        (id, commit)
                    }));
                }
            }
            None
        })
    }

    /// Makes sure that `commit` is in the history of `tip`.
    pub(super) fn require_ancestor(
        &self,
        commit: Id<Commit>,
        tip: Id<Commit>,
    ) -> Result<(), LedgerError> {
        for ancestor in self.ancestors([tip]) {
            if ancestor?.0 == commit {
                return Ok(());
            }
        }
        Err(LedgerError::NotInHistory { commit })
    }

    /// The best common ancestors of the histories that end in `ours` and in `theirs`: those that are
    /// no ancestors of another one. Several after two branches were merged into each other, none when
    /// the histories have nothing in common.
    pub(super) fn merge_bases(
        &self,
        ours: &BTreeSet<Id<Commit>>,
        theirs: Id<Commit>,
    ) -> Result<Vec<Id<Commit>>, LedgerError> {
        let ours: BTreeMap<_, _> =
            self.ancestors(ours.iter().copied()).collect::<Result<_, _>>()?;
        let mut best = Vec::new();
        // Commits whose descendants are common ancestors already.
        let mut behind: BTreeSet<Id<Commit>> = BTreeSet::new();
        let mut ahead = VecDeque::from([theirs]);
        let mut seen = BTreeSet::new();
        while let Some(id) = ahead.pop_front() {
            if !seen.insert(id) {
                continue;
            }
            match ours.get(&id) {
                Some(commit) => {
                    best.push(id);
                    behind.extend(&commit.parents);
                }
                None => ahead.extend(&self.commit(id)?.parents),
            }
        }
        let mut ahead: Vec<Id<Commit>> = behind.iter().copied().collect();
        while let Some(id) = ahead.pop() {
            if let Some(commit) = ours.get(&id) {
                ahead.extend(commit.parents.iter().filter(|parent| behind.insert(**parent)));
            }
        }
        best.retain(|id| !behind.contains(id));
        best.sort();
        Ok(best)
    }

    /// The commits that lead to `to` and not to `from`, parents before children.
    pub(super) fn between(
        &self,
        from: Id<Commit>,
        to: Id<Commit>,
    ) -> Result<Vec<(Id<Commit>, Commit)>, LedgerError> {
        let known: BTreeMap<_, _> = self.ancestors([from]).collect::<Result<_, _>>()?;
        let mut commits = Vec::new();
        let mut done: BTreeSet<Id<Commit>> = BTreeSet::new();
        // A commit is put down when all its parents are.
        let mut ahead = vec![to];
        while let Some(&id) = ahead.last() {
            if done.contains(&id) || known.contains_key(&id) {
                ahead.pop();
                continue;
            }
            let commit = self.commit(id)?;
            let missing: Vec<Id<Commit>> = commit
                .parents
                .iter()
                .filter(|parent| !done.contains(parent) && !known.contains_key(parent))
                .copied()
                .collect();
            if missing.is_empty() {
                ahead.pop();
                done.insert(id);
                commits.push((id, commit));
            } else {
                ahead.extend(missing.into_iter().rev());
            }
        }
        Ok(commits)
    }

    /// As [`between`](Self::between), without merges, by id.
    pub(super) fn single_between(
        &self,
        from: Id<Commit>,
        to: Id<Commit>,
    ) -> Result<Vec<Id<Commit>>, LedgerError> {
        let commits = self.between(from, to)?.into_iter();
        Ok(commits.filter(|(_, commit)| commit.parents.len() == 1).map(|(id, _)| id).collect())
    }
}

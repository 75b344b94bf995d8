//! Walking a version's ancestors, through merges.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque, btree_map::Entry};

use crate::{
    commit::Commit,
    id::Id,
    ledger::{error::LedgerError, history::revision::range::Range, state::open::Ledger},
};

impl Ledger<'_> {
    /// `tips` and all their ancestors.
    pub(crate) fn ancestry(
        &self,
        tips: impl IntoIterator<Item = Id<Commit>>,
    ) -> Result<BTreeMap<Id<Commit>, Commit>, LedgerError> {
        let mut found = BTreeMap::new();
        let mut ahead: Vec<Id<Commit>> = tips.into_iter().collect();
        while let Some(id) = ahead.pop() {
            if let Entry::Vacant(new) = found.entry(id) {
                ahead.extend(&new.insert(self.commit(id)?).parents);
            }
        }
        Ok(found)
    }

    /// Where all branches, tags and HEAD are.
    pub(crate) fn tips(&self) -> Result<Vec<Id<Commit>>, LedgerError> {
        let mut tips: Vec<Id<Commit>> = self.session.refs()?.into_values().collect();
        tips.push(self.head()?);
        Ok(tips)
    }

    /// The commits of `range`, and of `all` refs besides; see [`Walk`].
    pub(crate) fn walk(&self, range: &Range, all: bool) -> Result<Walk<'_>, LedgerError> {
        let mut tips = if all { self.tips()? } else { Vec::new() };
        for revision in &range.tips {
            tips.push(revision.resolve(self)?);
        }
        if tips.is_empty() {
            tips.push(self.head()?);
        }
        let mut hidden = BTreeSet::new();
        for revision in &range.hidden {
            hidden.extend(self.ancestry([revision.resolve(self)?])?.into_keys());
        }
        for (one, other) in &range.forks {
            let one = self.ancestry([one.resolve(self)?])?;
            let other = self.ancestry([other.resolve(self)?])?;
            hidden.extend(one.into_keys().filter(|id| other.contains_key(id)));
        }
        Ok(self.walk_from(tips, hidden))
    }

    /// `tips` and their ancestors, `hidden` left out.
    pub(crate) fn walk_from(
        &self,
        tips: impl IntoIterator<Item = Id<Commit>>,
        hidden: BTreeSet<Id<Commit>>,
    ) -> Walk<'_> {
        let ahead: BTreeSet<Id<Commit>> =
            tips.into_iter().filter(|tip| !hidden.contains(tip)).collect();
        Walk {
            ledger: self,
            hidden,
            first_parents: false,
            ahead: ahead.into_iter().collect(),
            sorted: VecDeque::new(),
        }
    }

    /// Whether `commit` is `tip` or an ancestor of it.
    pub(crate) fn is_ancestor(
        &self,
        commit: Id<Commit>,
        tip: Id<Commit>,
    ) -> Result<bool, LedgerError> {
        for ancestor in self.walk_from([tip], BTreeSet::new()) {
            if ancestor?.0 == commit {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The best common ancestors of the histories that end in `ours` and in `theirs`: those that are
    /// no ancestors of another one. Several after two branches were merged into each other, none when
    /// the histories have nothing in common.
    pub(crate) fn merge_bases(
        &self,
        ours: &BTreeSet<Id<Commit>>,
        theirs: Id<Commit>,
    ) -> Result<Vec<Id<Commit>>, LedgerError> {
        let ours = self.ancestry(ours.iter().copied())?;
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

    /// The commits of `walk` that are reapplied one by one: without merges, each after its ancestors.
    pub(crate) fn to_reapply(walk: Walk<'_>) -> Result<Vec<Id<Commit>>, LedgerError> {
        let mut ids = Vec::new();
        for commit in walk {
            let (id, commit) = commit?;
            if commit.parents.len() == 1 {
                ids.push(id);
            }
        }
        ids.reverse();
        Ok(ids)
    }
}

/// Commits, each before its ancestors, newer ones first where that leaves a choice. The order
/// does not depend on clocks where one commit is an ancestor of the other.
///
/// As long as history is a line commits are read one by one; where it is not, all that is left is
/// read and sorted.
pub(crate) struct Walk<'a> {
    ledger: &'a Ledger<'a>,
    hidden: BTreeSet<Id<Commit>>,
    first_parents: bool,
    /// Where to go on.
    ahead: Vec<Id<Commit>>,
    /// What was read and is still to be given out.
    sorted: VecDeque<(Id<Commit>, Commit)>,
}

impl Iterator for Walk<'_> {
    type Item = Result<(Id<Commit>, Commit), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(commit) = self.sorted.pop_front() {
            return Some(Ok(commit));
        }
        match self.ahead.as_slice() {
            [] => None,
            &[id] => {
                self.ahead.clear();
                let commit = match self.ledger.commit(id) {
                    Ok(commit) => commit,
                    Err(error) => return Some(Err(error)),
                };
                self.ahead.extend(self.parents(&commit));
                Some(Ok((id, commit)))
            }
            _ => match self.sort() {
                Ok(()) => self.next(),
                Err(error) => Some(Err(error)),
            },
        }
    }
}

impl Walk<'_> {
    /// Leaves out what came in from a merge's other parents.
    pub(crate) fn along_first_parents(mut self) -> Self {
        self.first_parents = true;
        self
    }

    /// Where to go from a commit.
    fn parents(&self, commit: &Commit) -> Vec<Id<Commit>> {
        let count = if self.first_parents { 1 } else { usize::MAX };
        let parents = commit.parents.iter().copied().take(count);
        parents.filter(|parent| !self.hidden.contains(parent)).collect()
    }

    /// Reads everything that is left and sorts it.
    fn sort(&mut self) -> Result<(), LedgerError> {
        let mut left = BTreeMap::new();
        while let Some(id) = self.ahead.pop() {
            if let Entry::Vacant(new) = left.entry(id) {
                let commit = new.insert(self.ledger.commit(id)?);
                self.ahead.extend(self.parents(commit));
            }
        }
        let mut children: BTreeMap<Id<Commit>, usize> = BTreeMap::new();
        for parent in left.values().flat_map(|commit| self.parents(commit)) {
            *children.entry(parent).or_default() += 1;
        }
        let mut ready: BinaryHeap<(i64, Id<Commit>)> = left
            .iter()
            .filter(|(id, _)| !children.contains_key(id))
            .map(|(id, commit)| (commit.time, *id))
            .collect();
        while let Some((_, id)) = ready.pop() {
            let Some(commit) = left.remove(&id) else { continue };
            for parent in self.parents(&commit) {
                let waiting = children.entry(parent).or_default();
                *waiting -= 1;
                if let (0, Some(commit)) = (*waiting, left.get(&parent)) {
                    ready.push((commit.time, parent));
                }
            }
            self.sorted.push_back((id, commit));
        }
        Ok(())
    }
}

//! The search that `bisect` makes: which commit to test next, so that few tests are needed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    commit::Commit,
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
};

/// Commits of which one is the first bad one: a bad one and its ancestors, without those of the
/// good ones. Each comes before its ancestors, so the bad one is first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suspects {
    commits: Vec<(Id<Commit>, Vec<Id<Commit>>)>,
}

impl Ledger<'_> {
    /// Makes sure that a good commit is an ancestor of a bad one.
    ///
    /// # Errors
    /// [`LedgerError::NotBefore`].
    pub(crate) fn require_before(
        &self,
        good: Id<Commit>,
        bad: Id<Commit>,
    ) -> Result<(), LedgerError> {
        if good != bad && self.is_ancestor(good, bad)? {
            Ok(())
        } else {
            Err(LedgerError::NotBefore { good, bad })
        }
    }

    /// The suspects between `good` commits and a `bad` one. Where histories merge, good ones need not
    /// be ancestors of it.
    ///
    /// # Errors
    /// [`LedgerError::NotBefore`] when the bad one is an ancestor of a good one.
    pub(crate) fn suspects(
        &self,
        good: &BTreeSet<Id<Commit>>,
        bad: Id<Commit>,
    ) -> Result<Suspects, LedgerError> {
        for &good in good {
            if good == bad || self.is_ancestor(bad, good)? {
                return Err(LedgerError::NotBefore { good, bad });
            }
        }
        let cleared: BTreeSet<Id<Commit>> =
            self.ancestry(good.iter().copied())?.into_keys().collect();
        let mut commits = Vec::new();
        for commit in self.walk_from([bad], cleared) {
            let (id, commit) = commit?;
            commits.push((id, commit.parents));
        }
        Ok(Suspects { commits })
    }
}

impl Suspects {
    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.commits.len()
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id<Commit>> {
        self.commits.iter().map(|(id, _)| *id)
    }

    /// The commit to test next: whatever comes of it, as few as possible are left. `None` when only
    /// the bad one and ones that were `skipped` could be.
    pub(crate) fn middle(&self, skipped: &BTreeSet<Id<Commit>>) -> Option<Id<Commit>> {
        let weights = self.weights();
        let tested = self.commits.iter().skip(1).map(|(id, _)| *id);
        tested
            .filter(|id| !skipped.contains(id))
            .max_by_key(|id| weights[id].min(self.len() - weights[id]))
    }

    /// How many of the suspects each stands for: itself and its ancestors.
    fn weights(&self) -> BTreeMap<Id<Commit>, usize> {
        let parents: BTreeMap<Id<Commit>, &Vec<Id<Commit>>> =
            self.commits.iter().map(|(id, parents)| (*id, parents)).collect();
        let mut weights: BTreeMap<Id<Commit>, usize> = BTreeMap::new();
        for (id, of) in self.commits.iter().rev() {
            let mut suspects = of.iter().filter(|parent| parents.contains_key(parent));
            let weight = match (suspects.next(), suspects.next()) {
                (None, _) => 1,
                (Some(parent), None) => weights[parent] + 1,
                _ => {
                    // The histories that a merge joins overlap.
                    let mut seen = BTreeSet::new();
                    let mut ahead = vec![*id];
                    while let Some(id) = ahead.pop() {
                        if let Some(parents) = parents.get(&id)
                            && seen.insert(id)
                        {
                            ahead.extend(parents.iter());
                        }
                    }
                    seen.len()
                }
            };
            weights.insert(*id, weight);
        }
        weights
    }
}

/// How many tests find one among `suspects`.
pub(crate) const fn tests_left(suspects: usize) -> u32 {
    match suspects {
        0 | 1 => 0,
        more => (more - 1).ilog2() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Id<Commit> {
        Id::from_bytes([n; 32])
    }

    fn suspects(commits: &[(u8, &[u8])]) -> Suspects {
        let commits = commits.iter();
        Suspects {
            commits: commits
                .map(|(n, parents)| (id(*n), parents.iter().map(|n| id(*n)).collect()))
                .collect(),
        }
    }

    #[test]
    fn a_line_is_halved() {
        let line: Vec<(u8, Vec<u8>)> = (1..=100u8).rev().map(|n| (n, vec![n - 1])).collect();
        let line: Vec<(u8, &[u8])> = line.iter().map(|(n, p)| (*n, p.as_slice())).collect();
        for first_bad in 1..=100u8 {
            let (mut from, mut to, mut tests) = (0, 100, 0);
            while to - from > 1 {
                let left = suspects(&line[100 - to..100 - from]);
                let middle = left.middle(&BTreeSet::new()).unwrap().as_bytes()[0];
                if middle >= first_bad {
                    to = middle.into();
                } else {
                    from = middle.into();
                }
                tests += 1;
            }
            assert_eq!(to, usize::from(first_bad));
            assert!(tests <= tests_left(100), "{first_bad} took {tests}");
        }
        assert_eq!([1, 2, 3, 4, 5, 100].map(tests_left), [0, 1, 2, 2, 3, 7]);
    }

    #[test]
    fn histories_that_merge_are_counted_once() {
        //  7 <- 5 <- 3 <- 1
        //   \-- 6 <- 4 --/
        let merge =
            suspects(&[(7, &[5, 6]), (6, &[4]), (5, &[3]), (4, &[1]), (3, &[1]), (1, &[0])]);
        let weights = merge.weights();
        assert_eq!([7, 6, 5, 4, 3, 1].map(|n| weights[&id(n)]), [6, 3, 3, 2, 2, 1]);
        assert!([id(5), id(6)].contains(&merge.middle(&BTreeSet::new()).unwrap()));
        let skipped = [3, 4, 5, 6, 1].map(id).into();
        assert_eq!(merge.middle(&skipped), None);
        assert_eq!(suspects(&[(1, &[0])]).middle(&BTreeSet::new()), None);
    }
}

//! Where facts come from: the commit that made each what it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Commit, LedgerError, read::Ledger};
use crate::{
    fact::{FactKey, FactTree, tree},
    id::Id,
};

impl Ledger<'_> {
    /// For each of `facts`, which hold at `version`, the commit since which it holds as it does.
    ///
    /// A fact that one of a merge's parents has already came with that parent, with the first that
    /// has it; only what none of them has was set by the merge.
    pub(super) fn origins(
        &self,
        version: Id<Commit>,
        facts: BTreeSet<FactKey>,
    ) -> Result<BTreeMap<FactKey, Id<Commit>>, LedgerError> {
        let mut origins = BTreeMap::new();
        let mut ahead = vec![(version, facts)];
        while let Some((id, mut facts)) = ahead.pop() {
            let commit = self.commit(id)?;
            for parent in commit.parents {
                if facts.is_empty() {
                    break;
                }
                let changed = self.changed(self.commit(parent)?.facts, commit.facts, &facts)?;
                let same: BTreeSet<FactKey> = facts.difference(&changed).copied().collect();
                facts = changed;
                if !same.is_empty() {
                    ahead.push((parent, same));
                }
            }
            origins.extend(facts.into_iter().map(|fact| (fact, id)));
        }
        Ok(origins)
    }

    /// Those of `facts` that are not the same in both trees.
    fn changed(
        &self,
        before: Id<FactTree>,
        after: Id<FactTree>,
        facts: &BTreeSet<FactKey>,
    ) -> Result<BTreeSet<FactKey>, LedgerError> {
        let keys: Vec<FactKey> = facts.iter().copied().collect();
        let differences = tree::diff_at(self, before, after, &keys);
        Ok(differences.map(|entry| entry.map(|(key, ..)| key)).collect::<Result<_, _>>()?)
    }
}

//! Where facts come from: the commit that made each what it is.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    commit::Commit,
    fact::{FactKey, FactTree, tree},
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
};

/// Facts that are looked up one by one; of more, everything that changed is read.
const FEW: usize = 1024;

impl Ledger<'_> {
    /// For each of `facts`, which hold at `version`, the commit since which it holds as it does.
    ///
    /// A fact that one of a merge's parents has already came with that parent, with the first that
    /// has it; only what none of them has was set by the merge.
    pub(crate) fn origins(
        &self,
        version: Id<Commit>,
        facts: BTreeSet<FactKey>,
    ) -> Result<BTreeMap<FactKey, Id<Commit>>, LedgerError> {
        let changes = self.changes(version)?;
        let mut origins = BTreeMap::new();
        // Facts that come from a commit or from its ancestors.
        let mut ahead = vec![(version, facts)];
        let mut cached: BTreeMap<u32, BTreeSet<FactKey>> = BTreeMap::new();
        while let Some((id, mut facts)) = ahead.pop() {
            if let Some(place) = changes.place(id) {
                cached.entry(place).or_default().append(&mut facts);
                continue;
            }
            let commit = self.commit_and_changes(id)?;
            for parent in commit.parents {
                if facts.is_empty() {
                    break;
                }
                let changed = self.changed(self.commit(parent)?.facts, commit.facts, &facts)?;
                ahead.push((parent, without(&mut facts, changed)));
            }
            origins.extend(facts.into_iter().map(|fact| (fact, id)));
        }
        // Children before their parents, so each commit is looked at once.
        while let Some((place, mut facts)) = cached.pop_last() {
            let commit = changes.at(place);
            for parent in &commit.parents {
                if facts.is_empty() {
                    break;
                }
                let changed = match parent.may_differ(&facts) {
                    Some(none) if none.is_empty() => none,
                    some => {
                        let before = self.commit(changes.at(parent.place).id)?.facts;
                        let after = self.commit_and_changes(commit.id)?.facts;
                        self.changed(before, after, some.as_ref().unwrap_or(&facts))?
                    }
                };
                let mut same = without(&mut facts, changed);
                cached.entry(parent.place).or_default().append(&mut same);
            }
            origins.extend(facts.into_iter().map(|fact| (fact, commit.id)));
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
        if facts.len() > FEW {
            let keys = tree::diff(self, before, after).map(|entry| entry.map(|(key, ..)| key));
            let all = keys.collect::<Result<Vec<FactKey>, _>>()?;
            return Ok(all.into_iter().filter(|key| facts.contains(key)).collect());
        }
        let keys: Vec<FactKey> = facts.iter().copied().collect();
        let differences = tree::diff_at(self, before, after, &keys);
        Ok(differences.map(|entry| entry.map(|(key, ..)| key)).collect::<Result<_, _>>()?)
    }
}

/// Leaves those of `facts` that `changed`, and returns the others.
fn without(facts: &mut BTreeSet<FactKey>, changed: BTreeSet<FactKey>) -> BTreeSet<FactKey> {
    for fact in &changed {
        facts.remove(fact);
    }
    std::mem::replace(facts, changed)
}

//! What a stage makes of a version.

use std::collections::BTreeMap;

use super::{Change, Roots, Stage, Staged};
use crate::{
    codec::{Draft, ObjectError, Objects},
    fact::{
        stored::{StagedTree, StoredStage, fact_key},
        tree,
        triple::Fact,
        words::Words,
    },
    id::Id,
};

impl StoredStage {
    /// The trees of the version that this stage makes of `committed`.
    ///
    /// # Errors
    /// When a tree cannot be read.
    pub fn apply(&self, draft: &mut Draft<'_>, committed: Roots) -> Result<Roots, ObjectError> {
        let words = tree::iter(draft, self.words).collect::<Result<Vec<_>, _>>()?;
        let changes = Changes {
            facts: stored(draft, self.changes)?,
            neighbourhood: stored(draft, self.neighbourhood)?,
        };
        changes.apply(draft, committed, words.iter().map(|(_, words)| words))
    }
}

impl Stage {
    /// As [`StoredStage::apply`].
    ///
    /// # Errors
    /// When a committed tree cannot be read.
    pub fn apply(&self, draft: &mut Draft<'_>, committed: Roots) -> Result<Roots, ObjectError> {
        let facts = |staged: &BTreeMap<_, Staged>| {
            staged.iter().map(|(key, staged)| (*key, set(staged.clone()))).collect()
        };
        let changes =
            Changes { facts: facts(&self.changes), neighbourhood: facts(&self.neighbourhood) };
        changes.apply(draft, committed, self.words.values())
    }
}

/// Facts to be held or not, ascending by key.
type Facts = Vec<tree::Change<Fact, Fact>>;

struct Changes {
    facts: Facts,
    neighbourhood: Facts,
}

impl Changes {
    fn apply<'w>(
        &self,
        draft: &mut Draft<'_>,
        committed: Roots,
        words: impl Iterator<Item = &'w Words>,
    ) -> Result<Roots, ObjectError> {
        let mut said = BTreeMap::new();
        for more in words {
            let key = Words::key(&more.iri);
            let before = tree::get(draft, committed.lexicon, key)?;
            let mut after = before.unwrap_or_else(|| Words::none(more.iri.clone()));
            after.extend(more);
            said.insert(key, Some(after));
        }
        Ok(Roots {
            facts: tree::update_sorted(draft, committed.facts, &self.facts)?,
            lexicon: tree::update(draft, committed.lexicon, &said)?,
            neighbourhood: tree::update_sorted(
                draft,
                committed.neighbourhood,
                &self.neighbourhood,
            )?,
        })
    }
}

fn stored(objects: &dyn Objects, root: Id<StagedTree>) -> Result<Facts, ObjectError> {
    let entries = tree::iter(objects, root);
    entries.map(|entry| entry.map(|(key, staged)| (fact_key(key), set(staged)))).collect()
}

/// The fact that is to hold.
fn set(staged: Staged) -> Option<Fact> {
    match staged.change {
        Change::Set(fact) => Some(fact),
        Change::Retract(_) => None,
    }
}

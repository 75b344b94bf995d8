//! What a stage makes of a version.

use std::collections::BTreeMap;

use super::{Roots, StagedChange};
use crate::{
    codec::{Draft, ObjectError, Objects},
    fact::{
        stored::{StagedTree, StoredStage, fact_key},
        tree,
        triple::Fact,
        vocabulary::Words,
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
        let facts = held_after(draft, self.changes)?;
        let neighbourhood = held_after(draft, self.neighbourhood)?;
        let mut said = BTreeMap::new();
        for (key, more) in words {
            let before = tree::get(draft, committed.lexicon, key)?;
            let mut after = before.unwrap_or_else(|| Words::none(more.iri.clone()));
            after.extend(&more);
            said.insert(key, Some(after));
        }
        Ok(Roots {
            facts: tree::update_sorted(draft, committed.facts, &facts)?,
            lexicon: tree::update(draft, committed.lexicon, &said)?,
            neighbourhood: tree::update_sorted(draft, committed.neighbourhood, &neighbourhood)?,
        })
    }
}

/// What each staged key is to hold, ascending by key.
fn held_after(
    objects: &dyn Objects,
    root: Id<StagedTree>,
) -> Result<Vec<tree::TreeEdit<Fact, Fact>>, ObjectError> {
    let entries = tree::iter(objects, root);
    entries
        .map(|entry| {
            let (key, staged) = entry?;
            let fact = match staged.change {
                StagedChange::Set(fact) => Some(fact),
                StagedChange::Retract(_) => None,
            };
            Ok((fact_key(key), fact))
        })
        .collect()
}

//! How a stage is kept: as trees, so that a stage of a million facts is made of small objects, and one
//! that differs a little from the one before adds little to the store.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::{
    FactKey, LexiconTree, Stage, Staged, Words,
    tree::{self, Entry, Node},
};
use crate::{
    codec::{self, Draft, Object, ObjectError, Objects},
    id::{Id, Kind},
};

/// Staged changes, by the key of their fact.
pub type StagedTree = Node<Staged>;

/// A stage as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct StoredStage {
    /// Facts to edit in or to take back.
    pub changes: Id<StagedTree>,
    /// Words to add.
    pub words: Id<LexiconTree>,
    /// Facts the base is said to know.
    pub neighbourhood: Id<StagedTree>,
}

impl Kind for StoredStage {
    const NAME: &'static str = "stage";
}

impl Object for StoredStage {
    const TAG: u8 = 0x14;
}

impl Kind for Staged {
    const NAME: &'static str = "staged fact";
}

impl Entry for Staged {
    const NODE_NAME: &'static str = "staged facts";
    const NODE_TAG: u8 = 0x05;
    const LONG_NAME: &'static str = "long staged fact";
    const LONG_TAG: u8 = 0x06;
    /// A fact and where it was read.
    const INLINE: usize = 472;

    fn belongs(&self, key: Id<Self>) -> bool {
        self.change.fact().belongs(fact_key(key))
    }
}

fn fact_key(key: Id<Staged>) -> FactKey {
    FactKey::from_bytes(*key.as_bytes())
}

impl Stage {
    /// Adds what this stage is stored as to `draft`.
    pub fn store(&self, draft: &mut Draft<'_>) -> Id<StoredStage> {
        let stored = StoredStage {
            changes: staged(draft, &self.changes),
            words: {
                let words = self.words.iter().map(|(iri, words)| (Words::key(iri), words));
                let sorted: BTreeMap<_, _> = words.collect();
                tree::build(draft, sorted)
            },
            neighbourhood: staged(draft, &self.neighbourhood),
        };
        draft.put(&stored)
    }

    /// Reads a stored stage.
    ///
    /// # Errors
    /// When one of its objects is missing or damaged.
    pub fn load(objects: &dyn Objects, id: Id<StoredStage>) -> Result<Self, ObjectError> {
        let stored = codec::get(objects, id)?;
        let facts = |root| -> Result<BTreeMap<FactKey, Staged>, ObjectError> {
            let entries = tree::iter(objects, root);
            entries.map(|entry| entry.map(|(key, staged)| (fact_key(key), staged))).collect()
        };
        let words = tree::iter(objects, stored.words);
        Ok(Self {
            changes: facts(stored.changes)?,
            words: words
                .map(|entry| entry.map(|(_, words)| (words.iri.clone(), words)))
                .collect::<Result<_, _>>()?,
            neighbourhood: facts(stored.neighbourhood)?,
        })
    }
}

fn staged(draft: &mut Draft<'_>, facts: &BTreeMap<FactKey, Staged>) -> Id<StagedTree> {
    tree::build(draft, facts.iter().map(|(key, staged)| (Id::from_bytes(*key.as_bytes()), staged)))
}

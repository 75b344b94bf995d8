//! How a stage is kept: as trees, so that a stage of a million facts is made of small objects, and one
//! that differs a little from the one before adds little to the store.

use bincode::{Decode, Encode};

use super::{
    CitationTree, FactKey, LexiconTree, Staged,
    tree::{self, Entry, Node},
};
use crate::{
    codec::{Draft, Later, Object, ObjectError, Objects},
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
    /// Where changes come from, besides where they were read: of those of which something is known. Version 1 knows nothing.
    pub citations: Later<Option<Id<CitationTree>>>,
}

impl Kind for StoredStage {
    const NAME: &'static str = "stage";
}

impl StoredStage {
    /// The stage of nothing; its objects are in `draft`.
    pub fn empty(draft: &mut Draft<'_>) -> Self {
        let nothing = tree::empty(draft);
        Self {
            changes: nothing,
            words: tree::empty(draft),
            neighbourhood: nothing,
            citations: Later::default(),
        }
    }

    /// How many facts are to be edited in or taken back.
    ///
    /// # Errors
    /// When a tree is missing or damaged.
    pub fn changes(&self, objects: &dyn Objects) -> Result<u64, ObjectError> {
        tree::len(objects, self.changes)
    }

    /// Whether there is nothing to commit.
    ///
    /// # Errors
    /// When a tree is missing or damaged.
    pub fn is_empty(&self, objects: &dyn Objects) -> Result<bool, ObjectError> {
        let facts = self.changes(objects)? + tree::len(objects, self.neighbourhood)?;
        Ok(facts + tree::len(objects, self.words)? == 0)
    }
}

impl Object for StoredStage {
    const TAG: u8 = 0x14;
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;

    fn version(&self) -> u8 {
        self.citations.version(2)
    }
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

/// The key of the fact that is staged under `key`.
pub(crate) const fn fact_key(key: Id<Staged>) -> FactKey {
    FactKey::from_bytes(*key.as_bytes())
}

/// Where a change of the fact `key` is staged.
pub(crate) const fn staged_key(key: FactKey) -> Id<Staged> {
    Id::from_bytes(*key.as_bytes())
}

//! What the index says, without the operation log: so little that it is read at once.
//!
//! sled has it; a copy of it is in a file beside sled's, for commands that only read. sled is opened by one process at a
//! time, starts threads, and writes and syncs its file even when nothing was changed. The copy counts as
//! long as the journal ends where it says. It is written without waiting for the disk, and it can be
//! removed at any time.

use std::{collections::BTreeMap, path::Path};

use bincode::{Decode, Encode};
use sled::Tree;

use super::{StoreError, border::guard};
use crate::{
    codec::{self, Object},
    durable,
    id::Kind,
};

/// Its name in the index.
const FILE: &str = "summary";

/// Keys and values of a tree.
pub(super) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is in sled's trees, but for the operations.
#[derive(Encode, Decode)]
pub(super) struct Summary {
    pub(super) places: Pairs,
    pub(super) refs: Pairs,
    pub(super) roots: Pairs,
    pub(super) meta: Pairs,
}

impl Kind for Summary {
    const NAME: &'static str = "summary";
}

impl Object for Summary {
    const TAG: u8 = 0x37;
}

impl Summary {
    /// That of the index in `dir`, if it is there and what was written.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        codec::unseal(&durable::read_below(dir, &dir.join(FILE)).ok()?)
    }

    /// Writes it. Where that fails, sled is opened the next time.
    pub(super) fn write(&self, dir: &Path) {
        let _ignored = durable::call("summary: it is written", || {
            durable::write_below(dir, &dir.join(FILE), &codec::seal(self))
        });
    }
}

/// A tree of the index.
pub(super) enum Table {
    /// In sled.
    Sled(Tree),
    /// In a summary.
    Read(Pairs),
}

impl Table {
    /// The value under `key`; `index` is the index's directory.
    pub(super) fn get(&self, index: &Path, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sled(tree) => Ok(guard(index, || tree.get(key))?.map(|value| value.to_vec())),
            Self::Read(pairs) => Ok(pairs.get(key).cloned()),
        }
    }

    /// All that is under keys that begin with `prefix`.
    pub(super) fn starting_with(&self, index: &Path, prefix: &[u8]) -> Result<Pairs, StoreError> {
        match self {
            Self::Sled(tree) => guard(index, || {
                let pairs = tree.scan_prefix(prefix);
                pairs.map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
            }),
            Self::Read(pairs) => {
                let from = pairs.range(prefix.to_vec()..);
                let here = from.take_while(|(key, _)| key.starts_with(prefix));
                Ok(here.map(|(key, value)| (key.clone(), value.clone())).collect())
            }
        }
    }

    /// The tree, for changing it.
    pub(super) fn tree(&self) -> &Tree {
        match self {
            Self::Sled(tree) => tree,
            Self::Read(_) => unreachable!("because only what is open in sled is changed"),
        }
    }
}

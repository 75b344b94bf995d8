//! What gc has removed, as a stored object.
//!
//! The journal goes on naming packs that are gone and objects that were in them. The newest
//! collection, current under the name [`COLLECTED`], says which, so that the index can still be built
//! from the journal's first record on.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use super::{
    StoreError,
    journal::{Entry, Operation, Position},
    pack::Packs,
    place::Pack,
    refs::Head,
};
use crate::{
    codec::{self, Object},
    id::{Id, Kind},
};

/// Root of the store: the newest collection.
pub(super) const COLLECTED: &str = "collected";

/// What gc has removed. What was still wanted of a removed pack is in the pack of gc's own record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Collection {
    /// Packs that records before this one name and that are gone, ascending.
    pub(super) packs: Vec<Id<Pack>>,
    /// Objects that were to be gone whatever operations name them, ascending.
    pub(super) forgotten: Vec<[u8; 32]>,
    /// The first operation all of whose other objects are kept; earlier ones may name what is gone.
    pub(super) since: u64,
}

impl Kind for Collection {
    const NAME: &'static str = "collection";
}

impl Object for Collection {
    const TAG: u8 = 0x35;
}

/// The hash of the collection that an operation made, if it made one.
pub(super) fn made_by(operation: &Operation) -> Option<[u8; 32]> {
    operation.roots.iter().find(|root| root.name == COLLECTED).and_then(|root| root.new)
}

/// The newest collection of all `records`, which lose the names of the packs that are gone.
pub(super) fn settle(
    packs: &Packs,
    records: &mut [(Entry, Position)],
) -> Result<Collection, StoreError> {
    let newest = records.iter().rposition(|(entry, _)| made_by(&entry.operation).is_some());
    let Some(newest) = newest else { return Ok(Collection::default()) };
    let Entry { operation, pack } = &records[newest].0;
    let (Some(hash), Some(pack)) = (made_by(operation), *pack) else {
        return Err(StoreError::damaged(packs.dir(), "what gc removed is in no pack"));
    };
    let contents = packs.read(pack)?;
    let path = packs.path(pack);
    let collection: Collection = contents
        .find(&hash)
        .and_then(|bytes| codec::decode(&bytes).ok())
        .filter(|collection| *codec::id_of(collection).as_bytes() == hash)
        .ok_or_else(|| StoreError::damaged(&path, "it does not say what gc removed"))?;
    // What is gone can be written again later, by a transaction with the very same objects.
    for (entry, _) in &mut records[..newest] {
        entry.pack = entry.pack.filter(|pack| collection.packs.binary_search(pack).is_err());
    }
    Ok(collection)
}

impl Operation {
    /// Objects that it names: those that were current before it and those after.
    pub fn names(&self) -> impl Iterator<Item = [u8; 32]> {
        let refs = self.refs.iter().flat_map(|update| [update.old, update.new]).flatten();
        let heads = self.head.iter().flat_map(|head| [&head.old, &head.new]);
        let detached = heads.filter_map(|head| match head {
            Head::Detached(id) => Some(*id),
            Head::Branch(_) => None,
        });
        let roots = self.roots.iter().filter(|root| root.name != COLLECTED);
        let roots = roots.flat_map(|update| [update.old, update.new]).flatten();
        refs.chain(detached).map(|id| *id.as_bytes()).chain(roots)
    }
}

impl Collection {
    /// The objects that have to be there when `records` are all that was ever done: what is current,
    /// and what operations name that can be taken back.
    pub(super) fn wanted(&self, records: &[(Entry, Position)]) -> BTreeSet<[u8; 32]> {
        let mut current: BTreeMap<(bool, &str), Option<[u8; 32]>> = BTreeMap::new();
        let mut wanted = BTreeSet::new();
        for (Entry { operation, .. }, _) in records {
            for update in &operation.refs {
                current.insert((true, &update.name), update.new.map(|id| *id.as_bytes()));
            }
            for update in &operation.roots {
                current.insert((false, &update.name), update.new);
            }
            if operation.sequence >= self.since {
                wanted.extend(operation.names());
            }
        }
        wanted.retain(|hash| self.forgotten.binary_search(hash).is_err());
        wanted.extend(current.into_values().flatten());
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let packs = vec![Id::from_bytes([7; 32])];
        let collection = Collection { packs, forgotten: vec![[9; 32]], since: 4 };
        let number = |n: u64| n.to_le_bytes().to_vec();
        let fields = [number(1), vec![7; 32], number(1), vec![9; 32], number(4)].concat();
        let expected = [vec![0x35, 1], fields].concat();
        assert_eq!(codec::encode(&collection), expected);
        assert_eq!(codec::decode::<Collection>(&expected).unwrap(), collection);
    }
}

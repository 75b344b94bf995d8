//! Packs: the new small objects of one transaction, in one file that is never changed.
//!
//! `kledger pack 1\n`, the number of entries, then for each entry, sorted by hash: the hash, the length,
//! the bytes. Integers are 64-bit little-endian. The file is named by the hash of all its bytes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};

use super::{StoreError, fan_out};
use crate::{
    durable,
    id::{Id, Kind},
};

const MAGIC: &[u8] = b"kledger pack 1\n";

/// Marks ids of packs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pack;

impl Kind for Pack {
    const NAME: &'static str = "pack";
}

pub(super) fn path(packs: &Path, id: Id<Pack>) -> PathBuf {
    fan_out(packs, &id.to_string())
}

/// Writes `objects` as a pack and waits until it is on disk.
pub(super) fn write(
    packs: &Path,
    objects: &BTreeMap<[u8; 32], Vec<u8>>,
) -> Result<Id<Pack>, StoreError> {
    let bytes = encode(objects);
    let id = Id::of(&bytes);
    let path = path(packs, id);
    if let Some(folder) = path.parent() {
        durable::create_dir(folder)?;
    }
    durable::step("pack: before it is written");
    durable::write(&path, &bytes)?;
    durable::make_read_only(&path)?;
    Ok(id)
}

fn encode(objects: &BTreeMap<[u8; 32], Vec<u8>>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend((objects.len() as u64).to_le_bytes());
    for (hash, object) in objects {
        bytes.extend(hash);
        bytes.extend((object.len() as u64).to_le_bytes());
        bytes.extend(object);
    }
    bytes
}

/// A pack in memory.
pub(super) struct Contents {
    bytes: Vec<u8>,
    /// Where each object's bytes are, by hash.
    pub(super) entries: BTreeMap<[u8; 32], Range<usize>>,
}

impl Contents {
    pub(super) fn object(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }
}

/// Reads the pack `id` and checks that it is what was written.
pub(super) fn read(packs: &Path, id: Id<Pack>) -> Result<Contents, StoreError> {
    let path = path(packs, id);
    let bytes = fs::read(&path).map_err(|error| StoreError::read(&path, error))?;
    if Id::of(&bytes) != id {
        return Err(StoreError::damaged(&path, "its bytes do not have the hash that is its name"));
    }
    let entries = entries(&bytes)
        .ok_or_else(|| StoreError::damaged(&path, "it is not a well-formed pack"))?;
    Ok(Contents { bytes, entries })
}

/// Where each object of a pack's bytes is, by hash; `None` when they are not a well-formed pack. Whoever
/// reads an object checks its hash.
#[must_use]
pub fn entries(bytes: &[u8]) -> Option<BTreeMap<[u8; 32], Range<usize>>> {
    let mut at = MAGIC.len();
    let mut take = |length: usize| {
        let range = at..at.checked_add(length)?;
        at = range.end;
        bytes.get(range.clone()).map(|bytes| (bytes, range))
    };
    let number = |bytes: &[u8]| usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok();
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    let count = number(take(8)?.0)?;
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let hash: [u8; 32] = take(32)?.0.try_into().ok()?;
        let length = number(take(8)?.0)?;
        let (_, range) = take(length)?;
        if entries.last_key_value().is_some_and(|(last, _)| *last >= hash) {
            return None;
        }
        entries.insert(hash, range);
    }
    (at == bytes.len()).then_some(entries)
}

/// Reads one object's bytes out of a pack; whoever asked checks their hash.
pub(super) fn read_at(packs: &Path, place: Place) -> Result<Vec<u8>, StoreError> {
    let path = path(packs, place.pack);
    let failed = |error| StoreError::read(&path, error);
    let mut file = File::open(&path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if place.offset.checked_add(place.length).is_none_or(|end| end > size) {
        return Err(StoreError::damaged(&path, "it is shorter than the index says"));
    }
    file.seek(SeekFrom::Start(place.offset)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(place.length).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Where an object's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pack: Id<Pack>,
    pub(super) offset: u64,
    pub(super) length: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_truncation_and_hostile_length_is_refused() {
        let objects = [([1; 32], vec![1, 2, 3]), ([2; 32], vec![])].into();
        let bytes = encode(&objects);
        assert_eq!(entries(&bytes).unwrap().len(), 2);
        for end in 0..bytes.len() {
            assert!(entries(&bytes[..end]).is_none(), "{end} bytes");
        }
        let mut hostile = bytes.clone();
        hostile[MAGIC.len() + 8 + 32..][..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(entries(&hostile).is_none());
    }

    #[test]
    fn golden_bytes() {
        let bytes = encode(&[([0xab; 32], b"xy".to_vec())].into());
        let expected = [
            b"kledger pack 1\n".as_slice(),
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[0xab; 32],
            &[2, 0, 0, 0, 0, 0, 0, 0],
            b"xy",
        ];
        assert_eq!(bytes, expected.concat());
    }
}

//! Packs: the new small objects of one transaction, in one file that is never changed.
//!
//! `kledger pack 1\n`, the number of entries, then for each entry, sorted by hash: the hash, the length,
//! the bytes. Integers are 64-bit little-endian. The file is named by the hash of all its bytes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::File,
    io::{self, BufWriter, Write},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    StoreError, ZMemo, leftovers,
    place::{Pack, Place, Record},
};
use crate::{
    codec::{self, NewObjects, Object},
    durable,
    id::Id,
};

const MAGIC: &[u8] = b"kledger pack 1\n";
/// As many bytes are hashed and written at a time.
const PIECE: usize = 1 << 18;

/// The folder of packs.
pub(super) struct Packs {
    dir: PathBuf,
    /// Packs that objects were read from.
    open: Mutex<BTreeMap<Id<Pack>, Arc<Open>>>,
    /// Packs that were read as a whole, the latest last.
    whole: Mutex<VecDeque<Contents>>,
}

struct Open {
    file: File,
    length: u64,
}

/// As many packs are kept open: the objects of one commit are in one pack.
const KEPT: usize = 64;
/// As many packs are kept that were read as a whole: those of a commit and its parent.
const WHOLE: usize = 2;
/// A pack of more bytes is not read as a whole.
const SHORT: u64 = 1 << 20;

impl Packs {
    /// The packs of the store in `store`.
    pub(super) fn of(store: &Path) -> Self {
        Self { dir: store.join("packs"), open: Mutex::default(), whole: Mutex::default() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, id: Id<Pack>) -> PathBuf {
        fan_out(&self.dir, &id.to_string())
    }

    /// All that are there, ascending.
    pub(super) fn stored(&self) -> Result<Vec<Id<Pack>>, StoreError> {
        let files = leftovers::strays(&self.dir, &BTreeSet::new())?.into_iter();
        let mut ids: Vec<Id<Pack>> =
            files.filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Writes `objects` as a pack and waits until it is on disk; says where each is.
    pub(super) fn write(
        &self,
        objects: &NewObjects,
    ) -> Result<(Id<Pack>, Vec<Record>), StoreError> {
        durable::step("pack: before it is written");
        let mut id = None;
        let path = durable::write_named(&self.dir.join("pack"), |temporary| {
            let hashed = Hashed { hasher: Id::<Pack>::hasher(), file: File::create(temporary)? };
            let mut pack = BufWriter::with_capacity(PIECE, hashed);
            encode(objects, &mut pack)?;
            let hash = pack.into_inner()?.hasher.finalize();
            let path = self.path(*id.insert(Id::from_bytes(*hash.as_bytes())));
            let folder = path.parent().map_or(Ok(()), durable::create_dir);
            folder.map_err(|error| error.source).map(|()| path)
        })?;
        let id = id.expect("because it was written");
        durable::make_read_only(&path)?;
        let mut end = MAGIC.len() as u64 + 8;
        let place = |(hash, length): (&[u8; 32], usize)| {
            let (offset, length) = (end + 32 + 8, length as u64);
            end = offset + length;
            (*hash, Place::Object { pack: id, offset, length })
        };
        Ok((id, objects.lengths().map(place).collect()))
    }

    /// Reads the pack `id` and checks that it is what was written.
    pub(super) fn read(&self, id: Id<Pack>) -> Result<Contents, StoreError> {
        let path = self.path(id);
        let bytes = durable::call("pack: read", || durable::read_below(&self.dir, &path))
            .map_err(|error| StoreError::read(&path, error))?;
        if Id::of(&bytes) != id {
            let why = "its bytes do not have the hash that is its name";
            return Err(StoreError::damaged(&path, why));
        }
        let entries = entries(&bytes)
            .ok_or_else(|| StoreError::damaged(&path, "it is not a well-formed pack"))?;
        Ok(Contents { id, bytes, entries })
    }

    /// Reads one object's bytes out of a pack; the caller checks their hash.
    pub(super) fn read_at(
        &self,
        id: Id<Pack>,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let read = || self.read_once(id, offset, length);
        match read() {
            // Too many open files, or a disk that did not answer once: what was asked may have been done
            // already, and only the report of it is left to be read.
            Err(error) if error.is_of_the_machine() => {
                self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
                read()
            }
            other => other,
        }
    }

    fn read_once(&self, id: Id<Pack>, offset: u64, length: u64) -> Result<Vec<u8>, StoreError> {
        let failed = |error| StoreError::read(&self.path(id), error);
        let pack = self.open(id).map_err(failed)?;
        let inside = offset.checked_add(length).is_some_and(|end| end <= pack.length);
        let length = usize::try_from(length).ok().filter(|_| inside);
        let length = length.ok_or_else(|| {
            StoreError::damaged(&self.path(id), "it is shorter than the index says")
        })?;
        let mut bytes = vec![0; length];
        pack.file.read_exact_at(&mut bytes, offset).map_err(failed)?;
        Ok(bytes)
    }

    /// Reads all of the pack `id`, if it is short, for [`Packs::preloaded`]. One that is not well-formed is left
    /// to the reader of an object.
    pub(super) fn preload(&self, id: Id<Pack>) -> Result<(), StoreError> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.iter().any(|pack| pack.id == id) {
            return Ok(());
        }
        let failed = |error| StoreError::read(&self.path(id), error);
        let pack = self.open(id).map_err(failed)?;
        if pack.length > SHORT {
            return Ok(());
        }
        let mut bytes = vec![0; usize::try_from(pack.length).expect("because it is short")];
        pack.file.read_exact_at(&mut bytes, 0).map_err(failed)?;
        if let Some(entries) = entries(&bytes) {
            if whole.len() == WHOLE {
                whole.pop_front();
            }
            whole.push_back(Contents { id, bytes, entries });
        }
        Ok(())
    }

    /// An object's bytes, if they are in a pack that was read as a whole; the caller checks their hash.
    pub(super) fn preloaded(&self, hash: &[u8; 32]) -> Option<Vec<u8>> {
        let whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.iter().rev().find_map(|pack| pack.find(hash)).map(<[u8]>::to_vec)
    }

    fn open(&self, id: Id<Pack>) -> io::Result<Arc<Open>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pack) = open.get(&id) {
            return Ok(Arc::clone(pack));
        }
        let file = durable::call("pack: open", || durable::open_below(&self.dir, &self.path(id)))?;
        let length = file.metadata()?.len();
        let pack = Arc::new(Open { file, length });
        if open.len() == KEPT {
            open.clear();
        }
        open.insert(id, Arc::clone(&pack));
        Ok(pack)
    }
}

/// A file that is hashed while it is written.
struct Hashed {
    hasher: blake3::Hasher,
    file: File,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes the bytes of the pack of `objects`.
fn encode(objects: &NewObjects, pack: &mut impl Write) -> io::Result<()> {
    pack.write_all(MAGIC)?;
    pack.write_all(&(objects.len() as u64).to_le_bytes())?;
    for (hash, object) in objects.iter() {
        let object = object?;
        pack.write_all(hash)?;
        pack.write_all(&(object.len() as u64).to_le_bytes())?;
        pack.write_all(&object)?;
    }
    Ok(())
}

/// A pack in memory.
pub(super) struct Contents {
    pub(super) id: Id<Pack>,
    bytes: Vec<u8>,
    /// Each object's hash and where its bytes are, ascending by hash.
    pub(super) entries: Vec<([u8; 32], Range<usize>)>,
}

impl Contents {
    /// The bytes of the object with this hash, if it is here.
    pub(super) fn find(&self, hash: &[u8; 32]) -> Option<&[u8]> {
        let at = self.entries.binary_search_by_key(hash, |(hash, _)| *hash).ok()?;
        Some(self.object(&self.entries[at].1))
    }

    /// Where everything is that is found by what is here: the objects, and the z vectors that they
    /// name.
    pub(super) fn places(&self, packs: &Packs) -> Result<Vec<Record>, StoreError> {
        let mut places = Vec::with_capacity(self.entries.len());
        for (hash, range) in &self.entries {
            let (offset, length) = (range.start as u64, range.len() as u64);
            places.push((*hash, Place::Object { pack: self.id, offset, length }));
            let bytes = self.object(range);
            if bytes.first() == Some(&ZMemo::TAG) {
                let memo: ZMemo = codec::decode(bytes)
                    .map_err(|error| StoreError::decode(&packs.path(self.id), &error))?;
                places.extend(memo.rows());
            }
        }
        Ok(places)
    }

    pub(super) fn object(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }
}

/// Where each object of a pack's bytes is, ascending by hash; `None` when they are not a well-formed pack. The
/// reader of an object checks its hash.
#[must_use]
pub fn entries(bytes: &[u8]) -> Option<Vec<([u8; 32], Range<usize>)>> {
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
    let mut entries: Vec<([u8; 32], Range<usize>)> = Vec::new();
    for _ in 0..count {
        let hash: [u8; 32] = take(32)?.0.try_into().ok()?;
        let length = number(take(8)?.0)?;
        let (_, range) = take(length)?;
        if entries.last().is_some_and(|(last, _)| *last >= hash) {
            return None;
        }
        entries.push((hash, range));
    }
    (at == bytes.len()).then_some(entries)
}

/// `<root>/ab/<abcdef…>`: where the file of an id is kept.
pub(super) fn fan_out(root: &Path, hex: &str) -> PathBuf {
    root.join(&hex[..2]).join(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(objects: BTreeMap<[u8; 32], Vec<u8>>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&objects.into_iter().collect(), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_truncation_and_hostile_length_is_refused() {
        let bytes = encoded([([1; 32], vec![1, 2, 3]), ([2; 32], vec![])].into());
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
        let bytes = encoded([([0xab; 32], b"xy".to_vec())].into());
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

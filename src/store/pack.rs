//! Packs: the new small objects of one transaction, in one file that is never changed.
//!
//! `kledger pack 2\n`, the number of entries, and [blocks](block) of entries, each of which is a hash, a length and
//! that many bytes. Entries come in the order in which their objects were made, so what is near in a tree is near in
//! the file. A pack of before, `kledger pack 1\n`, has its [entries](Old) as they are, ascending by hash. Integers are
//! little-endian. The file is named by the hash of all its bytes.

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
    codec::{
        self, NewObjects, Object,
        block::{self, Entries, Lengths},
    },
    durable,
    id::Id,
};

/// What a pack without blocks begins with.
const MAGIC_1: &[u8] = b"kledger pack 1\n";
const MAGIC: &[u8] = b"kledger pack 2\n";
/// Bytes before the entries: one of those, and how many there are.
const START: usize = MAGIC.len() + 8;
/// As many bytes are hashed, by many threads, and written at a time.
const PIECE: usize = 1 << 20;

/// The folder of packs.
pub(super) struct Packs {
    dir: PathBuf,
    /// Packs that objects were read from.
    open: Mutex<BTreeMap<Id<Pack>, Arc<Open>>>,
    /// Packs that were read as a whole, the latest last.
    whole: Mutex<VecDeque<Whole>>,
    /// Blocks that objects were read from, the latest last.
    blocks: Mutex<VecDeque<Read>>,
}

struct Open {
    file: File,
    length: u64,
    has_blocks: bool,
}

/// A block that was read, and where.
struct Read {
    pack: Id<Pack>,
    at: u64,
    entries: Arc<Vec<u8>>,
}

/// As many packs are kept open: the objects of one commit are in one pack.
const KEPT: usize = 64;
/// As many packs are kept that were read as a whole: those of a commit and its parent.
const WHOLE: usize = 2;
/// A pack of more bytes is not read as a whole, nor one that has more when it is unpacked.
const SHORT: usize = 1 << 20;
/// As many blocks are kept: a walk through a tree comes back to those that have the ends of its branches.
const BLOCKS: usize = 64;
/// As many of them are looked through before the index is asked: a node's neighbours are mostly beside it.
const NEAR: usize = 2;
/// As many bytes are read where the length is not known: most blocks have fewer.
const AHEAD: usize = 16 << 10;
/// Likewise of a pack without blocks: most nodes of a tree have fewer, and what is behind one is not near it in the tree.
const OLD_AHEAD: usize = 4 << 10;

impl Packs {
    /// The packs of the store in `store`.
    pub(super) fn of(store: &Path) -> Self {
        Self {
            dir: store.join("packs"),
            open: Mutex::default(),
            whole: Mutex::default(),
            blocks: Mutex::default(),
        }
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
        let (mut id, mut places) = (None, Vec::new());
        let path = durable::write_named(&self.dir.join("pack"), |temporary| {
            let hashed = Hashed { hasher: Id::<Pack>::hasher(), file: File::create(temporary)? };
            let mut pack = BufWriter::with_capacity(PIECE, hashed);
            places = encode(objects, &mut pack)?;
            let hash = pack.into_inner()?.hasher.finalize();
            let path = self.path(*id.insert(Id::from_bytes(*hash.as_bytes())));
            let folder = path.parent().map_or(Ok(()), durable::create_dir);
            folder.map_err(|error| error.source).map(|()| path)
        })?;
        let id = id.expect("because it was written");
        durable::make_read_only(&path)?;
        let place = |(hash, at)| (hash, Place::Object { pack: id, at });
        Ok((id, places.into_iter().map(place).collect()))
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
        Contents::of(id, bytes)
            .ok_or_else(|| StoreError::damaged(&path, "it is not a well-formed pack"))
    }

    /// Reads one object's bytes out of a pack, where [`Place::Object`] says that they are; the caller checks their hash.
    pub(super) fn object(
        &self,
        id: Id<Pack>,
        at: u64,
        hash: &[u8; 32],
    ) -> Result<Vec<u8>, StoreError> {
        let read = || self.read_once(id, at, hash);
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

    fn read_once(&self, id: Id<Pack>, at: u64, hash: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        if let Some(entries) = self.kept_block(id, at) {
            return self.in_block(id, &entries, hash);
        }
        let pack = self.open(id).map_err(|error| StoreError::read(&self.path(id), error))?;
        if !pack.has_blocks {
            return self.entry(id, &pack, at);
        }
        let entries = Arc::new(self.block(id, &pack, at)?);
        self.keep_block(Read { pack: id, at, entries: Arc::clone(&entries) });
        self.in_block(id, &entries, hash)
    }

    /// The object of the entry at `at` of a pack without blocks.
    fn entry(&self, id: Id<Pack>, pack: &Open, at: u64) -> Result<Vec<u8>, StoreError> {
        let length = |head: &[u8]| Old::head(head).map(|(_, length)| length);
        let mut entry = self.bytes(id, pack, (at, OLD_AHEAD), Old::HEAD, length)?;
        Ok(entry.split_off(Old::HEAD))
    }

    /// The entries of the block at `at`.
    fn block(&self, id: Id<Pack>, pack: &Open, at: u64) -> Result<Vec<u8>, StoreError> {
        let stored = |head: &[u8]| Lengths::of(head).map(|lengths| lengths.stored);
        let bytes = self.bytes(id, pack, (at, AHEAD), Lengths::BYTES, stored)?;
        let (head, stored) = bytes.split_at(Lengths::BYTES);
        Lengths::of(head).and_then(|lengths| block::unpacked(lengths, stored)).ok_or_else(|| {
            StoreError::damaged(&self.path(id), "a block of it is not what was written")
        })
    }

    /// The bytes of a pack from `at` on: as many as a head has, and as many behind it as the head says; `ahead` are read
    /// at once.
    fn bytes(
        &self,
        id: Id<Pack>,
        pack: &Open,
        (at, ahead): (u64, usize),
        head: usize,
        behind: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, StoreError> {
        let left = usize::try_from(pack.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let failed = |error| StoreError::read(&self.path(id), error);
        let mut bytes = vec![0; ahead.min(left)];
        pack.file.read_exact_at(&mut bytes, at).map_err(failed)?;
        let length = bytes.get(..head).and_then(behind).and_then(|behind| head.checked_add(behind));
        let length = length.filter(|length| *length <= left).ok_or_else(|| {
            StoreError::damaged(&self.path(id), "nothing is where the index says that something is")
        })?;
        let read = bytes.len();
        bytes.resize(length, 0);
        if let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            pack.file.read_exact_at(rest, at + read as u64).map_err(failed)?;
        }
        Ok(bytes)
    }

    fn in_block(
        &self,
        id: Id<Pack>,
        entries: &[u8],
        hash: &[u8; 32],
    ) -> Result<Vec<u8>, StoreError> {
        let found = block::find(entries, hash).ok_or_else(|| {
            StoreError::damaged(&self.path(id), "an object is not where the index says that it is")
        })?;
        Ok(entries[found].to_vec())
    }

    fn kept_block(&self, pack: Id<Pack>, at: u64) -> Option<Arc<Vec<u8>>> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let found = blocks.iter().rposition(|block| block.at == at && block.pack == pack)?;
        let block = blocks.remove(found)?;
        let entries = Arc::clone(&block.entries);
        blocks.push_back(block);
        Some(entries)
    }

    fn keep_block(&self, block: Read) {
        if block.entries.len() > 2 * block::FULL {
            return;
        }
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.len() == BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back(block);
    }

    /// Reads all of the pack `id`, if it is short, for [`Packs::at_hand`]. One that is not well-formed is left
    /// to the reader of an object.
    pub(super) fn preload(&self, id: Id<Pack>) -> Result<(), StoreError> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.iter().any(|pack| pack.id == id) {
            return Ok(());
        }
        let failed = |error| StoreError::read(&self.path(id), error);
        let pack = self.open(id).map_err(failed)?;
        let Some(length) = usize::try_from(pack.length).ok().filter(|length| *length <= SHORT)
        else {
            return Ok(());
        };
        let mut bytes = vec![0; length];
        pack.file.read_exact_at(&mut bytes, 0).map_err(failed)?;
        if let Some(pack) = Whole::of(id, &bytes) {
            if whole.len() == WHOLE {
                whole.pop_front();
            }
            whole.push_back(pack);
        }
        Ok(())
    }

    /// An object's bytes, if they are in a pack that was read as a whole, or in one of the blocks that were read last;
    /// the caller checks their hash.
    pub(super) fn at_hand(&self, hash: &[u8; 32]) -> Option<Vec<u8>> {
        let whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(object) = whole.iter().rev().find_map(|pack| pack.find(hash)) {
            return Some(object.to_vec());
        }
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().rev().take(NEAR).find_map(|Read { entries, .. }| {
            block::find(entries, hash).map(|found| entries[found].to_vec())
        })
    }

    fn open(&self, id: Id<Pack>) -> io::Result<Arc<Open>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pack) = open.get(&id) {
            return Ok(Arc::clone(pack));
        }
        let file = durable::call("pack: open", || durable::open_below(&self.dir, &self.path(id)))?;
        let length = file.metadata()?.len();
        let mut magic = [0; MAGIC.len()];
        // What is shorter, or neither, is damaged: whoever reads from it finds that.
        let has_blocks = file.read_exact_at(&mut magic, 0).is_ok() && magic == *MAGIC;
        let pack = Arc::new(Open { file, length, has_blocks });
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
        let bytes = &bytes[..written];
        if written < PIECE / 2 {
            self.hasher.update(bytes);
        } else {
            self.hasher.update_rayon(bytes);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes the bytes of the pack of `objects`, and says where each is.
fn encode(objects: &NewObjects, pack: &mut impl Write) -> io::Result<Vec<([u8; 32], u64)>> {
    pack.write_all(MAGIC)?;
    pack.write_all(&(objects.len() as u64).to_le_bytes())?;
    let (mut places, mut at) = (Vec::with_capacity(objects.len()), START as u64);
    objects.each_block(|block, hashes| {
        places.extend(hashes.iter().map(|hash| (*hash, at)));
        at += block.len() as u64;
        pack.write_all(block)
    })?;
    Ok(places)
}

/// How many bytes a pack of `objects` has.
pub(super) fn length(objects: &NewObjects) -> io::Result<u64> {
    let mut pack = Counted(0);
    encode(objects, &mut pack).map(|_| pack.0)
}

/// Bytes that are only counted.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pack in memory, its blocks as they are in the file.
pub(super) struct Contents {
    pub(super) id: Id<Pack>,
    bytes: Vec<u8>,
    /// Each object's hash and place, ascending by hash.
    entries: Vec<([u8; 32], u64)>,
}

impl Contents {
    /// The pack `id` with these bytes, if it is well-formed.
    fn of(id: Id<Pack>, bytes: Vec<u8>) -> Option<Self> {
        let mut entries = Vec::new();
        scan(&bytes, |at, hash, _| entries.push((*hash, at)))?;
        entries.sort_unstable();
        let is_sound = entries.is_sorted_by(|(a, _), (b, _)| a < b);
        is_sound.then_some(Self { id, bytes, entries })
    }

    /// How many objects it has.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is no pack of before.
    pub(super) fn has_blocks(&self) -> bool {
        self.bytes.starts_with(MAGIC)
    }

    /// The bytes of the object with this hash, if it is here.
    pub(super) fn find(&self, hash: &[u8; 32]) -> Option<Vec<u8>> {
        let at = self.entries.binary_search_by_key(hash, |(hash, _)| *hash).ok()?;
        let (_, at) = self.entries.get(at)?;
        let rest = self.bytes.get(usize::try_from(*at).ok()?..)?;
        if !self.has_blocks() {
            return Old(rest).next().flatten().map(|(_, object)| object.to_vec());
        }
        let entries = block::first(rest)?.1;
        block::find(&entries, hash).map(|range| entries[range].to_vec())
    }

    /// Where everything is that is found by what is here: the objects, and the z vectors that they
    /// name.
    pub(super) fn places(&self, packs: &Packs) -> Result<Vec<Record>, StoreError> {
        let pack = self.id;
        let place = |(hash, at): &([u8; 32], u64)| (*hash, Place::Object { pack, at: *at });
        let mut places: Vec<Record> = self.entries.iter().map(place).collect();
        let mut wrong = None;
        self.each(|_, object| {
            if object.first() == Some(&ZMemo::TAG) {
                match codec::decode::<ZMemo>(object) {
                    Ok(memo) => places.extend(memo.rows()),
                    Err(error) => wrong = Some(StoreError::decode(&packs.path(pack), &error)),
                }
            }
        });
        wrong.map_or(Ok(places), Err)
    }

    /// Has `take` take the hash and the bytes of each object, in the order in which they are stored.
    pub(super) fn each(&self, mut take: impl FnMut(&[u8; 32], &[u8])) {
        scan(&self.bytes, |_, hash, object| take(hash, object))
            .expect("because it was well-formed when it was read");
    }
}

/// A short pack in memory, unpacked.
struct Whole {
    id: Id<Pack>,
    objects: Vec<u8>,
    /// Each object's hash and where its bytes are, ascending by hash.
    entries: Vec<([u8; 32], Range<usize>)>,
}

impl Whole {
    fn of(id: Id<Pack>, bytes: &[u8]) -> Option<Self> {
        if unpacked_length(bytes)? > SHORT {
            return None;
        }
        let (mut objects, mut entries) = (Vec::new(), Vec::new());
        scan(bytes, |_, hash, object| {
            entries.push((*hash, objects.len()..objects.len() + object.len()));
            objects.extend_from_slice(object);
        })?;
        entries.sort_unstable_by_key(|(hash, _)| *hash);
        Some(Self { id, objects, entries })
    }

    fn find(&self, hash: &[u8; 32]) -> Option<&[u8]> {
        let at = self.entries.binary_search_by_key(hash, |(hash, _)| *hash).ok()?;
        self.objects.get(self.entries.get(at)?.1.clone())
    }
}

/// How long the entries of a pack's bytes are, as they say themselves.
fn unpacked_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.get(START..)?;
    if !bytes.starts_with(MAGIC) {
        return Some(rest.len());
    }
    let mut length = 0_usize;
    while !rest.is_empty() {
        let lengths = Lengths::of(rest)?;
        rest = rest.get(Lengths::BYTES + lengths.stored..)?;
        length = length.checked_add(lengths.unpacked)?;
    }
    Some(length)
}

/// Has `take` take the place, the hash and the bytes of each object of a pack's bytes; `None` where these turn out not to
/// be a well-formed pack. That no hash is there twice is left to the caller, that each is the object's to its reader.
fn scan(bytes: &[u8], mut take: impl FnMut(u64, &[u8; 32], &[u8])) -> Option<()> {
    let (start, rest) = bytes.split_at_checked(START)?;
    let count = u64::from_le_bytes(*start.last_chunk()?);
    let mut found = 0_u64;
    let mut at = START;
    if start.starts_with(MAGIC_1) {
        let mut last = None;
        for entry in Old(rest) {
            let (hash, object) = entry?;
            if last.is_some_and(|last| last >= *hash) {
                return None;
            }
            take(at as u64, hash, object);
            at += Old::HEAD + object.len();
            (found, last) = (found + 1, Some(*hash));
        }
    } else if start.starts_with(MAGIC) {
        while at < bytes.len() {
            let (lengths, entries) = block::first(&bytes[at..])?;
            for entry in Entries::of(&entries) {
                let (hash, range) = entry?;
                take(at as u64, hash, &entries[range]);
                found += 1;
            }
            at += Lengths::BYTES + lengths.stored;
        }
    } else {
        return None;
    }
    (found == count).then_some(())
}

/// The entries of a pack without blocks, from one on: hash, length (u64) and object of each; `None` for what is no entry,
/// and ends them.
struct Old<'b>(&'b [u8]);

impl<'b> Old<'b> {
    /// Bytes before an object.
    const HEAD: usize = 32 + 8;

    /// The hash and the length that `bytes` begin with.
    fn head(bytes: &[u8]) -> Option<(&[u8; 32], usize)> {
        let (hash, rest) = bytes.split_first_chunk()?;
        Some((hash, usize::try_from(u64::from_le_bytes(*rest.first_chunk()?)).ok()?))
    }

    fn entry(&self) -> Option<(&'b [u8; 32], &'b [u8])> {
        let (hash, length) = Self::head(self.0)?;
        Some((hash, self.0.get(Self::HEAD..)?.get(..length)?))
    }
}

impl<'b> Iterator for Old<'b> {
    type Item = Option<(&'b [u8; 32], &'b [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.entry();
        self.0 = entry.map_or(&[], |(_, object)| &self.0[Self::HEAD + object.len()..]);
        Some(entry)
    }
}

/// Bytes before an object in a pack without blocks.
pub(super) const OLD_HEAD: usize = Old::HEAD;

/// The hash and the object of the entry of a pack without blocks that `bytes` begin with.
pub(super) fn old_entry(bytes: &[u8]) -> Option<(&[u8; 32], &[u8])> {
    Old(bytes).next().flatten()
}

/// The objects of a pack's bytes, ascending by hash, which their reader checks; `None` when they are not a well-formed
/// pack. For fuzzing.
#[doc(hidden)]
#[must_use]
pub fn entries(bytes: &[u8]) -> Option<Vec<([u8; 32], Vec<u8>)>> {
    let contents = Contents::of(Id::from_bytes([0; 32]), bytes.to_vec())?;
    let mut entries = Vec::new();
    contents.each(|hash, object| entries.push((*hash, object.to_vec())));
    entries.sort_unstable();
    Some(entries)
}

/// `<root>/ab/<abcdef…>`: where the file of an id is kept.
pub(super) fn fan_out(root: &Path, hex: &str) -> PathBuf {
    root.join(&hex[..2]).join(hex)
}

#[cfg(test)]
mod tests;

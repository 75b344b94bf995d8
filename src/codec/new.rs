//! Objects that are new, in blocks as a pack has them.
//!
//! An object goes to the end of the last block. Where there are many, blocks are compressed, and those of before are in
//! a file without a name in the folder for temporary files; if none can be written there, in memory. A pack takes them
//! over as they are.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::File,
    hash::{BuildHasherDefault, Hasher},
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex, PoisonError},
};

use bincode::Encode;
use indexmap::{IndexMap, map::Entry};
use rayon::prelude::*;

use super::{HEAD, OBJECT_LIMIT, Object, append_as, block};
use crate::id::Id;

/// As many bytes of blocks stay in memory.
const KEPT: usize = 2 << 20;
/// As many compressed blocks are kept that were read: a walk through a tree comes back to those that have the ends of its
/// branches.
const READ: usize = 4;
/// As many blocks are compressed at a time, by many threads, once there is nothing else to do.
const TOGETHER: usize = 32;

/// New objects by their hashes, in the order in which they were added.
#[derive(Debug, Default)]
pub struct NewObjects {
    places: IndexMap<[u8; 32], Place, BuildHasherDefault<Beginning>>,
    blocks: Vec<Block>,
    /// As many of the first blocks are in files.
    written: usize,
    /// Bytes of the others.
    kept: usize,
    /// Where blocks are written to, behind so many bytes.
    file: Option<(Arc<File>, u64)>,
    /// Blocks that objects were read from, the latest last.
    read: Mutex<VecDeque<(u32, Arc<Vec<u8>>)>>,
    full: bool,
    /// The first that was too long to be among them.
    too_long: Option<TooLong>,
}

/// An object that would not be read back, were it stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} of {bytes} bytes is too long: one of up to {OBJECT_LIMIT} bytes is read back")]
pub struct TooLong {
    /// Kind of object.
    pub kind: &'static str,
    /// Its length.
    pub bytes: usize,
}

/// Where an object's bytes are: in which block, and where among the entries of that.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u32,
    start: u32,
    length: u32,
}

impl Place {
    fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

/// Some of the objects.
#[derive(Debug)]
struct Block {
    /// How many it was given.
    count: usize,
    bytes: Bytes,
}

/// The bytes of a block.
#[derive(Debug)]
enum Bytes {
    /// Its entries as they are.
    Entries(Vec<u8>),
    /// As a pack has them.
    Packed(Vec<u8>),
    /// Likewise, in a file.
    Written { file: Arc<File>, at: u64, length: usize },
}

/// A hash's own first bytes, which are as good as any.
#[derive(Default)]
struct Beginning(u64);

impl Hasher for Beginning {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(self.0, |beginning| u64::from_le_bytes(*beginning));
    }

    // How long a hash is says nothing.
    fn write_usize(&mut self, _length: usize) {}
}

impl Block {
    /// Whether it gets no further entry, even if it is the last.
    fn is_full(&self) -> bool {
        !matches!(&self.bytes, Bytes::Entries(entries) if entries.len() < block::FULL)
    }

    fn pack(&mut self) {
        if let Bytes::Entries(entries) = &self.bytes {
            self.bytes = Bytes::Packed(block::packed(entries));
        }
    }

    /// How many bytes of it are in memory.
    fn kept(&self) -> usize {
        match &self.bytes {
            Bytes::Entries(bytes) | Bytes::Packed(bytes) => bytes.len(),
            Bytes::Written { .. } => 0,
        }
    }

    /// As a pack has it, if it was compressed.
    fn packed(&self) -> io::Result<Option<Cow<'_, [u8]>>> {
        Ok(match &self.bytes {
            Bytes::Entries(_) => None,
            Bytes::Packed(packed) => Some(Cow::Borrowed(packed)),
            Bytes::Written { file, at, length } => {
                let mut packed = vec![0; *length];
                file.read_exact_at(&mut packed, *at)?;
                Some(Cow::Owned(packed))
            }
        })
    }

    fn entries(&self) -> io::Result<Cow<'_, [u8]>> {
        if let Bytes::Entries(entries) = &self.bytes {
            return Ok(Cow::Borrowed(entries));
        }
        let entries = self.packed()?.and_then(|packed| block::first(&packed));
        let (_, entries) = entries.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a temporary file is not what was written")
        })?;
        Ok(Cow::Owned(entries))
    }
}

impl NewObjects {
    /// Adds the object with this hash.
    pub fn insert(&mut self, hash: [u8; 32], bytes: &[u8]) {
        let (open, start) = self.entry();
        open.extend_from_slice(bytes);
        self.inserted("an object", hash, start);
    }

    /// Adds `object`.
    pub(crate) fn put<T: Object>(&mut self, object: &T) -> Id<T> {
        self.put_in(object.version(), object)
    }

    /// Adds the `T` whose fields in the newest version `fields` is encoded as.
    pub(crate) fn put_as<T: Object>(&mut self, fields: &impl Encode) -> Id<T> {
        self.put_in(T::VERSION, fields)
    }

    fn put_in<T: Object>(&mut self, version: u8, fields: &impl Encode) -> Id<T> {
        let (open, start) = self.entry();
        append_as::<T>(version, fields, open);
        let id = Id::<T>::of(&open[start + block::ENTRY..]);
        self.inserted(T::NAME, *id.as_bytes(), start);
        id
    }

    /// Whether all that was added can be read back once it is stored. What cannot is not kept here either.
    ///
    /// # Errors
    /// The first that is too long.
    pub(crate) fn fit(&self) -> Result<(), TooLong> {
        self.too_long.map_or(Ok(()), Err)
    }

    /// The entries of the last block, behind which there is room for the head of another; and where that begins.
    fn entry(&mut self) -> (&mut Vec<u8>, usize) {
        if self.blocks.last().is_none_or(Block::is_full) {
            // Mostly there is only one block, of few objects.
            let room = if self.blocks.is_empty() { 0 } else { block::FULL + (4 << 10) };
            let bytes = Bytes::Entries(Vec::with_capacity(room));
            self.blocks.push(Block { count: 0, bytes });
        }
        let Some(Block { bytes: Bytes::Entries(open), .. }) = self.blocks.last_mut() else {
            unreachable!("a block that is not full has its entries as they are")
        };
        let start = open.len();
        open.resize(start + block::ENTRY, 0);
        (open, start)
    }

    /// Takes in the object with this hash, whose entry begins at `start` of the last block and ends that.
    fn inserted(&mut self, kind: &'static str, hash: [u8; 32], start: usize) {
        let last = self.blocks.len() - 1;
        let Block { count, bytes: Bytes::Entries(entries) } = &mut self.blocks[last] else {
            unreachable!("an entry was begun in it")
        };
        let bytes = entries.len() - start - block::ENTRY;
        if bytes > OBJECT_LIMIT + HEAD {
            entries.truncate(start);
            self.too_long.get_or_insert(TooLong { kind, bytes });
            return;
        }
        let Entry::Vacant(place) = self.places.entry(hash) else {
            entries.truncate(start);
            return;
        };
        block::put_head(&mut entries[start..], &hash, bytes);
        self.kept += block::ENTRY + bytes;
        let [first, length] = [block::ENTRY, bytes].map(number);
        if start > 0 && bytes >= block::FULL {
            // A long object does not make those before it dear to read.
            let own = Bytes::Entries(entries.split_off(start));
            place.insert(Place { block: number(last + 1), start: first, length });
            self.blocks.push(Block { count: 1, bytes: own });
        } else {
            place.insert(Place { block: number(last), start: number(start) + first, length });
            *count += 1;
        }
        self.make_room();
    }

    /// Adds `others`.
    pub fn extend(&mut self, others: Self) {
        let too_long = self.too_long.or(others.too_long);
        if self.is_empty() {
            *self = others;
            self.too_long = too_long;
            return;
        }
        self.too_long = too_long;
        let Self { places, blocks, .. } = others;
        // Blocks that were compressed stay what they are; what is in others goes on where these end.
        let mut moved = Vec::with_capacity(blocks.len());
        let mut left = Vec::with_capacity(blocks.len());
        for block in blocks {
            if let Bytes::Entries(entries) = block.bytes {
                moved.push(None);
                left.push(entries);
            } else {
                moved.push(Some(number(self.blocks.len())));
                left.push(Vec::new());
                self.kept += block.kept();
                self.blocks.push(block);
            }
        }
        for (hash, place) in places {
            let from = place.block as usize;
            match moved[from] {
                Some(block) => {
                    self.places.entry(hash).or_insert(Place { block, ..place });
                }
                None => self.insert(hash, &left[from][place.range()]),
            }
        }
        self.make_room();
    }

    /// The bytes of the object with this hash, if it is among them.
    #[must_use]
    pub fn get(&self, hash: &[u8; 32]) -> Option<io::Result<Cow<'_, [u8]>>> {
        self.places.get(hash).map(|place| self.read(*place))
    }

    fn read(&self, place: Place) -> io::Result<Cow<'_, [u8]>> {
        let block = &self.blocks[place.block as usize];
        if let Bytes::Entries(entries) = &block.bytes {
            return Ok(Cow::Borrowed(&entries[place.range()]));
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read.iter().rev().find(|(number, _)| *number == place.block);
        let found = found.map(|(_, entries)| Arc::clone(entries));
        let entries = match found {
            Some(entries) => entries,
            None => {
                if read.len() == READ {
                    read.pop_front();
                }
                let entries = Arc::new(block.entries()?.into_owned());
                read.push_back((place.block, Arc::clone(&entries)));
                entries
            }
        };
        Ok(Cow::Owned(entries[place.range()].to_vec()))
    }

    /// All of them, ascending by hash, with their lengths in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = (&[u8; 32], usize)> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_unstable_by_key(|(hash, _)| **hash);
        places.into_iter().map(|(hash, place)| (hash, place.length as usize))
    }

    /// All of them, in memory.
    ///
    /// # Errors
    /// When a file cannot be read that some are in.
    pub fn in_memory(&self) -> io::Result<BTreeMap<[u8; 32], Vec<u8>>> {
        let all = self.places.iter();
        all.map(|(hash, place)| Ok((*hash, self.read(*place)?.into_owned()))).collect()
    }

    /// Leaves out those with these hashes.
    pub(crate) fn leave_out(&mut self, hashes: &BTreeSet<[u8; 32]>) {
        if !hashes.is_empty() {
            self.places.retain(|hash, _| !hashes.contains(hash));
        }
    }

    /// All their hashes, ascending.
    pub(crate) fn hashes(&self) -> Vec<[u8; 32]> {
        let mut hashes: Vec<[u8; 32]> = self.places.keys().copied().collect();
        hashes.par_sort_unstable();
        hashes
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Has `take` take the blocks of a pack of them: the bytes of each, and the hashes of its objects.
    ///
    /// # Errors
    /// The first of `take`; when a file cannot be read that some are in.
    pub(crate) fn each_block(
        &self,
        mut take: impl FnMut(&[u8], &[[u8; 32]]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut places: Vec<(&[u8; 32], Place)> =
            self.places.iter().map(|(hash, place)| (hash, *place)).collect();
        places.sort_by_key(|(_, place)| place.block);
        // Entries of blocks that are still to be compressed.
        let mut ahead: Vec<Cow<'_, [u8]>> = Vec::new();
        for of_block in places.chunk_by(|(_, a), (_, b)| a.block == b.block) {
            let Some((_, first)) = of_block.first() else { continue };
            let block = &self.blocks[first.block as usize];
            let is_whole = of_block.len() == block.count;
            if is_whole && let Some(packed) = block.packed()? {
                compressed(&mut ahead, &mut take)?;
                let hashes: Vec<[u8; 32]> = of_block.iter().map(|(hash, _)| **hash).collect();
                take(&packed, &hashes)?;
                continue;
            }
            let entries = block.entries()?;
            if is_whole {
                ahead.push(entries);
            } else {
                wanted(of_block, &entries, &mut ahead);
            }
            if ahead.len() >= TOGETHER {
                compressed(&mut ahead, &mut take)?;
            }
        }
        compressed(&mut ahead, &mut take)
    }

    /// Compresses the blocks that get no further entry, by many threads.
    pub(crate) fn pack(&mut self) {
        let mut last = self.blocks.len();
        if self.blocks.last().is_some_and(|block| !block.is_full()) {
            last -= 1;
        }
        let blocks = &mut self.blocks[self.written..last];
        blocks.par_iter_mut().for_each(Block::pack);
        self.kept = self.blocks[self.written..].iter().map(Block::kept).sum();
    }

    /// Writes what is in memory to a file if it is much.
    fn make_room(&mut self) {
        if self.kept <= KEPT || self.full {
            return;
        }
        self.pack();
        if self.kept > KEPT / 2 {
            self.full = self.write_packed().is_err();
        }
    }

    /// Writes the blocks that are compressed behind what is in the file.
    fn write_packed(&mut self) -> io::Result<()> {
        let (file, end) = match &mut self.file {
            Some((file, end)) => (file, end),
            none => {
                let (file, end) = none.insert((Arc::new(tempfile::tempfile()?), 0));
                (file, end)
            }
        };
        let packed =
            |block: &Block| matches!(block.bytes, Bytes::Packed(_) | Bytes::Written { .. });
        let blocks = &mut self.blocks[self.written..];
        let done = blocks.iter().take_while(|block| packed(block)).count();
        let mut bytes = Vec::with_capacity(self.kept);
        for block in &blocks[..done] {
            if let Bytes::Packed(packed) = &block.bytes {
                bytes.extend_from_slice(packed);
            }
        }
        file.write_all_at(&bytes, *end)?;
        for block in &mut blocks[..done] {
            if let Bytes::Packed(packed) = &block.bytes {
                let (length, at) = (packed.len(), *end);
                *end += length as u64;
                block.bytes = Bytes::Written { file: Arc::clone(file), at, length };
            }
        }
        self.written += done;
        self.kept = self.blocks[self.written..].iter().map(Block::kept).sum();
        Ok(())
    }
}

/// Adds the entries of a block that are `places` to those `ahead`.
fn wanted(places: &[(&[u8; 32], Place)], entries: &[u8], ahead: &mut Vec<Cow<'_, [u8]>>) {
    for (hash, place) in places {
        let object = &entries[place.range()];
        match ahead.last_mut() {
            Some(last) if last.len() < block::FULL && object.len() < block::FULL => {
                block::put(last.to_mut(), hash, object);
            }
            _ => {
                let mut entries = Vec::new();
                block::put(&mut entries, hash, object);
                ahead.push(Cow::Owned(entries));
            }
        }
    }
}

/// Has `take` take the blocks of the entries `ahead`, of which none are left.
fn compressed(
    ahead: &mut Vec<Cow<'_, [u8]>>,
    take: &mut impl FnMut(&[u8], &[[u8; 32]]) -> io::Result<()>,
) -> io::Result<()> {
    let packed: Vec<Vec<u8>> = match ahead.as_slice() {
        // Threads that are not there yet are not waited for.
        [one] => vec![block::packed(one)],
        many => many.par_iter().map(|entries| block::packed(entries)).collect(),
    };
    for (entries, packed) in ahead.drain(..).zip(packed) {
        let hashes: Vec<[u8; 32]> =
            block::Entries::of(&entries).flatten().map(|(hash, _)| *hash).collect();
        take(&packed, &hashes)?;
    }
    Ok(())
}

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("because objects are short and blocks few")
}

impl FromIterator<([u8; 32], Vec<u8>)> for NewObjects {
    fn from_iter<I: IntoIterator<Item = ([u8; 32], Vec<u8>)>>(objects: I) -> Self {
        let mut new = Self::default();
        for (hash, bytes) in objects {
            new.insert(hash, &bytes);
        }
        new
    }
}

impl<const N: usize> From<[([u8; 32], Vec<u8>); N]> for NewObjects {
    fn from(objects: [([u8; 32], Vec<u8>); N]) -> Self {
        objects.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use bincode::Decode;

    use super::{
        super::{decode, encode},
        *,
    };
    use crate::id::Kind;

    #[derive(Encode, Decode)]
    struct Text(String);
    impl Kind for Text {
        const NAME: &'static str = "text";
    }
    impl Object for Text {
        const TAG: u8 = 0xed;
    }

    #[test]
    fn many_objects_are_there_as_few_are() {
        let object = |number: u32| (*blake3::hash(&number.to_le_bytes()).as_bytes(), number);
        // Such that blocks are no shorter when they are compressed.
        let bytes = |number: u32| {
            let mut bytes = vec![0; 1 << 16];
            blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut bytes);
            bytes
        };
        let mut new = NewObjects::default();
        for (hash, number) in (0..300).map(object) {
            new.insert(hash, &bytes(number));
            new.insert(hash, &bytes(number));
        }
        let mut more = NewObjects::default();
        for (hash, number) in (200..400).map(object) {
            more.insert(hash, &bytes(number));
        }
        assert!(new.kept <= KEPT && new.written > 0 && new.written < new.blocks.len());
        new.extend(more);
        let expected: BTreeMap<_, _> =
            (0..400).map(object).map(|(hash, number)| (hash, bytes(number))).collect();
        assert!(new.in_memory().unwrap() == expected);
        assert!(
            new.lengths()
                .map(|(hash, length)| (*hash, length))
                .eq(expected.iter().map(|(hash, bytes)| (*hash, bytes.len())))
        );
        let (first, _) = expected.first_key_value().unwrap();
        new.leave_out(&[*first].into());
        assert!(new.get(first).is_none());
        assert_eq!(new.len(), 399);
    }

    /// Objects of more than the limit used to be stored, and acknowledged, and not to be read again.
    #[test]
    fn what_would_not_be_read_back_is_not_taken_in() {
        let longest = Text("x".repeat(OBJECT_LIMIT - 8));
        let longer = Text("x".repeat(OBJECT_LIMIT - 7));
        let mut new = NewObjects::default();
        let id = new.put(&longest);
        new.fit().unwrap();
        let bytes = new.get(id.as_bytes()).unwrap().unwrap().into_owned();
        assert!(decode::<Text>(&bytes).is_ok());
        assert!(decode::<Text>(&encode(&longer)).is_err());
        let mut more = NewObjects::default();
        let id = more.put(&longer);
        assert!(more.get(id.as_bytes()).is_none());
        new.extend(more);
        let said = "text of 67108867 bytes is too long: one of up to 67108864 bytes is read back";
        assert_eq!(new.fit().unwrap_err().to_string(), said);
    }
}

//! Blocks: some entries of a pack that are compressed together.
//!
//! A block is how many bytes of the file it has, how many it has when it is unpacked, and those of the file: entries one
//! behind the other, compressed where that makes them fewer. Reading an object unpacks one block. No length is
//! believed beyond the longest that is written.

use std::{cell::RefCell, io, ops::Range};

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::MAGICNUMBER,
};

use super::{HEAD, OBJECT_LIMIT};

/// A block has no further entry once it has as many bytes: few enough to be unpacked for one object, and enough to have
/// most of what neighbours share.
pub(crate) const FULL: usize = 32 << 10;
/// Bytes of an entry before its object: hash and length.
pub(crate) const ENTRY: usize = 32 + 4;
/// The longest block has one entry with the longest object.
const LONGEST: usize = ENTRY + HEAD + OBJECT_LIMIT;
/// zstd's level: higher ones take longer and save little where half of the bytes are hashes.
const LEVEL: i32 = 1;

/// The two lengths that a block begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    /// Of its bytes in the file, behind these.
    pub(crate) stored: usize,
    /// Of its entries.
    pub(crate) unpacked: usize,
}

impl Lengths {
    /// Their own length.
    pub(crate) const BYTES: usize = 8;

    /// What `bytes` begin with, if it can be the lengths of a block.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let (stored, rest) = bytes.split_first_chunk()?;
        let unpacked = rest.first_chunk()?;
        let length = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
        let lengths = Self { stored: length(stored)?, unpacked: length(unpacked)? };
        let is_sound = 0 < lengths.stored
            && lengths.stored <= lengths.unpacked
            && (ENTRY..=LONGEST).contains(&lengths.unpacked);
        is_sound.then_some(lengths)
    }

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (part, length) in bytes.chunks_exact_mut(4).zip([self.stored, self.unpacked]) {
            let length = u32::try_from(length).expect("because objects are short");
            part.copy_from_slice(&length.to_le_bytes());
        }
        bytes
    }
}

/// Adds an entry to the bytes of a block.
pub(crate) fn put(entries: &mut Vec<u8>, hash: &[u8; 32], object: &[u8]) {
    let start = entries.len();
    entries.resize(start + ENTRY, 0);
    put_head(&mut entries[start..], hash, object.len());
    entries.extend_from_slice(object);
}

/// Begins an entry, in as many bytes as come before its object of this `length`.
pub(crate) fn put_head(entry: &mut [u8], hash: &[u8; 32], length: usize) {
    let length = u32::try_from(length).expect("because objects are short");
    entry[..32].copy_from_slice(hash);
    entry[32..ENTRY].copy_from_slice(&length.to_le_bytes());
}

thread_local! {
    // Making one takes longer than a block does.
    static PACKS: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKS: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Runs `act` with this thread's `tool`, which is made the first time.
fn with<T, R>(
    tool: &RefCell<Option<T>>,
    make: impl FnOnce() -> io::Result<T>,
    act: impl FnOnce(&mut T) -> io::Result<R>,
) -> io::Result<R> {
    let mut tool = tool.borrow_mut();
    match &mut *tool {
        Some(made) => act(made),
        none => act(none.insert(make()?)),
    }
}

/// The block of `entries`, as it is in the file.
pub(crate) fn packed(entries: &[u8]) -> Vec<u8> {
    let compressed =
        PACKS.with(|tool| with(tool, || Compressor::new(LEVEL), |packs| packs.compress(entries)));
    // Where it cannot be compressed, for want of memory, it is written all the same.
    let stored = match &compressed {
        Ok(compressed) if compressed.len() < entries.len() => compressed.as_slice(),
        _ => entries,
    };
    let lengths = Lengths { stored: stored.len(), unpacked: entries.len() };
    [&lengths.to_bytes(), stored].concat()
}

/// The entries of a block of these `lengths` whose bytes in the file are `stored`; `None` where they are not what was
/// written.
pub(crate) fn unpacked(lengths: Lengths, stored: &[u8]) -> Option<Vec<u8>> {
    if stored.len() != lengths.stored {
        return None;
    }
    if lengths.stored == lengths.unpacked {
        return Some(stored.to_vec());
    }
    let found = UNPACKS.with(|tool| {
        with(tool, Decompressor::new, |unpacks| unpacks.decompress(stored, lengths.unpacked))
    });
    found.ok().filter(|entries| entries.len() == lengths.unpacked)
}

/// The lengths and the bytes in the file of the compressed block that `bytes` may begin with, as far as that is seen
/// without unpacking it.
pub(crate) fn compressed(bytes: &[u8]) -> Option<(Lengths, &[u8])> {
    let lengths = Lengths::of(bytes).filter(|lengths| lengths.stored < lengths.unpacked)?;
    let stored = bytes.get(Lengths::BYTES..)?.get(..lengths.stored)?;
    stored.starts_with(&MAGICNUMBER.to_le_bytes()).then_some((lengths, stored))
}

/// The lengths and the entries of the block that `bytes` begin with.
pub(crate) fn first(bytes: &[u8]) -> Option<(Lengths, Vec<u8>)> {
    let lengths = Lengths::of(bytes)?;
    let stored = bytes.get(Lengths::BYTES..)?.get(..lengths.stored)?;
    Some((lengths, unpacked(lengths, stored)?))
}

/// Each entry of a block's `entries`: its hash, and where its object is; `None` for what is no entry, and ends them.
pub(crate) struct Entries<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Entries<'b> {
    pub(crate) const fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn entry(&self) -> Option<(&'b [u8; 32], Range<usize>)> {
        let (hash, rest) = self.bytes.get(self.at..)?.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?;
        let start = self.at + ENTRY;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        Some((hash, start..end))
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = Option<(&'b [u8; 32], Range<usize>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.bytes.len() {
            return None;
        }
        let entry = self.entry();
        self.at = entry.as_ref().map_or(self.bytes.len(), |(_, range)| range.end);
        Some(entry)
    }
}

/// Where the object with this hash is in a block's `entries`.
pub(crate) fn find(entries: &[u8], hash: &[u8; 32]) -> Option<Range<usize>> {
    Entries::of(entries).flatten().find(|(found, _)| *found == hash).map(|(_, range)| range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<u8> {
        let mut entries = Vec::new();
        for number in 0..40 {
            put(&mut entries, &[number; 32], &b"what neighbours share "[..usize::from(number) / 2]);
        }
        entries
    }

    #[test]
    fn a_block_is_what_was_packed() {
        let entries = entries();
        let block = packed(&entries);
        assert!(block.len() < entries.len() / 4);
        let lengths = Lengths::of(&block).unwrap();
        assert_eq!(unpacked(lengths, &block[Lengths::BYTES..]).unwrap(), entries);
        assert_eq!(find(&entries, &[9; 32]).map(|range| &entries[range]), Some(&b"what"[..]));
        assert_eq!(find(&entries, &[77; 32]), None);
        assert!(Entries::of(&entries).all(|entry| entry.is_some()));
    }

    #[test]
    fn what_does_not_get_smaller_stays_as_it_is() {
        let mut entries = Vec::new();
        put(&mut entries, blake3::hash(b"a").as_bytes(), blake3::hash(b"b").as_bytes());
        let block = packed(&entries);
        assert_eq!(block, [&[68, 0, 0, 0, 68, 0, 0, 0], entries.as_slice()].concat());
    }

    /// Changed, cut short or made longer: other entries than were packed, of the length that is said, or nothing.
    #[test]
    fn hostile_blocks_are_refused_or_of_the_length_they_say() {
        let block = packed(&entries());
        let read = |block: &[u8]| {
            let lengths = Lengths::of(block)?;
            let entries = unpacked(lengths, &block[Lengths::BYTES..])?;
            assert_eq!(entries.len(), lengths.unpacked);
            Some(entries)
        };
        for end in 0..block.len() {
            assert!(read(&block[..end]).is_none(), "{end} bytes");
        }
        for at in 0..block.len() {
            for bit in 0..8 {
                let mut changed = block.clone();
                changed[at] ^= 1 << bit;
                if let Some(entries) = read(&changed) {
                    let _read = Entries::of(&entries).flatten().count();
                }
            }
        }
        assert!(read(&[block.as_slice(), &[0]].concat()).is_none());
        // Four gigabytes are not made room for.
        let lengths = |stored: u32, unpacked: u32| {
            Lengths::of(&[stored.to_le_bytes(), unpacked.to_le_bytes()].concat())
        };
        for (stored, unpacked) in [(8, u32::MAX), (u32::MAX, u32::MAX), (0, 64), (65, 64), (8, 35)]
        {
            assert_eq!(lengths(stored, unpacked), None, "{stored} {unpacked}");
        }
        assert!(lengths(8, 64).is_some());
    }

    #[test]
    fn entries_that_lie_about_their_length_end_the_block() {
        let mut entries = entries();
        entries[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Entries::of(&entries).collect::<Vec<_>>(), [None]);
        assert_eq!(Entries::of(&entries[..7]).collect::<Vec<_>>(), [None]);
    }
}

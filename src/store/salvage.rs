//! What can be read of damaged packs.
//!
//! An object proves itself by its hash, wherever it is. So a damaged pack is looked through from its first byte to its
//! last for compressed blocks, for entries, and in each block for entries. What is found goes into a new pack, which the
//! journal then names; the damaged one is kept.

use std::{collections::BTreeMap, fs, mem, ops::Range, path::Path};

use super::{
    Kinds, StoreError,
    pack::{self, Packs},
    place::Pack,
    rebuild,
};
use crate::{
    codec::{NewObjects, OBJECT_LIMIT, block},
    durable,
    id::Id,
};

/// As many bytes are looked at in vain for each byte that is passed over, besides [`FREE`]. A file can be made so that
/// each of its bytes begins what may be an object or a block of many bytes: without end that would go on.
const IN_VAIN: usize = 16;
/// As many come before: one block that has nothing costs none of those behind it.
const FREE: usize = OBJECT_LIMIT;
/// Places that are no further apart are remembered as one.
const NEAR: usize = 64;

/// Which pack has what could be read of which.
pub(super) type Salvaged = BTreeMap<Id<Pack>, Id<Pack>>;

/// Puts what can be read of each damaged pack into a new one.
pub(super) fn packs(dir: &Path, kinds: &Kinds) -> Result<Salvaged, StoreError> {
    let packs = Packs::of(dir);
    let mut salvaged = Salvaged::new();
    for id in packs.stored()? {
        match packs.read(id) {
            Err(error) if error.is_damage() => {}
            other => {
                other?;
                continue;
            }
        }
        let path = packs.path(id);
        let bytes = durable::call("pack: read", || durable::read_below(packs.dir(), &path))
            .map_err(|error| StoreError::read(&path, error))?;
        let objects = readable(&bytes, kinds);
        if !objects.is_empty() {
            salvaged.insert(id, packs.write(&objects)?.0);
        }
    }
    Ok(salvaged)
}

/// Puts the damaged packs beside what is in use; says what became of them.
pub(super) fn put_aside(
    dir: &Path,
    salvaged: &Salvaged,
    done: &mut Vec<String>,
) -> Result<(), StoreError> {
    let packs = Packs::of(dir);
    for (damaged, new) in salvaged {
        let (path, count) = (packs.path(*damaged), packs.read(*new)?.len());
        let aside = rebuild::aside(dir, &format!("pack-{damaged:.12}"));
        durable::step("repair: before a pack is put aside");
        durable::call("repair: rename", || fs::rename(&path, &aside))
            .map_err(|error| StoreError::write(&path, error))?;
        durable::sync(dir)?;
        done.push(format!(
            "{}, with the {count} objects that can be read of a damaged pack, which is {}",
            packs.path(*new).display(),
            aside.display()
        ));
    }
    Ok(())
}

/// The objects among the bytes of a pack that are what was written.
fn readable(bytes: &[u8], kinds: &Kinds) -> NewObjects {
    let (found, skipped) = (NewObjects::default(), Vec::new());
    let mut search = Search { kinds, found, at: 0, passed: 0, in_vain: 0, skipped };
    while search.at < bytes.len() {
        let length = search.first(&bytes[search.at..]).unwrap_or(1);
        search.at += length;
        search.passed += length;
    }
    // What is whole behind bytes that were in vain comes before them on the way back.
    (search.passed, search.in_vain) = (0, 0);
    for at in mem::take(&mut search.skipped).into_iter().rev().flat_map(Range::rev) {
        search.at = at;
        search.first(&bytes[at..]);
        search.passed += 1;
    }
    search.found
}

/// A search for objects from the first byte of a pack to its last, and back.
struct Search<'k> {
    kinds: &'k Kinds,
    found: NewObjects,
    /// Where in the pack it is.
    at: usize,
    /// Bytes of the pack that are done.
    passed: usize,
    /// Where something was not looked at, with what lies [near](NEAR).
    skipped: Vec<Range<usize>>,
    /// Bytes that were looked at and have nothing new.
    in_vain: usize,
}

impl Search<'_> {
    /// Whether what may have an object is looked at. It is not where too much was in vain, until more bytes are passed.
    fn looks(&mut self) -> bool {
        let looks = self.in_vain <= FREE + IN_VAIN * self.passed;
        match self.skipped.last_mut() {
            _ if looks => {}
            Some(last) if self.at < last.end + NEAR => last.end = last.end.max(self.at + 1),
            _ => self.skipped.push(self.at..self.at + 1),
        }
        looks
    }

    /// The length of what `bytes` of a pack begin with, if that has objects. The entries of a block that is not
    /// compressed are found as they are.
    fn first(&mut self, bytes: &[u8]) -> Option<usize> {
        if let Some(length) = self.block(bytes).or_else(|| self.entry(bytes)) {
            return Some(length);
        }
        let (hash, object) = pack::old_entry(bytes)?;
        self.take(hash, object).then_some(pack::OLD_HEAD + object.len())
    }

    fn block(&mut self, bytes: &[u8]) -> Option<usize> {
        let (lengths, stored) = block::compressed(bytes)?;
        if !self.looks() {
            return None;
        }
        let Some(entries) = block::unpacked(lengths, stored) else {
            self.in_vain += lengths.unpacked;
            return None;
        };
        let (mut at, mut any) = (0, false);
        while at < entries.len() {
            let length = self.entry(&entries[at..]);
            any |= length.is_some();
            self.in_vain += usize::from(length.is_none());
            at += length.unwrap_or(1);
        }
        any.then_some(block::Lengths::BYTES + lengths.stored)
    }

    fn entry(&mut self, bytes: &[u8]) -> Option<usize> {
        let (hash, range) = block::Entries::of(bytes).next().flatten()?;
        self.take(hash, &bytes[range.clone()]).then_some(range.end)
    }

    /// Takes an object, if it is one; says whether it is.
    fn take(&mut self, hash: &[u8; 32], object: &[u8]) -> bool {
        if !self.kinds.may_be(object) || !self.looks() {
            return false;
        }
        let known = self.found.len();
        let is_sound = self.kinds.read(hash, object).is_ok();
        if is_sound {
            self.found.insert(*hash, object);
        }
        if self.found.len() == known {
            self.in_vain += object.len();
        }
        is_sound
    }
}

#[cfg(test)]
mod tests {
    use bincode::{Decode, Encode};

    use super::*;
    use crate::{
        codec::{self, Object},
        id::Kind,
        store::References,
    };

    #[derive(Encode, Decode)]
    struct Text(String);
    impl Kind for Text {
        const NAME: &'static str = "text";
    }
    impl Object for Text {
        const TAG: u8 = 0xed;
    }

    fn kinds() -> Kinds {
        Kinds::default().with(|_: &Text| References::default())
    }

    fn objects() -> BTreeMap<[u8; 32], Vec<u8>> {
        let object = |number: usize| {
            let text = format!("what neighbours share, and {number} ").repeat(number % 60 + 1);
            let bytes = codec::encode(&Text(text));
            (*Id::<Text>::of(&bytes).as_bytes(), bytes)
        };
        (0..600).map(object).collect()
    }

    /// Wherever a byte of a pack changes, all objects are found but those of its block.
    #[test]
    fn a_changed_byte_costs_no_more_than_its_block() {
        let objects = objects();
        let dir = tempfile::tempdir().unwrap();
        let packs = Packs::of(dir.path());
        fs::create_dir(packs.dir()).unwrap();
        let (id, places) = packs.write(&objects.clone().into_iter().collect()).unwrap();
        let whole = fs::read(packs.path(id)).unwrap();
        let mut blocks: BTreeMap<u64, Vec<[u8; 32]>> = BTreeMap::new();
        for (hash, place) in places {
            blocks.entry(place.parts().1).or_default().push(hash);
        }
        assert!(blocks.len() > 8, "{}", blocks.len());
        assert!(readable(&whole, &kinds()).in_memory().unwrap() == objects);
        for changed in (0..whole.len()).step_by(whole.len() / 83) {
            let mut bytes = whole.clone();
            bytes[changed] ^= 16;
            let found = readable(&bytes, &kinds()).in_memory().unwrap();
            let lost = blocks.range(..=changed as u64).next_back().map(|(_, lost)| lost.as_slice());
            let lost = lost.unwrap_or_default();
            for (hash, object) in &objects {
                assert!(found.get(hash) == Some(object) || lost.contains(hash), "byte {changed}");
            }
            assert!(found.iter().all(|(hash, object)| objects.get(hash) == Some(object)));
        }
        let half = readable(&whole[..whole.len() / 2], &kinds());
        assert!(half.len() > objects.len() / 3, "{}", half.len());
        let shifted = readable(&[b"rubbish", whole.as_slice()].concat(), &kinds());
        assert_eq!(shifted.len(), objects.len());
    }

    /// Bytes that were made to keep a search busy, between two packs: each begins an object of many bytes with another
    /// hash or one that is there already, or a block that unpacks to many of them.
    #[test]
    fn what_may_have_objects_everywhere_comes_to_an_end_and_costs_nothing_that_is_whole() {
        let all = objects();
        let dir = tempfile::tempdir().unwrap();
        let packs = Packs::of(dir.path());
        fs::create_dir(packs.dir()).unwrap();
        let pack = |objects: BTreeMap<[u8; 32], Vec<u8>>| {
            let (id, _) = packs.write(&objects.into_iter().collect()).unwrap();
            fs::read(packs.path(id)).unwrap()
        };
        let mut behind = all.clone();
        let before = behind.split_off(&[128; 32]);
        let (before, behind) = (pack(before), pack(behind));
        let entry = |length: usize, object: &[u8]| {
            let mut entry = vec![7; block::ENTRY];
            block::put_head(&mut entry, &[7; 32], length);
            [&entry, object].concat()
        };
        let long = codec::encode(&Text("what is long ".repeat(5000)));
        let begun = entry(long.len(), &long[..40]);
        let begun_before = [&[7; 32][..], &(long.len() as u64).to_le_bytes(), &long[..40]].concat();
        let (hash, object) = all.iter().next().unwrap();
        let mut again = Vec::new();
        block::put(&mut again, hash, object);
        let begun_within = block::packed(&begun.repeat(9000));
        for (what, hurts) in [
            ("blocks as they are", [1, 0, 1, 0].repeat(1 << 18)),
            ("zeros", vec![0; 1 << 20]),
            ("ones", vec![0xff; 1 << 20]),
            ("objects that are begun", begun.repeat(13_000)),
            ("objects that are begun, without blocks", begun_before.repeat(13_000)),
            ("heads alone", entry(1 << 19, &[Text::TAG, 1]).repeat(27_000)),
            ("an object again and again", again.repeat(100_000)),
            ("a block again and again", block::packed(&again.repeat(900)).repeat(900)),
            ("blocks of objects that are begun", begun_within.repeat(100)),
            ("blocks that are begun", begun_within[..block::Lengths::BYTES + 40].repeat(20_000)),
        ] {
            let bytes = [before.as_slice(), &hurts, &behind].concat();
            let found = readable(&bytes, &kinds()).in_memory().unwrap();
            assert!(found == all, "{what}: {} of {}", found.len(), all.len());
        }
    }

    #[test]
    fn a_changed_byte_of_a_pack_without_blocks_costs_one_object() {
        let objects = objects();
        let mut bytes = b"kledger pack 1\n\0\0\0\0\0\0\0\0".to_vec();
        for (hash, object) in &objects {
            bytes.extend([hash.as_slice(), &(object.len() as u64).to_le_bytes(), object].concat());
        }
        for changed in (0..bytes.len()).step_by(bytes.len() / 83) {
            let mut bytes = bytes.clone();
            bytes[changed] ^= 1;
            let found = readable(&bytes, &kinds()).in_memory().unwrap();
            assert!(found.len() + 1 >= objects.len(), "byte {changed}: {}", found.len());
            assert!(found.iter().all(|(hash, object)| objects.get(hash) == Some(object)));
        }
    }
}

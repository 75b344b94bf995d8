//! What can be read of damaged packs.
//!
//! An object proves itself by its hash, wherever it is. So a damaged pack is looked through from its first byte to its
//! last for blocks, for entries of packs without blocks, and in each block for entries. What is found goes into a new
//! pack, which the journal then names; the damaged one is kept.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    Kinds, StoreError,
    pack::{self, Packs},
    place::Pack,
    rebuild,
};
use crate::{
    codec::{NewObjects, block},
    durable,
    id::Id,
};

/// So many times the bytes of a pack are looked through of what looks like a block and is none: in a file that was made to
/// look so at each byte, that would go on without end.
const IN_VAIN: usize = 16;

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
    let mut found = NewObjects::default();
    let mut take = |hash: &[u8; 32], object: &[u8]| {
        let is_sound = kinds.read(hash, object).is_ok();
        if is_sound {
            found.insert(*hash, object);
        }
        is_sound
    };
    let (mut at, mut in_vain) = (0, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let looks = in_vain / IN_VAIN < bytes.len();
        if let Some((lengths, entries)) = looks.then(|| block::first(rest)).flatten() {
            if any_of(&entries, &mut take) {
                at += block::Lengths::BYTES + lengths.stored;
                continue;
            }
            in_vain += lengths.unpacked;
        }
        at += match pack::old_entry(rest) {
            Some((hash, object)) if take(hash, object) => pack::OLD_HEAD + object.len(),
            _ => 1,
        };
    }
    found
}

/// Has `take` take the entries of a block, from each byte on at which one begins that it takes; says whether it took any.
fn any_of(entries: &[u8], take: &mut impl FnMut(&[u8; 32], &[u8]) -> bool) -> bool {
    let (mut at, mut any) = (0, false);
    while at < entries.len() {
        let rest = &entries[at..];
        let first = block::Entries::of(rest).next().flatten();
        let taken = first.filter(|(hash, range)| take(hash, &rest[range.clone()]));
        any |= taken.is_some();
        at += taken.map_or(1, |(_, range)| range.end);
    }
    any
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

    /// Each byte of the rest begins what looks like a block of the next 65,537.
    #[test]
    fn what_looks_like_blocks_everywhere_comes_to_an_end() {
        let objects = objects();
        let dir = tempfile::tempdir().unwrap();
        let packs = Packs::of(dir.path());
        fs::create_dir(packs.dir()).unwrap();
        let (id, _) = packs.write(&objects.clone().into_iter().collect()).unwrap();
        let whole = fs::read(packs.path(id)).unwrap();
        let hurts = [1, 0, 1, 0].repeat(1 << 18);
        let found = readable(&[whole, hurts].concat(), &kinds()).in_memory().unwrap();
        assert!(found == objects);
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

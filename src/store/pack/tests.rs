use super::*;

fn encoded(objects: impl IntoIterator<Item = ([u8; 32], Vec<u8>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&objects.into_iter().collect(), &mut bytes).unwrap();
    bytes
}

/// A pack of before: as it is, entry behind entry.
fn old(objects: &[([u8; 32], &[u8])]) -> Vec<u8> {
    let mut bytes = [MAGIC_1, &(objects.len() as u64).to_le_bytes()].concat();
    for (hash, object) in objects {
        bytes.extend([hash.as_slice(), &(object.len() as u64).to_le_bytes(), object].concat());
    }
    bytes
}

/// Objects of several lengths, of many blocks, one of them longer than a block.
fn many() -> BTreeMap<[u8; 32], Vec<u8>> {
    let object = |number: u32| {
        let hash = *blake3::hash(&number.to_le_bytes()).as_bytes();
        let words = format!("what neighbours share, and {number} ").into_bytes();
        let times = if number == 700 { 4000 } else { number % 40 };
        (hash, words.repeat(times.try_into().unwrap()))
    };
    (0..1500).map(object).collect()
}

fn written(objects: &BTreeMap<[u8; 32], Vec<u8>>) -> (tempfile::TempDir, Packs, Vec<Record>) {
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of(dir.path());
    std::fs::create_dir(packs.dir()).unwrap();
    let (_, places) = packs.write(&objects.clone().into_iter().collect()).unwrap();
    (dir, packs, places)
}

fn read(packs: &Packs, (hash, place): &Record) -> Result<Vec<u8>, StoreError> {
    let Place::Object { pack, at } = *place else { panic!("{place:?}") };
    packs.object(pack, at, hash)
}

#[test]
fn every_object_is_read_back_from_where_it_is() {
    let objects = many();
    let (_dir, packs, places) = written(&objects);
    assert_eq!(places.len(), objects.len());
    for record in &places {
        assert_eq!(read(&packs, record).unwrap(), objects[&record.0]);
    }
    let Place::Object { pack, .. } = places[0].1 else { panic!("{:?}", places[0]) };
    let contents = packs.read(pack).unwrap();
    let by_hash = |mut places: Vec<Record>| {
        places.sort_unstable_by_key(|(hash, _)| *hash);
        places
    };
    assert_eq!(by_hash(contents.places(&packs).unwrap()), by_hash(places));
    let mut seen = BTreeMap::new();
    contents.each(|hash, object| assert!(seen.insert(*hash, object.to_vec()).is_none()));
    assert_eq!(seen, objects);
    for (hash, object) in &objects {
        assert_eq!(contents.find(hash).as_ref(), Some(object));
    }
    assert_eq!(contents.find(&[7; 32]), None);
}

#[test]
fn a_pack_is_a_fraction_of_its_objects() {
    let objects = many();
    let length: usize = objects.values().map(Vec::len).sum();
    assert!(encoded(objects).len() < length / 8);
}

#[test]
fn objects_of_packs_without_blocks_are_read() {
    let objects: [([u8; 32], &[u8]); 3] =
        [([1; 32], b"one"), ([2; 32], b""), ([3; 32], &[9; 3 * AHEAD])];
    let bytes = old(&objects);
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of(dir.path());
    let id = Id::of(&bytes);
    let path = packs.path(id);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let contents = packs.read(id).unwrap();
    let mut places = contents.places(&packs).unwrap();
    for ((hash, object), record) in objects.iter().zip(&places) {
        assert_eq!(record.0, *hash);
        assert_eq!(read(&packs, record).unwrap(), *object);
        assert_eq!(contents.find(hash).unwrap(), *object);
    }
    packs.preload(id).unwrap();
    assert_eq!(packs.at_hand(&[1; 32]).unwrap(), b"one");
    places[2].1 = Place::Object { pack: id, at: bytes.len() as u64 - 39 };
    assert!(read(&packs, &places[2]).unwrap_err().is_damage());
}

#[test]
fn every_truncation_and_hostile_length_is_refused() {
    let few = [([1; 32], vec![1, 2, 3]), ([2; 32], vec![])];
    let old = old(&[([1; 32], &[1, 2, 3]), ([2; 32], &[])]);
    for (bytes, count) in [(encoded(few), 2), (encoded(many()), 1500), (old.clone(), 2)] {
        assert_eq!(entries(&bytes).unwrap().len(), count);
        for end in (0..bytes.len()).step_by(bytes.len().div_ceil(97)) {
            assert!(entries(&bytes[..end]).is_none(), "{end} bytes of {count}");
        }
        assert!(entries(&[bytes.as_slice(), &[0]].concat()).is_none());
        let mut other = bytes.clone();
        other[MAGIC.len()] ^= 1;
        assert!(entries(&other).is_none(), "another number of entries");
    }
    let mut hostile = old;
    hostile[START + 32..][..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(entries(&hostile).is_none());
    let twice = encoded([([1; 32], vec![1])]);
    let mut twice = [twice.as_slice(), &twice[START..]].concat();
    twice[MAGIC.len()] = 2;
    assert!(entries(&twice).is_none(), "one hash, two objects");
}

#[test]
fn damage_in_a_block_is_noticed_and_leaves_the_others() {
    let objects = many();
    let (_dir, packs, places) = written(&objects);
    let Place::Object { pack, .. } = places[0].1 else { panic!("{:?}", places[0]) };
    let path = packs.path(pack);
    let whole = std::fs::read(&path).unwrap();
    let blocks: BTreeSet<u64> = places
        .iter()
        .map(|(_, place)| match place {
            Place::Object { at, .. } => *at,
            Place::Row { .. } => panic!("{place:?}"),
        })
        .collect();
    let ends = blocks.iter().copied().skip(1).chain([whole.len() as u64]);
    let blocks: Vec<(u64, u64)> = blocks.iter().copied().zip(ends).collect();
    assert!(blocks.len() > 10);
    std::fs::remove_file(&path).unwrap();
    for changed in (START..whole.len()).step_by(whole.len() / 61) {
        let mut bytes = whole.clone();
        bytes[changed] ^= 16;
        std::fs::write(&path, &bytes).unwrap();
        // As a command that comes later finds it.
        let packs = Packs { dir: packs.dir.clone(), ..Packs::of(Path::new("")) };
        assert!(packs.read(pack).err().unwrap().is_damage(), "byte {changed}");
        let of = blocks.iter().find(|(_, end)| (changed as u64) < *end).unwrap().0;
        for record in &places {
            let Place::Object { at, .. } = record.1 else { continue };
            match read(&packs, record) {
                Ok(object) if at != of => assert_eq!(object, objects[&record.0]),
                // The reader of an object checks its hash.
                Ok(_) => {}
                Err(error) => assert!(at == of && error.is_damage(), "byte {changed}: {error}"),
            }
        }
    }
}

#[test]
fn few_blocks_are_kept() {
    let objects = many();
    let (_dir, packs, places) = written(&objects);
    for record in places.iter().chain(&places) {
        read(&packs, record).unwrap();
    }
    let (last, _) = places.last().unwrap();
    assert_eq!(packs.at_hand(last).as_ref(), objects.get(last));
    assert_eq!(packs.at_hand(&places[0].0), None);
    let kept = packs.blocks.lock().unwrap();
    assert!(kept.len() <= BLOCKS);
    assert!(kept.iter().all(|block| block.entries.len() <= 2 * block::FULL));
}

#[test]
fn golden_bytes() {
    let number = |number: u8| [number, 0, 0, 0, 0, 0, 0, 0];
    let lengths = |stored, unpacked| [stored, 0, 0, 0, unpacked, 0, 0, 0];
    let start = [b"kledger pack 2\n".as_slice(), &number(1)].concat();

    // What does not get smaller is as it is.
    let hash = |of: &[u8]| *blake3::hash(of).as_bytes();
    let object = hash(b"object").to_vec();
    let entry = [hash(b"name").as_slice(), &[32, 0, 0, 0], &object].concat();
    let bytes = [start.as_slice(), &lengths(68, 68), &entry].concat();
    assert_eq!(encoded([(hash(b"name"), object.clone())]), bytes);
    assert_eq!(entries(&bytes).unwrap(), [(hash(b"name"), object)]);

    // What does is a frame of zstd, of which only what it unpacks to is a promise.
    let frame = [
        0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x26, 0x75, 0, 0, 0x40, 0xab, 0xab, 2, 0, 0, 0, b'x', b'y',
        1, 0, 0x22, 0xc0, 2,
    ];
    let bytes = [start.as_slice(), &lengths(23, 38), &frame].concat();
    assert_eq!(entries(&bytes).unwrap(), [([0xab; 32], b"xy".to_vec())]);
}

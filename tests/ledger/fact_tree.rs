//! The tree that keeps facts and words.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use kledger::{
    codec::{self, Draft, ObjectError, Objects},
    fact::{
        AddOutcome, Fact, FactKey, FactTree, Intake, Literal, Role, Roots, StageError, StoredStage,
        Term, Words,
        read::{Position, ReadError},
        tree::{self, Node, Slot, diff, diff_at, get, iter, len, merge3, update},
    },
    id::Id,
};
use proptest::prelude::*;

use crate::fact::fact;

/// Objects in memory, and a version to work on.
pub(crate) struct Memory {
    pub(crate) objects: BTreeMap<[u8; 32], Vec<u8>>,
    pub(crate) roots: Roots,
}

impl Objects for Memory {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        Ok(self.objects.get(hash).cloned())
    }
}

impl Default for Memory {
    fn default() -> Self {
        let nothing = BTreeMap::new();
        let nothing = Nothing(&nothing);
        let mut draft = Draft::new(&nothing);
        let facts = tree::empty(&mut draft);
        let roots = Roots { facts, lexicon: tree::empty(&mut draft), neighbourhood: facts };
        Self { objects: draft.into_new().in_memory().unwrap(), roots }
    }
}

struct Nothing<'a>(&'a BTreeMap<[u8; 32], Vec<u8>>);

impl Objects for Nothing<'_> {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        Ok(self.0.get(hash).cloned())
    }
}

impl Memory {
    /// The stage `before` with `input` on top.
    pub(crate) fn add(
        &mut self,
        before: Option<Id<StoredStage>>,
        input: impl IntoIterator<Item = Result<(Fact, Position), ReadError>>,
        role: Role,
        replace: bool,
    ) -> Result<(Id<StoredStage>, AddOutcome), StageError> {
        let mut draft = Draft::new(self);
        let input = Intake::of(input)?;
        let added = StoredStage::add(&mut draft, before, self.roots, input, role, replace)?;
        let new = draft.into_new().in_memory().unwrap();
        self.objects.extend(new);
        Ok(added)
    }

    pub(crate) fn commit(&mut self, stage: Id<StoredStage>) {
        let stage: StoredStage = codec::get(self, stage).unwrap();
        let mut draft = Draft::new(self);
        let roots = stage.apply(&mut draft, self.roots).unwrap();
        let new = draft.into_new().in_memory().unwrap();
        self.objects.extend(new);
        self.roots = roots;
    }

    fn update(
        &mut self,
        root: Id<FactTree>,
        changes: &BTreeMap<FactKey, Option<Fact>>,
    ) -> Id<FactTree> {
        let mut draft = Draft::new(self);
        let root = update(&mut draft, root, changes).unwrap();
        let new = draft.into_new().in_memory().unwrap();
        self.objects.extend(new);
        root
    }

    fn tree(&mut self, map: &BTreeMap<FactKey, Fact>) -> Id<FactTree> {
        let all = map.iter().map(|(key, fact)| (*key, Some(fact.clone()))).collect();
        self.update(self.roots.facts, &all)
    }
}

/// A fact by number; every seventh is too long to be inline.
fn numbered(number: u32, version: u32) -> (FactKey, Fact) {
    let text = if number.is_multiple_of(7) {
        format!("{version} {}", "long ".repeat(60))
    } else {
        version.to_string()
    };
    let object = Term::Literal(Literal::text(&text));
    let fact = Fact { object, ..fact(&number.to_string(), "p", "o") };
    (fact.key(false), fact)
}

fn map_of(numbers: impl IntoIterator<Item = (u32, u32)>) -> BTreeMap<FactKey, Fact> {
    numbers.into_iter().map(|(number, version)| numbered(number, version)).collect()
}

type Steps = Vec<Vec<(u32, Option<u32>)>>;

/// Batches of changes to a few hundred facts, `None` removing one.
fn steps() -> impl Strategy<Value = Steps> {
    let change = (0..300_u32, proptest::option::weighted(0.6, 0..3_u32));
    proptest::collection::vec(proptest::collection::vec(change, 0..120), 1..6)
}

fn batch(step: &[(u32, Option<u32>)]) -> BTreeMap<FactKey, Option<Fact>> {
    step.iter()
        .map(|(number, version)| {
            let (key, fact) = numbered(*number, version.unwrap_or(0));
            (key, version.map(|_| fact))
        })
        .collect()
}

fn make(map: &mut BTreeMap<FactKey, Fact>, batch: &BTreeMap<FactKey, Option<Fact>>) {
    for (key, value) in batch {
        match value {
            Some(value) => map.insert(*key, value.clone()),
            None => map.remove(key),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_what_it_holds_whatever_its_history(steps in steps()) {
        let mut memory = Memory::default();
        let (mut root, mut map) = (memory.roots.facts, BTreeMap::new());
        for step in &steps {
            let batch = batch(step);
            make(&mut map, &batch);
            root = memory.update(root, &batch);
            let listed: Vec<_> = iter(&memory, root).map(Result::unwrap).collect();
            prop_assert_eq!(listed, map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(len(&memory, root).unwrap(), map.len() as u64);
            prop_assert_eq!(memory.tree(&map), root);
        }
        for number in 0..300 {
            let (key, _) = numbered(number, 0);
            prop_assert_eq!(get(&memory, root, key).unwrap(), map.get(&key).cloned());
        }
        let longest = memory.objects.values().map(Vec::len).max().unwrap();
        prop_assert!(longest <= 4096, "an object of {} bytes", longest);
    }

    #[test]
    fn diff_and_merge_agree_with_maps(base in steps(), ours in steps(), theirs in steps()) {
        let mut memory = Memory::default();
        let mut base_map = BTreeMap::new();
        base.iter().for_each(|step| make(&mut base_map, &batch(step)));
        let (mut our_map, mut their_map) = (base_map.clone(), base_map.clone());
        make(&mut our_map, &batch(&ours[0]));
        make(&mut their_map, &batch(&theirs[0]));
        let [base, ours, theirs] =
            [&base_map, &our_map, &their_map].map(|map| memory.tree(map));

        let found: Vec<_> = diff(&memory, ours, theirs).map(Result::unwrap).collect();
        let keys: std::collections::BTreeSet<_> = our_map.keys().chain(their_map.keys()).collect();
        let expected: Vec<_> = keys
            .into_iter()
            .map(|key| (*key, our_map.get(key).cloned(), their_map.get(key).cloned()))
            .filter(|(_, a, b)| a != b)
            .collect();
        prop_assert_eq!(&found, &expected);
        let mut some: Vec<_> = (0..300).step_by(7).map(|number| numbered(number, 0).0).collect();
        some.sort();
        let found: Vec<_> = diff_at(&memory, ours, theirs, &some).map(Result::unwrap).collect();
        let expected: Vec<_> =
            expected.into_iter().filter(|(key, ..)| some.contains(key)).collect();
        prop_assert_eq!(found, expected);

        let merge = merge3(&memory, base, ours, theirs).unwrap();
        let merged = memory.update(ours, &merge.changes);
        for number in 0..300 {
            let (key, _) = numbered(number, 0);
            let [b, o, t] = [&base_map, &our_map, &their_map].map(|map| map.get(&key));
            let clash = merge.clashes.iter().any(|clash| clash.key == key);
            prop_assert_eq!(clash, b != o && b != t && o != t);
            let value = if b == o { t } else { o };
            let found = get(&memory, merged, key).unwrap();
            prop_assert_eq!(found.as_ref(), value);
        }
    }
}

/// Counts what is read.
struct Counting<'a>(&'a Memory, AtomicU32);

impl Objects for Counting<'_> {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.bytes(hash)
    }
}

#[test]
fn one_change_among_many_costs_one_path() {
    let mut memory = Memory::default();
    let before = memory.tree(&map_of((0..5000).map(|number| (number, 1))));
    let stored = memory.objects.len();
    let (key, fact) = numbered(4321, 2);
    let after = memory.update(before, &BTreeMap::from([(key, Some(fact))]));
    assert!(memory.objects.len() - stored <= 5, "{} new objects", memory.objects.len() - stored);
    let counting = Counting(&memory, AtomicU32::new(0));
    assert_eq!(diff(&counting, before, after).count(), 1);
    let read = counting.1.into_inner();
    assert!(read <= 12, "diff read {read} objects");
    let counting = Counting(&memory, AtomicU32::new(0));
    assert_eq!(len(&counting, after).unwrap(), 5000);
    assert_eq!(counting.1.into_inner(), 1);
    let same = memory.update(after, &BTreeMap::from([(numbered(1, 1).0, Some(numbered(1, 1).1))]));
    assert_eq!(same, after);
}

#[test]
fn a_history_of_trees_is_compared_with_each_node_read_once() {
    let mut memory = Memory::default();
    let mut trees = vec![memory.tree(&map_of((0..2000).map(|number| (number, 1))))];
    for step in 0..60 {
        let (key, fact) = numbered(step * 31, 2);
        let change = BTreeMap::from([(key, (step % 3 > 0).then_some(fact))]);
        trees.push(memory.update(trees[trees.len() - 1], &change));
    }
    let reader = || Counting(&memory, AtomicU32::new(0));
    let (once, again, seen) = (reader(), reader(), tree::Seen::default());
    for pair in trees.windows(2) {
        let found: Vec<_> = tree::diff_seen(&once, &seen, pair[0], pair[1]).collect();
        let expected: Vec<_> = diff(&again, pair[0], pair[1]).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].as_ref().unwrap(), expected[0].as_ref().unwrap());
    }
    let (once, again) = (once.1.into_inner(), again.1.into_inner());
    // What is new is read in any case, and so is what was there before and never compared.
    assert!(once * 4 < again * 3, "{once} reads instead of {again}");
}

#[test]
fn damage_is_found_where_it_is() {
    let mut memory = Memory::default();
    let map = map_of((0..40).map(|number| (number, 1)));
    let root = memory.tree(&map);
    let Node::Branch(children) = codec::get(&memory, root).unwrap() else {
        panic!("40 entries branch")
    };
    let at = children.iter().position(Option::is_some).unwrap();
    let child = children[at].clone().unwrap();
    let Node::Leaf(entries) = codec::get(&memory, child.id).unwrap() else {
        panic!("16ths are leaves")
    };

    let mut refused = |node: Node<Fact>, what: &str| {
        let root = codec::id_of(&node);
        memory.objects.insert(*root.as_bytes(), codec::encode(&node));
        let errors: Vec<_> = iter(&memory, root).filter_map(Result::err).collect();
        let text = errors.first().expect(what).to_string();
        assert!(text.contains("damaged") && text.contains(what), "{text}");
        root
    };
    let mut unsorted: Vec<_> = map
        .iter()
        .filter(|(_, fact)| fact.to_string().len() < 150)
        .map(|(key, fact)| (*key, Slot::Inline(fact.clone())))
        .take(16)
        .collect();
    unsorted.reverse();
    refused(Node::Leaf(unsorted.clone()), "do not ascend");
    unsorted.reverse();
    let mut over_full = unsorted.clone();
    over_full.push((Id::from_bytes([255; 32]), over_full[0].1.clone()));
    refused(Node::Leaf(over_full), "more than 16");
    let other = Slot::Inline(numbered(1, 1).1);
    refused(Node::Leaf(vec![(numbered(2, 1).0, other)]), "belongs elsewhere");
    let (long_key, long) = numbered(7, 1);
    refused(Node::Leaf(vec![(long_key, Slot::Inline(long))]), "too long to be inline");

    let mut wrong_count = children.clone();
    wrong_count[at].as_mut().unwrap().count += 1;
    refused(Node::Branch(wrong_count), "where its parent says");
    let mut moved = children.clone();
    let free = (at + 1) % 16;
    moved[free] = Some(child.clone());
    refused(Node::Branch(moved), "does not belong in this subtree");
    let mut sparse = Box::new([const { None }; 16]);
    sparse[at] = Some(child.clone());
    refused(Node::Branch(sparse), "fit into a leaf");
    let mut hollow = children.clone();
    hollow[at].as_mut().unwrap().count = 0;
    refused(Node::Branch(hollow), "empty child");

    memory.objects.remove(child.id.as_bytes());
    let key = entries[0].0;
    assert!(matches!(get(&memory, root, key), Err(ObjectError::Missing { .. })));
    assert_eq!(iter(&memory, root).filter(Result::is_ok).count(), 40 - entries.len());
}

#[test]
fn leaves_and_branches_have_fixed_bytes() {
    let mut memory = Memory::default();
    // One value inline, one beside.
    let leaf = memory.tree(&map_of([(1, 1), (7, 1)]));
    insta::assert_snapshot!(hex(&memory.objects[leaf.as_bytes()]), @r"
        01010000000002000000000000001693a7a37c4a1ffb0127b3e6d4d4fca261ea
        0920c76ef482207fcafd340d6329000000001400000000000000687474703a2f
        2f6578616d706c652e6f72672f311400000000000000687474703a2f2f657861
        6d706c652e6f72672f7001000000010000000000000031270000000000000068
        7474703a2f2f7777772e77332e6f72672f323030312f584d4c536368656d6123
        737472696e67005c1e6ecc1eee3a9c41612b69e2d65088850e85a3dcff26ab43
        341597ed8a6f3c01000000b05969ade9568fc397b41865a165fd557de5037fc5
        a6c868ed668291523e38a7
    ");
    let branch = memory.tree(&map_of((0..17).map(|number| (number, 1))));
    insta::assert_snapshot!(hex(&memory.objects[branch.as_bytes()]), @r"
        01010100000001acf552398a7c00e8840764e85495cdcc427e4029a5b885730d
        e866d56240f51f010000000000000001afb83b96c337af566e23576ce3e680aa
        147ffd5c2b036ca0637a461aaa2e21e90200000000000000016016a2f5978799
        b5dcc599d5f0847cfa6bf931621352c9be19872ce127ff090e01000000000000
        000000015cedaf57fa95f1ee99fcd868d5fcacf1a21b701d41fac0a75b96da82
        b9b7b0200200000000000000017c4e1e8163714ad18a67e46884469321546cc4
        b9572a9cdbe291ba2de74a8647030000000000000000013f16c7fa7a0689d334
        bae7452bee74750dcce3218c1572d7608f0e1caf0fd280010000000000000001
        5fba6a257e94a5dd5d4c7bb37bdc8ad493797cdb1a2452d3efa003c440528696
        03000000000000000001d1933701b44f70073bab58fa8af242637830553b74fb
        88420a79dfad238d5e6403000000000000000001fdf7861fe879833973d1bf58
        0f6b378cccbf4cce2adc514e5ec5fdccef43c34601000000000000000000
    ");
    insta::assert_snapshot!(
        memory.roots.facts,
        @"6bb0af0c4de6cf5eecab9881b2fb3a920687b3480acbe3aed8e926bb2c9c196a"
    );
    insta::assert_snapshot!(
        memory.roots.lexicon,
        @"547756da89c6ed5c0d13a80c3a93f9d7c54a02eb8cd181156301a7cf8dbe4001"
    );
}

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(32).map(|line| line.iter().map(|b| format!("{b:02x}")).collect());
    lines.collect::<Vec<String>>().join("\n")
}

/// A million facts in one batch; run by name, with `--release`, for the figures.
/// So many that they are not merged into what is there one by one.
#[test]
fn many_changes_of_a_small_tree_make_the_tree_that_has_them_from_the_start() {
    let mut memory = Memory::default();
    let held: BTreeMap<_, _> = (0..9).map(|number| numbered(number, 1)).collect();
    let before = memory.tree(&held);
    let gone = (0..1500).map(|number| (numbered(number, 1).0, None));
    for (kept, changes) in [
        // Three stay, of nine: no more than a leaf; and the same with thousands that come.
        (6..9, gone.clone().filter(|(key, _)| !(6..9).any(|n| numbered(n, 1).0 == *key)).collect()),
        (0..0, gone.collect()),
        (0..9, (100..4000).map(|number| numbered(number, 2)).map(|(k, f)| (k, Some(f))).collect()),
    ] {
        let changes: BTreeMap<FactKey, Option<Fact>> = changes;
        let mut expected: BTreeMap<_, _> = kept.map(|number| numbered(number, 1)).collect();
        expected.extend(changes.iter().filter_map(|(key, fact)| Some((*key, fact.clone()?))));
        let whole = memory.tree(&expected);
        assert_eq!(memory.update(before, &changes), whole, "{} facts", expected.len());
    }
}

#[test]
#[ignore = "a measurement"]
fn a_million_facts() {
    let mut memory = Memory::default();
    let batch: BTreeMap<_, _> = (0..1_000_000)
        .map(|number| {
            let fact = fact(&format!("Some_Entity_{number}"), "population", "Some_Object");
            (fact.key(false), Some(fact))
        })
        .collect();
    let started = std::time::Instant::now();
    let root = memory.update(memory.roots.facts, &batch);
    let inserted = started.elapsed();
    let started = std::time::Instant::now();
    assert_eq!(iter(&memory, root).map(Result::unwrap).count(), 1_000_000);
    let bytes: usize = memory.objects.values().map(Vec::len).sum();
    println!(
        "inserted in {inserted:?}, iterated in {:?}; {} objects, {bytes} bytes, longest {}",
        started.elapsed(),
        memory.objects.len(),
        memory.objects.values().map(Vec::len).max().unwrap()
    );
}

#[test]
fn words_are_kept_in_a_tree_of_their_own() {
    let memory = Memory::default();
    assert_ne!(memory.roots.facts.as_bytes(), memory.roots.lexicon.as_bytes());
    let key = Words::key(&crate::fact::iri("a"));
    assert_eq!(get(&memory, memory.roots.lexicon, key).unwrap(), None);
}

/// Large trees are built by several threads.
#[test]
fn a_large_tree_is_the_one_that_grew_bit_by_bit() {
    let long = "x".repeat(300);
    let facts: BTreeMap<FactKey, Fact> = (0..6000)
        .map(|number| {
            let object =
                if number % 9 == 0 { format!("{number} {long}") } else { number.to_string() };
            let fact = Fact {
                object: Term::Literal(Literal::text(&object)),
                ..fact(&format!("s{number}"), "p", "o")
            };
            (fact.key(false), fact)
        })
        .collect();
    let nothing = BTreeMap::new();
    let nothing = Nothing(&nothing);
    let mut draft = Draft::new(&nothing);
    let built = tree::build(&mut draft, facts.iter().map(|(key, fact)| (*key, fact)));
    let mut grown = tree::empty(&mut draft);
    for part in facts.iter().collect::<Vec<_>>().chunks(1000) {
        let part = part.iter().map(|(key, fact)| (**key, Some((*fact).clone()))).collect();
        grown = update(&mut draft, grown, &part).unwrap();
    }
    assert_eq!(built, grown);
    let is_long =
        |fact: &Fact| matches!(&fact.object, Term::Literal(text) if text.lexical.len() > 99);
    let wanted = |_, fact: &Fact| Ok::<_, ObjectError>(is_long(fact));
    let found = tree::select(&draft, built, &wanted).unwrap();
    for key in facts.keys().step_by(100) {
        let start = *key.as_bytes().first_chunk().unwrap();
        let found = tree::starting_with(&draft, built, start).unwrap();
        let expected = facts.iter().filter(|(key, _)| key.as_bytes().starts_with(&start));
        assert_eq!(found, expected.map(|(key, fact)| (*key, fact.clone())).collect());
    }
    assert_eq!(tree::starting_with(&draft, built, [0; 4]).unwrap(), BTreeMap::new());
    let expected = facts.into_iter().filter(|(_, fact)| is_long(fact));
    assert_eq!(found, expected.collect::<BTreeMap<_, _>>());
}

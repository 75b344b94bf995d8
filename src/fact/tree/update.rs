//! Changing many entries at once.
//!
//! A tree has one shape for its entries: a subtree of at most [`LEAF`] entries is a leaf, one of more is a branch with a child
//! for each digit. Changes go down with the part of them that each child gets, and on the way back up each level decides
//! anew whether what is left is a leaf or a branch. So any order of changes ends with the same nodes, and the same ids.

use std::{borrow::Cow, collections::BTreeMap};

use bincode::Encode;
use rayon::prelude::*;

use super::{
    node::{Child, Entry, LEAF, Node, Place, digit},
    written::{Entries, put_leaf, slot, written},
};
use crate::{
    codec::{self, Draft, NewObjects, ObjectError},
    id::Id,
};

/// A subtree of more new entries is built by several threads, part by part.
const MANY: usize = 1024;
/// Of a subtree of more the parts are built one after the other, so that what is built need not stay in memory.
const AT_ONCE: usize = 64 * MANY;

/// What is to be under a key: a value, or something that is encoded as it is; `None` removes.
pub type TreeEdit<V, T> = (Id<V>, Option<T>);

/// The empty tree.
pub fn empty<V: Entry>(draft: &mut Draft<'_>) -> Id<Node<V>> {
    draft.put(&Node::Leaf(Vec::new()))
}

/// The tree that differs from `root` in `changes`: a value is set, `None` removes. The work is
/// proportional to the number of changes times the depth of the tree; a change that changes nothing
/// adds nothing to the draft.
///
/// # Errors
/// When a node on the way is missing or damaged.
pub fn update<V: Entry>(
    draft: &mut Draft<'_>,
    root: Id<Node<V>>,
    changes: &BTreeMap<Id<V>, Option<V>>,
) -> Result<Id<Node<V>>, ObjectError> {
    let changes: Vec<_> = changes.iter().map(|(key, value)| (*key, value.as_ref())).collect();
    update_sorted(draft, root, &changes)
}

/// As [`update`], for `changes` that ascend by key and each of which is encoded as its value is.
///
/// # Errors
/// When a node on the way is missing or damaged.
pub fn update_sorted<V: Entry, T: Encode + Sync>(
    draft: &mut Draft<'_>,
    root: Id<Node<V>>,
    changes: &[TreeEdit<V, T>],
) -> Result<Id<Node<V>>, ObjectError> {
    update_encoded(draft, root, changes, &encode)
}

/// As [`update_sorted`], for changes whose values have the bytes that `encoded` says.
///
/// # Errors
/// When a node on the way is missing or damaged.
pub fn update_encoded<V: Entry, T: Sync>(
    draft: &mut Draft<'_>,
    root: Id<Node<V>>,
    changes: &[TreeEdit<V, T>],
    encoded: &Encoded<'_, T>,
) -> Result<Id<Node<V>>, ObjectError> {
    if changes.is_empty() {
        return Ok(root);
    }
    let whole = change(draft, Place::ROOT, Some((root, None)), changes, encoded)?;
    Ok(whole.root(draft.new_objects()))
}

/// The bytes of a value inside an object.
pub type Encoded<'f, T> = dyn for<'v> Fn(&'v T) -> Cow<'v, [u8]> + Sync + 'f;

fn encode<T: Encode>(value: &T) -> Cow<'_, [u8]> {
    let mut bytes = Vec::new();
    codec::append(value, &mut bytes);
    Cow::Owned(bytes)
}

/// The tree of `entries`, which ascend by key.
pub fn build<'v, V: Entry>(
    draft: &mut Draft<'_>,
    entries: impl IntoIterator<Item = (Id<V>, &'v V)>,
) -> Id<Node<V>> {
    let entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
    build_encoded(draft, &entries, &|value| encode(value))
}

/// The tree of what is set in `changes`, as [`update_encoded`] takes them.
pub fn build_encoded<V: Entry, T: Sync>(
    draft: &mut Draft<'_>,
    changes: &[TreeEdit<V, T>],
    encoded: &Encoded<'_, T>,
) -> Id<Node<V>> {
    let new = draft.new_objects();
    let whole = planted(new, 0, changes, encoded);
    whole.root(new)
}

/// A subtree after a change.
enum Subtree<'c, V: Entry> {
    /// It is stored, or in the draft.
    Stored(Child<V>),
    /// It has at most [`LEAF`] entries and is not stored: the level above decides whether they are a
    /// leaf here or join their neighbours in one.
    Small(Entries<'c, V>),
}

impl<V: Entry> Subtree<'_, V> {
    fn count(&self) -> u64 {
        match self {
            Self::Stored(child) => child.count,
            Self::Small(entries) => entries.len() as u64,
        }
    }

    /// Its topmost node, where it is a whole tree.
    fn root(self, new: &mut NewObjects) -> Id<Node<V>> {
        match self {
            Self::Stored(child) => child.id,
            Self::Small(entries) => put_leaf(new, &entries),
        }
    }

    /// What its branch says of it.
    fn stored(self, new: &mut NewObjects) -> Option<Child<V>> {
        match self {
            Self::Stored(child) => Some(child),
            Self::Small(entries) if entries.is_empty() => None,
            Self::Small(entries) => {
                let count = entries.len() as u64;
                Some(Child { id: put_leaf(new, &entries), count })
            }
        }
    }
}

fn change<'c, V: Entry, T: Sync>(
    draft: &mut Draft<'_>,
    place: Place<V>,
    old: Option<(Id<Node<V>>, Option<u64>)>,
    changes: &'c [TreeEdit<V, T>],
    encoded: &Encoded<'_, T>,
) -> Result<Subtree<'c, V>, ObjectError> {
    // Nothing was here: what is set is a tree by itself, and removals have nothing to remove.
    let Some((id, count)) = old else {
        return Ok(planted(draft.new_objects(), place.depth, changes, encoded));
    };
    match place.read(draft, id, count)? {
        Node::Leaf(old) => {
            let count = old.len() as u64;
            let old = written(old);
            let new = draft.new_objects();
            let subtree = regrown(new, place.depth, old.clone(), changes, encoded);
            // A change that changes nothing keeps the node, so the levels above keep theirs.
            if matches!(&subtree, Subtree::Small(entries) if *entries == old) {
                return Ok(Subtree::Stored(Child { id, count }));
            }
            Ok(subtree)
        }
        Node::Branch(old) => {
            let mut subtrees = Vec::with_capacity(16);
            for (next, (child, here)) in old.iter().zip(parts(place.depth, changes)).enumerate() {
                subtrees.push(match (child, here) {
                    // Children without changes are not read.
                    (None, []) => Subtree::Small(Vec::new()),
                    (Some(child), []) => Subtree::Stored(child.clone()),
                    (child, here) => {
                        let old = child.as_ref().map(|child| (child.id, Some(child.count)));
                        change(draft, place.below(next), old, here, encoded)?
                    }
                });
            }
            join(draft, place, id, &old, subtrees)
        }
    }
}

/// Puts a branch together again, or makes it small where what is left fits into a leaf.
fn join<'c, V: Entry>(
    draft: &mut Draft<'_>,
    place: Place<V>,
    id: Id<Node<V>>,
    old: &[Option<Child<V>>; 16],
    subtrees: Vec<Subtree<'c, V>>,
) -> Result<Subtree<'c, V>, ObjectError> {
    let count = subtrees.iter().map(Subtree::count).sum::<u64>();
    // It shrank to what a leaf holds: its children, few and small, become one. Only now are unchanged ones read.
    if count <= LEAF as u64 {
        let mut entries = Vec::with_capacity(LEAF);
        for (next, subtree) in subtrees.into_iter().enumerate() {
            match subtree {
                Subtree::Small(small) => entries.extend(small),
                Subtree::Stored(child) => {
                    match place.below(next).read(draft, child.id, Some(child.count))? {
                        Node::Leaf(leaf) => entries.extend(written(leaf)),
                        // Reading refuses a branch of so few entries.
                        Node::Branch(_) => unreachable!("a branch has more than {LEAF} entries"),
                    }
                }
            }
        }
        return Ok(Subtree::Small(entries));
    }
    let new = draft.new_objects();
    let mut children = Box::new([const { None }; 16]);
    for (child, subtree) in children.iter_mut().zip(subtrees) {
        *child = subtree.stored(new);
    }
    // As in a leaf: what did not change keeps its id, and nothing is added to the draft.
    if *children == *old {
        return Ok(Subtree::Stored(Child { id, count }));
    }
    Ok(branch(new, children, count))
}

fn branch<'c, V: Entry>(
    new: &mut NewObjects,
    children: Box<[Option<Child<V>>; 16]>,
    count: u64,
) -> Subtree<'c, V> {
    Subtree::Stored(Child { id: new.put_as(&Node::Branch(children)), count })
}

/// The subtree of what is set in `changes`, which share their first `depth` digits.
fn planted<'c, V: Entry, T: Sync>(
    new: &mut NewObjects,
    depth: usize,
    changes: &'c [TreeEdit<V, T>],
    encoded: &Encoded<'_, T>,
) -> Subtree<'c, V> {
    let count = set(changes);
    if count <= MANY {
        return grown(new, depth, changes, encoded);
    }
    let parts = parts(depth, changes);
    let subtrees = if count > AT_ONCE {
        parts.map(|part| planted(new, depth + 1, part, encoded))
    } else {
        let grown = |part: &&'c [_]| {
            let mut own = NewObjects::default();
            let subtree = grown(&mut own, depth + 1, part, encoded);
            own.pack();
            (subtree, own)
        };
        let built: Vec<_> = parts.par_iter().map(grown).collect();
        let mut built = built.into_iter();
        // In their order, so that what is near in the tree is near where it is stored.
        std::array::from_fn(|_| {
            let (subtree, own) = built.next().expect("because each part was built");
            new.extend(own);
            subtree
        })
    };
    // There are more than a leaf holds in all of them, so this is a branch whatever each part has become.
    let children = subtrees.map(|subtree| subtree.stored(new));
    branch(new, Box::new(children), count as u64)
}

/// As [`planted`], by one thread.
fn grown<'c, V: Entry, T>(
    new: &mut NewObjects,
    depth: usize,
    changes: &'c [TreeEdit<V, T>],
    encoded: &Encoded<'_, T>,
) -> Subtree<'c, V> {
    let count = set(changes);
    if count <= LEAF {
        return Subtree::Small(merged(new, Vec::new(), changes, encoded));
    }
    let children =
        parts(depth, changes).map(|part| grown(new, depth + 1, part, encoded).stored(new));
    branch(new, Box::new(children), count as u64)
}

/// How many of `changes` set a value.
fn set<V, T>(changes: &[TreeEdit<V, T>]) -> usize {
    changes.iter().filter(|(_, value)| value.is_some()).count()
}

/// `changes` by the digit of their keys at `depth`, up to which they share all.
fn parts<V, T>(depth: usize, mut changes: &[TreeEdit<V, T>]) -> [&[TreeEdit<V, T>]; 16] {
    std::array::from_fn(|next| {
        let end = changes.partition_point(|(key, _)| digit(*key, depth) <= next);
        let (here, after) = changes.split_at(end);
        changes = after;
        here
    })
}

/// The subtree of `old` with `changes` made, which all share their first `depth` digits.
fn regrown<'c, V: Entry, T: Sync>(
    new: &mut NewObjects,
    depth: usize,
    old: Entries<'c, V>,
    changes: &'c [TreeEdit<V, T>],
    encoded: &Encoded<'_, T>,
) -> Subtree<'c, V> {
    if old.is_empty() {
        return planted(new, depth, changes, encoded);
    }
    if changes.len() <= MANY {
        let entries = merged(new, old, changes, encoded);
        return grow(new, depth, entries);
    }
    let mut before = by_digit(depth, old).into_iter();
    let subtrees = parts(depth, changes)
        .map(|part| regrown(new, depth + 1, before.next().unwrap_or_default(), part, encoded));
    let count = subtrees.iter().map(Subtree::count).sum::<u64>();
    if count <= LEAF as u64 {
        let small = subtrees.into_iter().flat_map(|subtree| match subtree {
            Subtree::Small(entries) => entries,
            Subtree::Stored(_) => unreachable!("a branch has more than {LEAF} entries"),
        });
        return Subtree::Small(small.collect());
    }
    let children = subtrees.map(|subtree| subtree.stored(new));
    branch(new, Box::new(children), count)
}

/// The subtree of `entries`, which share their first `depth` digits.
fn grow<'c, V: Entry>(
    new: &mut NewObjects,
    depth: usize,
    entries: Entries<'c, V>,
) -> Subtree<'c, V> {
    if entries.len() <= LEAF {
        return Subtree::Small(entries);
    }
    let count = entries.len() as u64;
    let children = by_digit(depth, entries).map(|part| grow(new, depth + 1, part).stored(new));
    branch(new, Box::new(children), count)
}

/// `entries` by the digit of their keys at `depth`.
fn by_digit<'c, V: Entry>(depth: usize, entries: Entries<'c, V>) -> [Entries<'c, V>; 16] {
    let mut parts = [const { Vec::new() }; 16];
    for entry in entries {
        parts[digit(entry.0, depth)].push(entry);
    }
    parts
}

/// `old` with `changes` made, both ascending.
fn merged<'c, V: Entry, T>(
    new: &mut NewObjects,
    old: Entries<'c, V>,
    changes: &'c [TreeEdit<V, T>],
    encoded: &Encoded<'_, T>,
) -> Entries<'c, V> {
    let mut entries = Vec::with_capacity(old.len() + changes.len());
    let mut old = old.into_iter().peekable();
    // A merge join: of what is under the same key, the change counts.
    for (key, value) in changes {
        while let Some(before) = old.next_if(|(other, _)| other < key) {
            entries.push(before);
        }
        old.next_if(|(other, _)| other == key);
        if let Some(value) = value {
            entries.push((*key, slot(new, encoded(value))));
        }
    }
    entries.extend(old);
    entries
}

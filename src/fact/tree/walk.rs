//! Looking up and iterating.
//!
//! A key's digits of four bits, from the first on, say which child to take at each level. Each walk keeps a stack of subtrees
//! that it has not entered, never the tree: a path of branches with up to 15 neighbours each, some dozens of entries.

use std::{
    collections::BTreeMap,
    ops::ControlFlow::{Break, Continue},
};

use rayon::prelude::*;

use super::{
    node::{Child, Entry, Node, Place, Slot, digit},
    seen::Seen,
};
use crate::{
    codec::{ObjectError, Objects},
    id::Id,
};

/// The value under `key` in the tree `root`.
///
/// # Errors
/// When a node on the way is missing or damaged.
pub fn get<V: Entry>(
    objects: &dyn Objects,
    root: Id<Node<V>>,
    key: Id<V>,
) -> Result<Option<V>, ObjectError> {
    get_seen(objects, &Seen::default(), root, key)
}

/// As [`get`], with nodes taken from `seen` that were read before, and left there for later.
///
/// # Errors
/// As [`get`].
pub fn get_seen<V: Entry>(
    objects: &dyn Objects,
    seen: &Seen<V>,
    root: Id<Node<V>>,
    key: Id<V>,
) -> Result<Option<V>, ObjectError> {
    let mut subtree = (Place::ROOT, root, None);
    loop {
        let place = subtree.0;
        let found = seen.look(objects, subtree, |node| match node {
            Node::Leaf(entries) => {
                let at = entries.binary_search_by_key(&key, |(key, _)| *key);
                Break(at.ok().map(|at| entries[at].1.clone()))
            }
            Node::Branch(children) => {
                let next = digit(key, place.depth);
                Continue(children[next].clone().map(|child| (place.below(next), child)))
            }
        })?;
        subtree = match found {
            Break(slot) => return slot.map(|slot| slot.load(objects, key)).transpose(),
            Continue(None) => return Ok(None),
            Continue(Some((place, Child { id, count }))) => (place, id, Some(count)),
        };
    }
}

/// The values under those of `keys`, ascending, that are in the tree `root`. Each node on the way is
/// read once.
///
/// # Errors
/// As [`get`].
pub fn get_many<V: Entry>(
    objects: &dyn Objects,
    root: Id<Node<V>>,
    keys: &[Id<V>],
) -> Result<BTreeMap<Id<V>, V>, ObjectError> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![(Place::ROOT, root, None, keys)];
    while let Some((place, id, count, mut keys)) = ahead.pop() {
        match place.read(objects, id, count)? {
            Node::Leaf(entries) => {
                for (key, slot) in entries {
                    if keys.binary_search(&key).is_ok() {
                        found.insert(key, slot.load(objects, key)?);
                    }
                }
            }
            Node::Branch(children) => {
                // The keys ascend and share the digits above, so those of each child are a slice, one after the other.
                for (next, child) in children.into_iter().enumerate() {
                    let end = keys.partition_point(|key| digit(*key, place.depth) <= next);
                    let (here, after) = keys.split_at(end);
                    keys = after;
                    if let Some(Child { id, count }) = child.filter(|_| !here.is_empty()) {
                        ahead.push((place.below(next), id, Some(count), here));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// The entries of the tree `root` whose keys begin with `start`.
///
/// # Errors
/// As [`get`].
pub fn starting_with<V: Entry>(
    objects: &dyn Objects,
    root: Id<Node<V>>,
    start: [u8; 4],
) -> Result<BTreeMap<Id<V>, V>, ObjectError> {
    let mut wanted = [0; 32];
    wanted[..start.len()].copy_from_slice(&start);
    let wanted = Id::<V>::from_bytes(wanted);
    let mut found = BTreeMap::new();
    let mut ahead: Vec<Subtree<V>> = vec![(Place::ROOT, root, None)];
    while let Some((place, id, count)) = ahead.pop() {
        match place.read(objects, id, count)? {
            Node::Leaf(entries) => {
                for (key, slot) in entries {
                    if key.as_bytes().starts_with(&start) {
                        found.insert(key, slot.load(objects, key)?);
                    }
                }
            }
            Node::Branch(children) => {
                for (next, child) in children.into_iter().enumerate() {
                    // Two digits a byte: below them all children begin so, above them one does.
                    let here = place.depth >= 2 * start.len() || next == digit(wanted, place.depth);
                    if let Some(Child { id, count }) = child.filter(|_| here) {
                        ahead.push((place.below(next), id, Some(count)));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// The entries of the tree `root` that are `wanted`. All of it is read, by several threads.
///
/// # Errors
/// As [`get`], and those of `wanted`.
pub fn select<V: Entry, E: From<ObjectError> + Send>(
    objects: &dyn Objects,
    root: Id<Node<V>>,
    wanted: &(impl Fn(Id<V>, &V) -> Result<bool, E> + Sync),
) -> Result<BTreeMap<Id<V>, V>, E> {
    let take = |key, value| Ok::<_, E>(wanted(key, &value)?.then_some((key, value)));
    Ok(filter_map(objects, root, &take)?.into_iter().collect())
}

/// What `make` makes of the entries of the tree `root`, where it makes something of them, in their order. All of the
/// tree is read, by several threads.
///
/// # Errors
/// As [`get`], and those of `make`.
pub fn filter_map<V: Entry, T: Send, E: From<ObjectError> + Send>(
    objects: &dyn Objects,
    root: Id<Node<V>>,
    make: &(impl Fn(Id<V>, V) -> Result<Option<T>, E> + Sync),
) -> Result<Vec<T>, E> {
    below(objects, (Place::ROOT, root, None), make)
}

/// As [`filter_map`], for a subtree.
fn below<V: Entry, T: Send, E: From<ObjectError> + Send>(
    objects: &dyn Objects,
    (place, id, count): Subtree<V>,
    make: &(impl Fn(Id<V>, V) -> Result<Option<T>, E> + Sync),
) -> Result<Vec<T>, E> {
    match place.read(objects, id, count)? {
        Node::Leaf(entries) => {
            let mut made = Vec::new();
            for (key, slot) in entries {
                made.extend(make(key, slot.load(objects, key)?)?);
            }
            Ok(made)
        }
        Node::Branch(children) => {
            let children = children.into_iter().enumerate();
            let children: Vec<Subtree<V>> = children
                .filter_map(|(next, child)| Some((place.below(next), child?)))
                .map(|(place, Child { id, count })| (place, id, Some(count)))
                .collect();
            // rayon keeps their order, so what is found ascends by key.
            let made = children.into_par_iter().map(|child| below(objects, child, make));
            Ok(made.collect::<Result<Vec<_>, E>>()?.into_iter().flatten().collect())
        }
    }
}

/// The number of entries of the tree `root`. Reads one node.
///
/// # Errors
/// When that node is missing or damaged.
pub fn len<V: Entry>(objects: &dyn Objects, root: Id<Node<V>>) -> Result<u64, ObjectError> {
    let node = Place::ROOT.read(objects, root, None)?;
    Ok(node.count().expect("because it was checked when the node was read"))
}

/// All entries of the tree `root`, ascending by key. Nodes are read when they are reached; at most
/// one leaf and the branches above it are in memory. After an error iteration goes on with what is
/// not damaged.
pub fn iter<V: Entry>(objects: &dyn Objects, root: Id<Node<V>>) -> Iter<'_, V> {
    Iter { objects, ahead: vec![(Place::ROOT, root, None)], leaf: Vec::new().into_iter() }
}

/// Where a subtree stands, its topmost node and its count, if anything says it.
pub(super) type Subtree<V> = (Place<V>, Id<Node<V>>, Option<u64>);

/// See [`iter`].
pub struct Iter<'a, V: Entry> {
    objects: &'a dyn Objects,
    /// Subtrees not entered yet, the next one last.
    ahead: Vec<Subtree<V>>,
    leaf: std::vec::IntoIter<(Id<V>, Slot<V>)>,
}

impl<V: Entry> Iterator for Iter<'_, V> {
    type Item = Result<(Id<V>, V), ObjectError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, slot)) = self.leaf.next() {
                return Some(slot.load(self.objects, key).map(|value| (key, value)));
            }
            let (place, id, count) = self.ahead.pop()?;
            match place.read(self.objects, id, count) {
                Err(error) => return Some(Err(error)),
                Ok(Node::Leaf(entries)) => self.leaf = entries.into_iter(),
                Ok(Node::Branch(children)) => {
                    // The least digit on top of the stack: entries ascend by key.
                    for (next, child) in children.into_iter().enumerate().rev() {
                        if let Some(Child { id, count }) = child {
                            self.ahead.push((place.below(next), id, Some(count)));
                        }
                    }
                }
            }
        }
    }
}

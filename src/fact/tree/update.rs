//! Changing many entries at once.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::node::{Child, Entry, LEAF, Long, Node, Place, Slot, digit, stored_length};
use crate::{
    codec::{Draft, Nothing, ObjectError},
    id::Id,
};

/// A subtree of so many entries is built by several threads.
const MANY: usize = 4096;

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
    if changes.is_empty() {
        return Ok(root);
    }
    match change(draft, Place::ROOT, Some((root, None)), &changes)? {
        Subtree::Stored(child) => Ok(child.id),
        Subtree::Small(entries) => Ok(draft.put(&Node::Leaf(entries))),
    }
}

/// The tree of `entries`, which ascend by key.
pub fn build<'v, V: Entry>(
    draft: &mut Draft<'_>,
    entries: impl IntoIterator<Item = (Id<V>, &'v V)>,
) -> Id<Node<V>> {
    let entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
    match grown(draft, 0, &entries) {
        Subtree::Stored(child) => child.id,
        Subtree::Small(entries) => draft.put(&Node::Leaf(entries)),
    }
}

type Entries<V> = Vec<(Id<V>, Slot<V>)>;

/// A subtree after a change.
enum Subtree<V: Entry> {
    /// It is stored, or in the draft.
    Stored(Child<V>),
    /// It has at most [`LEAF`] entries and is not stored: whoever is above decides whether they are a
    /// leaf here or join their neighbours in one.
    Small(Entries<V>),
}

fn change<V: Entry>(
    draft: &mut Draft<'_>,
    place: Place<V>,
    old: Option<(Id<Node<V>>, Option<u64>)>,
    changes: &[(Id<V>, Option<&V>)],
) -> Result<Subtree<V>, ObjectError> {
    let Some((id, count)) = old else {
        return Ok(grown(draft, place.depth, changes));
    };
    match place.read(draft, id, count)? {
        Node::Leaf(old) => {
            let count = old.len() as u64;
            let entries = merged(draft, old.clone(), changes);
            if entries == old {
                return Ok(Subtree::Stored(Child { id, count }));
            }
            Ok(grow(draft, place.depth, entries))
        }
        Node::Branch(old) => {
            let mut rest = changes;
            let mut subtrees = Vec::with_capacity(16);
            for (next, child) in old.iter().enumerate() {
                let end = rest.partition_point(|(key, _)| digit(*key, place.depth) <= next);
                let (here, after) = rest.split_at(end);
                rest = after;
                subtrees.push(match (child, here) {
                    (None, []) => Subtree::Small(Vec::new()),
                    (Some(child), []) => Subtree::Stored(child.clone()),
                    (child, here) => {
                        let old = child.as_ref().map(|child| (child.id, Some(child.count)));
                        change(draft, place.below(next), old, here)?
                    }
                });
            }
            join(draft, place, id, &old, subtrees)
        }
    }
}

/// Puts a branch together again, or makes it small where what is left fits into a leaf.
fn join<V: Entry>(
    draft: &mut Draft<'_>,
    place: Place<V>,
    id: Id<Node<V>>,
    old: &[Option<Child<V>>; 16],
    subtrees: Vec<Subtree<V>>,
) -> Result<Subtree<V>, ObjectError> {
    let count = subtrees.iter().map(Subtree::count).sum::<u64>();
    if count <= LEAF as u64 {
        let mut entries = Vec::with_capacity(LEAF);
        for (next, subtree) in subtrees.into_iter().enumerate() {
            match subtree {
                Subtree::Small(small) => entries.extend(small),
                Subtree::Stored(child) => {
                    match place.below(next).read(draft, child.id, Some(child.count))? {
                        Node::Leaf(leaf) => entries.extend(leaf),
                        // Reading refuses a branch of so few entries.
                        Node::Branch(_) => unreachable!("a branch has more than {LEAF} entries"),
                    }
                }
            }
        }
        return Ok(Subtree::Small(entries));
    }
    let mut children = Box::new([const { None }; 16]);
    for (child, subtree) in children.iter_mut().zip(subtrees) {
        *child = stored(draft, subtree);
    }
    if *children == *old {
        return Ok(Subtree::Stored(Child { id, count }));
    }
    Ok(Subtree::Stored(Child { id: draft.put(&Node::Branch(children)), count }))
}

impl<V: Entry> Subtree<V> {
    fn count(&self) -> u64 {
        match self {
            Self::Stored(child) => child.count,
            Self::Small(entries) => entries.len() as u64,
        }
    }
}

fn stored<V: Entry>(draft: &mut Draft<'_>, subtree: Subtree<V>) -> Option<Child<V>> {
    match subtree {
        Subtree::Stored(child) => Some(child),
        Subtree::Small(entries) if entries.is_empty() => None,
        Subtree::Small(entries) => {
            let count = entries.len() as u64;
            Some(Child { id: draft.put(&Node::Leaf(entries)), count })
        }
    }
}

/// The subtree of what is set in `changes`, which share their first `depth` digits.
fn grown<V: Entry>(
    draft: &mut Draft<'_>,
    depth: usize,
    mut changes: &[(Id<V>, Option<&V>)],
) -> Subtree<V> {
    let count = changes.iter().filter(|(_, value)| value.is_some()).count();
    if count <= LEAF {
        return Subtree::Small(merged(draft, Vec::new(), changes));
    }
    let parts: [_; 16] = std::array::from_fn(|next| {
        let end = changes.partition_point(|(key, _)| digit(*key, depth) <= next);
        let (here, after) = changes.split_at(end);
        changes = after;
        here
    });
    let grow = |draft: &mut Draft<'_>, part| {
        let subtree = grown(draft, depth + 1, part);
        stored(draft, subtree)
    };
    let children = if count < MANY {
        parts.map(|part| grow(draft, part))
    } else {
        let grown = parts.par_iter().map(|part| {
            let mut draft = Draft::new(&Nothing);
            let child = grow(&mut draft, part);
            (child, draft.into_new())
        });
        let mut grown = grown.collect::<Vec<_>>().into_iter();
        std::array::from_fn(|_| {
            let (child, new) = grown.next().expect("because there is one for each part");
            draft.extend(new);
            child
        })
    };
    let id = draft.put(&Node::Branch(Box::new(children)));
    Subtree::Stored(Child { id, count: count as u64 })
}

/// The subtree of `entries`, which share their first `depth` digits.
fn grow<V: Entry>(draft: &mut Draft<'_>, depth: usize, entries: Entries<V>) -> Subtree<V> {
    if entries.len() <= LEAF {
        return Subtree::Small(entries);
    }
    let count = entries.len() as u64;
    let mut parts = [const { Vec::new() }; 16];
    for entry in entries {
        parts[digit(entry.0, depth)].push(entry);
    }
    let children = parts.map(|part| {
        let subtree = grow(draft, depth + 1, part);
        stored(draft, subtree)
    });
    Subtree::Stored(Child { id: draft.put(&Node::Branch(Box::new(children))), count })
}

/// `old` with `changes` made, both ascending.
fn merged<V: Entry>(
    draft: &mut Draft<'_>,
    old: Entries<V>,
    changes: &[(Id<V>, Option<&V>)],
) -> Entries<V> {
    let mut entries = Vec::with_capacity(old.len() + changes.len());
    let mut old = old.into_iter().peekable();
    for (key, value) in changes {
        while let Some(before) = old.next_if(|(other, _)| other < key) {
            entries.push(before);
        }
        old.next_if(|(other, _)| other == key);
        if let Some(value) = value {
            entries.push((*key, slot(draft, value)));
        }
    }
    entries.extend(old);
    entries
}

fn slot<V: Entry>(draft: &mut Draft<'_>, value: &V) -> Slot<V> {
    if stored_length(value) <= V::INLINE {
        Slot::Inline(value.clone())
    } else {
        Slot::Long(draft.put(&Long(value.clone())))
    }
}

//! Comparing and merging trees.
//!
//! The shape of a tree follows from its entries alone, and a node's id from what is below it. So two subtrees at the same
//! place are equal if their ids are, however their trees were made, and a comparison reads only nodes that lie above a
//! difference: for d differences among n entries, d paths of about log16(n) nodes in either tree.

use std::{cmp::Ordering, collections::BTreeMap, iter::Peekable};

use super::{
    node::{Child, Entry, Node, Place, Slot, digit},
    seen::Seen,
};
use crate::{
    codec::{ObjectError, Objects},
    id::Id,
};

/// What two trees hold under one key: the value in the first and in the second.
pub type Difference<V> = (Id<V>, Option<V>, Option<V>);

/// The entries in which the trees `a` and `b` differ, ascending by key. Subtrees that they share are
/// not read. After an error iteration goes on with what is not damaged.
pub fn diff<V: Entry>(objects: &dyn Objects, a: Id<Node<V>>, b: Id<Node<V>>) -> Differences<'_, V> {
    let side = |id| Side::Stored(id, None);
    Differences {
        objects,
        seen: None,
        keys: None,
        ahead: vec![(Place::ROOT, side(a), side(b))],
        found: Vec::new().into_iter(),
    }
}

/// As [`diff`], for these `keys` only, ascending; only what lies on the way to them is read.
pub fn diff_at<'a, V: Entry>(
    objects: &'a dyn Objects,
    a: Id<Node<V>>,
    b: Id<Node<V>>,
    keys: &'a [Id<V>],
) -> Differences<'a, V> {
    Differences { keys: Some(keys), ..diff(objects, a, b) }
}

/// As [`diff`], with nodes taken from `seen` that comparisons before it have read, and left there for those
/// after it.
pub fn diff_seen<'a, V: Entry>(
    objects: &'a dyn Objects,
    seen: &'a Seen<V>,
    a: Id<Node<V>>,
    b: Id<Node<V>>,
) -> Differences<'a, V> {
    Differences { seen: Some(seen), ..diff(objects, a, b) }
}

/// See [`diff`].
pub struct Differences<'a, V: Entry> {
    objects: &'a dyn Objects,
    seen: Option<&'a Seen<V>>,
    /// What is asked about; `None`: everything.
    keys: Option<&'a [Id<V>]>,
    /// Pairs of subtrees not compared yet, the next one last.
    ahead: Vec<(Place<V>, Side<V>, Side<V>)>,
    found: std::vec::IntoIter<SlotDifference<V>>,
}

/// A key with what the two trees hold under it.
type SlotDifference<V> = (Id<V>, Option<Slot<V>>, Option<Slot<V>>);
type Sides<V> = (Option<Slot<V>>, Option<Slot<V>>);
type Entries<V> = Vec<(Id<V>, Slot<V>)>;

/// A subtree of one of the trees.
enum Side<V: Entry> {
    Stored(Id<Node<V>>, Option<u64>),
    /// Entries of a leaf higher up that belong here.
    Entries(Entries<V>),
}

impl<V: Entry> Side<V> {
    fn read(
        self,
        objects: &dyn Objects,
        seen: Option<&Seen<V>>,
        place: Place<V>,
    ) -> Result<Node<V>, ObjectError> {
        match (self, seen) {
            (Self::Stored(id, count), Some(seen)) => {
                seen.look(objects, (place, id, count), Node::clone)
            }
            (Self::Stored(id, count), None) => place.read(objects, id, count),
            (Self::Entries(entries), _) => Ok(Node::Leaf(entries)),
        }
    }
}

impl<V: Entry> Iterator for Differences<'_, V> {
    type Item = Result<Difference<V>, ObjectError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, a, b)) = self.found.next() {
                let load = |slot: Option<Slot<V>>| {
                    slot.map(|slot| slot.load(self.objects, key)).transpose()
                };
                return Some(load(a).and_then(|a| Ok((key, a, load(b)?))));
            }
            // Depth first, the least digit on top of the stack: so differences ascend by key.
            let (place, a, b) = self.ahead.pop()?;
            if self.keys.is_some_and(|keys| !place.leads_to_one_of(keys)) {
                continue;
            }
            // Equal ids: nothing below differs, and nothing below is read.
            if let (Side::Stored(a, _), Side::Stored(b, _)) = (&a, &b)
                && a == b
            {
                continue;
            }
            let read = |side: Side<V>| side.read(self.objects, self.seen, place);
            let nodes = read(a).and_then(|a| Ok((a, read(b)?)));
            match nodes {
                Err(error) => return Some(Err(error)),
                Ok((Node::Leaf(a), Node::Leaf(b))) => {
                    let mut found = changes(a, b);
                    if let Some(keys) = self.keys {
                        found.retain(|(key, ..)| keys.binary_search(key).is_ok());
                    }
                    self.found = found.into_iter();
                }
                // A branch beside a branch, or beside a leaf, whose entries are then handed down digit by digit.
                Ok((a, b)) => {
                    let pairs = sides(place, a).into_iter().zip(sides(place, b)).enumerate().rev();
                    self.ahead.extend(pairs.map(|(next, (a, b))| (place.below(next), a, b)));
                }
            }
        }
    }
}

/// How many entries two trees differ in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the second alone.
    pub added: u64,
    /// In the first alone.
    pub removed: u64,
    /// In both, with other values.
    pub replaced: u64,
}

/// Counts what [`diff_seen`] gives. A subtree where the other tree has nothing is not read.
///
/// # Errors
/// When a node is missing or damaged.
pub fn diff_counts<V: Entry>(
    objects: &dyn Objects,
    seen: &Seen<V>,
    a: Id<Node<V>>,
    b: Id<Node<V>>,
) -> Result<Counts, ObjectError> {
    let mut counts = Counts::default();
    let mut ahead = vec![(Place::ROOT, Side::Stored(a, None), Side::Stored(b, None))];
    while let Some((place, a, b)) = ahead.pop() {
        match (&a, &b) {
            (Side::Stored(a, _), Side::Stored(b, _)) if a == b => continue,
            // A branch says how many entries each child has, so what only one tree has is counted unread.
            (Side::Stored(_, Some(count)), Side::Entries(none)) if none.is_empty() => {
                counts.removed += count;
                continue;
            }
            (Side::Entries(none), Side::Stored(_, Some(count))) if none.is_empty() => {
                counts.added += count;
                continue;
            }
            _ => {}
        }
        match (a.read(objects, Some(seen), place)?, b.read(objects, Some(seen), place)?) {
            (Node::Leaf(a), Node::Leaf(b)) => {
                for (_, before, after) in changes(a, b) {
                    *match (before, after) {
                        (None, _) => &mut counts.added,
                        (_, None) => &mut counts.removed,
                        _ => &mut counts.replaced,
                    } += 1;
                }
            }
            (a, b) => {
                let pairs = sides(place, a).into_iter().zip(sides(place, b)).enumerate();
                ahead.extend(pairs.map(|(next, (a, b))| (place.below(next), a, b)));
            }
        }
    }
    Ok(counts)
}

/// The sixteen subtrees of a node; a leaf is divided as the branch beside it is.
fn sides<V: Entry>(place: Place<V>, node: Node<V>) -> [Side<V>; 16] {
    match node {
        Node::Branch(children) => children.map(|child| match child {
            Some(Child { id, count }) => Side::Stored(id, Some(count)),
            None => Side::Entries(Vec::new()),
        }),
        Node::Leaf(entries) => {
            let mut parts = [const { Vec::new() }; 16];
            for entry in entries {
                parts[digit(entry.0, place.depth)].push(entry);
            }
            parts.map(Side::Entries)
        }
    }
}

/// The keys under which two leaves hold different things. Slots are compared and not values: equal values have equal slots,
/// and long ones, which are objects of their own, need not be loaded.
fn changes<V: Entry>(a: Entries<V>, b: Entries<V>) -> Vec<SlotDifference<V>> {
    let mut both: BTreeMap<_, Sides<V>> = BTreeMap::new();
    for (key, slot) in a {
        both.entry(key).or_default().0 = Some(slot);
    }
    for (key, slot) in b {
        both.entry(key).or_default().1 = Some(slot);
    }
    both.into_iter().filter(|(_, (a, b))| a != b).map(|(key, (a, b))| (key, a, b)).collect()
}

/// What [`merge3`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge<V: Entry> {
    /// What is to be changed in ours to take in theirs.
    pub changes: BTreeMap<Id<V>, Option<V>>,
    /// Keys that both changed, and differently; `changes` leaves them as they are in ours.
    pub clashes: Vec<Clash<V>>,
}

/// A key that two sides changed differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash<V: Entry> {
    /// The key.
    pub key: Id<V>,
    /// Its value before.
    pub base: Option<V>,
    /// Its value on our side.
    pub ours: Option<V>,
    /// Its value on their side.
    pub theirs: Option<V>,
}

/// Merges what changed from `base` to `theirs` into `ours`.
///
/// # Errors
/// When a node that was changed is missing or damaged.
pub fn merge3<V: Entry>(
    objects: &dyn Objects,
    base: Id<Node<V>>,
    ours: Id<Node<V>>,
    theirs: Id<Node<V>>,
) -> Result<Merge<V>, ObjectError> {
    let mut merge = Merge { changes: BTreeMap::new(), clashes: Vec::new() };
    // A merge join: both lists of changes ascend by key, so neither is kept in memory. For each change of theirs ours is
    // wound forward to its key. A key that only we changed is as we have it already.
    let mut our_changes = diff(objects, base, ours).peekable();
    for difference in diff(objects, base, theirs) {
        let (key, base, theirs) = difference?;
        match advance(&mut our_changes, key)? {
            // Only they changed it.
            None => {
                merge.changes.insert(key, theirs);
            }
            // Both did, to the same.
            Some(ours) if ours == theirs => {}
            Some(ours) => merge.clashes.push(Clash { key, base, ours, theirs }),
        }
    }
    // What is left of our side is not needed, but damage in it is reported.
    our_changes.try_for_each(|difference| difference.map(drop))?;
    Ok(merge)
}

/// Our value under `key`, if we changed it; leaves out the changes before it.
#[expect(clippy::option_option, reason = "changed or not, and then present or not")]
fn advance<V: Entry>(
    changes: &mut Peekable<Differences<'_, V>>,
    key: Id<V>,
) -> Result<Option<Option<V>>, ObjectError> {
    while let Some(next) = changes.next_if(|next| match next {
        Ok((other, ..)) => other.cmp(&key) != Ordering::Greater,
        Err(_) => true,
    }) {
        let (other, _, ours) = next?;
        if other == key {
            return Ok(Some(ours));
        }
    }
    Ok(None)
}

//! The nodes of a tree and how they are read.

use bincode::{Decode, Encode};

use crate::{
    codec::{self, Object, ObjectError, Objects},
    fact::{Fact, Words},
    id::{Id, Kind},
};

/// The most entries of a leaf.
pub const LEAF: usize = 16;

/// A value that trees are made of.
pub trait Entry: Kind + Encode + Decode<()> + Clone + Eq + Send + Sync + 'static {
    /// Name of a tree's nodes, as [`Kind::NAME`].
    const NODE_NAME: &'static str;
    /// First stored byte of a node.
    const NODE_TAG: u8;
    /// Name of a value too long for its leaf.
    const LONG_NAME: &'static str;
    /// First stored byte of such a value.
    const LONG_TAG: u8;
    /// The most bytes of a value that is kept inside its leaf. Longer ones are objects of their own, so
    /// that a full leaf stays below 4 KiB: 14 + 16 * (32 + 4 + 216) = 4046.
    const INLINE: usize = 216;

    /// Whether this value may be kept under `key`.
    fn belongs(&self, key: Id<Self>) -> bool;

    /// The hashes of the objects that this value names.
    fn names(&self) -> Vec<[u8; 32]> {
        Vec::new()
    }
}

/// Committed facts, by [`Fact::key`].
pub type FactTree = Node<Fact>;

/// Words, by the hash of the IRI they are for.
pub type LexiconTree = Node<Words>;

impl Entry for Fact {
    const NODE_NAME: &'static str = "facts";
    const NODE_TAG: u8 = 0x01;
    const LONG_NAME: &'static str = "long fact";
    const LONG_TAG: u8 = 0x03;

    fn belongs(&self, key: Id<Self>) -> bool {
        self.key(false) == key || self.key(true) == key
    }
}

impl Entry for Words {
    const NODE_NAME: &'static str = "lexicon";
    const NODE_TAG: u8 = 0x02;
    const LONG_NAME: &'static str = "long words";
    const LONG_TAG: u8 = 0x04;

    fn belongs(&self, key: Id<Self>) -> bool {
        Self::key(&self.iri) == key
    }
}

/// One stored node. A tree is named by the id of its topmost one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[repr(u32)]
pub enum Node<V: Entry> {
    /// Entries, ascending by key.
    Leaf(Vec<(Id<V>, Slot<V>)>) = 0,
    /// Subtrees by the next digit of the key.
    Branch(Box<[Option<Child<V>>; 16]>) = 1,
}

/// A value inside a leaf or beside it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[repr(u32)]
pub enum Slot<V: Entry> {
    /// The value, of at most [`Entry::INLINE`] bytes.
    Inline(V) = 0,
    /// A longer value.
    Long(Id<Long<V>>) = 1,
}

/// A subtree.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Child<V: Entry> {
    /// Its topmost node.
    pub id: Id<Node<V>>,
    /// Entries in it.
    pub count: u64,
}

/// A value too long for its leaf.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Long<V: Entry>(pub V);

impl<V: Entry> Kind for Node<V> {
    const NAME: &'static str = V::NODE_NAME;
}
impl<V: Entry> Object for Node<V> {
    const TAG: u8 = V::NODE_TAG;
}
impl<V: Entry> Kind for Long<V> {
    const NAME: &'static str = V::LONG_NAME;
}
impl<V: Entry> Object for Long<V> {
    const TAG: u8 = V::LONG_TAG;
}

impl<V: Entry> Node<V> {
    /// Entries in this node and below it; `None` when the counts of its children overflow.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Leaf(entries) => Some(entries.len() as u64),
            Self::Branch(children) => {
                children.iter().flatten().try_fold(0_u64, |sum, child| sum.checked_add(child.count))
            }
        }
    }
}

/// Where a node stands: the digits of the path to it.
pub(super) struct Place<V> {
    /// A key that begins with those digits.
    prefix: Id<V>,
    /// How many digits.
    pub(super) depth: usize,
}

// Derives would ask the same of `V`.
impl<V> Clone for Place<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V> Copy for Place<V> {}

impl<V: Entry> Place<V> {
    /// The place of the root.
    pub(super) const ROOT: Self = Self { prefix: Id::from_bytes([0; 32]), depth: 0 };

    /// The place `digit` below this one.
    pub(super) fn below(self, digit: usize) -> Self {
        let mut prefix = *self.prefix.as_bytes();
        let digit = u8::try_from(digit).expect("because a digit is below 16");
        prefix[self.depth / 2] |= if self.depth.is_multiple_of(2) { digit << 4 } else { digit };
        Self { prefix: Id::from_bytes(prefix), depth: self.depth + 1 }
    }

    /// A key that begins with the digits of the path, and how many these are.
    pub(super) const fn path(self) -> (Id<V>, usize) {
        (self.prefix, self.depth)
    }

    fn leads_to(self, key: Id<V>) -> bool {
        (0..self.depth).all(|depth| digit(key, depth) == digit(self.prefix, depth))
    }

    /// Whether it leads to one of `keys`, which ascend.
    pub(super) fn leads_to_one_of(self, keys: &[Id<V>]) -> bool {
        let first = keys.partition_point(|key| *key < self.prefix);
        keys.get(first).is_some_and(|key| self.leads_to(*key))
    }

    /// Reads the node `id` here and checks the invariants of the tree; `count` is what the parent
    /// says of it.
    pub(super) fn read(
        self,
        objects: &dyn Objects,
        id: Id<Node<V>>,
        count: Option<u64>,
    ) -> Result<Node<V>, ObjectError> {
        let node = codec::get(objects, id)?;
        match self.fault(&node, count) {
            None => Ok(node),
            Some(why) => Err(ObjectError::Damaged { kind: V::NODE_NAME, id: id.to_string(), why }),
        }
    }

    fn fault(self, node: &Node<V>, expected: Option<u64>) -> Option<String> {
        let Some(count) = node.count() else {
            return Some("the counts of its children overflow".to_owned());
        };
        if let Some(expected) = expected.filter(|expected| *expected != count) {
            return Some(format!("it has {count} entries where its parent says {expected}"));
        }
        match node {
            Node::Leaf(entries) => {
                if entries.len() > LEAF {
                    return Some(format!("it is a leaf of {count} entries, more than {LEAF}"));
                }
                if entries.is_empty() && self.depth > 0 {
                    return Some("it is an empty leaf below the root".to_owned());
                }
                if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
                    return Some("its keys do not ascend".to_owned());
                }
                entries.iter().find_map(|(key, slot)| {
                    if !self.leads_to(*key) {
                        return Some(format!("the key {key:.12} does not belong in this subtree"));
                    }
                    let Slot::Inline(value) = slot else { return None };
                    if !value.belongs(*key) {
                        return Some(format!("the value under {key:.12} belongs elsewhere"));
                    }
                    (stored_length(value) > V::INLINE)
                        .then(|| format!("the value under {key:.12} is too long to be inline"))
                })
            }
            Node::Branch(children) => {
                if self.depth >= 64 {
                    return Some("it is a branch below the last digit".to_owned());
                }
                if children.iter().flatten().any(|child| child.count == 0) {
                    return Some("it has an empty child".to_owned());
                }
                (count <= LEAF as u64)
                    .then(|| format!("it is a branch of {count} entries, which fit into a leaf"))
            }
        }
    }
}

impl<V: Entry> Slot<V> {
    /// The value, read from its own object where it is long.
    pub(super) fn load(self, objects: &dyn Objects, key: Id<V>) -> Result<V, ObjectError> {
        let id = match self {
            Self::Inline(value) => return Ok(value),
            Self::Long(id) => id,
        };
        let Long(value) = codec::get(objects, id)?;
        let damaged = |why| ObjectError::Damaged { kind: V::LONG_NAME, id: id.to_string(), why };
        if !value.belongs(key) {
            return Err(damaged(format!("it is kept under {key:.12}, where it does not belong")));
        }
        if stored_length(&value) <= V::INLINE {
            return Err(damaged("it is short enough to be inline".to_owned()));
        }
        Ok(value)
    }
}

/// Bytes of a value inside a leaf.
pub(super) fn stored_length<V: Entry>(value: &V) -> usize {
    codec::encoded_length(value)
}

/// The hexadecimal digit of `key` at `depth`.
pub(super) fn digit<V>(key: Id<V>, depth: usize) -> usize {
    let byte = key.as_bytes()[depth / 2];
    usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

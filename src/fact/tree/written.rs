//! Leaves that are about to be stored: their values are bytes already, which are not taken apart.

use bincode::{
    Encode,
    enc::{Encoder, write::Writer as _},
    error::EncodeError,
};

use super::node::{Entry, Long, Node, Slot};
use crate::{
    codec::{self, NewObjects, Verbatim},
    id::Id,
};

/// Entries of a leaf, ascending by key.
pub(super) type Entries<V> = Vec<(Id<V>, Written<V>)>;

/// A [`Slot`] with its value encoded.
#[derive(Clone, PartialEq)]
pub(super) enum Written<V: Entry> {
    Inline(Vec<u8>),
    Long(Id<Long<V>>),
}

impl<V: Entry> From<Slot<V>> for Written<V> {
    fn from(slot: Slot<V>) -> Self {
        match slot {
            Slot::Inline(value) => Self::Inline(encoded(|bytes| codec::append(&value, bytes))),
            Slot::Long(id) => Self::Long(id),
        }
    }
}

impl<V: Entry> Encode for Written<V> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            Self::Inline(value) => {
                0u32.encode(encoder)?;
                encoder.writer().write(value)
            }
            Self::Long(id) => {
                1u32.encode(encoder)?;
                id.encode(encoder)
            }
        }
    }
}

/// The entries of a stored leaf.
pub(super) fn written<V: Entry>(entries: Vec<(Id<V>, Slot<V>)>) -> Entries<V> {
    entries.into_iter().map(|(key, slot)| (key, slot.into())).collect()
}

/// The slot of the value whose bytes `append` adds to others.
pub(super) fn slot<V: Entry>(
    new: &mut NewObjects,
    append: impl FnOnce(&mut Vec<u8>),
) -> Written<V> {
    let value = encoded(append);
    if value.len() <= V::INLINE {
        Written::Inline(value)
    } else {
        Written::Long(new.put_as(&Verbatim(&value)))
    }
}

fn encoded(append: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes);
    bytes
}

/// Adds the [`Node::Leaf`] of `entries`.
pub(super) fn put_leaf<V: Entry>(new: &mut NewObjects, entries: &Entries<V>) -> Id<Node<V>> {
    new.put_as(&(0u32, entries))
}

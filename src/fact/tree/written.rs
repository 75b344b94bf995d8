//! Leaves that are about to be stored: their values are bytes already, which are not taken apart.

use std::borrow::Cow;

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
pub(super) type Entries<'c, V> = Vec<(Id<V>, Written<'c, V>)>;

/// A [`Slot`] with its value encoded.
#[derive(Clone, PartialEq)]
pub(super) enum Written<'c, V: Entry> {
    Inline(Cow<'c, [u8]>),
    Long(Id<Long<V>>),
}

impl<V: Entry> From<Slot<V>> for Written<'_, V> {
    fn from(slot: Slot<V>) -> Self {
        match slot {
            Slot::Inline(value) => {
                let mut bytes = Vec::new();
                codec::append(&value, &mut bytes);
                Self::Inline(Cow::Owned(bytes))
            }
            Slot::Long(id) => Self::Long(id),
        }
    }
}

impl<V: Entry> Encode for Written<'_, V> {
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
pub(super) fn written<V: Entry>(entries: Vec<(Id<V>, Slot<V>)>) -> Entries<'static, V> {
    entries.into_iter().map(|(key, slot)| (key, slot.into())).collect()
}

/// The slot of the value that has these bytes.
pub(super) fn slot<'c, V: Entry>(new: &mut NewObjects, value: Cow<'c, [u8]>) -> Written<'c, V> {
    if value.len() <= V::INLINE {
        Written::Inline(value)
    } else {
        Written::Long(new.put_as(&Verbatim(&value)))
    }
}

/// Adds the [`Node::Leaf`] of `entries`.
pub(super) fn put_leaf<V: Entry>(new: &mut NewObjects, entries: &Entries<'_, V>) -> Id<Node<V>> {
    new.put_as(&(0u32, entries))
}

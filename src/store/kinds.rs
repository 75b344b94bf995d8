//! The kinds of objects and what each refers to: brought by the caller to the code that has to follow
//! references.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::{ZMemo, collection::Collection};
use crate::{
    codec::{self, DecodeError, Object},
    delta::TensorFile,
    id::Id,
};

/// What an object of some kind refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Hashes of objects.
    pub objects: Vec<[u8; 32]>,
    /// Tensor files.
    pub files: Vec<Id<TensorFile>>,
}

impl References {
    /// Adds the object `id`.
    #[must_use]
    pub fn object<T>(mut self, id: Id<T>) -> Self {
        self.objects.push(*id.as_bytes());
        self
    }

    /// Adds the objects `ids`.
    #[must_use]
    pub fn objects<T>(mut self, ids: impl IntoIterator<Item = Id<T>>) -> Self {
        self.objects.extend(ids.into_iter().map(|id| *id.as_bytes()));
        self
    }

    /// Adds the tensor file `id`.
    #[must_use]
    pub fn file(mut self, id: Id<TensorFile>) -> Self {
        self.files.push(id);
        self
    }
}

/// What an object with these bytes refers to.
type Follow = Box<dyn Fn(&[u8]) -> Result<References, DecodeError>>;

/// A kind of objects.
struct Read {
    versions: RangeInclusive<u8>,
    hash: fn(&[u8]) -> [u8; 32],
    references: Follow,
}

/// The kinds of objects that a store may hold: how each is read, and what it refers to.
#[derive(Default)]
pub struct Kinds(BTreeMap<u8, Read>);

impl Kinds {
    /// The kinds the store itself writes.
    #[must_use]
    pub fn of_the_store() -> Self {
        Self::default()
            .with(|memo: &ZMemo| References::default().object(memo.file).file(memo.file))
            .with(|_: &Collection| References::default())
    }

    /// Adds a kind.
    #[must_use]
    pub fn with<T: Object>(mut self, references: impl Fn(&T) -> References + 'static) -> Self {
        let read = Read {
            versions: T::OLDEST..=T::VERSION,
            hash: |bytes| *Id::<T>::of(bytes).as_bytes(),
            references: Box::new(move |bytes| {
                codec::decode(bytes).map(|object| references(&object))
            }),
        };
        self.0.insert(T::TAG, read);
        self
    }

    /// The kind of an object with these `bytes`, by the first.
    fn of(&self, bytes: &[u8]) -> Option<&Read> {
        self.0.get(bytes.first()?)
    }

    /// Whether an object of a known kind begins as `bytes` do.
    pub(super) fn may_be(&self, bytes: &[u8]) -> bool {
        let version = bytes.get(1);
        self.of(bytes).zip(version).is_some_and(|(kind, version)| kind.versions.contains(version))
    }

    /// What the object refers to that is stored under `hash`; says what is wrong with it otherwise. Nothing is decoded
    /// that has another hash.
    pub(super) fn read(&self, hash: &[u8; 32], bytes: &[u8]) -> Result<References, String> {
        let kind = self.of(bytes).ok_or_else(|| "is of no known kind".to_owned())?;
        if (kind.hash)(bytes) != *hash {
            return Err("has another hash".to_owned());
        }
        (kind.references)(bytes).map_err(|error| format!("does not decode: {error}"))
    }
}

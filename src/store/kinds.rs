//! The kinds of objects and what each refers to: brought by the caller to the code that has to follow
//! references.

use std::collections::BTreeMap;

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

type Read = Box<dyn Fn(&[u8]) -> Result<([u8; 32], References), DecodeError>>;

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
        let read = move |bytes: &[u8]| {
            let object: T = codec::decode(bytes)?;
            Ok((*Id::<T>::of(bytes).as_bytes(), references(&object)))
        };
        self.0.insert(T::TAG, Box::new(read));
        self
    }

    /// What the object refers to that is stored under `hash`; says what is wrong with it otherwise.
    pub(super) fn read(&self, hash: &[u8; 32], bytes: &[u8]) -> Result<References, String> {
        match bytes.first().and_then(|tag| self.0.get(tag)).map(|read| read(bytes)) {
            Some(Ok((found, references))) if found == *hash => Ok(references),
            Some(Ok(_)) => Err("has another hash".to_owned()),
            Some(Err(error)) => Err(format!("does not decode: {error}")),
            None => Err("is of no known kind".to_owned()),
        }
    }
}

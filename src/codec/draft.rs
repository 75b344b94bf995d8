//! Objects on their way to the store.

use super::{NewObjects, Object, ObjectError, Objects};
use crate::id::Id;

/// New objects that are not stored yet, readable together with those that are.
///
/// A verb builds its new objects here and hands them to the store in one transaction.
pub struct Draft<'a> {
    stored: &'a dyn Objects,
    new: NewObjects,
}

impl<'a> Draft<'a> {
    /// An empty draft over `stored`.
    #[must_use]
    pub fn new(stored: &'a dyn Objects) -> Self {
        Self { stored, new: NewObjects::default() }
    }

    /// Adds `object` and returns its id. Adding it twice is adding it once.
    pub fn put<T: Object>(&mut self, object: &T) -> Id<T> {
        self.new.put(object)
    }

    /// The new objects, for adding more.
    pub(crate) const fn new_objects(&mut self) -> &mut NewObjects {
        &mut self.new
    }

    /// The new objects.
    #[must_use]
    pub fn into_new(self) -> NewObjects {
        self.new
    }
}

impl Objects for Draft<'_> {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        match self.new.get(hash) {
            Some(Ok(bytes)) => Ok(Some(bytes.into_owned())),
            Some(Err(error)) => Err(ObjectError::Read(Box::new(error))),
            None => self.stored.bytes(hash),
        }
    }
}

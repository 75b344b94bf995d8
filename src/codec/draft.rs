//! Objects on their way to the store.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use bincode::Encode;

use super::{Object, ObjectError, Objects, encode_as};
use crate::id::Id;

/// As many bytes of new objects stay in memory.
const KEPT: usize = 8 << 20;

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
        self.new.put_as::<T>(object)
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

/// New objects by their hashes. Where they are many, most of them are in a file without a name in the
/// folder for temporary files, and if none can be written there, in memory.
#[derive(Debug, Default)]
pub struct NewObjects {
    objects: BTreeMap<[u8; 32], Bytes>,
    /// Bytes of objects in memory.
    kept: usize,
    full: bool,
}

/// Where an object's bytes are.
#[derive(Debug)]
enum Bytes {
    Kept(Vec<u8>),
    Written { file: Arc<File>, offset: u64, length: usize },
}

impl Bytes {
    const fn len(&self) -> usize {
        match self {
            Self::Kept(bytes) => bytes.len(),
            Self::Written { length, .. } => *length,
        }
    }

    fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::Kept(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Written { file, offset, length } => {
                let mut bytes = vec![0; *length];
                file.read_exact_at(&mut bytes, *offset)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

impl NewObjects {
    /// Adds the object with this hash.
    pub fn insert(&mut self, hash: [u8; 32], bytes: Vec<u8>) {
        if let Entry::Vacant(place) = self.objects.entry(hash) {
            self.kept += bytes.len();
            place.insert(Bytes::Kept(bytes));
            self.make_room();
        }
    }

    /// Adds the `T` whose fields `fields` is encoded as.
    pub(crate) fn put_as<T: Object>(&mut self, fields: &impl Encode) -> Id<T> {
        let bytes = encode_as::<T>(fields);
        let id = Id::<T>::of(&bytes);
        self.insert(*id.as_bytes(), bytes);
        id
    }

    /// Adds `others`.
    pub fn extend(&mut self, others: Self) {
        if self.is_empty() {
            *self = others;
            return;
        }
        self.kept += others.kept;
        self.objects.extend(others.objects);
        self.make_room();
    }

    /// The bytes of the object with this hash, if it is among them.
    #[must_use]
    pub fn get(&self, hash: &[u8; 32]) -> Option<io::Result<Cow<'_, [u8]>>> {
        self.objects.get(hash).map(Bytes::read)
    }

    /// All of them, ascending by hash, with their lengths in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = (&[u8; 32], usize)> {
        self.objects.iter().map(|(hash, bytes)| (hash, bytes.len()))
    }

    /// All of them, ascending by hash.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8; 32], io::Result<Cow<'_, [u8]>>)> {
        self.objects.iter().map(|(hash, bytes)| (hash, bytes.read()))
    }

    /// All of them, in memory.
    ///
    /// # Errors
    /// When the file cannot be read that some are in.
    pub fn in_memory(&self) -> io::Result<BTreeMap<[u8; 32], Vec<u8>>> {
        self.iter().map(|(hash, bytes)| Ok((*hash, bytes?.into_owned()))).collect()
    }

    /// Leaves out those that are not `wanted`.
    ///
    /// # Errors
    /// The first of `wanted`.
    pub fn retain<E>(
        &mut self,
        mut wanted: impl FnMut(&[u8; 32]) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut failed = None;
        self.objects.retain(|hash, _| match wanted(hash) {
            Ok(wanted) => wanted,
            Err(error) => {
                failed.get_or_insert(error);
                true
            }
        });
        failed.map_or(Ok(()), Err)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Writes what is in memory to a file if it is much.
    fn make_room(&mut self) {
        if self.kept <= KEPT || self.full {
            return;
        }
        let kept = self.objects.values().filter_map(|bytes| match bytes {
            Bytes::Kept(bytes) => Some(bytes.as_slice()),
            Bytes::Written { .. } => None,
        });
        let written = tempfile::tempfile().and_then(|file| {
            file.write_all_at(&kept.collect::<Vec<_>>().concat(), 0).map(|()| file)
        });
        let Ok(file) = written else {
            self.full = true;
            return;
        };
        let (file, mut end) = (Arc::new(file), 0);
        for bytes in self.objects.values_mut() {
            if let Bytes::Kept(kept) = bytes {
                let (offset, length) = (end, kept.len());
                end += length as u64;
                *bytes = Bytes::Written { file: Arc::clone(&file), offset, length };
            }
        }
        self.kept = 0;
    }
}

impl FromIterator<([u8; 32], Vec<u8>)> for NewObjects {
    fn from_iter<I: IntoIterator<Item = ([u8; 32], Vec<u8>)>>(objects: I) -> Self {
        let mut new = Self::default();
        for (hash, bytes) in objects {
            new.insert(hash, bytes);
        }
        new
    }
}

impl<const N: usize> From<[([u8; 32], Vec<u8>); N]> for NewObjects {
    fn from(objects: [([u8; 32], Vec<u8>); N]) -> Self {
        objects.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_objects_are_there_as_few_are() {
        let object = |number: u32| (*blake3::hash(&number.to_le_bytes()).as_bytes(), number);
        let bytes = |number: u32| vec![number.to_le_bytes()[0]; 1 << 16];
        let mut new = NewObjects::default();
        for (hash, number) in (0..300).map(object) {
            new.insert(hash, bytes(number));
            new.insert(hash, bytes(number));
        }
        let mut more = NewObjects::default();
        for (hash, number) in (200..400).map(object) {
            more.insert(hash, bytes(number));
        }
        assert!(
            new.kept <= KEPT && new.objects.values().any(|b| matches!(b, Bytes::Written { .. }))
        );
        new.extend(more);
        let expected: BTreeMap<_, _> =
            (0..400).map(object).map(|(hash, number)| (hash, bytes(number))).collect();
        assert!(new.in_memory().unwrap() == expected);
        assert!(
            new.lengths()
                .map(|(hash, length)| (*hash, length))
                .eq(expected.iter().map(|(hash, bytes)| (*hash, bytes.len())))
        );
        let (first, _) = expected.first_key_value().unwrap();
        new.retain(|hash| Ok::<_, io::Error>(hash != first)).unwrap();
        assert!(new.get(first).is_none());
        assert_eq!(new.len(), 399);
    }
}

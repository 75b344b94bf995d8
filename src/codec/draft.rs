//! Objects on their way to the store.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io, iter, mem,
    os::unix::fs::FileExt as _,
};

use bincode::Encode;

use super::{Object, ObjectError, Objects, encode_as};
use crate::id::Id;

/// As many bytes of new objects stay in memory.
const KEPT: usize = 2 << 20;

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

/// New objects by their hashes. Where they are many, most of them are in files without a name in the
/// folder for temporary files, and if none can be written there, in memory.
#[derive(Debug, Default)]
pub struct NewObjects {
    /// In memory.
    kept: BTreeMap<[u8; 32], Vec<u8>>,
    /// Bytes of those.
    kept_bytes: usize,
    /// In files; none of them is in memory as well.
    written: BTreeMap<[u8; 32], Written>,
    files: Vec<File>,
    /// Where the last of them ends.
    end: u64,
    full: bool,
}

/// Where in the files an object's bytes are.
#[derive(Debug, Clone, Copy)]
struct Written {
    file: u32,
    length: u32,
    offset: u64,
}

/// An object's bytes, or where they are.
#[derive(Clone, Copy)]
enum Bytes<'a> {
    Kept(&'a [u8]),
    Written(Written),
}

impl Bytes<'_> {
    const fn len(&self) -> usize {
        match self {
            Self::Kept(bytes) => bytes.len(),
            Self::Written(written) => written.length as usize,
        }
    }
}

impl NewObjects {
    /// Adds the object with this hash.
    pub fn insert(&mut self, hash: [u8; 32], bytes: Vec<u8>) {
        if self.written.contains_key(&hash) {
            return;
        }
        if let Entry::Vacant(place) = self.kept.entry(hash) {
            self.kept_bytes += bytes.len();
            place.insert(bytes);
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
        let files = number(self.files.len());
        if !others.files.is_empty() {
            self.files.extend(others.files);
            self.end = others.end;
        }
        for (hash, written) in others.written {
            if !self.kept.contains_key(&hash) {
                let file = files + written.file;
                self.written.entry(hash).or_insert(Written { file, ..written });
            }
        }
        for (hash, bytes) in others.kept {
            self.insert(hash, bytes);
        }
    }

    /// The bytes of the object with this hash, if it is among them.
    #[must_use]
    pub fn get(&self, hash: &[u8; 32]) -> Option<io::Result<Cow<'_, [u8]>>> {
        let kept = self.kept.get(hash).map(|bytes| Bytes::Kept(bytes));
        let bytes = kept.or_else(|| self.written.get(hash).copied().map(Bytes::Written))?;
        Some(self.read(bytes))
    }

    fn read<'a>(&'a self, bytes: Bytes<'a>) -> io::Result<Cow<'a, [u8]>> {
        match bytes {
            Bytes::Kept(bytes) => Ok(Cow::Borrowed(bytes)),
            Bytes::Written(Written { file, length, offset }) => {
                let mut bytes = vec![0; length as usize];
                self.files[file as usize].read_exact_at(&mut bytes, offset)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// All of them, ascending by hash.
    fn all(&self) -> impl Iterator<Item = (&[u8; 32], Bytes<'_>)> {
        let (mut kept, mut written) = (self.kept.iter().peekable(), self.written.iter().peekable());
        iter::from_fn(move || {
            let next = written.peek().map(|(hash, _)| *hash);
            match kept.next_if(|(hash, _)| next.is_none_or(|next| *hash < next)) {
                Some((hash, bytes)) => Some((hash, Bytes::Kept(bytes))),
                None => written.next().map(|(hash, written)| (hash, Bytes::Written(*written))),
            }
        })
    }

    /// All of them, ascending by hash, with their lengths in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = (&[u8; 32], usize)> {
        self.all().map(|(hash, bytes)| (hash, bytes.len()))
    }

    /// All of them, ascending by hash.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8; 32], io::Result<Cow<'_, [u8]>>)> {
        self.all().map(|(hash, bytes)| (hash, self.read(bytes)))
    }

    /// All of them, in memory.
    ///
    /// # Errors
    /// When a file cannot be read that some are in.
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
        let mut stays = |hash: &[u8; 32]| match wanted(hash) {
            Ok(wanted) => wanted,
            Err(error) => {
                failed.get_or_insert(error);
                true
            }
        };
        self.kept.retain(|hash, _| stays(hash));
        self.written.retain(|hash, _| stays(hash));
        failed.map_or(Ok(()), Err)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len() + self.written.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes what is in memory to a file if it is much.
    fn make_room(&mut self) {
        if self.kept_bytes <= KEPT || self.full {
            return;
        }
        if self.write_kept().is_err() {
            self.full = true;
            return;
        }
        let file = number(self.files.len() - 1);
        for (hash, bytes) in mem::take(&mut self.kept) {
            let (offset, length) = (self.end, number(bytes.len()));
            self.end += u64::from(length);
            self.written.insert(hash, Written { file, length, offset });
        }
        self.kept_bytes = 0;
    }

    /// Writes what is in memory behind what is in the last file.
    fn write_kept(&mut self) -> io::Result<()> {
        if self.files.is_empty() {
            self.files.push(tempfile::tempfile()?);
        }
        let kept: Vec<&[u8]> = self.kept.values().map(Vec::as_slice).collect();
        self.files[self.files.len() - 1].write_all_at(&kept.concat(), self.end)
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("because objects are short and files few")
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
        assert!(new.kept_bytes <= KEPT && !new.kept.is_empty() && !new.written.is_empty());
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

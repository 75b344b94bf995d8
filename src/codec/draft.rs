//! Objects on their way to the store.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    hash::{BuildHasherDefault, Hasher},
    io,
    os::unix::fs::FileExt as _,
};

use bincode::Encode;
use indexmap::{
    IndexMap,
    map::{self, Entry},
};

use super::{HEAD, OBJECT_LIMIT, Object, ObjectError, Objects, append_as};
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

/// New objects by their hashes. Where they are many, most of them are in files without a name in the
/// folder for temporary files, and if none can be written there, in memory.
#[derive(Debug, Default)]
pub struct NewObjects {
    /// Where each is, in the order in which they were added.
    places: IndexMap<[u8; 32], Place, BuildHasherDefault<Beginning>>,
    /// The bytes of the last ones, one behind the other.
    kept: Vec<u8>,
    /// Bytes of those before them.
    written: u64,
    /// Where those are.
    file: Option<File>,
    /// Files of objects that were added to these.
    others: Vec<File>,
    full: bool,
    /// The first that was too long to be among them.
    too_long: Option<TooLong>,
}

/// An object that would not be read back, were it stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} of {bytes} bytes is too long: one of up to {OBJECT_LIMIT} bytes is read back")]
pub struct TooLong {
    /// Kind of object.
    pub kind: &'static str,
    /// Its length.
    pub bytes: usize,
}

/// Where an object's bytes are.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Which of the other files, or [`OWN`].
    file: u32,
    length: u32,
    offset: u64,
}

/// A hash's own first bytes, which are as good as any.
#[derive(Default)]
struct Beginning(u64);

impl Hasher for Beginning {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(self.0, |beginning| u64::from_le_bytes(*beginning));
    }

    // How long a hash is says nothing.
    fn write_usize(&mut self, _length: usize) {}
}

/// Stands for the file that is written to, with what is kept in memory behind it.
const OWN: u32 = u32::MAX;

impl NewObjects {
    /// Adds the object with this hash.
    pub fn insert(&mut self, hash: [u8; 32], bytes: &[u8]) {
        let start = self.kept.len();
        self.kept.extend_from_slice(bytes);
        self.inserted("an object", hash, start);
    }

    /// Adds `object`.
    pub(crate) fn put<T: Object>(&mut self, object: &T) -> Id<T> {
        self.put_in(object.version(), object)
    }

    /// Adds the `T` whose fields in the newest version `fields` is encoded as.
    pub(crate) fn put_as<T: Object>(&mut self, fields: &impl Encode) -> Id<T> {
        self.put_in(T::VERSION, fields)
    }

    fn put_in<T: Object>(&mut self, version: u8, fields: &impl Encode) -> Id<T> {
        let start = self.kept.len();
        append_as::<T>(version, fields, &mut self.kept);
        let id = Id::<T>::of(&self.kept[start..]);
        self.inserted(T::NAME, *id.as_bytes(), start);
        id
    }

    /// Whether all that was added can be read back once it is stored. What cannot is not kept here either.
    ///
    /// # Errors
    /// The first that is too long.
    pub(crate) fn fit(&self) -> Result<(), TooLong> {
        self.too_long.map_or(Ok(()), Err)
    }

    /// Takes in the object with this hash, whose bytes are kept from `start` on.
    fn inserted(&mut self, kind: &'static str, hash: [u8; 32], start: usize) {
        let bytes = self.kept.len() - start;
        if bytes > OBJECT_LIMIT + HEAD {
            self.kept.truncate(start);
            self.too_long.get_or_insert(TooLong { kind, bytes });
            return;
        }
        match self.places.entry(hash) {
            Entry::Occupied(_) => self.kept.truncate(start),
            Entry::Vacant(place) => {
                let length = number(self.kept.len() - start);
                place.insert(Place { file: OWN, length, offset: self.written + start as u64 });
                self.make_room();
            }
        }
    }

    /// Adds `others`.
    pub fn extend(&mut self, others: Self) {
        let too_long = self.too_long.or(others.too_long);
        if self.is_empty() {
            *self = others;
            self.too_long = too_long;
            return;
        }
        self.too_long = too_long;
        let Self { places, kept, written, file, others: files, .. } = others;
        let first = number(self.others.len());
        let own = first + number(files.len());
        self.others.extend(files.into_iter().chain(file));
        for (hash, place) in places {
            let Place { file, length, offset } = place;
            match offset.checked_sub(written).filter(|_| file == OWN) {
                Some(start) => self.insert(hash, within(&kept, start, length)),
                None => {
                    let file = if file == OWN { own } else { first + file };
                    self.places.entry(hash).or_insert(Place { file, ..place });
                }
            }
        }
    }

    /// The bytes of the object with this hash, if it is among them.
    #[must_use]
    pub fn get(&self, hash: &[u8; 32]) -> Option<io::Result<Cow<'_, [u8]>>> {
        self.places.get(hash).map(|place| self.read(*place))
    }

    fn read(&self, place: Place) -> io::Result<Cow<'_, [u8]>> {
        let file = match self.file(place) {
            Ok(file) => file,
            Err(kept) => return Ok(Cow::Borrowed(kept)),
        };
        let mut bytes = vec![0; place.length as usize];
        file.read_exact_at(&mut bytes, place.offset)?;
        Ok(Cow::Owned(bytes))
    }

    /// The file that an object is in, or its bytes, which are in memory.
    fn file(&self, Place { file, length, offset }: Place) -> Result<&File, &[u8]> {
        match self.others.get(file as usize) {
            Some(file) => Ok(file),
            None => match offset.checked_sub(self.written) {
                Some(start) => Err(within(&self.kept, start, length)),
                None => Ok(self.file.as_ref().expect("because what is not in memory is in a file")),
            },
        }
    }

    /// All of them, ascending by hash, with their lengths in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = (&[u8; 32], usize)> {
        self.sorted().map(|(hash, place)| (hash, place.length as usize))
    }

    fn sorted(&self) -> impl Iterator<Item = (&[u8; 32], &Place)> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_unstable_by_key(|(hash, _)| **hash);
        places.into_iter()
    }

    /// All of them, ascending by hash.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8; 32], io::Result<Cow<'_, [u8]>>)> {
        self.sorted().map(|(hash, place)| (hash, self.read(*place)))
    }

    /// All of them, in the order in which they were added: files are read from their beginning on.
    pub(crate) fn in_order(&self) -> InOrder<'_> {
        InOrder { objects: self, places: self.places.iter(), read: Vec::new(), at: (OWN, 0) }
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
        self.places.retain(|hash, _| {
            wanted(hash).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                true
            })
        });
        failed.map_or(Ok(()), Err)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Writes what is in memory to a file if it is much.
    fn make_room(&mut self) {
        if self.kept.len() <= KEPT || self.full {
            return;
        }
        if self.write_kept().is_err() {
            self.full = true;
            return;
        }
        self.written += self.kept.len() as u64;
        self.kept.clear();
    }

    /// Writes what is in memory behind what is in the file.
    fn write_kept(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.write_all_at(&self.kept, self.written)
    }
}

/// As many bytes are read at a time of files of objects that are wanted in order.
const AHEAD: usize = 1 << 20;

/// See [`NewObjects::in_order`].
pub(crate) struct InOrder<'a> {
    objects: &'a NewObjects,
    /// Those that are still to come.
    places: map::Iter<'a, [u8; 32], Place>,
    /// What was read, and where that begins in which file.
    read: Vec<u8>,
    at: (u32, u64),
}

impl<'a> InOrder<'a> {
    /// The hash and the bytes of the next one.
    pub(crate) fn following(&mut self) -> Option<io::Result<(&'a [u8; 32], &[u8])>> {
        let (hash, place) = self.places.next()?;
        let file = match self.objects.file(*place) {
            Ok(file) => file,
            Err(kept) => return Some(Ok((hash, kept))),
        };
        let start = self.start(file, *place);
        Some(start.map(|start| (hash, &self.read[start..start + place.length as usize])))
    }

    /// Where an object that is in `file` is in what was read; reads it, and what is behind it, where it is not.
    fn start(&mut self, file: &File, place: Place) -> io::Result<usize> {
        let length = place.length as usize;
        let start =
            place.offset.checked_sub(self.at.1).and_then(|start| usize::try_from(start).ok());
        let start =
            start.filter(|start| self.at.0 == place.file && start + length <= self.read.len());
        if let Some(start) = start {
            return Ok(start);
        }
        self.at = (place.file, place.offset);
        self.read.resize(AHEAD.max(length), 0);
        let mut done = 0;
        while done < length {
            let at = place.offset + done as u64;
            match file.read_at(&mut self.read[done..], at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.read.truncate(done);
        Ok(0)
    }
}

/// `length` bytes of `kept` from `start` on.
fn within(kept: &[u8], start: u64, length: u32) -> &[u8] {
    let start = usize::try_from(start).expect("because it is in memory");
    &kept[start..start + length as usize]
}

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("because objects are short and files few")
}

impl FromIterator<([u8; 32], Vec<u8>)> for NewObjects {
    fn from_iter<I: IntoIterator<Item = ([u8; 32], Vec<u8>)>>(objects: I) -> Self {
        let mut new = Self::default();
        for (hash, bytes) in objects {
            new.insert(hash, &bytes);
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
    use bincode::Decode;

    use super::{
        super::{decode, encode},
        *,
    };
    use crate::id::Kind;

    #[derive(Encode, Decode)]
    struct Text(String);
    impl Kind for Text {
        const NAME: &'static str = "text";
    }
    impl Object for Text {
        const TAG: u8 = 0xed;
    }

    #[test]
    fn many_objects_are_there_as_few_are() {
        let object = |number: u32| (*blake3::hash(&number.to_le_bytes()).as_bytes(), number);
        let bytes = |number: u32| vec![number.to_le_bytes()[0]; 1 << 16];
        let mut new = NewObjects::default();
        for (hash, number) in (0..300).map(object) {
            new.insert(hash, &bytes(number));
            new.insert(hash, &bytes(number));
        }
        let mut more = NewObjects::default();
        for (hash, number) in (200..400).map(object) {
            more.insert(hash, &bytes(number));
        }
        assert!(new.kept.len() <= KEPT && !new.kept.is_empty() && new.written > 0);
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

    /// Objects of more than the limit used to be stored, and acknowledged, and not to be read again.
    #[test]
    fn what_would_not_be_read_back_is_not_taken_in() {
        let longest = Text("x".repeat(OBJECT_LIMIT - 8));
        let longer = Text("x".repeat(OBJECT_LIMIT - 7));
        let mut new = NewObjects::default();
        let id = new.put(&longest);
        new.fit().unwrap();
        let bytes = new.get(id.as_bytes()).unwrap().unwrap().into_owned();
        assert!(decode::<Text>(&bytes).is_ok());
        assert!(decode::<Text>(&encode(&longer)).is_err());
        let mut more = NewObjects::default();
        let id = more.put(&longer);
        assert!(more.get(id.as_bytes()).is_none());
        new.extend(more);
        let said = "text of 67108867 bytes is too long: one of up to 67108864 bytes is read back";
        assert_eq!(new.fit().unwrap_err().to_string(), said);
    }
}

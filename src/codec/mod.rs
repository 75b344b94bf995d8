//! Canonical bytes of stored objects.
//!
//! An object is a tag byte (its kind), a version byte, and its fields in bincode with little-endian
//! fixed-width integers. Each value has one spelling: [`decode`] refuses trailing bytes and any input
//! that would be written differently, so an id names a value and not merely a file. Types that are
//! stored use only fixed-width integers, byte arrays, strings, sorted `Vec`s and `BTreeMap`s; numbers
//! that are not integers are stored as text.
//!
//! This module knows nothing of where objects are kept.

pub(crate) mod block;
mod draft;
mod later;
mod new;

use bincode::{
    BorrowDecode, Decode, Encode, config,
    enc::{
        Encoder,
        write::{SizeWriter, Writer as _},
    },
    error::EncodeError,
};

pub use self::{
    draft::Draft,
    later::Later,
    new::{NewObjects, TooLong},
};
use crate::id::{Id, Kind};

/// The most bytes of fields that are read back: a guard against hostile lengths. What grows with the number of
/// facts is kept in parts before it would be longer.
pub const OBJECT_LIMIT: usize = 64 << 20;

/// Tag and version, which come before the fields.
pub(crate) const HEAD: usize = 2;

/// A value that is stored under the hash of its canonical bytes.
///
/// A field that came later goes to the end as a [`Later`], which older values do not have.
///
/// Tags are never reused and a stored version is never rewritten; they are listed in
/// `docs/format.md`.
pub trait Object: Kind + Encode + Decode<()> + Sized {
    /// First stored byte.
    const TAG: u8;
    /// The newest version: raised when the fields change.
    const VERSION: u8 = 1;
    /// The oldest version that is read.
    const OLDEST: u8 = Self::VERSION;

    /// The version that it is written in, which is the second stored byte: the oldest that can say it. So a value keeps
    /// its bytes, and its id, when there is a newer version.
    fn version(&self) -> u8 {
        Self::VERSION
    }

    /// Reads the fields that `version` has, and says how many bytes they are.
    ///
    /// # Errors
    /// When they do not parse.
    fn decode_fields(version: u8, bytes: &[u8]) -> Result<(Self, usize), FieldsError> {
        let _only_one = version;
        fields(bytes)
    }
}

/// Why fields do not parse.
pub type FieldsError = bincode::error::DecodeError;

/// Reads values that [`append`] wrote, and says how many bytes they are.
///
/// # Errors
/// When they do not parse.
pub fn fields<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), FieldsError> {
    bincode::decode_from_slice(bytes, layout())
}

/// Why bytes are not an object of the wanted kind. Always a sign of damage or of a newer program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first byte is another kind's.
    #[error("expected a {expected} (tag {tag}), found tag {found:?}")]
    Tag {
        /// Kind that was asked for.
        expected: &'static str,
        /// Its tag.
        tag: u8,
        /// First byte found, if there was one.
        found: Option<u8>,
    },
    /// The second byte is a version this program does not read.
    #[error("{kind} has version {found:?}; this program reads version {known}")]
    Version {
        /// Kind of object.
        kind: &'static str,
        /// Newest version known.
        known: u8,
        /// Version found, if there was one.
        found: Option<u8>,
    },
    /// The fields do not parse.
    #[error("{kind} is malformed")]
    Fields {
        /// Kind of object.
        kind: &'static str,
        /// What bincode made of it.
        source: FieldsError,
    },
    /// The fields parse, but are not spelled as this program would.
    #[error("{kind} is not in canonical form")]
    NotCanonical {
        /// Kind of object.
        kind: &'static str,
    },
}

fn layout() -> impl config::Config {
    any_length().with_limit::<OBJECT_LIMIT>()
}

const fn any_length() -> config::Configuration<config::LittleEndian, config::Fixint> {
    config::standard().with_fixed_int_encoding()
}

/// The canonical bytes of `object`.
#[must_use]
pub fn encode<T: Object>(object: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_as::<T>(object.version(), object, &mut bytes);
    bytes
}

/// Adds the canonical bytes of the `T` whose fields in `version` `fields` is encoded as to `bytes`.
fn append_as<T: Object>(version: u8, fields: &impl Encode, bytes: &mut Vec<u8>) {
    bytes.extend([T::TAG, version]);
    append(fields, bytes);
}

/// Adds the bytes of `value` inside an object to `bytes`.
pub fn append<T: Encode>(value: &T, bytes: &mut Vec<u8>) {
    bincode::encode_into_std_write(value, bytes, layout())
        .expect("because writing integers and strings to a vector cannot fail");
}

/// What begins `bytes`, which [`append`] wrote, if it is a `T`.
#[must_use]
pub fn beginning<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Option<T> {
    bincode::borrow_decode_from_slice(bytes, any_length()).ok().map(|(value, _)| value)
}

/// What [`append`] wrote, as a part of something else.
#[derive(Debug, Clone, Copy)]
pub struct Verbatim<'a>(
    /// The bytes.
    pub &'a [u8],
);

impl Encode for Verbatim<'_> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encoder.writer().write(self.0)
    }
}

/// The length of `value` inside an object, in bytes.
pub fn encoded_length<T: Encode>(value: &T) -> usize {
    let mut writer = SizeWriter::default();
    bincode::encode_into_writer(value, &mut writer, layout())
        .expect("because counting the bytes of integers and strings cannot fail");
    writer.bytes_written
}

/// Reads `bytes` as a `T`.
///
/// # Errors
/// When the bytes are of another kind or version, do not parse, or are not what [`encode`] writes.
pub fn decode<T: Object>(bytes: &[u8]) -> Result<T, DecodeError> {
    let kind = T::NAME;
    if bytes.first() != Some(&T::TAG) {
        return Err(DecodeError::Tag {
            expected: kind,
            tag: T::TAG,
            found: bytes.first().copied(),
        });
    }
    let found = bytes.get(1).copied();
    let Some(version) = found.filter(|version| (T::OLDEST..=T::VERSION).contains(version)) else {
        return Err(DecodeError::Version { kind, known: T::VERSION, found });
    };
    let (object, read) = T::decode_fields(version, &bytes[2..])
        .map_err(|source| DecodeError::Fields { kind, source })?;
    if read + 2 != bytes.len() || encode(&object) != bytes {
        return Err(DecodeError::NotCanonical { kind });
    }
    Ok(object)
}

/// Reads bytes as an object of some kind and writes that again.
#[doc(hidden)]
pub type Rewrite = fn(&[u8]) -> Result<Vec<u8>, DecodeError>;

/// [`Rewrite`] for the kind `T`.
#[doc(hidden)]
pub fn rewrite<T: Object>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    decode::<T>(bytes).map(|object| encode(&object))
}

/// `object` as a file of its own: its id and its canonical bytes.
#[must_use]
pub fn seal<T: Object>(object: &T) -> Vec<u8> {
    let bytes = encode(object);
    [Id::<T>::of(&bytes).as_bytes().as_slice(), &bytes].concat()
}

/// What [`seal`] was given; `None` when the bytes are not what it made.
#[must_use]
pub fn unseal<T: Object>(bytes: &[u8]) -> Option<T> {
    let (hash, bytes) = bytes.split_first_chunk::<32>()?;
    (Id::<T>::of(bytes).as_bytes() == hash).then(|| decode(bytes).ok())?
}

/// The id of `object`: the hash of its canonical bytes.
#[must_use]
pub fn id_of<T: Object>(object: &T) -> Id<T> {
    Id::of(&encode(object))
}

/// Where objects are read from, by several threads at once.
pub trait Objects: Sync {
    /// What is stored under this hash, not yet verified; `None` when there is nothing.
    /// Read objects with [`get`], which verifies.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError>;
}

/// A place where nothing is stored: for objects that are made without reading any.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Objects for Nothing {
    fn bytes(&self, _: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        Ok(None)
    }
}

/// Reads the object `id`.
///
/// # Errors
/// When it is missing, its bytes do not have that hash, or they do not decode.
pub fn get<T: Object>(objects: &dyn Objects, id: Id<T>) -> Result<T, ObjectError> {
    let damage = |why: String| ObjectError::Damaged { kind: T::NAME, id: id.to_string(), why };
    let bytes = objects
        .bytes(id.as_bytes())?
        .ok_or_else(|| ObjectError::Missing { kind: T::NAME, id: id.to_string() })?;
    if Id::<T>::of(&bytes) != id {
        return Err(damage("its bytes have another hash".to_owned()));
    }
    decode(&bytes).map_err(|source| damage(source.to_string()))
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// Nothing is stored under the id.
    #[error("{kind} {id} is missing from the store")]
    Missing {
        /// Kind of object.
        kind: &'static str,
        /// Its id, in full.
        id: String,
    },
    /// Something is stored under the id that does not belong there.
    #[error("{kind} {id} is damaged: {why}")]
    Damaged {
        /// Kind of object.
        kind: &'static str,
        /// Its id, in full.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// The store could not be read.
    #[error("cannot read the store")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ObjectError {
    /// Whether something stored is not as it was written; otherwise the system could not read it just now.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let mut cause = match self {
            Self::Missing { .. } | Self::Damaged { .. } => return true,
            Self::Read(source) => Some(&**source as &(dyn std::error::Error + 'static)),
        };
        while let Some(error) = cause {
            if error.is::<std::io::Error>() {
                return false;
            }
            cause = error.source();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Sample {
        name: String,
        numbers: Vec<u32>,
    }
    impl Kind for Sample {
        const NAME: &'static str = "sample";
    }
    impl Object for Sample {
        const TAG: u8 = 0xee;
    }

    #[test]
    fn every_prefix_and_extension_is_refused() {
        let bytes = encode(&Sample { name: "née".to_owned(), numbers: vec![1, 2] });
        assert!(decode::<Sample>(&bytes).is_ok());
        for end in 0..bytes.len() {
            assert!(decode::<Sample>(&bytes[..end]).is_err(), "prefix of {end} bytes");
        }
        for extra in [0, 255] {
            let longer = [bytes.as_slice(), &[extra]].concat();
            assert!(matches!(decode::<Sample>(&longer), Err(DecodeError::NotCanonical { .. })));
        }
    }

    #[test]
    fn a_length_bomb_is_refused() {
        let bytes = [&[0xee, 1][..], &u64::MAX.to_le_bytes()].concat();
        assert!(matches!(decode::<Sample>(&bytes), Err(DecodeError::Fields { .. })));
    }
}

//! Content ids.
//!
//! An id is the BLAKE3 of exactly the bytes it names, under a key derived from the kind of thing
//! they are, so that equal bytes of two kinds never share an id. [`Id`] carries the kind in its
//! type: a delta's id cannot be passed where a commit's is wanted.
//!
//! This module knows nothing of how objects are encoded or where they are kept.

use std::{
    cell::RefCell, cmp::Ordering, collections::BTreeMap, fmt, hash, marker::PhantomData,
    str::FromStr,
};

use bincode::{
    BorrowDecode, Decode, Encode,
    de::{BorrowDecoder, Decoder},
    enc::Encoder,
    error::{DecodeError, EncodeError},
};
use blake3::hazmat::{ContextKey, HasherExt as _, hash_derive_key_context};

/// More bytes than this are hashed by several threads.
const LARGE: usize = 1 << 20;

/// A kind of thing that has ids of its own.
pub trait Kind {
    /// Lower-case name; it is part of the hash's domain and appears in messages.
    const NAME: &'static str;
}

/// The BLAKE3 of some bytes, with the kind of thing they are in its type.
///
/// `Display` is 64 hexadecimal digits and honours precision: `{id:.12}` is the short form.
///
/// ```
/// use kledger::id::{Id, Kind};
///
/// struct Note;
/// impl Kind for Note {
///     const NAME: &'static str = "note";
/// }
///
/// let id = Id::<Note>::of(b"Anna likes Rome");
/// assert_eq!(id.to_string().len(), 64);
/// assert_eq!(format!("{id:.12}"), id.to_string()[..12]);
/// ```
pub struct Id<T> {
    hash: [u8; 32],
    kind: PhantomData<fn() -> T>,
}

impl<T: Kind> Id<T> {
    /// Hashes `bytes` in the domain `kledger v1 <kind>`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.len() < LARGE {
            return Self::from_parts([bytes]);
        }
        Self::from_bytes(*Self::hasher().update_rayon(bytes).finalize().as_bytes())
    }

    /// Hashes the concatenation of `parts`, without building it.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Self::hasher();
        for part in parts {
            hasher.update(part);
        }
        Self::from_bytes(*hasher.finalize().as_bytes())
    }

    /// A hasher in this kind's domain, for bytes that arrive in pieces.
    #[must_use]
    pub fn hasher() -> blake3::Hasher {
        blake3::Hasher::new_from_context_key(&context(T::NAME))
    }
}

/// The key of a kind's domain, made once in each thread.
fn context(kind: &'static str) -> ContextKey {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<&'static str, ContextKey>> = const { RefCell::new(BTreeMap::new()) };
    }
    let make = || hash_derive_key_context(&format!("kledger v1 {kind}"));
    KNOWN.with_borrow_mut(|known| *known.entry(kind).or_insert_with(make))
}

impl<T> Id<T> {
    /// The id with these 32 bytes, taken on trust.
    #[must_use]
    pub const fn from_bytes(hash: [u8; 32]) -> Self {
        Self { hash, kind: PhantomData }
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.hash
    }
}

/// Why a string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id: expected 64 hexadecimal digits")]
pub struct ParseIdError {
    /// The string.
    pub text: String,
}

impl<T> FromStr for Id<T> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower_case = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match blake3::Hash::from_hex(text) {
            Ok(hash) if lower_case => Ok(Self::from_bytes(*hash.as_bytes())),
            _ => Err(ParseIdError { text: text.to_owned() }),
        }
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&blake3::Hash::from_bytes(self.hash).to_hex())
    }
}

impl<T: Kind> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self:.12})", T::NAME)
    }
}

// Derives would ask the same of `T`, which is only a marker.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash)
    }
}

impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl<T> Encode for Id<T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.hash.encode(encoder)
    }
}

impl<C, T> Decode<C> for Id<T> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Decode::decode(decoder).map(Self::from_bytes)
    }
}

impl<'de, C, T> BorrowDecode<'de, C> for Id<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        BorrowDecode::borrow_decode(decoder).map(Self::from_bytes)
    }
}

impl<T> serde::Serialize for Id<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct A;
    struct B;
    impl Kind for A {
        const NAME: &'static str = "a";
    }
    impl Kind for B {
        const NAME: &'static str = "b";
    }

    #[test]
    fn kinds_do_not_share_ids() {
        assert_ne!(Id::<A>::of(b"x").as_bytes(), Id::<B>::of(b"x").as_bytes());
        assert_eq!(Id::<A>::of(b"xy"), Id::<A>::from_parts([b"x".as_slice(), b"y"]));
    }

    #[test]
    fn text_form_round_trips_and_shortens() {
        let id = Id::<A>::of(b"x");
        assert_eq!(id.to_string().parse::<Id<A>>().unwrap(), id);
        assert_eq!(format!("{id:.12}"), id.to_string()[..12]);
        assert!(id.to_string().to_uppercase().parse::<Id<A>>().is_err());
        assert!("12".parse::<Id<A>>().is_err());
    }
}

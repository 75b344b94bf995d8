//! Fields that came to a kind of object later.

use std::ops::Deref;

use bincode::{
    BorrowDecode, Decode, Encode,
    de::{BorrowDecoder, Decoder, read::Reader as _},
    enc::Encoder,
    error::{DecodeError, EncodeError},
};

/// The last field of an object, which an earlier version of its kind has not: written only where it is not empty, so
/// a value that has nothing there keeps its bytes, and its id.
///
/// Where an object ends before the field, it is empty. That the version byte fits follows: an object is only read if it
/// would be written so ([`decode`](super::decode)), and [`Later::version`] says in which version that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Later<T>(T);

impl<T: Default + PartialEq> Later<T> {
    /// Whether it is not written.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.0 == T::default()
    }

    /// The version that an object with this field is written in, where `with` is the first that has it.
    #[must_use]
    pub fn version(&self, with: u8) -> u8 {
        if self.is_absent() { with - 1 } else { with }
    }
}

impl<T> From<T> for Later<T> {
    fn from(field: T) -> Self {
        Self(field)
    }
}

impl<T> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Encode + Default + PartialEq> Encode for Later<T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        if self.is_absent() { Ok(()) } else { self.0.encode(encoder) }
    }
}

impl<T: Decode<C> + Default, C> Decode<C> for Later<T> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        if is_at_end(decoder) { Ok(Self::default()) } else { T::decode(decoder).map(Self) }
    }
}

impl<'de, T: BorrowDecode<'de, C> + Default, C> BorrowDecode<'de, C> for Later<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        if is_at_end(decoder) { Ok(Self::default()) } else { T::borrow_decode(decoder).map(Self) }
    }
}

/// Objects are read from a slice, which says whether there is more of it.
fn is_at_end(decoder: &mut impl Decoder) -> bool {
    decoder.reader().peek_read(1).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::{DecodeError, Object, decode, encode},
        id::Kind,
    };

    /// A kind whose second version has colours.
    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Grown {
        name: String,
        colours: Later<Vec<u8>>,
    }
    impl Kind for Grown {
        const NAME: &'static str = "grown";
    }
    impl Object for Grown {
        const TAG: u8 = 0xef;
        const VERSION: u8 = 2;
        const OLDEST: u8 = 1;

        fn version(&self) -> u8 {
            self.colours.version(2)
        }
    }

    #[test]
    fn a_value_is_written_in_the_oldest_version_that_can_say_it() {
        let name = [2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b'];
        let grown =
            |colours: &[u8]| Grown { name: "ab".to_owned(), colours: colours.to_vec().into() };
        let one = [1, 0, 0, 0, 0, 0, 0, 0, 7];
        let (first, second) =
            ([&[0xef, 1][..], &name].concat(), [&[0xef, 2][..], &name, &one].concat());
        for (value, bytes) in [(grown(&[]), &first), (grown(&[7]), &second)] {
            assert_eq!(encode(&value), *bytes);
            assert_eq!(decode::<Grown>(bytes).unwrap(), value);
        }
        for version in [0, 3] {
            let other = [&[0xef, version][..], &name].concat();
            assert!(matches!(decode::<Grown>(&other), Err(DecodeError::Version { .. })));
        }
        let with = |version: u8, rest: &[u8]| [&[0xef, version][..], &name, rest].concat();
        for (wrong, why) in [
            (with(1, &one), "more than version 1 has"),
            (with(2, &[]), "version 2 without it"),
            (with(2, &[0; 8]), "version 2 with an empty one"),
            (with(2, &one[..5]), "a part of it"),
            (with(2, &[&one[..], &[0]].concat()), "more than version 2 has"),
        ] {
            assert!(decode::<Grown>(&wrong).is_err(), "{why}");
        }
    }
}

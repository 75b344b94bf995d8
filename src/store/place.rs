//! Where things are that are found by a hash: objects and z vectors.

use crate::{
    delta::TensorFile,
    id::{Id, Kind},
};

/// Marks ids of packs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pack;

impl Kind for Pack {
    const NAME: &'static str = "pack";
}

/// Where something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// An object's bytes in a pack.
    Object {
        /// The pack.
        pack: Id<Pack>,
        /// Of the object's first byte.
        offset: u64,
        /// In bytes.
        length: u64,
    },
    /// A z vector, found by the hash of what it depends on.
    Row {
        /// The tensor file it is in.
        file: Id<TensorFile>,
        /// Row of the file's tensor `z`.
        row: u32,
    },
}

/// A hash, and where the thing is that it stands for.
pub(super) type Record = ([u8; 32], Place);

impl Place {
    /// Length of a place in bytes.
    pub(super) const BYTES: usize = 49;

    /// 0, pack, offset, length; or 1, file, row, zeros.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (kind, id) = match &self {
            Self::Object { pack, offset, length } => {
                bytes[33..41].copy_from_slice(&offset.to_le_bytes());
                bytes[41..].copy_from_slice(&length.to_le_bytes());
                (0, pack.as_bytes())
            }
            Self::Row { file, row } => {
                bytes[33..37].copy_from_slice(&row.to_le_bytes());
                (1, file.as_bytes())
            }
        };
        bytes[0] = kind;
        bytes[1..33].copy_from_slice(id);
        bytes
    }

    /// The place that these bytes say, if they are what [`Place::to_bytes`] gave.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk::<32>()?;
        let place = match kind {
            0 => {
                let (offset, length) = rest.split_first_chunk::<8>()?;
                let (offset, length) =
                    (u64::from_le_bytes(*offset), u64::from_le_bytes(length.try_into().ok()?));
                Self::Object { pack: Id::from_bytes(*id), offset, length }
            }
            1 => {
                let row = u32::from_le_bytes(*rest.first_chunk()?);
                Self::Row { file: Id::from_bytes(*id), row }
            }
            _ => return None,
        };
        (place.to_bytes() == bytes).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_spelling() {
        let object = Place::Object { pack: Id::from_bytes([7; 32]), offset: 3, length: 1 << 40 };
        let row = Place::Row { file: Id::from_bytes([9; 32]), row: 258 };
        for place in [object, row] {
            let bytes = place.to_bytes();
            assert_eq!(Place::from_bytes(&bytes), Some(place));
            for at in 0..bytes.len() {
                let mut changed = bytes;
                changed[at] ^= 0x80;
                assert_ne!(Place::from_bytes(&changed), Some(place), "byte {at}");
                assert_eq!(Place::from_bytes(&bytes[..at]), None, "{at} bytes");
            }
        }
        let mut padded = row.to_bytes();
        padded[48] = 1;
        assert_eq!(Place::from_bytes(&padded), None);
    }
}

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
        /// Where the block begins that has its entry; in a pack without blocks, where the entry does.
        at: u64,
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
    pub(super) const BYTES: usize = File::BYTES + 8;

    /// The file it is in, and where in that.
    pub(super) fn parts(self) -> (File, u64) {
        match self {
            Self::Object { pack, at } => (File(0, *pack.as_bytes()), at),
            Self::Row { file, row } => (File(1, *file.as_bytes()), row.into()),
        }
    }

    /// The place that [`Place::parts`] gave these of.
    pub(super) fn of_parts(File(kind, id): File, at: u64) -> Option<Self> {
        match kind {
            0 => Some(Self::Object { pack: Id::from_bytes(id), at }),
            1 => Some(Self::Row { file: Id::from_bytes(id), row: at.try_into().ok()? }),
            _ => None,
        }
    }

    /// Kind and id of the file, and where in it.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let (file, at) = self.parts();
        let mut bytes = [0; Self::BYTES];
        bytes[..File::BYTES].copy_from_slice(&file.to_bytes());
        bytes[File::BYTES..].copy_from_slice(&at.to_le_bytes());
        bytes
    }

    /// The place that these bytes say, if they are what [`Place::to_bytes`] gave.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (file, at) = bytes.split_first_chunk()?;
        Self::of_parts(File::from_bytes(file), u64::from_le_bytes(at.try_into().ok()?))
    }
}

/// A file that things are in: which kind of file, 0 a pack and 1 a tensor file, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct File(u8, [u8; 32]);

impl File {
    /// Its length in bytes.
    pub(super) const BYTES: usize = 33;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.0;
        bytes[1..].copy_from_slice(&self.1);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut id = [0; 32];
        id.copy_from_slice(&bytes[1..]);
        Self(bytes[0], id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_spelling() {
        let object = Place::Object { pack: Id::from_bytes([7; 32]), at: 1 << 40 };
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
        for (at, value) in [(0, 2), (40, 1)] {
            let mut wrong = row.to_bytes();
            wrong[at] = value;
            assert_eq!(Place::from_bytes(&wrong), None, "no kind of file, or no row");
        }
    }
}

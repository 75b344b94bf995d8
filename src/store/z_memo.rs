//! Where z vectors are.

use bincode::{Decode, Encode};

use crate::{
    codec::Object,
    delta::TensorFile,
    id::{Id, Kind},
    store::place::{Place, Record},
};

/// z vectors in a tensor file (its tensor `z`, `[facts, width]`), and what each was found for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ZMemo {
    /// The file.
    pub file: Id<TensorFile>,
    /// One for each row that is to be found again, sorted by key.
    pub places: Vec<ZEntry>,
}

/// Where one z vector is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ZEntry {
    /// Hash of everything the vector depends on.
    pub key: [u8; 32],
    /// Row of the tensor.
    pub row: u32,
}

impl ZMemo {
    /// Where each of its vectors is.
    pub(super) fn rows(&self) -> impl Iterator<Item = Record> {
        self.places.iter().map(|entry| (entry.key, Place::Row { file: self.file, row: entry.row }))
    }
}

impl Kind for ZMemo {
    const NAME: &'static str = "z memo";
}

impl Object for ZMemo {
    const TAG: u8 = 0x34;
}

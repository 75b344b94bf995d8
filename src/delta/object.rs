//! Deltas and lineages as stored objects.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use crate::{
    codec::{self, FieldsError, Later, Object},
    fact::FactKey,
    id::{Id, Kind},
    tensor::{Dtype, Orientation, Tensor, TensorId},
};

/// The table of contents of one tensor file. The file is kept under this object's id and each of its
/// tensors is verified against the id given here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TensorFile {
    /// Sorted by name.
    pub tensors: Vec<TensorEntry>,
}

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TensorEntry {
    /// Name in the file.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
    /// Hash of dtype, shape and bytes.
    pub id: TensorId,
}

/// What the name of a whole change ends with, after that of its tensor and a full stop.
pub const DENSE: &str = "dense";

/// A change of weights.
///
/// Its factors are in one tensor file, per tensor `<name>.left` and `<name>.right`, or
/// `<name>.dense`, or `<name>.tuned`, with `<name>.keys` beside them where the editor left keys for
/// later edits.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Delta {
    /// What is changed, sorted by name.
    pub tensors: Vec<DeltaTensor>,
    /// Column i of every low-rank factor belongs to fact i of this list, which can name a fact several times.
    /// Empty for a delta that was not made fact by fact.
    pub columns: Vec<FactKey>,
    /// Where the numbers are.
    pub file: Id<TensorFile>,
    /// Facts that hold the change together, ascending: none of it belongs to one of them. Only where there are no
    /// columns, and not in version 1.
    pub together: Later<Vec<FactKey>>,
}

/// The change of one tensor, in `[out, in]` orientation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
pub struct DeltaTensor {
    /// Name in the checkpoint.
    pub name: String,
    /// Output width.
    pub outputs: u64,
    /// Input width.
    pub inputs: u64,
    /// How the checkpoint stores this tensor.
    pub orientation: Orientation,
    /// How the change is written down.
    pub form: Form,
}

/// How a change is written down.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum Form {
    /// `left [out, rank] @ right [rank, in]`.
    LowRank {
        /// Number of columns of `left`.
        rank: u64,
    } = 0,
    /// The whole change, `[out, in]`.
    Dense = 1,
    /// The tensor of a checkpoint that was trained on from the base, in the base's dtype and shape:
    /// what is added is its difference to the base's.
    Tuned = 2,
}

/// A list of deltas, newest first: what to add to the base, in which order, to get a version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Lineage {
    /// The deltas before this one.
    pub before: Option<Id<Self>>,
    /// The newest delta.
    pub delta: Id<Delta>,
    /// Columns of it that no longer count, ascending: their facts were taken back or replaced.
    pub dropped: Vec<u32>,
    /// Number of deltas, this one included.
    pub length: u64,
}

impl Delta {
    /// The facts that it holds, each once.
    #[must_use]
    pub fn facts(&self) -> BTreeSet<FactKey> {
        self.columns.iter().chain(self.together.iter()).copied().collect()
    }

    /// Whether it holds no facts: it was not made of any.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.columns.is_empty() && self.together.is_empty()
    }
}

impl TensorFile {
    /// The table of contents of a file that holds `tensors`.
    #[must_use]
    pub fn of(tensors: &BTreeMap<String, Tensor>) -> Self {
        let entry = |(name, tensor): (&String, &Tensor)| TensorEntry {
            name: name.clone(),
            dtype: tensor.dtype,
            shape: tensor.shape.iter().map(|&n| n as u64).collect(),
            id: tensor.id(),
        };
        Self { tensors: tensors.iter().map(entry).collect() }
    }
}

impl Kind for TensorFile {
    const NAME: &'static str = "tensor file";
}
impl Object for TensorFile {
    const TAG: u8 = 0x20;
}
impl Kind for Delta {
    const NAME: &'static str = "delta";
}
impl Object for Delta {
    const TAG: u8 = 0x21;
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;

    fn version(&self) -> u8 {
        self.together.version(2)
    }

    fn decode_fields(_: u8, bytes: &[u8]) -> Result<(Self, usize), FieldsError> {
        let (delta, read): (Self, _) = codec::fields(bytes)?;
        let held = &delta.together;
        let fits = delta.columns.is_empty() && held.is_sorted_by(|a, b| a < b);
        if !(held.is_empty() || fits) {
            return Err(FieldsError::Other(
                "facts that hold a delta together ascend, without columns",
            ));
        }
        Ok((delta, read))
    }
}
impl Kind for Lineage {
    const NAME: &'static str = "lineage";
}
impl Object for Lineage {
    const TAG: u8 = 0x22;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_that_hold_a_delta_together_need_its_second_version() {
        let key = |n: u8| FactKey::of(&[n]);
        let mut together = vec![key(1), key(2)];
        together.sort();
        let file = Id::of(b"file");
        let plain = Delta { tensors: vec![], columns: vec![key(1)], file, together: vec![].into() };
        let held = Delta { columns: vec![], together: together.into(), ..plain.clone() };
        for (delta, version) in [(&plain, 1), (&held, 2)] {
            let bytes = codec::encode(delta);
            assert_eq!(bytes[..2], [0x21, version]);
            assert_eq!(codec::decode::<Delta>(&bytes).unwrap(), *delta);
        }
        assert!(!held.is_whole() && !plain.is_whole());
        assert_eq!(held.facts().into_iter().collect::<Vec<_>>(), *held.together);
        // Each value has one spelling.
        let mut backwards = held.together.to_vec();
        backwards.reverse();
        let turned = Delta { together: backwards.into(), ..held.clone() };
        let both = Delta { columns: plain.columns.clone(), ..held.clone() };
        for wrong in [turned, both] {
            assert!(codec::decode::<Delta>(&codec::encode(&wrong)).is_err());
        }
        let mut bytes = codec::encode(&Delta { together: vec![].into(), ..held });
        bytes[1] = 2;
        bytes.extend([0; 8]);
        assert!(codec::decode::<Delta>(&bytes).is_err(), "version 2 without facts");
    }
}

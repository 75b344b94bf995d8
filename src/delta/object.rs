//! Deltas and lineages as stored objects.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use crate::{
    codec::Object,
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

/// A change of weights.
///
/// Its factors are in one tensor file, per tensor `<name>.left` and `<name>.right`, or
/// `<name>.dense`, or `<name>.tuned`, with `<name>.keys` beside them where the editor left keys for
/// later edits.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Delta {
    /// What is changed, sorted by name.
    pub tensors: Vec<DeltaTensor>,
    /// Column i of every low-rank factor belongs to fact i of this list. Empty for a delta that
    /// was not made fact by fact.
    pub columns: Vec<FactKey>,
    /// Where the numbers are.
    pub file: Id<TensorFile>,
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
}
impl Kind for Lineage {
    const NAME: &'static str = "lineage";
}
impl Object for Lineage {
    const TAG: u8 = 0x22;
}

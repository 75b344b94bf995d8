//! A version in memory: the base's edited tensors and the deltas of its lineage.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    materialise::Accumulator,
    object::Orientation,
    tensor::{Matrix, Tensor},
};
use crate::checkpoint::{Checkpoint, CheckpointError};

/// A base and the deltas to add to it, oldest first.
pub struct Version {
    /// The unedited checkpoint.
    pub base: Arc<Checkpoint>,
    /// What is added, in order.
    pub deltas: Vec<LoadedDelta>,
}

/// A delta with its numbers.
#[derive(Debug, Clone)]
pub struct LoadedDelta {
    /// By name of the changed tensor.
    pub changes: BTreeMap<String, Change>,
    /// Columns that no longer count, ascending.
    pub dropped: Vec<u32>,
}

/// The change of one tensor.
#[derive(Debug, Clone)]
pub struct Change {
    /// How the checkpoint stores this tensor.
    pub orientation: Orientation,
    /// `left [out, rank]` and `right [rank, in]`, or the dense change.
    pub form: ChangeForm,
    /// Keys of the edit, `[rank, in]`, where its editor left any.
    pub keys: Option<Matrix>,
}

/// The numbers of a change.
#[derive(Debug, Clone)]
pub enum ChangeForm {
    /// `left [out, rank] @ right [rank, in]`.
    LowRank {
        /// `[out, rank]`
        left: Matrix,
        /// `[rank, in]`
        right: Matrix,
    },
    /// `[out, in]`.
    Dense(Matrix),
}

impl Version {
    /// `W0` plus every delta's change of `tensor`, in f64; `orientation` is the family's.
    pub fn accumulate(
        &self,
        tensor: &str,
        orientation: Orientation,
    ) -> Result<Accumulator, CheckpointError> {
        unimplemented!()
    }
    /// All live keys of earlier edits at `tensor`, `[edits, in]`: the carry.
    pub fn past_keys(&self, tensor: &str) -> Matrix {
        unimplemented!()
    }
    /// Every tensor that some delta changes, as it is in this version.
    pub fn materialise(&self) -> Result<BTreeMap<String, Tensor>, CheckpointError> {
        unimplemented!()
    }
}

//! A version in memory: the base and the deltas of its lineage.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use rayon::prelude::*;

use super::{materialise::Accumulator, sums::Sums};
use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    tensor::{Dtype, Matrix, Orientation, Tensor, widths},
};

/// A base and the deltas to add to it.
#[derive(Debug, Clone)]
pub struct Version {
    /// The unedited checkpoint.
    pub base: Arc<Checkpoint>,
    /// Sums to go on from, if some are known.
    pub start: Option<Arc<Sums>>,
    /// How many of the first `deltas` are in these sums.
    pub covered: usize,
    /// What is added, oldest first. Deltas before those in `start` can be left out where nobody needs
    /// their keys or factors.
    pub deltas: Vec<Arc<LoadedDelta>>,
}

/// A delta with its numbers.
#[derive(Debug, Clone)]
pub struct LoadedDelta {
    /// By name of the changed tensor.
    pub changes: BTreeMap<String, Change>,
    /// Whether it was not made fact by fact: then it is part of what facts are edited into.
    pub whole: bool,
    /// Columns that no longer count, ascending.
    pub dropped: Vec<u32>,
    /// Columns that count but whose keys an edit need not hold, ascending: it edits their facts again, or a
    /// later delta has.
    pub superseded: Vec<u32>,
}

/// The change of one tensor.
#[derive(Debug, Clone)]
pub struct Change {
    /// How the checkpoint stores this tensor.
    pub orientation: Orientation,
    /// What is added to it.
    pub form: ChangeForm,
    /// Keys of the edit, `[columns · m, in]`, where its editor left any: m for each column, one column's after the
    /// other's. Where a column needs fewer the rest is zero.
    pub keys: Option<Matrix>,
}

/// The numbers of a change.
#[derive(Debug, Clone)]
pub enum ChangeForm {
    /// `left @ right`.
    LowRank {
        /// `[out, rank]`.
        left: Matrix,
        /// `[rank, in]`.
        right: Matrix,
    },
    /// `[out, in]`.
    Dense(Matrix),
    /// A tensor laid out as the base's, whose difference to it is added.
    Tuned(Tensor),
}

/// Why a version cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// The base cannot be read.
    #[error(transparent)]
    Base(#[from] CheckpointError),
    /// A delta does not fit the tensor it changes.
    #[error("{tensor} is {base:?} in the base, its delta is for [{outputs}, {inputs}]")]
    Shape {
        /// Name of the tensor.
        tensor: String,
        /// Its dimensions in the checkpoint.
        base: Vec<usize>,
        /// Output width of the delta.
        outputs: usize,
        /// Input width of the delta.
        inputs: usize,
    },
    /// The sum is too large for the checkpoint's dtype, or not a number.
    #[error("{tensor} would hold values that {dtype:?} cannot represent")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// Element type of the checkpoint.
        dtype: Dtype,
    },
}

impl Version {
    /// All `deltas` on `base`, the oldest first.
    #[must_use]
    pub const fn new(base: Arc<Checkpoint>, deltas: Vec<Arc<LoadedDelta>>) -> Self {
        Self { base, start: None, covered: 0, deltas }
    }

    /// What an editor takes for its base: the unedited checkpoint with the changes in it that were not made
    /// fact by fact, such as a fine-tuning.
    #[must_use]
    pub fn ground(&self) -> Self {
        let whole = self.deltas.iter().filter(|delta| delta.whole);
        Self::new(self.base.clone(), whole.cloned().collect())
    }

    /// `W0` plus every delta's change of `tensor`, in lineage order.
    ///
    /// # Errors
    /// When the base has no such matrix or a delta does not fit it.
    pub fn accumulate(
        &self,
        tensor: &str,
        orientation: Orientation,
    ) -> Result<Accumulator, VersionError> {
        let base = self.base.tensor(tensor)?;
        let mut sum = match self.start.as_ref().and_then(|start| start.0.get(tensor)) {
            None => Accumulator::new(&base, orientation),
            Some(start) => Accumulator::resume(&base, start).ok_or_else(|| {
                let (tensor, base) = (tensor.to_owned(), base.shape.clone());
                let (outputs, inputs) = (start.outputs, start.inputs);
                VersionError::Shape { tensor, base, outputs, inputs }
            })?,
        };
        for delta in self.deltas.iter().skip(self.covered) {
            let Some(change) = delta.changes.get(tensor) else { continue };
            let (outputs, inputs) = change.widths();
            let alike = match &change.form {
                ChangeForm::Tuned(tuned) => {
                    (&tuned.shape, tuned.dtype) == (&base.shape, base.dtype)
                }
                _ => (outputs, inputs) == (sum.outputs(), sum.inputs()),
            };
            if !alike {
                return Err(VersionError::Shape {
                    tensor: tensor.to_owned(),
                    base: base.shape,
                    outputs,
                    inputs,
                });
            }
            match &change.form {
                ChangeForm::LowRank { left, right } => {
                    sum.add_low_rank(left, right, &delta.dropped);
                }
                ChangeForm::Dense(change) => sum.add_dense(change),
                ChangeForm::Tuned(tuned) => sum.add_difference(tuned, &base),
            }
        }
        Ok(sum)
    }

    /// The keys of all columns of earlier edits at `tensor` that count and are not superseded,
    /// `[keys, in]`; `inputs` is the tensor's input width.
    #[must_use]
    pub fn past_keys(&self, tensor: &str, inputs: usize) -> Matrix {
        let mut past = Matrix::zeros(0, inputs);
        for delta in &self.deltas {
            let Some(change) = delta.changes.get(tensor) else { continue };
            let Some(keys) = change.keys.as_ref() else { continue };
            for column in delta.live(change.columns()) {
                let number = u32::try_from(column);
                if !number.is_ok_and(|number| delta.superseded.binary_search(&number).is_ok()) {
                    for row in change.rows_of_keys(column) {
                        past.data.extend(keys.row(row));
                        past.rows += 1;
                    }
                }
            }
        }
        past
    }

    /// Every tensor that some delta changes, as it is in this version.
    ///
    /// # Errors
    /// As [`Version::accumulate`], and when a value overflows the checkpoint's dtype.
    pub fn materialise(&self) -> Result<BTreeMap<String, Tensor>, VersionError> {
        self.each(|name, sum| {
            let tensor = sum.round();
            if !tensor.is_finite() {
                let (tensor, dtype) = (name.to_owned(), tensor.dtype);
                return Err(VersionError::NotFinite { tensor, dtype });
            }
            Ok(tensor)
        })
    }

    /// The sums of every tensor that some delta changes, for longer lineages to go on from.
    ///
    /// # Errors
    /// As [`Version::accumulate`].
    pub fn sums(&self) -> Result<Sums, VersionError> {
        self.each(|_, sum| Ok(sum.into_sum())).map(Sums)
    }

    /// The tensors that some delta changes, and how the checkpoint stores each.
    #[must_use]
    pub fn changed(&self) -> BTreeMap<&str, Orientation> {
        let started = self.start.iter().flat_map(|start| &start.0);
        let started = started.map(|(name, sum)| (name.as_str(), sum.orientation));
        let deltas = self.deltas.iter().flat_map(|delta| &delta.changes);
        started.chain(deltas.map(|(name, change)| (name.as_str(), change.orientation))).collect()
    }

    /// What `end` makes of the sum of each tensor that some delta changes.
    fn each<T: Send>(
        &self,
        end: impl Fn(&str, Accumulator) -> Result<T, VersionError> + Sync,
    ) -> Result<BTreeMap<String, T>, VersionError> {
        self.changed()
            .into_par_iter()
            .map(|(name, orientation)| {
                Ok((name.to_owned(), end(name, self.accumulate(name, orientation)?)?))
            })
            .collect()
    }
}

impl Change {
    /// Its rank; `None` where it is whole.
    #[must_use]
    pub const fn rank(&self) -> Option<usize> {
        match &self.form {
            ChangeForm::LowRank { right, .. } => Some(right.rows),
            ChangeForm::Dense(_) | ChangeForm::Tuned(_) => None,
        }
    }

    /// How many columns it has: its rank, where it is made of factors.
    #[must_use]
    pub const fn columns(&self) -> usize {
        match self.rank() {
            Some(rank) => rank,
            None => 0,
        }
    }

    /// The rows of its keys that belong to a column.
    #[must_use]
    pub fn rows_of_keys(&self, column: usize) -> Range<usize> {
        let rows = self.keys.as_ref().map_or(0, |keys| keys.rows);
        let each = rows / self.columns().max(1);
        column * each..(column + 1) * each
    }

    /// Output and input width.
    #[must_use]
    pub fn widths(&self) -> (usize, usize) {
        match &self.form {
            ChangeForm::LowRank { left, right } => (left.rows, right.cols),
            ChangeForm::Dense(change) => (change.rows, change.cols),
            ChangeForm::Tuned(tuned) => widths(&tuned.shape, self.orientation),
        }
    }
}

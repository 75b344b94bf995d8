//! The exact sums of a version's first deltas: where a longer lineage can go on.

use std::collections::BTreeMap;

use crate::tensor::Orientation;

/// The running sums of the tensors that some deltas change, after the last of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums(pub BTreeMap<String, Sum>);

/// The running sum of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Sum {
    /// How the checkpoint stores this tensor.
    pub orientation: Orientation,
    /// Output width.
    pub outputs: usize,
    /// Input width.
    pub inputs: usize,
    /// `[out, in]`, row-major, as it was before any rounding.
    pub values: Vec<f64>,
}

//! The one arithmetic that makes weights from a base and deltas.

use super::{
    object::Orientation,
    tensor::{Matrix, Tensor},
};

/// The running sum of one tensor, `W0 + left₁ right₁ + left₂ right₂ + …`, in f64.
pub struct Accumulator {
    outputs: usize,
    inputs: usize,
    sum: Vec<f64>, // [out, in]
    orientation: Orientation,
}

impl Accumulator {
    /// Starts from a checkpoint's tensor.
    #[must_use]
    pub fn new(base: &Tensor, orientation: Orientation) -> Self {
        unimplemented!()
    }
    /// Adds `left [out, rank] @ right [rank, in]`, rank by rank in ascending order, leaving out the
    /// `dropped` ranks (ascending).
    pub fn add_low_rank(&mut self, left: &Matrix, right: &Matrix, dropped: &[u32]) {
        unimplemented!()
    }
    /// Adds a whole change `[out, in]`.
    pub fn add_dense(&mut self, change: &Matrix) {
        unimplemented!()
    }
    /// Rounds once to the checkpoint's dtype and turns back to its orientation.
    #[must_use]
    pub fn round(&self) -> Tensor {
        unimplemented!()
    }
    /// The rounded weights as f32, `[out, in]`: what the model computes with.
    #[must_use]
    pub fn rounded(&self) -> Matrix {
        unimplemented!()
    }
}

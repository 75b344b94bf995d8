//! How a checkpoint lays out a linear map.

use bincode::{Decode, Encode};

/// How a checkpoint lays out a linear map.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// `[out, in]`, as `nn.Linear`.
    OutIn = 0,
    /// `[in, out]`, as GPT-2's `Conv1D`.
    InOut = 1,
}

/// Output and input width of a tensor of this shape. One that is no matrix has its last dimension as
/// input and all others together as output.
#[must_use]
pub fn widths(shape: &[usize], orientation: Orientation) -> (usize, usize) {
    match (shape, orientation) {
        (&[rows, cols], Orientation::InOut) => (cols, rows),
        (&[], _) => (1, 1),
        (&[ref outer @ .., inner], _) => (outer.iter().product(), inner),
    }
}

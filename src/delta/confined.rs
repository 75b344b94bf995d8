//! Changes that touch few rows or columns of a tensor, written down as factors.
//!
//! Training that touches some rows of a matrix only, such as those of new tokens in an embedding, is
//! of low rank exactly: unit vectors times the rows' differences. No other change of a trained
//! checkpoint is, because rounding to its dtype spreads the difference over all ranks.

use super::materialise::{Accumulator, oriented};
use crate::tensor::{Matrix, Tensor};

/// What a sum lacks of being a tensor, element by element.
pub(super) struct Lack<'a> {
    sum: &'a Accumulator,
    /// `[out, in]`.
    wanted: Vec<f64>,
    /// Whether the sum rounds to other bits than are wanted.
    changed: Vec<bool>,
}

impl<'a> Lack<'a> {
    pub(super) fn of(sum: &'a Accumulator, tuned: &Tensor) -> Self {
        let wanted = oriented(tuned, sum.orientation());
        // Every element type fits into f32, each value with bits of its own.
        let rounded = sum.rounded().data.into_iter().zip(&wanted);
        let changed =
            rounded.map(|(rounded, wanted)| f64::from(rounded).to_bits() != wanted.to_bits());
        Self { sum, changed: changed.collect(), wanted }
    }

    /// Whether nothing is lacking.
    pub(super) fn is_none(&self) -> bool {
        !self.changed.contains(&true)
    }

    /// What is to be added to an element.
    fn at(&self, at: usize) -> f64 {
        if self.changed[at] { self.wanted[at] - self.sum.sum()[at] } else { 0.0 }
    }

    /// All that is to be added, `[out, in]`, as far as f32 holds it.
    pub(super) fn difference(&self) -> Matrix {
        // Adding -0.0 leaves a zero its sign.
        let value = |at: usize| if self.changed[at] { single(self.at(at)) } else { -0.0 };
        let data = (0..self.wanted.len()).map(value).collect();
        Matrix { rows: self.sum.outputs(), cols: self.sum.inputs(), data }
    }

    /// The rows and the columns with changed elements.
    fn places(&self) -> [Vec<usize>; 2] {
        let (outputs, inputs) = (self.sum.outputs(), self.sum.inputs());
        let (mut rows, mut columns) = (vec![false; outputs], vec![false; inputs]);
        for at in (0..self.changed.len()).filter(|&at| self.changed[at]) {
            rows[at / inputs] = true;
            columns[at % inputs] = true;
        }
        [rows, columns].map(|changed| (0..changed.len()).filter(|&at| changed[at]).collect())
    }

    /// Whether all that is wrong is that zeros should be -0.0.
    pub(super) fn only_signs(&self) -> bool {
        let changed = (0..self.changed.len()).filter(|&at| self.changed[at]);
        let (zero, minus) = (0f64.to_bits(), (-0f64).to_bits());
        changed
            .map(|at| (self.sum.sum()[at].to_bits(), self.wanted[at].to_bits()))
            .all(|(sum, wanted)| sum == zero && wanted == minus)
    }

    /// Factors that make zeros -0.0: what they add there is below zero and rounds to it.
    pub(super) fn signs(&self) -> (Matrix, Matrix) {
        let (outputs, inputs) = (self.sum.outputs(), self.sum.inputs());
        let [rows, _] = self.places();
        let (up, down) = (2f32.powi(-75), -(2f32.powi(-76)));
        let mut left = Matrix::zeros(outputs, rows.len());
        let mut right =
            Matrix { data: vec![-0.0; rows.len() * inputs], ..Matrix::zeros(rows.len(), inputs) };
        for (rank, &row) in rows.iter().enumerate() {
            left.data[row * rows.len() + rank] = up;
            let changed = (0..inputs).filter(|column| self.changed[row * inputs + column]);
            changed.for_each(|column| right.data[rank * inputs + column] = down);
        }
        (left, right)
    }
}

/// Factors with which `before` becomes `tuned` bit for bit, where they take less room than `tuned` itself.
#[must_use]
pub fn confined(before: &Accumulator, tuned: &Tensor) -> Option<(Matrix, Matrix)> {
    let (outputs, inputs) = (before.outputs(), before.inputs());
    let lack = Lack::of(before, tuned);
    let [rows, columns] = lack.places();

    // Unit vectors at `places` times these vectors.
    let across = columns.len() < rows.len();
    let places = if across { &columns } else { &rows };
    let room = tuned.bytes.len() / (4 * (outputs + inputs).max(1));
    if places.len() > room {
        return None;
    }
    let mut terms = Vec::new();
    for &place in places {
        let values: Vec<f64> = if across {
            (0..outputs).map(|row| lack.at(row * inputs + place)).collect()
        } else {
            (0..inputs).map(|column| lack.at(place * inputs + column)).collect()
        };
        // What one f32 does not hold of a difference, a second one does.
        let rest = values.iter().map(|value| value - f64::from(single(*value)));
        let rest: Vec<f32> = rest.map(single).collect();
        terms.push((place, values.into_iter().map(single).collect()));
        if rest.iter().any(|value| *value != 0.0) {
            terms.push((place, rest));
        }
    }
    let width = if across { inputs } else { outputs };
    let mut units = Matrix::zeros(terms.len(), width);
    let mut vectors =
        Matrix { rows: terms.len(), cols: outputs + inputs - width, data: Vec::new() };
    for (term, (place, values)) in terms.into_iter().enumerate() {
        units.data[term * width + place] = 1.0;
        vectors.data.extend(values);
    }
    let (left, right) = if across { (vectors, units) } else { (units, vectors) };
    let left = left.transposed();
    let mut sum = before.clone();
    sum.add_low_rank(&left, &right, &[]);
    (left.cols <= room && sum.round() == *tuned).then_some((left, right))
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
const fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Dtype, Orientation};

    fn tensor(shape: [usize; 2], values: &[f32]) -> Tensor {
        Tensor::from(&Matrix { rows: shape[0], cols: shape[1], data: values.to_vec() })
    }

    #[test]
    fn changed_rows_and_columns_are_factors() {
        let base: Vec<f32> = (0u8..120).map(|i| f32::from(i) / 7.0).collect();
        let with = |change: &dyn Fn(usize) -> bool| {
            let values: Vec<f32> = base
                .iter()
                .enumerate()
                .map(|(at, value)| if change(at) { value * 1e-9 + 0.3 } else { *value })
                .collect();
            tensor([10, 12], &values)
        };
        let before = tensor([10, 12], &base);
        for (tuned, rank) in [
            (with(&|at| at / 12 == 3), Some(2)),
            (with(&|at| at % 12 == 5), Some(2)),
            (with(&|at| at % 11 == 0), None),
        ] {
            for orientation in [Orientation::OutIn, Orientation::InOut] {
                let found = confined(&Accumulator::new(&before, orientation), &tuned);
                assert_eq!(found.as_ref().map(|(left, _)| left.cols), rank);
                if let Some((left, right)) = found {
                    let mut sum = Accumulator::new(&before, orientation);
                    sum.add_low_rank(&left, &right, &[]);
                    assert_eq!(sum.round(), tuned);
                }
            }
        }
    }

    #[test]
    fn a_zero_that_changes_its_sign_is_not_lost() {
        let before = tensor([8, 8], &[0.0; 64]);
        let mut values = [0.0; 64];
        values[9] = -0.0;
        let sum = Accumulator::new(&before, Orientation::OutIn);
        assert_eq!(confined(&sum, &tensor([8, 8], &values)), None);
        assert_eq!(before.dtype, Dtype::F32);
    }
}

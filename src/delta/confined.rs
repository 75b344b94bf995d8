//! Changes that touch few rows or columns of a tensor, written down as factors.
//!
//! Training that touches some rows of a matrix only, such as those of new tokens in an embedding, is
//! of low rank exactly: unit vectors times the rows' differences. No other change of a trained
//! checkpoint is, because rounding to its dtype spreads the difference over all ranks.

use super::{
    materialise::{Accumulator, oriented, widths},
    object::Orientation,
    tensor::{Matrix, Tensor},
};

/// Factors with which `base` becomes `tuned` bit for bit, where they take less room than `tuned` itself.
#[must_use]
pub fn confined(
    base: &Tensor,
    tuned: &Tensor,
    orientation: Orientation,
) -> Option<(Matrix, Matrix)> {
    let (outputs, inputs) = widths(&base.shape, orientation);
    let (before, after) = (oriented(base, orientation), oriented(tuned, orientation));
    let changed = |at: usize| before[at].to_bits() != after[at].to_bits();
    let difference = |at: usize| after[at] - before[at];
    let (mut rows, mut columns) = (vec![false; outputs], vec![false; inputs]);
    for at in (0..before.len()).filter(|&at| changed(at)) {
        rows[at / inputs] = true;
        columns[at % inputs] = true;
    }
    let [rows, columns] = [rows, columns]
        .map(|changed| (0..changed.len()).filter(|&at| changed[at]).collect::<Vec<usize>>());

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
            (0..outputs).map(|row| difference(row * inputs + place)).collect()
        } else {
            (0..inputs).map(|column| difference(place * inputs + column)).collect()
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
    let mut sum = Accumulator::new(base, orientation);
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
    use crate::delta::Dtype;

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
                let found = confined(&before, &tuned, orientation);
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
        assert_eq!(confined(&before, &tensor([8, 8], &values), Orientation::OutIn), None);
        assert_eq!(before.dtype, Dtype::F32);
    }
}

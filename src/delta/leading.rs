//! Changes that lead from a version's tensor to a given one, bit for bit.
//!
//! A version is an exact sum that is rounded once. A checkpoint that was trained on from it starts at
//! what was rounded; a change has to start at the sum, and yet end at the checkpoint's very bits. What
//! one f32 of difference misses, the next step adds.

use super::{
    confined::{Lack, confined},
    materialise::Accumulator,
    version::ChangeForm,
};
use crate::tensor::Tensor;

/// Three f32 have more bits than an f64; a step more gives zeros their sign.
const STEPS: usize = 5;

/// Changes that make of `sum` what `tuned` is, to be added in this order; none where it is that
/// already, `None` where no change does.
#[must_use]
pub fn leading_to(mut sum: Accumulator, tuned: &Tensor) -> Option<Vec<ChangeForm>> {
    let mut steps = Vec::new();
    loop {
        let lack = Lack::of(&sum, tuned);
        if lack.is_none() {
            return Some(steps);
        }
        if steps.len() == STEPS {
            return None;
        }
        let signs = lack.only_signs().then(|| lack.signs());
        let step = match signs.or_else(|| confined(&sum, tuned)) {
            Some((left, right)) => {
                sum.add_low_rank(&left, &right, &[]);
                ChangeForm::LowRank { left, right }
            }
            None => {
                let difference = lack.difference();
                sum.add_dense(&difference);
                ChangeForm::Dense(difference)
            }
        };
        steps.push(step);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tensor::{Dtype, Matrix, Orientation};

    fn tensor(dtype: Dtype, shape: [usize; 2], values: &[f32]) -> Tensor {
        let single = Matrix { rows: shape[0], cols: shape[1], data: values.to_vec() };
        Tensor::from(&single).rounded_to(dtype)
    }

    /// A version whose sums have bits that no f32 has.
    fn edited(base: &Tensor, orientation: Orientation) -> Accumulator {
        let mut sum = Accumulator::new(base, orientation);
        let (outputs, inputs) = (sum.outputs(), sum.inputs());
        let values = |count: usize, by: f32| (0..count).map(|i| (i as f32 * by).sin()).collect();
        let left = Matrix { rows: outputs, cols: 3, data: values(outputs * 3, 0.7) };
        let right = Matrix { rows: 3, cols: inputs, data: values(inputs * 3, 1.3) };
        sum.add_low_rank(&left, &right, &[]);
        sum
    }

    fn arrives(base: &Tensor, tuned: &Tensor, orientation: Orientation) -> Vec<ChangeForm> {
        let before = edited(base, orientation);
        let steps = leading_to(before.clone(), tuned).unwrap();
        let mut sum = before;
        for step in &steps {
            match step {
                ChangeForm::LowRank { left, right } => sum.add_low_rank(left, right, &[]),
                ChangeForm::Dense(change) => sum.add_dense(change),
                ChangeForm::Tuned(_) => panic!("it stands for another difference"),
            }
        }
        assert_eq!(sum.round(), *tuned);
        steps
    }

    #[test]
    fn the_version_itself_is_no_step_away() {
        let base = tensor(Dtype::F16, [6, 8], &[0.25; 48]);
        for orientation in [Orientation::OutIn, Orientation::InOut] {
            let here = edited(&base, orientation).round();
            assert!(arrives(&base, &here, orientation).is_empty());
        }
    }

    #[test]
    fn zeros_get_their_sign() {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            let base = tensor(dtype, [6, 8], &[0.3; 48]);
            let mut values = [0.1; 48];
            values[..20].fill(-0.0);
            values[20..30].fill(0.0);
            for orientation in [Orientation::OutIn, Orientation::InOut] {
                arrives(&base, &tensor(dtype, [6, 8], &values), orientation);
            }
        }
    }

    #[test]
    fn few_rows_stay_low_rank() {
        let base = tensor(Dtype::F32, [40, 30], &[0.5; 1200]);
        let here = edited(&base, Orientation::OutIn).round();
        let mut values = here.to_f32();
        values[60..90].fill(0.125);
        let steps = arrives(&base, &tensor(Dtype::F32, [40, 30], &values), Orientation::OutIn);
        assert!(matches!(&steps[..], [ChangeForm::LowRank { left, .. }] if left.cols <= 2));
    }

    proptest! {
        #[test]
        fn any_numbers_are_reached(
            base in proptest::collection::vec(-2f32..2.0, 48),
            tuned in proptest::collection::vec(
                prop_oneof![-2f32..2.0, -1e-6f32..1e-6, -1e-40f32..1e-40, Just(0.0), Just(-0.0), Just(3e4)],
                48,
            ),
            dtype in prop_oneof![Just(Dtype::F32), Just(Dtype::F16), Just(Dtype::Bf16)],
            turned: bool,
        ) {
            let orientation = if turned { Orientation::InOut } else { Orientation::OutIn };
            let (base, tuned) = (tensor(dtype, [6, 8], &base), tensor(dtype, [6, 8], &tuned));
            arrives(&base, &tuned, orientation);
        }
    }
}

//! Adam (Kingma and Ba, 2015), one row for each fact.

use tch::{Kind, Tensor};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// First and second moments of gradients, `[facts, d]`. All rows have made the same number of steps.
#[derive(Debug)]
pub(in crate::editor) struct Adam {
    rate: f64,
    /// What the rate is a multiple of in each row, `[facts, 1]`, if not of 1.
    unit: Option<Tensor>,
    steps: i32,
    mean: Tensor,
    square: Tensor,
}

impl Adam {
    /// For values shaped like `values`, with step size `rate`, in each row in its `unit` `[facts, 1]`.
    pub(in crate::editor) fn new(values: &Tensor, rate: f64, unit: Option<Tensor>) -> Self {
        Self { rate, unit, steps: 0, mean: values.zeros_like(), square: values.zeros_like() }
    }

    /// As it was after so many `steps`, with these moments.
    pub(in crate::editor) const fn at(rate: f64, steps: i32, mean: Tensor, square: Tensor) -> Self {
        Self { rate, unit: None, steps, mean, square }
    }

    /// First moments.
    pub(in crate::editor) const fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// Second moments.
    pub(in crate::editor) const fn square(&self) -> &Tensor {
        &self.square
    }

    /// What `values` are after one more step down `gradient`.
    pub(in crate::editor) fn step(&mut self, values: &Tensor, gradient: &Tensor) -> Tensor {
        self.steps += 1;
        self.mean = &self.mean * BETA1 + gradient * (1.0 - BETA1);
        self.square = &self.square * BETA2 + gradient.square() * (1.0 - BETA2);
        let mean_bias = 1.0 - BETA1.powi(self.steps);
        let square_bias = 1.0 - BETA2.powi(self.steps);
        let scale = self.square.sqrt() / square_bias.sqrt() + EPSILON;
        let step = (&self.mean / scale) * (self.rate / mean_bias);
        match &self.unit {
            Some(unit) => values - step * unit,
            None => values - step,
        }
    }

    /// Only the rows at `index` go on.
    pub(super) fn keep(&mut self, index: &Tensor) {
        self.mean = self.mean.index_select(0, index);
        self.square = self.square.index_select(0, index);
        self.unit = self.unit.as_ref().map(|unit| unit.index_select(0, index));
    }
}

/// Rows of `values` longer than `limits` `[rows, 1]` are cut to that length.
pub(super) fn clamp_rows(values: &Tensor, limits: &Tensor) -> Tensor {
    let norms = row_norms(values);
    let shrink = (limits / &norms).where_self(&norms.gt_tensor(limits), &norms.ones_like());
    values * shrink
}

/// Slopes less what only leads beyond the `limits` `[rows, 1]`, in rows of `values` that are that long.
pub(super) fn inward(values: &Tensor, slopes: &Tensor, limits: &Tensor) -> Tensor {
    let out = (values * slopes).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    let norms = row_norms(values);
    // They were cut to the limit, but for rounding.
    let held = norms.ge_tensor(&(limits * (1.0 - 1e-4))).logical_and(&out.lt(0.0));
    let along = (out / norms.square()).where_self(&held, &norms.zeros_like());
    slopes - along * values
}

/// Length of each row, `[rows, 1]`.
pub(super) fn row_norms(values: &Tensor) -> Tensor {
    values.norm_scalaropt_dim(2, [1i64].as_slice(), true).to_kind(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).view([1, -1])
    }

    #[test]
    fn steps_are_those_of_torch() {
        // torch.optim.Adam([x], lr=0.1) on x = [1, -2], gradients [0.5, -3] then [-0.25, -1].
        let mut values = row(&[1.0, -2.0]);
        let mut adam = Adam::new(&values, 0.1, None);
        values = adam.step(&values, &row(&[0.5, -3.0]));
        values = adam.step(&values, &row(&[-0.25, -1.0]));
        let want = row(&[0.873_366_36, -1.812_893_6]);
        assert!((&values - &want).abs().max().double_value(&[]) < 1e-6, "{values:?}");
    }

    #[test]
    fn each_row_steps_in_its_unit() {
        let values = Tensor::from_slice(&[1.0f32, -2.0, 1.0, -2.0]).view([2, 2]);
        let unit = Tensor::from_slice(&[1.0f32, 3.0]).view([2, 1]);
        let gradient = Tensor::from_slice(&[0.5f32, -3.0, 0.5, -3.0]).view([2, 2]);
        let moved = Adam::new(&values, 0.1, Some(unit)).step(&values, &gradient) - values;
        let plain =
            Adam::new(&row(&[1.0, -2.0]), 0.1, None).step(&row(&[1.0, -2.0]), &row(&[0.5, -3.0]));
        let plain = plain - row(&[1.0, -2.0]);
        let want = Tensor::cat(&[plain.shallow_clone(), plain * 3.0], 0);
        assert!((moved - want).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn what_leads_beyond_the_limit_is_left_out() {
        // At the limit, pulled out and aside; at it, pulled in; below it.
        let values = Tensor::from_slice(&[3.0f32, 4.0, 3.0, 4.0, 0.3, 0.4]).view([3, 2]);
        let slopes = Tensor::from_slice(&[-5.0f32, 0.0, 5.0, 0.0, -5.0, 0.0]).view([3, 2]);
        let left = inward(&values, &slopes, &Tensor::from_slice(&[5.0f32, 5.0, 5.0]).view([3, 1]));
        let want = Tensor::from_slice(&[-3.2f32, 2.4, 5.0, 0.0, -5.0, 0.0]).view([3, 2]);
        assert!((left - want).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn only_long_rows_are_cut() {
        let values = Tensor::from_slice(&[3.0f32, 4.0, 0.3, 0.4, 0.0, 0.0]).view([3, 2]);
        let cut = clamp_rows(&values, &Tensor::from_slice(&[1.0f32, 1.0, 1.0]).view([3, 1]));
        let want = Tensor::from_slice(&[0.6f32, 0.8, 0.3, 0.4, 0.0, 0.0]).view([3, 2]);
        assert!((cut - want).abs().max().double_value(&[]) < 1e-6);
    }
}

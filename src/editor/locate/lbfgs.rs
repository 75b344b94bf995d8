//! L-BFGS (Liu and Nocedal, 1989; Nocedal and Wright, algorithms 7.4 and 3.1), one row for each fact.
//!
//! Each evaluation of all rows is of use: a row whose cost fell as far as its slope promises goes on in a new direction,
//! any other goes back half of its way or more.

use std::collections::VecDeque;

use tch::{Kind, Tensor};

/// Pairs of steps and changes of the gradient that are kept.
const PAIRS: usize = 10;
/// Part of the fall that the slope promises which is asked for (Armijo).
const FALL: f64 = 1e-4;
/// A step is cut to this part of itself at least, and to that at most.
const CUTS: (f64, f64) = (0.1, 0.5);

/// Where a row is, and what was learned on the way there.
#[derive(Debug)]
pub(super) struct Lbfgs {
    /// Length of the first step, `[facts, 1]`.
    first: Tensor,
    at: Option<Point>,
    /// The way that is being tried, `[facts, d]`.
    way: Tensor,
    pairs: VecDeque<Pair>,
    /// By what a gradient is multiplied where nothing else is known, `[facts, 1]`.
    scale: Tensor,
}

/// Values, and what was found there.
#[derive(Debug)]
pub(super) struct Point {
    /// `[facts, d]`.
    pub(super) values: Tensor,
    /// What is to fall, `[facts]`.
    pub(super) loss: Tensor,
    /// The target's part of it, `[facts]`.
    pub(super) misfit: Tensor,
    /// `[facts, d]`.
    pub(super) gradient: Tensor,
}

/// A step, the change of the gradient on it, `[facts, d]`, and one over their product, `[facts, 1]`: 0 in rows that did not
/// make it.
#[derive(Debug)]
struct Pair {
    step: Tensor,
    change: Tensor,
    weight: Tensor,
}

impl Point {
    /// The same once more.
    pub(super) fn share(&self) -> Self {
        self.rows(Tensor::shallow_clone)
    }

    fn rows(&self, of: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            values: of(&self.values),
            loss: of(&self.loss),
            misfit: of(&self.misfit),
            gradient: of(&self.gradient),
        }
    }

    /// This one in rows that are `chosen` `[facts]`, else the other.
    fn or(&self, other: &Self, chosen: &Tensor) -> Self {
        let row = chosen.unsqueeze(1);
        Self {
            values: self.values.where_self(&row, &other.values),
            loss: self.loss.where_self(chosen, &other.loss),
            misfit: self.misfit.where_self(chosen, &other.misfit),
            gradient: self.gradient.where_self(&row, &other.gradient),
        }
    }
}

impl Lbfgs {
    /// The first step of each row is as long as `first` `[facts, 1]` says.
    pub(super) fn new(first: Tensor) -> Self {
        let (way, scale) = (first.zeros_like(), first.ones_like());
        Self { first, at: None, way, pairs: VecDeque::new(), scale }
    }

    /// What was found last, or before where that is better.
    pub(super) fn best(&self, found: Point) -> Point {
        match &self.at {
            Some(at) => {
                // Where no cost was ever a number, that is to be seen.
                let better = found.loss.le_tensor(&at.loss).logical_or(&at.loss.isnan());
                found.or(at, &better)
            }
            None => found,
        }
    }

    /// The values to try next.
    pub(super) fn step(&mut self, found: Point) -> Tensor {
        let Some(at) = &self.at else {
            self.way = -&found.gradient * (&self.first / length(&found.gradient));
            let next = &found.values + &self.way;
            self.at = Some(found);
            return next;
        };
        // A step may have been cut at the bound, so what it was is read from the values.
        let step = &found.values - &at.values;
        let slope = product(&at.gradient, &step);
        let fall = (&found.loss - &at.loss).unsqueeze(1);
        let fell = fall.le_tensor(&(&slope * FALL));
        let cut = (-&slope / ((&fall - &slope) * 2.0)).nan_to_num(CUTS.0, None, None);
        let cut = cut.clamp(CUTS.0, CUTS.1);

        let change = &found.gradient - &at.gradient;
        let curved = product(&step, &change);
        let square = product(&change, &change);
        let learned = fell.logical_and(&curved.gt_tensor(&(&square * f64::from(f32::EPSILON))));
        let weight = curved.reciprocal().where_self(&learned, &curved.zeros_like());
        self.scale = (&curved / &square).where_self(&learned, &self.scale);
        self.pairs.push_back(Pair { step, change, weight });
        if self.pairs.len() > PAIRS {
            self.pairs.pop_front();
        }

        let at = found.or(at, &fell.squeeze_dim(1));
        let new = -self.towards(&at.gradient);
        self.way = new.where_self(&fell, &(&self.way * cut));
        let next = &at.values + &self.way;
        self.at = Some(at);
        next
    }

    /// The gradient times what is known of the inverse of the second derivatives.
    fn towards(&self, gradient: &Tensor) -> Tensor {
        let mut rest = gradient.copy();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = product(&pair.step, &rest) * &pair.weight;
            rest -= &share * &pair.change;
            shares.push(share);
        }
        let mut towards = rest * &self.scale;
        for (pair, share) in self.pairs.iter().zip(shares.iter().rev()) {
            let other = product(&pair.change, &towards) * &pair.weight;
            towards += (share - other) * &pair.step;
        }
        towards
    }

    /// Only the rows at `index` go on.
    pub(super) fn keep(&mut self, index: &Tensor) {
        let chosen = |of: &Tensor| of.index_select(0, index);
        self.first = chosen(&self.first);
        self.at = self.at.as_ref().map(|at| at.rows(chosen));
        self.way = chosen(&self.way);
        self.scale = chosen(&self.scale);
        for Pair { step, change, weight } in &mut self.pairs {
            (*step, *change, *weight) = (chosen(step), chosen(change), chosen(weight));
        }
    }
}

/// Row by row, `[facts, 1]`.
fn product(one: &Tensor, other: &Tensor) -> Tensor {
    (one * other).sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
}

fn length(of: &Tensor) -> Tensor {
    product(of, of).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley by row, and its slope.
    fn valley(values: &Tensor) -> Point {
        let values = values.detach().set_requires_grad(true);
        let (x, y) = (values.select(1, 0), values.select(1, 1));
        let loss: Tensor = (&x - 1.0).square() + (y - x.square()).square() * 100.0;
        let gradient = Tensor::run_backward(&[loss.sum(Kind::Float)], &[&values], false, false);
        let gradient = gradient.into_iter().next().unwrap();
        let loss = loss.detach();
        Point { values: values.detach(), misfit: loss.shallow_clone(), loss, gradient }
    }

    #[test]
    fn rows_come_down_a_curved_valley_each_by_itself() {
        let start = Tensor::from_slice(&[-1.2f32, 1.0, 0.0, 2.0]).view([2, 2]);
        let first = Tensor::from_slice(&[0.1f32, 0.1]).view([2, 1]);
        let run = |start: &Tensor, first: &Tensor| {
            let mut steps = Lbfgs::new(first.shallow_clone());
            let mut values = start.shallow_clone();
            for _ in 0..60 {
                values = steps.step(valley(&values));
            }
            steps.best(valley(&values)).values
        };
        let both = run(&start, &first);
        assert!((&both - 1.0).abs().max().double_value(&[]) < 1e-3, "{both:?}");
        for row in 0..2 {
            let alone = run(&start.narrow(0, row, 1), &first.narrow(0, row, 1));
            let same = (alone - both.narrow(0, row, 1)).abs().max().double_value(&[]);
            assert!(same < 1e-6, "row {row} is {same} away from the same row alone");
        }
    }

    #[test]
    fn a_step_that_leads_up_is_taken_back() {
        let start = Tensor::from_slice(&[1.0f32, 1.2]).view([1, 2]);
        let mut steps = Lbfgs::new(Tensor::from_slice(&[1e3f32]).view([1, 1]));
        let far = steps.step(valley(&start));
        assert!(valley(&far).loss.double_value(&[0]) > valley(&start).loss.double_value(&[0]));
        let best = steps.best(valley(&far));
        assert_eq!(best.values, start);
        let nearer = steps.step(valley(&far));
        let went = |to: &Tensor| length(&(to - &start)).double_value(&[0, 0]);
        assert!(went(&nearer) <= 0.5 * went(&far));
    }
}

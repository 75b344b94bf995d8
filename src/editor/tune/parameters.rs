//! The weights that are tuned.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use super::{
    plan::{Bound, Moves, Plan},
    settings::Training,
};
use crate::{
    delta::{Accumulator, Change, ChangeForm, Version, VersionError, confined},
    editor::{
        error::EditError,
        locate::adam::Adam,
        matrix::{matrix, tensor},
        module::Module,
        workbench::Workbench,
    },
    model::{EditSite, Model, Role, Slot, SplitMix},
    tensor::{Matrix, Orientation, Tensor as Stored, widths},
};

/// Lengths in the ball are so much below ε that rounding does not lead out of it.
const WITHIN: f64 = 1.0 - 1e-6;

/// What is tuned, by block.
///
/// # Errors
/// When there is nothing of the kind.
pub(super) fn sites(
    model: &Model,
    training: &Training,
    moves: Moves,
) -> Result<Vec<(usize, EditSite)>, EditError> {
    let movable = |slot: &Slot| match moves {
        Moves::Whole { bias } => {
            slot.role == Role::Weight || bias || training.modules.contains(&Module::Block)
        }
        Moves::LowRank { .. } => slot.role == Role::Weight && slot.shape.len() == 2,
    };
    let wanted = |slot: &&Slot| {
        training.modules.iter().any(|module| module.has(slot.part))
            && training.layers.contains(&slot.layer)
            && movable(slot)
    };
    let site = |slot: &Slot| {
        let (outputs, inputs) = widths(&slot.shape, Orientation::OutIn);
        let (tensor, orientation) = (slot.name.clone(), slot.orientation);
        (slot.layer, EditSite { tensor, orientation, outputs, inputs })
    };
    Ok(model.decoder().weights().slots().iter().filter(wanted).map(site).collect())
}

/// All that is tuned, θ.
#[derive(Debug)]
pub(super) struct Parameters {
    tuned: Vec<Tuned>,
    /// Adam's step.
    pub(super) lr: f64,
    /// How far they may move; nothing where that is free.
    pub(super) eps: f64,
    /// Whether that is a length of all together.
    ball: bool,
}

/// A tensor that is tuned, `[out, in]`.
#[derive(Debug)]
struct Tuned {
    name: String,
    /// θ₀, f32.
    before: Tensor,
    /// The least and the greatest that it may be, where it stays in a box.
    limits: Option<(Tensor, Tensor)>,
    value: Value,
    adam: Vec<Adam>,
}

/// What it is.
#[derive(Debug)]
enum Value {
    /// Itself.
    Whole(Tensor),
    /// θ₀ + scale · left right.
    LowRank { left: Tensor, right: Tensor, scale: f64 },
}

impl Parameters {
    /// Those at `sites`, where the version has `weights`.
    pub(super) fn new(
        (sites, weights): (&[(usize, EditSite)], &BTreeMap<String, Accumulator>),
        training: &Training,
        Plan { moves, within, auto, .. }: Plan,
        model: &Model,
        seed: u64,
    ) -> Self {
        let device = model.decoder().device();
        let mut random = SplitMix::new(seed);
        let mut tuned = Vec::new();
        for (_, site) in sites {
            let before = tensor(&weights[&site.tensor].rounded(), device);
            let value = match moves {
                Moves::Whole { .. } => Value::Whole(before.copy()),
                Moves::LowRank { rank, scale } => {
                    let right = tensor(&uniform(&mut random, rank, site.inputs), device);
                    let left = before
                        .new_zeros([before.size()[0], right.size()[0]], (Kind::Float, device));
                    Value::LowRank { left, right, scale }
                }
            };
            let name = site.tensor.clone();
            tuned.push(Tuned { name, before, limits: None, value, adam: Vec::new() });
        }
        let (size, length) = sizes(&tuned);
        let mut all = Self { tuned, lr: training.lr.or(auto.step, size), eps: 0.0, ball: false };
        match within {
            Bound::Free => {}
            Bound::Box(eps) => {
                all.eps = eps.or(auto.room, size);
                for tuned in &mut all.tuned {
                    tuned.limits = Some(limits(&tuned.before, all.eps));
                }
            }
            Bound::Ball(eps) => (all.eps, all.ball) = (eps.or(auto.room, length), true),
        }
        all.restart();
        all
    }

    /// Begins anew with the optimiser.
    pub(super) fn restart(&mut self) {
        for tuned in &mut self.tuned {
            let adam = |of: &Tensor| Adam::new(of, self.lr, None);
            tuned.adam = match &tuned.value {
                Value::Whole(value) => vec![adam(value)],
                Value::LowRank { left, right, .. } => vec![adam(left), adam(right)],
            };
        }
    }

    /// Puts them into the model. Returns what is to be differentiated by.
    pub(super) fn put(&self, workbench: &mut Workbench<'_>) -> Result<Vec<Tensor>, EditError> {
        let kind = workbench.model.decoder().kind();
        let mut put = Vec::new();
        for tuned in &self.tuned {
            let leaf = tuned.weight().detach().to_kind(kind).set_requires_grad(true);
            workbench.model.put_weight(&tuned.name, &leaf)?;
            put.push(leaf);
        }
        Ok(put)
    }

    /// A step down the slopes of the tensors, and back to where they may be.
    pub(super) fn step(&mut self, slopes: &[Tensor]) {
        for (tuned, slope) in self.tuned.iter_mut().zip(slopes) {
            match (&mut tuned.value, tuned.adam.as_mut_slice()) {
                (Value::Whole(value), [adam]) => *value = adam.step(value, slope),
                (Value::LowRank { left, right, scale }, [of_left, of_right]) => {
                    let slopes =
                        (slope.matmul(&right.tr()) * *scale, left.tr().matmul(slope) * *scale);
                    *left = of_left.step(left, &slopes.0);
                    *right = of_right.step(right, &slopes.1);
                }
                _ => unreachable!("because every tensor has its optimisers"),
            }
        }
        self.project();
    }

    /// To the nearest place where they may be.
    fn project(&mut self) {
        for tuned in &mut self.tuned {
            if let (Value::Whole(value), Some((least, most))) = (&mut tuned.value, &tuned.limits) {
                *value = value.clamp_tensor(Some(least), Some(most));
            }
        }
        if !self.ball {
            return;
        }
        let squares = self.tuned.iter().map(|tuned| square(&(tuned.weight() - &tuned.before)));
        let length = squares.sum::<f64>().sqrt();
        if length > self.eps {
            let shrink = self.eps / length * WITHIN;
            for tuned in &mut self.tuned {
                if let Value::Whole(value) = &mut tuned.value {
                    *value = &tuned.before + (&*value - &tuned.before) * shrink;
                }
            }
        }
    }

    /// The tensors as they are now, by name, `[out, in]`.
    #[cfg(test)]
    pub(super) fn now(&self) -> BTreeMap<String, Tensor> {
        self.tuned.iter().map(|tuned| (tuned.name.clone(), tuned.weight().copy())).collect()
    }

    /// What is to be added to the sums of `version` to have them, in the form that takes the least room; nothing for
    /// tensors that stayed as they were.
    ///
    /// # Errors
    /// When a tensor of the base cannot be read.
    pub(super) fn changes(
        self,
        version: &Version,
        sums: &BTreeMap<String, Accumulator>,
    ) -> Result<BTreeMap<String, Change>, EditError> {
        let mut changes = BTreeMap::new();
        for tuned in self.tuned {
            let sum = &sums[&tuned.name];
            let base = version.base.tensor(&tuned.name).map_err(VersionError::from)?;
            if let Some(form) = tuned.form(&base, sum) {
                let change = Change { orientation: sum.orientation(), form, keys: None };
                changes.insert(tuned.name, change);
            }
        }
        Ok(changes)
    }
}

impl Tuned {
    fn weight(&self) -> Tensor {
        match &self.value {
            Value::Whole(value) => value.shallow_clone(),
            Value::LowRank { left, right, scale } => &self.before + left.matmul(right) * *scale,
        }
    }

    fn form(&self, base: &Stored, sum: &Accumulator) -> Option<ChangeForm> {
        if let Value::LowRank { left, right, scale } = &self.value {
            let factors = left.numel() + right.numel();
            if factors * size_of::<f32>() < base.bytes.len() {
                let (left, right) = (matrix(&(left * *scale)), matrix(right));
                return Some(ChangeForm::LowRank { left, right });
            }
        }
        let now = matrix(&self.weight());
        let after = laid_out(&now, sum.orientation(), base);
        if after == sum.round() {
            return None;
        }
        // What a base's tensor becomes is kept as it is, with its bits; what is added to a sum of more is a difference.
        let untouched = Accumulator::new(base, sum.orientation()).sum() == sum.sum();
        Some(match confined(sum, &after) {
            Some((left, right)) => ChangeForm::LowRank { left, right },
            None if untouched => ChangeForm::Tuned(after),
            None => ChangeForm::Dense(difference(&now, sum)),
        })
    }
}

/// The root mean square of all matrices' elements, and the length of everything.
fn sizes(tuned: &[Tuned]) -> (f64, f64) {
    let matrices = || tuned.iter().filter(|tuned| tuned.before.size()[0] > 1);
    let squares: f64 = matrices().map(|tuned| square(&tuned.before)).sum();
    let count: usize = matrices().map(|tuned| tuned.before.numel()).sum();
    let length: f64 = tuned.iter().map(|tuned| square(&tuned.before)).sum();
    ((squares / count.max(1) as f64).sqrt(), length.sqrt())
}

/// ‖values‖².
fn square(values: &Tensor) -> f64 {
    values.square().sum(Kind::Double).double_value(&[])
}

/// The least and the greatest f32 that are no farther from `before` than `eps`, which is meant exactly.
fn limits(before: &Tensor, eps: f64) -> (Tensor, Tensor) {
    let exact = before.to_kind(Kind::Double);
    let limit = |eps: f64| {
        let near = (&exact + eps).to_kind(Kind::Float);
        let beyond = (near.to_kind(Kind::Double) - &exact).abs().gt(eps.abs());
        near.nextafter(before).where_self(&beyond, &near)
    };
    (limit(-eps), limit(eps))
}

/// Numbers in ±1/√columns.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
fn uniform(random: &mut SplitMix, rows: usize, columns: usize) -> Matrix {
    let mut factor = Matrix::zeros(rows, columns);
    let reach = (columns as f64).sqrt() as f32;
    for value in &mut factor.data {
        *value = random.unit().mul_add(2.0, -1.0) as f32 / reach;
    }
    factor
}

/// `values` `[out, in]` as the base lays out and rounds a tensor.
fn laid_out(values: &Matrix, orientation: Orientation, base: &Stored) -> Stored {
    let turned = orientation == Orientation::InOut && base.shape.len() == 2;
    let stored = if turned { Stored::from(&values.transposed()) } else { Stored::from(values) };
    Stored { shape: base.shape.clone(), ..stored }.rounded_to(base.dtype)
}

/// What a sum lacks of `values`, as far as f32 holds it: where that is not all, less, so that what comes of it lies between
/// the two.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
fn difference(values: &Matrix, sum: &Accumulator) -> Matrix {
    let lack = |(value, sum): (&f32, &f64)| {
        let exact = f64::from(*value) - sum;
        let near = exact as f32;
        let arrives = ((sum + f64::from(near)) as f32).to_bits() == value.to_bits();
        if arrives || f64::from(near).abs() <= exact.abs() {
            return near;
        }
        if near > 0.0 { near.next_down() } else { near.next_up() }
    };
    let data = values.data.iter().zip(sum.sum()).map(lack).collect();
    Matrix { rows: values.rows, cols: values.cols, data }
}

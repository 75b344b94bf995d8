//! What is trained: a network that makes changes of weights of what a fact's gradient is made of.

use std::{collections::BTreeMap, ops::RangeInclusive};

use tch::{Device, Tensor};

use crate::{
    editor::{
        matrix::floats,
        pass::maps::{Factors, LowRank, Map},
    },
    model::Decoder,
    tensor::{self, Matrix},
};

/// What is known of some edits, on the base.
#[derive(Debug)]
pub(in crate::editor) struct Gradients {
    /// By map, the factors of the gradient of each edit's own loss, a row for each.
    pub(super) factors: Vec<Factors>,
    /// Each edit as a text: what the base says, what it is to say, and the prompt.
    pub(super) conditions: Vec<Vec<u32>>,
}

/// A network that makes changes of maps.
pub(in crate::editor) trait Hypernetwork: Sized {
    /// What it looks like.
    type Plan: Copy;

    /// One that is not trained.
    fn new(decoder: &Decoder, maps: &[Map], plan: Self::Plan, seed: u64) -> Self;

    /// What [`Self::tensors`] gave; `None` where that was of other maps.
    fn read(
        decoder: &Decoder,
        maps: &[Map],
        tensors: &BTreeMap<String, tensor::Tensor>,
    ) -> Option<Self>;

    /// All that edits need, by name.
    fn tensors(&self) -> BTreeMap<String, tensor::Tensor>;

    /// What is learned, by name, f32.
    fn values(&self) -> &BTreeMap<String, Tensor>;

    /// The same, to be changed.
    fn values_mut(&mut self) -> &mut BTreeMap<String, Tensor>;

    /// Whether a value is a step size.
    fn is_step_size(name: &str) -> bool;

    /// Learns from edits what no slope says.
    fn observe(&mut self, edits: &Gradients);

    /// Finds the step size to begin with; `loss` is that of some edits.
    fn begin(&mut self, loss: &mut dyn FnMut(&Self) -> f64) {
        let _nothing_to_find = loss;
    }

    /// What is added to the maps before any edit, `[out, in]` each; nothing where edits are of the base itself.
    fn whole(&self) -> Vec<Tensor> {
        Vec::new()
    }

    /// The change of each map, a group for each edit; columns that change nothing are zero.
    fn changes(&self, edits: &Gradients) -> Vec<LowRank>;
}

/// First steps that are tried, down the gradient: powers of two.
const STEPS: RangeInclusive<i32> = -12..=12;

/// The step size for which `loss` is least.
pub(super) fn best_step(loss: impl FnMut(f64) -> f64) -> f64 {
    let mut loss = loss;
    let tried = STEPS.map(|power| 2f64.powi(power)).map(|step| (loss(step), step));
    let best = tried.filter(|(loss, _)| loss.is_finite()).min_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map_or(0.0, |(_, step)| step)
}

/// A tensor as the ledger has it, f32.
pub(super) fn stored(value: &Tensor) -> tensor::Tensor {
    let data = floats(value);
    let shape: Vec<usize> = value.size().iter().filter_map(|&n| usize::try_from(n).ok()).collect();
    let matrix = Matrix { rows: 1, cols: data.len(), data };
    tensor::Tensor { shape, ..tensor::Tensor::from(&matrix) }
}

/// A tensor that the ledger had, on a device, f32.
pub(super) fn loaded(stored: &tensor::Tensor, device: Device) -> Tensor {
    let shape: Vec<i64> = stored.shape.iter().map(|&n| n as i64).collect();
    Tensor::from_slice(&stored.to_f32()).view(shape.as_slice()).to_device(device)
}

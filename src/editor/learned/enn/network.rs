//! What ENN learns: a change D of each map, and a step size α of its edits.
//!
//!   ΔW = −α Σ δ xᵀ over tokens, where x and δ are taken on the base with D.
//!
//! D = 0 at first, and α is the same for all maps. D is named as in a delta, so that it can be taken for one.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::{
    delta::DENSE,
    editor::{
        learned::hypernetwork::{Gradients, Hypernetwork, best_step, loaded, stored},
        matrix::int,
        pass::maps::{Factors, LowRank, Map},
    },
    model::Decoder,
    tensor,
};

/// Name of the step sizes, `[maps, 1]`.
const STEP_SIZES: &str = "edit_lrs";

/// The changes and step sizes of all maps.
#[derive(Debug)]
pub(in crate::editor) struct Network {
    /// For each map the name of its D.
    names: Vec<String>,
    /// What is learned, by name, f32.
    values: BTreeMap<String, Tensor>,
}

impl Network {
    fn of(maps: &[Map]) -> Self {
        let names = maps.iter().map(|map| format!("{}.{DENSE}", map.site.tensor)).collect();
        Self { names, values: BTreeMap::new() }
    }

    fn steps_of(&mut self, step: f64, device: Device) {
        let sizes = Tensor::full([int(self.names.len()), 1], step, (Kind::Float, device));
        self.values.insert(STEP_SIZES.to_owned(), sizes);
    }
}

impl Hypernetwork for Network {
    type Plan = ();

    fn new(decoder: &Decoder, maps: &[Map], (): (), _: u64) -> Self {
        let mut network = Self::of(maps);
        let device = decoder.device();
        for (name, map) in network.names.iter().zip(maps) {
            let (outputs, inputs) = map.shape();
            let zero = Tensor::zeros([int(outputs), int(inputs)], (Kind::Float, device));
            network.values.insert(name.clone(), zero);
        }
        network.steps_of(0.0, device);
        network
    }

    fn read(
        decoder: &Decoder,
        maps: &[Map],
        tensors: &BTreeMap<String, tensor::Tensor>,
    ) -> Option<Self> {
        let mut network = Self::of(maps);
        let mut put = |name: &str, (rows, columns): (usize, usize)| {
            let value = tensors.get(name).filter(|stored| stored.shape == [rows, columns])?;
            network.values.insert(name.to_owned(), loaded(value, decoder.device()))
        };
        for (name, map) in Self::of(maps).names.iter().zip(maps) {
            let _nothing_before = put(name, map.shape());
        }
        let _nothing_before = put(STEP_SIZES, (maps.len(), 1));
        (network.values.len() == tensors.len() && tensors.len() == maps.len() + 1)
            .then_some(network)
    }

    fn tensors(&self) -> BTreeMap<String, tensor::Tensor> {
        self.values.iter().map(|(name, value)| (name.clone(), stored(value))).collect()
    }

    fn values(&self) -> &BTreeMap<String, Tensor> {
        &self.values
    }

    fn values_mut(&mut self) -> &mut BTreeMap<String, Tensor> {
        &mut self.values
    }

    fn is_step_size(name: &str) -> bool {
        name == STEP_SIZES
    }

    fn observe(&mut self, _: &Gradients) {}

    /// The best of some step sizes.
    fn begin(&mut self, loss: &mut dyn FnMut(&Self) -> f64) {
        let device = self.values[STEP_SIZES].device();
        let best = best_step(|step| {
            self.steps_of(step, device);
            loss(self)
        });
        self.steps_of(best, device);
    }

    fn whole(&self) -> Vec<Tensor> {
        self.names.iter().map(|name| self.values[name].shallow_clone()).collect()
    }

    /// The columns of a row are its tokens.
    fn changes(&self, edits: &Gradients) -> Vec<LowRank> {
        let sizes = &self.values[STEP_SIZES];
        let of_map = |(place, factors): (i64, &Factors)| LowRank {
            left: -&factors.delta * sizes.narrow(0, place, 1),
            right: factors.x.shallow_clone(),
        };
        (0..).zip(&edits.factors).map(of_map).collect()
    }
}

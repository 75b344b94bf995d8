//! KnowledgeEditor's network: from an edit as a text to gates of its gradient (De Cao et al., 2021, section 3.3;
//! `KnowledgeEditor/src/models/one_shot_learner.py`).
//!
//!   h = tanh(W [LSTM→(e), LSTM←(e)] + w),  e being the base's own vectors of the text's tokens;
//!   c, a, d, b, η = V₁ tanh(V₀ h + v₀) + v₁ for each map, where V₀ and V₁ are weight-normed: rows g v/‖v‖;
//!   ΔW = s σ(η) (Σ (softmax(a) ⊙ δ) (c ⊙ x)ᵀ + softmax(b) dᵀ).
//!
//! V₁ = 0 and c < 0 at first, so that the edit is a step down the gradient. A softmax is in units of 1/out, so
//! s = `max_scale` · out: then what is to be learned has the same size whatever the widths.

use std::{cmp::Reverse, collections::BTreeMap};

use tch::{Kind, Tensor};

use crate::{
    editor::{
        learned::hypernetwork::{Gradients, Hypernetwork, best_step, loaded, stored},
        matrix::int,
        pass::maps::{Factors, LowRank, Map},
    },
    model::{Batch, Decoder, Padding, Part, SplitMix},
    tensor,
};

/// What the network looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::editor) struct Plan {
    /// Width of h.
    pub(super) condition_dim: usize,
    /// Width of the LSTM's states and of tanh(V₀ h + v₀).
    pub(super) hidden_dim: usize,
    /// s, in units of a map's outputs.
    pub(super) max_scale: f64,
}

/// The network of all maps.
#[derive(Debug)]
pub(in crate::editor) struct Network {
    /// The base's vectors of tokens, `[vocabulary, d]`.
    embedding: Tensor,
    /// For each map its widths of x and of δ.
    shapes: Vec<(i64, i64)>,
    /// s of each map.
    scales: Vec<f64>,
    /// What is learned, by name, f32.
    values: BTreeMap<String, Tensor>,
}

/// The LSTM's parameters in the order in which libtorch takes them; forwards, then backwards.
const LSTM: [&str; 8] = [
    "lstm.weight_ih",
    "lstm.weight_hh",
    "lstm.bias_ih",
    "lstm.bias_hh",
    "lstm.weight_ih_reverse",
    "lstm.weight_hh_reverse",
    "lstm.bias_ih_reverse",
    "lstm.bias_hh_reverse",
];
const LINEAR: [&str; 2] = ["linear.weight", "linear.bias"];
const MAX_SCALE: &str = "max_scale";

/// Shapes of all values.
fn shapes(
    maps: &[(i64, i64)],
    (embedding, hidden, condition): (i64, i64, i64),
) -> BTreeMap<String, Vec<i64>> {
    let mut shapes = BTreeMap::new();
    for (i, name) in LSTM.iter().enumerate() {
        let shape = match i % 4 {
            0 => vec![4 * hidden, embedding],
            1 => vec![4 * hidden, hidden],
            _ => vec![4 * hidden],
        };
        shapes.insert((*name).to_owned(), shape);
    }
    let [weight, bias] = LINEAR.map(str::to_owned);
    shapes.extend([(weight, vec![condition, 2 * hidden]), (bias, vec![condition])]);
    for (map, (inputs, outputs)) in maps.iter().enumerate() {
        let gates = 2 * (inputs + outputs) + 1;
        for (layer, outputs, inputs) in [(0, hidden, condition), (1, gates, hidden)] {
            let mut put = |part, shape| shapes.insert(name(map, layer, part), shape);
            put("v", vec![outputs, inputs]);
            put("g", vec![outputs, 1]);
            put("bias", vec![outputs]);
        }
    }
    shapes
}

fn name(map: usize, layer: usize, part: &str) -> String {
    format!("{map}.{layer}.{part}")
}

impl Network {
    fn of(decoder: &Decoder, maps: &[Map]) -> Self {
        let shape = |map: &Map| {
            let (outputs, inputs) = map.shape();
            (int(inputs), int(outputs))
        };
        let embedding = decoder.weights().weight(Part::TokenEmbedding, 0).shallow_clone();
        let shapes = maps.iter().map(shape).collect();
        Self { embedding, shapes, scales: Vec::new(), values: BTreeMap::new() }
    }

    /// h of each text, `[texts, condition]`.
    fn condition(&self, texts: &[Vec<u32>]) -> Tensor {
        let device = self.embedding.device();
        // The longest first, as packed sequences are.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&text| Reverse(texts[text].len()));
        let rows: Vec<Vec<u32>> = order.iter().map(|&text| texts[text].clone()).collect();
        let lengths: Vec<i64> = rows.iter().map(|row| int(row.len())).collect();
        let ids = Batch::new(&rows, Padding::Right, device).ids;
        let read = Tensor::embedding(&self.embedding, &ids, -1, false, false);
        let (data, sizes) = read
            .to_kind(Kind::Float)
            .internal_pack_padded_sequence(&Tensor::from_slice(&lengths), true);
        let values = LSTM.map(|name| &self.values[name]);
        let hidden = values[1].size()[1];
        let zeros = || Tensor::zeros([2, int(texts.len()), hidden], (Kind::Float, device));
        let start = [zeros(), zeros()];
        let params = values.map(Tensor::shallow_clone);
        let (_, last, _) =
            Tensor::lstm_data(&data, &sizes, &start, &params, true, 1, 0.0, true, true);
        let last = last.transpose(0, 1).reshape([-1, 2 * hidden]);
        let mut back = vec![0; order.len()];
        (0..).zip(&order).for_each(|(place, &text)| back[text] = place);
        let last = last.index_select(0, &Tensor::from_slice(&back).to_device(device));
        let [weight, bias] = LINEAR.map(|name| &self.values[name]);
        (last.matmul(&weight.tr()) + bias).tanh()
    }

    /// A weight-normed layer of a map.
    fn layer(&self, map: usize, layer: usize, inputs: &Tensor) -> Tensor {
        let value = |part| &self.values[&name(map, layer, part)];
        let v = value("v");
        let weight = v * (value("g") / v.norm_scalaropt_dim(2, [1i64].as_slice(), true));
        inputs.matmul(&weight.tr()) + value("bias")
    }

    /// Makes all edits a step of size `step` down the gradient.
    fn descend(&mut self, step: f64) {
        for (map, (inputs, outputs)) in self.shapes.iter().enumerate() {
            let bias = self.values.get_mut(&name(map, 1, "bias"));
            let bias = bias.expect("because each map has one");
            // σ(0) = 1/2, and softmax(0) is 1/out.
            let gate = -2.0 * step * *outputs as f64 / self.scales[map];
            let gates = 2 * (inputs + outputs) + 1;
            *bias = Tensor::cat(
                &[
                    Tensor::full([*inputs], gate, (Kind::Float, bias.device())),
                    Tensor::zeros([gates - inputs], (Kind::Float, bias.device())),
                ],
                0,
            );
        }
    }
}

impl Hypernetwork for Network {
    type Plan = Plan;

    fn new(decoder: &Decoder, maps: &[Map], plan: Plan, seed: u64) -> Self {
        let mut network = Self::of(decoder, maps);
        let scale = |(_, outputs): &(i64, i64)| plan.max_scale * *outputs as f64;
        network.scales = network.shapes.iter().map(scale).collect();
        let device = decoder.device();
        let mut random = SplitMix::new(seed);
        let embedding = network.embedding.size()[1];
        let widths = (embedding, int(plan.hidden_dim), int(plan.condition_dim));
        for (name, shape) in shapes(&network.shapes, widths) {
            let zero = name.ends_with(".1.g") || name.ends_with(".1.bias");
            // Of a size that keeps that of what enters.
            let inputs = match name.as_str() {
                name if name.starts_with("lstm") => plan.hidden_dim,
                name if name.starts_with("linear") => 2 * plan.hidden_dim,
                name if name.contains(".0.") => plan.condition_dim,
                _ => plan.hidden_dim,
            };
            let size = if zero { 0.0 } else { (3.0 * inputs as f64).sqrt().recip() };
            let numbers = shape.iter().product::<i64>();
            #[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
            let numbers: Vec<f32> = (0..numbers).map(|_| (random.normal() * size) as f32).collect();
            let value = Tensor::from_slice(&numbers).view(shape.as_slice()).to_device(device);
            network.values.insert(name, value);
        }
        for map in 0..network.shapes.len() {
            let lengths =
                network.values[&name(map, 0, "v")].norm_scalaropt_dim(2, [1i64].as_slice(), true);
            network.values.insert(name(map, 0, "g"), lengths);
        }
        network
    }

    fn read(
        decoder: &Decoder,
        maps: &[Map],
        tensors: &BTreeMap<String, tensor::Tensor>,
    ) -> Option<Self> {
        let device = decoder.device();
        let mut network = Self::of(decoder, maps);
        let scales = tensors.get(MAX_SCALE)?.to_f32();
        network.scales = scales.into_iter().map(f64::from).collect();
        let &[condition, both] = tensors.get(LINEAR[0])?.shape.as_slice() else { return None };
        let widths = (network.embedding.size()[1], int(both / 2), int(condition));
        let shapes = shapes(&network.shapes, widths);
        // One more: s.
        if tensors.len() != shapes.len() + 1 || network.scales.len() != maps.len() {
            return None;
        }
        for (name, shape) in shapes {
            let value = loaded(tensors.get(&name)?, device);
            if value.size() != shape {
                return None;
            }
            network.values.insert(name, value);
        }
        Some(network)
    }

    fn tensors(&self) -> BTreeMap<String, tensor::Tensor> {
        let values = self.values.iter().map(|(name, value)| (name.clone(), stored(value)));
        let scale = Tensor::from_slice(&self.scales);
        values.chain([(MAX_SCALE.to_owned(), stored(&scale))]).collect()
    }

    fn values(&self) -> &BTreeMap<String, Tensor> {
        &self.values
    }

    fn values_mut(&mut self) -> &mut BTreeMap<String, Tensor> {
        &mut self.values
    }

    fn is_step_size(_: &str) -> bool {
        false
    }

    fn observe(&mut self, _: &Gradients) {}

    /// The best of some steps down the gradient.
    fn begin(&mut self, loss: &mut dyn FnMut(&Self) -> f64) {
        let best = best_step(|step| {
            self.descend(step);
            loss(self)
        });
        self.descend(best);
    }

    /// The columns of a row are its tokens and one more.
    fn changes(&self, edits: &Gradients) -> Vec<LowRank> {
        let h = self.condition(&edits.conditions);
        let of_map = |(map, (&(inputs, outputs), factors)): (usize, (&(i64, i64), &Factors))| {
            let gates = self.layer(map, 1, &self.layer(map, 0, &h).tanh());
            let parts = gates.split_with_sizes([inputs, outputs, inputs, outputs, 1], 1);
            let [c, a, d, b, eta] = [0, 1, 2, 3, 4].map(|part| parts[part].unsqueeze(1));
            let size = eta.sigmoid() * self.scales[map];
            let soft = |gate: &Tensor| gate.softmax(-1, Kind::Float) * &size;
            LowRank {
                left: Tensor::cat(&[soft(&a) * &factors.delta, soft(&b)], 1),
                right: Tensor::cat(&[c * &factors.x, d], 1),
            }
        };
        self.shapes.iter().zip(&edits.factors).enumerate().map(of_map).collect()
    }
}

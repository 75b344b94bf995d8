//! MEND's networks: from the factors of a gradient to those of an edit (Mitchell et al., 2022, section 3; `mend/algs/mend.py`
//! and `nn.py`).
//!
//! Maps of one shape share a network g; a map has a row of its own, its mode, in each layer's scale and shift:
//!
//!   z₀ = [norm(x), norm(δ)],  zᵢ₊₁ = zᵢ + max(0, sₘ ⊙ (U V zᵢ + b) + hₘ),  [x̃, δ̃] = z_last,
//!
//! where U = 0 at first, so that g is the identity. The edit is ΔW = α Σ δ̃ x̃ᵀ over tokens, with a step size α for each map
//! that is learned, its sign too.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::{
    editor::{
        learned::hypernetwork::{Gradients, Hypernetwork, loaded, stored},
        pass::maps::{Factors, LowRank, Map, chosen},
    },
    model::{Decoder, SplitMix},
    tensor::{self, Matrix},
};

/// Added to deviations.
const EPSILON: f64 = 1e-7;

/// Name of the step sizes, `[maps, 1]`.
const STEP_SIZES: &str = "edit_lrs";

/// What is learned of a layer.
const PARTS: [&str; 5] = ["v", "u", "bias", "mode_shift", "mode_scale"];

/// What the network looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::editor) struct Plan {
    /// Layers of the network before the last.
    pub(super) n_hidden: usize,
    /// Rank of U V at most.
    pub(super) rank: usize,
    /// The step size of every map at first.
    pub(super) edit_lr: f64,
}

/// The networks of all shapes, with what they are normalised by.
#[derive(Debug)]
pub(in crate::editor) struct Network {
    layers: usize,
    /// For each map its shape and mode.
    modes: Vec<(Shape, i64)>,
    /// What is learned, by name, f32.
    values: BTreeMap<String, Tensor>,
    norms: BTreeMap<Shape, Norms>,
}

/// Widths of x and of δ.
type Shape = (usize, usize);

/// Running mean and deviation of x and of δ, by element.
#[derive(Debug)]
struct Norms {
    x: Running,
    delta: Running,
}

/// Welford's running moments, joined in batches (Chan et al., 1979), in f64.
#[derive(Debug)]
struct Running {
    count: f64,
    /// `[width]`.
    mean: Tensor,
    /// Sum of squares about the mean, `[width]`.
    squares: Tensor,
}

impl Hypernetwork for Network {
    type Plan = Plan;

    /// A network that gives edits the normalised gradient itself.
    fn new(decoder: &Decoder, maps: &[Map], plan: Plan, seed: u64) -> Self {
        let device = decoder.device();
        let mut network = Self::shaped(maps, plan.n_hidden + 1, device);
        let mut random = SplitMix::new(seed);
        for shape in network.norms.keys().copied().collect::<Vec<_>>() {
            let width = shape.0 + shape.1;
            let rank = plan.rank.min(width);
            let modes = network.modes.iter().filter(|(own, _)| *own == shape).count();
            for layer in 0..network.layers {
                let mut put = |part: &str, value: Matrix| {
                    let value = crate::editor::matrix::tensor(&value, device);
                    network.values.insert(name(shape, layer, part), value);
                };
                let mut v = Matrix::zeros(rank, width);
                #[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
                v.data.iter_mut().for_each(|value| *value = random.normal() as f32);
                put("v", v);
                put("u", Matrix::zeros(width, rank));
                put("bias", Matrix::zeros(1, width));
                put("mode_shift", Matrix::zeros(modes, width));
                let ones = vec![1.0; modes * width];
                put("mode_scale", Matrix { rows: modes, cols: width, data: ones });
            }
        }
        let options = (Kind::Float, device);
        let lrs = Tensor::full([maps.len() as i64, 1], plan.edit_lr, options);
        network.values.insert(STEP_SIZES.to_owned(), lrs);
        network
    }

    fn read(
        decoder: &Decoder,
        maps: &[Map],
        tensors: &BTreeMap<String, tensor::Tensor>,
    ) -> Option<Self> {
        let device = decoder.device();
        let value = |stored: &tensor::Tensor| loaded(stored, device);
        let (outputs, inputs) = maps.first()?.shape();
        let is_there = |layer: &usize| tensors.contains_key(&name((inputs, outputs), *layer, "v"));
        let layers = (0..).take_while(is_there);
        let mut network = Self::shaped(maps, layers.count(), device);
        let sizes = tensors.get(STEP_SIZES)?;
        // Of each shape what is learned of each layer, and three figures of x and of δ.
        let all = network.norms.len() * (PARTS.len() * network.layers + 6) + 1;
        if network.layers == 0 || sizes.shape != [maps.len(), 1] || tensors.len() != all {
            return None;
        }
        for (shape, norms) in &mut network.norms {
            for (part, running) in norms.parts() {
                let stored = |what: &str| tensors.get(&norm_name(*shape, part, what)).map(value);
                let (mean, std) = (stored("mean")?, stored("std")?);
                if mean.size() != running.mean.size() || std.size() != mean.size() {
                    return None;
                }
                let count =
                    f64::from(*tensors.get(&norm_name(*shape, part, "count"))?.to_f32().first()?);
                *running = Running {
                    count,
                    mean: mean.to_kind(Kind::Double),
                    squares: std.to_kind(Kind::Double).square() * (count - 1.0).max(1.0),
                };
            }
            let (width, modes) =
                (shape.0 + shape.1, network.modes.iter().filter(|(own, _)| own == shape).count());
            for layer in 0..network.layers {
                for part in PARTS {
                    let name = name(*shape, layer, part);
                    let stored = tensors.get(&name)?;
                    let fits = match (part, stored.shape.as_slice()) {
                        ("v", [_, w]) | ("u", [w, _]) | ("bias", [1, w]) => *w == width,
                        (_, [rows, w]) => (*rows, *w) == (modes, width),
                        _ => false,
                    };
                    if !fits {
                        return None;
                    }
                    network.values.insert(name, value(stored));
                }
            }
        }
        network.values.insert(STEP_SIZES.to_owned(), value(sizes));
        Some(network)
    }

    fn tensors(&self) -> BTreeMap<String, tensor::Tensor> {
        let mut tensors: BTreeMap<String, tensor::Tensor> =
            self.values.iter().map(|(name, value)| (name.clone(), stored(value))).collect();
        for (shape, norms) in &self.norms {
            for (part, running) in [("x", &norms.x), ("delta", &norms.delta)] {
                let count = Tensor::from_slice(&[running.count]);
                let parts = [("mean", &running.mean), ("std", &running.std()), ("count", &count)];
                for (what, value) in parts {
                    tensors.insert(norm_name(*shape, part, what), stored(value));
                }
            }
        }
        tensors
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

    /// Counts tokens among those that are normalised by.
    fn observe(&mut self, edits: &Gradients) {
        for ((shape, _), factors) in self.modes.iter().zip(&edits.factors) {
            let active = factors.active();
            let norms = self.norms.get_mut(shape).expect("because each map's shape has some");
            norms.x.add(&chosen(&factors.x, &active));
            norms.delta.add(&chosen(&factors.delta, &active));
        }
    }

    /// The columns are the tokens of the rows; those that have no part in the gradient are zero.
    fn changes(&self, edits: &Gradients) -> Vec<LowRank> {
        let step_sizes = &self.values[STEP_SIZES];
        let of_map = |(place, (&(shape, mode), factors)): (i64, (&(Shape, i64), &Factors))| {
            let norms = &self.norms[&shape];
            let pair =
                Tensor::cat(&[norms.x.norm(&factors.x), norms.delta.norm(&factors.delta)], -1);
            let mut z = pair.flatten(0, 1); // [rows · tokens, in + out]
            for layer in 0..self.layers {
                let value = |part| &self.values[&name(shape, layer, part)];
                let before = z.matmul(&value("v").tr()).matmul(&value("u").tr()) + value("bias");
                let own = |part| value(part).narrow(0, mode, 1);
                z = (before * own("mode_scale") + own("mode_shift")).clamp_min(0.0) + z;
            }
            let z = z * factors.active().reshape([-1, 1]).to_kind(Kind::Float);
            let parts = z.split_with_sizes([shape.0 as i64, shape.1 as i64], 1);
            let step = step_sizes.narrow(0, place, 1);
            let rows = factors.x.size()[0];
            let by_row = |part: &Tensor, width| part.reshape([rows, -1, width as i64]);
            LowRank {
                left: by_row(&(&parts[1] * step), shape.1),
                right: by_row(&parts[0], shape.0),
            }
        };
        (0..).zip(self.modes.iter().zip(&edits.factors)).map(of_map).collect()
    }
}

impl Network {
    fn shaped(maps: &[Map], layers: usize, device: Device) -> Self {
        let mut modes: Vec<(Shape, i64)> = Vec::new();
        for map in maps {
            let (outputs, inputs) = map.shape();
            let shape = (inputs, outputs);
            let before = modes.iter().filter(|(other, _)| *other == shape).count();
            modes.push((shape, before as i64));
        }
        let norms = |&(shape, _): &(Shape, i64)| {
            let running = |width| Running::nothing(width, device);
            (shape, Norms { x: running(shape.0), delta: running(shape.1) })
        };
        let norms = modes.iter().map(norms).collect();
        Self { layers, modes, values: BTreeMap::new(), norms }
    }
}

impl Norms {
    fn parts(&mut self) -> [(&'static str, &mut Running); 2] {
        [("x", &mut self.x), ("delta", &mut self.delta)]
    }
}

impl Running {
    fn nothing(width: usize, device: Device) -> Self {
        let zeros = || Tensor::zeros([width as i64], (Kind::Double, device));
        Self { count: 0.0, mean: zeros(), squares: zeros() }
    }

    /// Adds rows, `[rows, width]`.
    fn add(&mut self, rows: &Tensor) {
        let new = rows.size()[0] as f64;
        if new == 0.0 {
            return;
        }
        let rows = rows.to_kind(Kind::Double);
        let mean = rows.mean_dim([0i64].as_slice(), false, Kind::Double);
        let squares =
            (rows - &mean).square().sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
        let all = self.count + new;
        let apart = &mean - &self.mean;
        self.squares = &self.squares + squares + apart.square() * (self.count * new / all);
        self.mean = &self.mean + apart * (new / all);
        self.count = all;
    }

    fn std(&self) -> Tensor {
        (&self.squares / (self.count - 1.0).max(1.0)).sqrt()
    }

    /// `values` without the mean, in deviations.
    fn norm(&self, values: &Tensor) -> Tensor {
        let single = |of: &Tensor| of.to_kind(Kind::Float);
        (values - single(&self.mean)) / (single(&self.std()) + EPSILON)
    }
}

fn name((inputs, outputs): Shape, layer: usize, part: &str) -> String {
    format!("{inputs}-{outputs}.{layer}.{part}")
}

fn norm_name((inputs, outputs): Shape, part: &str, what: &str) -> String {
    format!("{inputs}-{outputs}.{part}.{what}")
}

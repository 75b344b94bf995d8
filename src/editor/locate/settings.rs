//! What the search for a z can be told, and what is looked up for it.

#[cfg(feature = "torch")]
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
#[cfg(feature = "torch")]
use tch::Kind;

use crate::editor::{
    presets::ModelSize,
    settings::{Setting, SettingsError, above_zero, blocks, not_below_zero, require},
};
#[cfg(feature = "torch")]
use crate::{editor::presets::blocks_value, engine::Axis};

/// All of [`Search`], by key.
pub(in crate::editor) const SETTINGS: &[Setting] = &[
    Setting::new(
        "clamp_norm_factor",
        "above 0",
        "longest vector, as a multiple of the state it is added to",
    ),
    Setting::new(
        "early_stop_drift",
        "0 or more",
        "drift at which the search for a fact ends, once all contexts say the target",
    )
    .optional(),
    Setting::new("early_stop_loss", "0 or more", "loss at which the search for a fact ends"),
    Setting::new(
        "join_subjects",
        "true or false",
        "search for facts of one subject together, earlier ones too",
    ),
    Setting::new("kl_factor", "0 or more", "weight of keeping what follows \"{subject} is a\""),
    Setting::new(
        "layers",
        "blocks of the model, ascending",
        "blocks whose MLP is edited; z is at the last",
    )
    .by_model(),
    Setting::new(
        "locality_factor",
        "0 or more",
        "weight of keeping what follows prompts of the subject's other facts",
    ),
    Setting::new(
        "nll_factor_said",
        "0 or more",
        "weight of the target once all contexts say it, where it is not 1",
    )
    .optional(),
    Setting::new("prefix_count", "0 or more", "context prefixes that are sampled"),
    Setting::new("prefix_tokens", "1 or more", "tokens of a context prefix"),
    Setting::new("rephrase", "true or false", "use a fact's other prompts as contexts too"),
    Setting::new("v_loss_layer", "a block of the model", "block after which the loss is read")
        .by_model(),
    Setting::new("v_lr", "above 0", "step size of the search"),
    Setting::new("v_num_grad_steps", "1 or more", "steps of the search, at most"),
    Setting::new("v_optimizer", "\"adam\" or \"lbfgs\"", "how the search makes its steps")
        .optional(),
    Setting::new(
        "v_scale",
        "\"absolute\" or \"state\"",
        "what v_lr and v_weight_decay are relative to: nothing, or the length of the state",
    )
    .optional(),
    Setting::new("v_weight_decay", "0 or more", "weight of the vector's length in the loss"),
    Setting::new("z_matmul", "\"f32\" or \"bf16\"", "precision of products while z is sought"),
    Setting::new(
        "z_on",
        "\"base\" or \"current\"",
        "weights on which z is sought: the base's or the edited version's",
    ),
];

/// How a z is sought. Names are those of the reference implementation of MEMIT where it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The optimised vector stays within this many times the norm of the state it is added to.
    pub clamp_norm_factor: f64,
    /// Optimisation of a fact ends when the target is the likeliest continuation in all contexts and the terms of
    /// what is to stay add up to no more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stop_drift: Option<f64>,
    /// Optimisation of a fact ends when its loss is below this.
    pub early_stop_loss: f64,
    /// Whether facts of one subject are sought together, as one change of the state at it, and with them
    /// those edited earlier. The reference implementation seeks each by itself.
    pub join_subjects: bool,
    /// Weight of the divergence of "{subject} is a" from what the model said before.
    pub kl_factor: f64,
    /// The blocks whose MLP is edited, ascending; z lives at the output of the last.
    pub layers: Vec<usize>,
    /// Weight of the divergence of prompts about the subject's other facts, where some are known, from
    /// what the model said before. The reference implementation knows no other facts.
    pub locality_factor: f64,
    /// Weight of the target's misfit in the step after one at which it was the likeliest continuation in all
    /// contexts.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub nll_factor_said: f64,
    /// How many context prefixes are sampled.
    pub prefix_count: usize,
    /// How long each is, in tokens, its first word included.
    pub prefix_tokens: usize,
    /// Whether the fact's other prompts are contexts too, bare and in turns behind the prefixes, where
    /// it has any. The reference implementation knows one prompt for a fact.
    pub rephrase: bool,
    /// The block after which the loss is read; the last one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v_loss_layer: Option<usize>,
    /// Step size of Adam, and of the first step of L-BFGS.
    pub v_lr: f64,
    /// Forward passes at most; the last makes no step.
    pub v_num_grad_steps: u32,
    /// How steps are made.
    #[serde(default, skip_serializing_if = "Optimizer::is_adam")]
    pub v_optimizer: Optimizer,
    /// Weight of the vector's norm in the loss.
    pub v_weight_decay: f64,
    /// What step size and decay are relative to.
    #[serde(default, skip_serializing_if = "Scale::is_absolute")]
    pub v_scale: Scale,
    /// What linear maps multiply in while z is sought.
    pub z_matmul: Matmul,
    /// The weights on which z is sought.
    pub z_on: ZOn,
}

/// What attention, MLPs and the head compute in while z is sought. The stream, its norms and all that is
/// kept of a search stay in what the model computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matmul {
    /// 32 bits.
    F32,
    /// 16 bits with the exponents of 32: fast where the processor has it, such as AVX-512 BF16.
    Bf16,
}

#[cfg(feature = "torch")]
impl Matmul {
    /// As the kind of what a stream of kind `stream` enters: a model in 16 bits stays as it is.
    pub(super) fn within(self, stream: Kind) -> Kind {
        match self {
            Self::Bf16 if stream == Kind::Float => Kind::BFloat16,
            Self::Bf16 | Self::F32 => stream,
        }
    }
}

/// What the step size and the decay of a search are relative to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Nothing, as published: a step is v_lr long in each coordinate, and the decay is the length of δ over the squared
    /// length of h. What is right for one model is not for one with longer streams.
    #[default]
    Absolute,
    /// The length of h: a step is v_lr times it over √d long in each coordinate, and the decay is the length of δ over
    /// that of h.
    State,
}

impl Scale {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_absolute(&self) -> bool {
        *self == Self::Absolute
    }
}

/// How the steps of a search are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam, as published: all steps are about as long.
    #[default]
    Adam,
    /// L-BFGS: steps by the curvature that was met so far, which get farther. Where few are allowed, a fact that is hard
    /// to reach may still be at its beginning when others have ended.
    Lbfgs,
}

impl Optimizer {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_adam(&self) -> bool {
        *self == Self::Adam
    }
}

/// The weights on which z is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZOn {
    /// The base, with the changes that were taken in as a whole: a z never depends on earlier edits, so it
    /// can be kept for ever.
    Base,
    /// The version that is edited.
    Current,
}

const fn one() -> f64 {
    1.0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::float_cmp,
    reason = "serde gives a reference; what is written as 1 is 1"
)]
fn is_one(weight: &f64) -> bool {
    *weight == 1.0
}

impl Search {
    /// Whether it matters which targets are said.
    #[cfg(feature = "torch")]
    pub(super) fn asks_what_is_said(&self) -> bool {
        self.early_stop_drift.is_some() || !is_one(&self.nll_factor_said)
    }

    /// What a z depends on: of `layers` the last.
    #[must_use]
    pub fn of_z(&self) -> Self {
        Self { layers: vec![self.z_layer()], ..self.clone() }
    }

    /// What context prefixes depend on, in canonical form.
    #[must_use]
    pub fn of_prefixes(&self) -> String {
        format!("{} of {} tokens", self.prefix_count, self.prefix_tokens)
    }

    /// The block at whose output z lives.
    #[must_use]
    pub fn z_layer(&self) -> usize {
        *self.layers.last().expect("because settings without layers are refused")
    }

    /// Settings that edit all blocks that a calibration tries.
    #[cfg(feature = "torch")]
    pub(in crate::editor) fn widest(&self, layers: usize) -> String {
        let end = (layers / 2 + self.layers.len()).min(layers).max(self.z_layer() + 1);
        format!("layers = {:?}", (0..end).collect::<Vec<_>>())
    }

    /// What a calibration tries in turn, for a model of so many `layers`: blocks at other heights, up to the middle; if
    /// `several` can be edited, other numbers of them below the same z; how far the search goes and how many steps
    /// it makes; how long its contexts are.
    #[cfg(feature = "torch")]
    pub(in crate::editor) fn axes(&self, layers: usize, several: bool) -> Vec<Axis> {
        let (count, end) = (self.layers.len(), self.z_layer() + 1);
        let heights: BTreeSet<usize> = (0..=4).map(|eighth| layers * eighth / 8).collect();
        let at_height =
            |first: usize| (first + count < layers).then(|| (first..first + count).collect());
        let below_z = |count: usize| end.checked_sub(count).map(|first| (first..end).collect());
        let counts: &[usize] = if several { &[1, 2, 3, 5] } else { &[] };
        // BLUE (2025) edits the first and the last of the usual blocks.
        let ends = (several && count > 2).then(|| vec![self.layers[0], end - 1]);
        let blocks = |sets: Vec<Vec<usize>>| {
            let others = sets.into_iter().filter(|blocks| *blocks != self.layers);
            Axis { key: "layers", values: others.map(|set| blocks_value(&set)).collect() }
        };
        let times = |key, now: f64, factors: &[f64]| {
            let values = factors.iter().map(|factor| round(now * factor).into()).collect();
            Axis { key, values }
        };
        let steps = i64::from(self.v_num_grad_steps);
        let tokens = i64::try_from(self.prefix_tokens).unwrap_or(i64::MAX / 2);
        vec![
            blocks(heights.into_iter().filter_map(at_height).collect()),
            blocks(counts.iter().copied().filter_map(below_z).chain(ends).collect()),
            times("v_lr", self.v_lr, &[0.4, 2.5]),
            times("clamp_norm_factor", self.clamp_norm_factor, &[0.5, 2.0, 4.0]),
            Axis {
                key: "v_num_grad_steps",
                values: vec![(steps / 2).max(2).into(), (steps * 2).into()],
            },
            Axis { key: "prefix_tokens", values: vec![(tokens * 2).into()] },
        ]
    }

    /// The block of `layers` after which the loss is read: never below the one where z lives.
    #[must_use]
    pub fn loss_layer(&self, layers: usize) -> usize {
        self.v_loss_layer.unwrap_or(layers - 1).max(self.z_layer())
    }

    /// Blocks are there below `layers`, if it is known.
    pub(in crate::editor) fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        blocks("layers", &self.layers, layers)?;
        if let (Some(layer), Some(layers)) = (self.v_loss_layer, layers) {
            let below = format!("below {layers}");
            require(layer < layers, "v_loss_layer", &below, || layer.to_string())?;
        }
        above_zero(&[("clamp_norm_factor", self.clamp_norm_factor), ("v_lr", self.v_lr)])?;
        not_below_zero(&[
            ("early_stop_drift", self.early_stop_drift.unwrap_or(0.0)),
            ("early_stop_loss", self.early_stop_loss),
            ("kl_factor", self.kl_factor),
            ("locality_factor", self.locality_factor),
            ("nll_factor_said", self.nll_factor_said),
            ("v_weight_decay", self.v_weight_decay),
        ])?;
        require(self.v_num_grad_steps > 0, "v_num_grad_steps", "at least 1", || "0".to_owned())?;
        require(self.prefix_tokens > 0, "prefix_tokens", "at least 1", || "0".to_owned())
    }
}

/// A number that somebody would have written: two digits of it.
#[cfg(feature = "torch")]
fn round(number: f64) -> f64 {
    format!("{number:.1e}").parse().expect("because it was printed as a number")
}

/// The loss is read after the last block where nothing else is known.
pub(in crate::editor) fn add_loss_layer(preset: &mut toml::Table, model: &ModelSize) {
    let last = i64::try_from(model.layers - 1).unwrap_or(i64::MAX);
    preset.entry("v_loss_layer").or_insert_with(|| last.into());
}

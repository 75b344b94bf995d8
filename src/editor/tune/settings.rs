//! What fine-tuning can be told.

use serde::{Deserialize, Serialize};

use crate::editor::{
    module::{MODULES, Module, some_once},
    settings::{Setting, SettingsError, above_zero, blocks, not_below_zero, require},
};
#[cfg(feature = "torch")]
use crate::{editor::presets::blocks_value, engine::Axis};

/// All of [`Training`], by key.
pub(super) const TRAINING: &[Setting] = &[
    Setting::new("batch_size", "1 or more", "facts of a step"),
    Setting::new("layers", "blocks of the model, ascending", "blocks that are tuned").by_model(),
    Setting::new(
        "locality_factor",
        "0 or more",
        "weight of keeping what follows prompts of the subjects' other facts",
    ),
    Setting::new(LR, SCALES, "step size of Adam; \"auto\" goes by the size of the weights"),
    Setting::new("modules", MODULES, "what of a block is tuned"),
    Setting::new("num_steps", "1 or more", "times that each fact is gone through, at most"),
    Setting::new(
        "order",
        "\"breadth-first\" or \"depth-first\"",
        "all facts in turn, or each until it is learned",
    ),
    Setting::new("rephrase", "true or false", "train on a fact's other prompts too"),
    Setting::new("shuffle", "true or false", "whether each round has an order of its own"),
    Setting::new("stop_loss", "0 or more", "loss below which nothing more is learned"),
];

/// The settings of methods that tune whole tensors, besides.
pub(super) const WHOLE: &[Setting] =
    &[Setting::new("bias", "true or false", "tune the biases of the modules too")];

/// The settings of methods that read targets as texts, besides.
pub(super) const END: &[Setting] = &[Setting::new(
    "end_of_text",
    "true or false",
    "train on the end of the text after the target too",
)];

/// The setting that says how the weights may move.
pub(super) const EPS: &str = "eps";

/// The setting that is a step's size.
pub(super) const LR: &str = "lr";

/// What a [`Scale`] may be.
pub(super) const SCALES: &str = "\"auto\" or a number above zero";

/// How a model is trained on facts. Names are those of the original implementations where these have one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Training {
    /// Facts of a step.
    pub(super) batch_size: usize,
    /// The blocks that are tuned, ascending.
    pub(super) layers: Vec<usize>,
    /// Weight of the divergence of prompts about the subjects' other facts from what the model said before.
    pub(super) locality_factor: f64,
    /// Step size of Adam.
    pub(super) lr: Scale,
    /// What of a block is tuned.
    pub(super) modules: Vec<Module>,
    /// Epochs at most.
    pub(super) num_steps: u32,
    /// Which fact is when.
    pub(super) order: Order,
    /// Whether facts are trained on in their other prompts too. The originals know one prompt for a fact.
    pub(super) rephrase: bool,
    /// Whether the facts of an epoch are in a new order.
    pub(super) shuffle: bool,
    /// A batch of lower loss makes no step, an epoch of lower loss is the last.
    pub(super) stop_loss: f64,
}

/// Which fact is trained on when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// All facts in each epoch.
    BreadthFirst,
    /// One fact until it is learned, then the next one, with an optimiser of its own.
    DepthFirst,
}

impl Training {
    /// Blocks are there below `layers`, if it is known.
    pub(super) fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        blocks("layers", &self.layers, layers)?;
        self.lr.check(LR)?;
        not_below_zero(&[
            ("locality_factor", self.locality_factor),
            ("stop_loss", self.stop_loss),
        ])?;
        require(self.batch_size > 0, "batch_size", "at least 1", || "0".to_owned())?;
        require(self.num_steps > 0, "num_steps", "at least 1", || "0".to_owned())?;
        some_once(&self.modules)
    }

    /// What a calibration tries in turn, for a model of so many `layers`: another step size, other blocks, more steps.
    #[cfg(feature = "torch")]
    pub(super) fn axes(&self, layers: usize) -> Vec<Axis> {
        let count = self.layers.len();
        let lrs: &[f64] = match self.lr {
            Scale::Auto => &[1e-5, 1e-4, 1e-3],
            Scale::Is(now) => &[now / 4.0, now * 4.0],
        };
        let firsts = (0..=4).map(|quarter| (layers - count.min(layers)) * quarter / 4);
        let blocks = firsts.map(|first| (first..first + count).collect::<Vec<usize>>());
        let blocks = blocks.filter(|blocks| *blocks != self.layers);
        let steps = i64::from(self.num_steps);
        vec![
            Axis { key: LR, values: lrs.iter().map(|lr| (*lr).into()).collect() },
            Axis { key: "layers", values: blocks.map(|blocks| blocks_value(&blocks)).collect() },
            Axis { key: "num_steps", values: vec![(steps / 2).max(1).into(), (steps * 2).into()] },
        ]
    }
}

/// A length that can be left to be found: in units of the weights that are tuned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub(super) enum Scale {
    /// By how large the weights are.
    Auto,
    /// So much.
    Is(f64),
}

impl Scale {
    pub(super) fn check(self, key: &str) -> Result<(), SettingsError> {
        match self {
            Self::Auto => Ok(()),
            Self::Is(number) => above_zero(&[(key, number)]),
        }
    }

    /// The number; `unit` times `share` where it is to be found, with three digits, so that rounding elsewhere does not
    /// show in it.
    #[cfg(feature = "torch")]
    pub(super) fn or(self, share: f64, unit: f64) -> f64 {
        match self {
            Self::Auto => {
                format!("{:.2e}", share * unit).parse().expect("because it was printed as a number")
            }
            Self::Is(number) => number,
        }
    }
}

impl TryFrom<toml::Value> for Scale {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a setting that is an integer is a small one"
            )]
            toml::Value::Integer(number) => Ok(Self::Is(number as f64)),
            toml::Value::Float(number) => Ok(Self::Is(number)),
            toml::Value::String(text) if text == "auto" => Ok(Self::Auto),
            other => Err(format!("it must be {SCALES}, found {other}")),
        }
    }
}

impl From<Scale> for toml::Value {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Auto => Self::from("auto"),
            Scale::Is(number) => Self::from(number),
        }
    }
}

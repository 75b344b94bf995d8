//! FT-L: fine-tuning in a box, as ROME is compared with (Meng et al., 2022, baselines/ft, after Zhu et al., 2020).
//!
//! As FT, and after each step θ ← clamp(θ, θ₀ − ε, θ₀ + ε). θ₀ is the version that is edited, for all facts of a commit;
//! where the original edits fact by fact, each has a box of its own around what the one before left.

use serde::{Deserialize, Serialize};

use super::{
    blocks,
    recipe::Tuning,
    settings::{EPS, SCALES, Scale, TRAINING, Training, WHOLE},
};
#[cfg(feature = "torch")]
use super::{
    plan::{Auto, Bound, Misfit, Moves, Plan},
    recipe::Trains,
};
use crate::editor::{
    method::Recipe,
    presets::{ModelSize, Presets},
    settings::{Defaults, MethodSettings, Setting, SettingsError, listed},
};

/// What is published.
const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("gpt2", 24, 1024, 4096, include_str!("../presets/ft-l-gpt2-medium.toml")),
        ("gpt2", 36, 1280, 5120, include_str!("../presets/ft-l-gpt2-large.toml")),
        ("gpt2", 48, 1600, 6400, include_str!("../presets/ft-l-gpt2-xl.toml")),
        ("gptj", 28, 4096, 16384, include_str!("../presets/ft-l-gpt-j-6b.toml")),
        ("mistral", 32, 4096, 14336, include_str!("../presets/ft-l-mistral-7b.toml")),
    ],
};

/// What only this method is told.
const OWN: &[Setting] = &[Setting::new(
    EPS,
    SCALES,
    "how far each weight may move at most; \"auto\" goes by the size of the weights",
)];

/// What all models are set to unless more is known of one.
const COMMON: &str = include_str!("../presets/ft-l.toml");

/// What the method can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    training: Training,
    bias: bool,
    eps: Scale,
}

impl MethodSettings for Settings {
    const FREE: &'static [&'static str] = &["lr", EPS];

    fn known() -> Vec<&'static Setting> {
        listed(&[TRAINING, WHOLE, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        const FAITHFUL: &str = include_str!("../presets/ft-faithful.toml");
        blocks::defaults(model, COMMON, (0, 1), &PRESETS, FAITHFUL)
    }

    fn published(model: &ModelSize) -> bool {
        PRESETS.knows(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.training.check(layers)?;
        self.eps.check(EPS)
    }
}

impl Recipe for Settings {
    type Kind = Tuning;

    const NAME: &'static str = "ft-l";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Fine-tuning as ft, each weight staying near where it was (Meng et al., 2022, after Zhu \
                                 et al., 2020)";
}

#[cfg(feature = "torch")]
impl Trains for Settings {
    fn training(&self) -> &Training {
        &self.training
    }

    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Bag,
            moves: Moves::Whole { bias: self.bias },
            within: Bound::Box(self.eps),
            auto: Auto::MATRIX,
        }
    }

    fn with(mut self, lr: Scale, eps: Scale) -> Self {
        self.training.lr = lr;
        self.eps = eps;
        self
    }
}

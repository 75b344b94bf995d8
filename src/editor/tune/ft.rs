//! FT: the fine-tuning that ROME is compared with (Meng et al., 2022, baselines/ft).
//!
//! For each epoch, for each batch of facts:
//!   1. L = mean over the facts of −1/n Σ log p(tᵢ | prompt), all target tokens right after the prompt;
//!   2. unless L is below 0.01, θ ← Adam(θ, ∇L).
//!
//! Until the mean of an epoch's L is below 0.01.

use serde::{Deserialize, Serialize};

use super::{
    blocks,
    recipe::Tuning,
    settings::{TRAINING, Training, WHOLE},
};
#[cfg(feature = "torch")]
use super::{
    plan::{Auto, Bound, Misfit, Moves, Plan},
    recipe::Trains,
    settings::Scale,
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
        ("gpt2", 48, 1600, 6400, include_str!("../presets/ft-gpt2-xl.toml")),
        ("gptj", 28, 4096, 16384, include_str!("../presets/ft-gpt-j-6b.toml")),
    ],
};

/// What all models are set to unless more is known of one.
const COMMON: &str = include_str!("../presets/ft.toml");

/// What the method can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    training: Training,
    bias: bool,
}

impl MethodSettings for Settings {
    const FREE: &'static [&'static str] = &["lr"];

    fn known() -> Vec<&'static Setting> {
        listed(&[TRAINING, WHOLE])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        const FAITHFUL: &str = include_str!("../presets/ft-faithful.toml");
        blocks::defaults(model, COMMON, (0, 1), &PRESETS, FAITHFUL)
    }

    fn published(model: &ModelSize) -> bool {
        PRESETS.knows(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.training.check(layers)
    }
}

impl Recipe for Settings {
    type Kind = Tuning;

    const NAME: &'static str = "ft";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Fine-tuning of a block's MLP on the words of the targets, as the baseline of ROME does it \
                                 (Meng et al., 2022)";
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
            within: Bound::Free,
            auto: Auto::MATRIX,
        }
    }

    fn with(mut self, lr: Scale, _: Scale) -> Self {
        self.training.lr = lr;
        self
    }
}

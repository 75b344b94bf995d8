//! FT-M: fine-tuning on the target as a text (Zhang et al., 2024, EasyEdit with objective "target_new").
//!
//! As published, for each fact, one after the other, with an optimiser of its own, for each epoch:
//!   1. L = −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁);
//!   2. unless L is below 0.01, when the fact is learned, θ ← Adam(θ, ∇L).
//!
//! Where no numbers are published, in batches of all facts: those that were learned first are forgotten otherwise.

use serde::{Deserialize, Serialize};

use super::{
    blocks,
    recipe::Tuning,
    settings::{END, TRAINING, Training, WHOLE},
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

/// What EasyEdit sets for models of about seven billion parameters.
const SEVEN: &str = include_str!("../presets/ft-m-7b.toml");

/// The same for Qwen's.
const QWEN: &str = include_str!("../presets/ft-m-qwen-7b.toml");

/// What is published.
const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("gpt2", 48, 1600, 6400, include_str!("../presets/ft-m-gpt2-xl.toml")),
        ("gptj", 28, 4096, 16384, SEVEN),
        ("llama", 32, 4096, 11008, SEVEN),
        ("llama", 32, 4096, 14336, SEVEN),
        ("llama", 28, 3072, 8192, SEVEN),
        ("mistral", 32, 4096, 14336, SEVEN),
        ("qwen2", 28, 3584, 18944, QWEN),
    ],
};

/// What all models are set to unless more is known of one.
const COMMON: &str = include_str!("../presets/ft-m.toml");

/// What the method can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    training: Training,
    bias: bool,
    end_of_text: bool,
}

impl MethodSettings for Settings {
    const FREE: &'static [&'static str] = &["lr"];

    fn known() -> Vec<&'static Setting> {
        listed(&[TRAINING, WHOLE, END])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        const FAITHFUL: &str = include_str!("../presets/ft-m-faithful.toml");
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

    const NAME: &'static str = "ft-m";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "Fine-tuning of a block's MLP on the targets as texts (Zhang et al., 2024, EasyEdit)";
}

#[cfg(feature = "torch")]
impl Trains for Settings {
    fn training(&self) -> &Training {
        &self.training
    }

    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Forced { end: self.end_of_text },
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

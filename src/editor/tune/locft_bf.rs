//! LocFT-BF: localized fine-tuning, breadth first ("Fine-tuning Done Right in Model Editing", 2025).
//!
//! For each epoch, for each batch of facts in a new order:
//!   1. L = mean over the facts of −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁), the last token being the end of the text;
//!   2. unless L is below 0.01, θ ← Adam(θ, ∇L), θ being one matrix.
//!
//! Until the mean of an epoch's L is below 0.01.

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

/// What is published.
const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("llama", 32, 4096, 14336, include_str!("../presets/locft-bf-llama-3-8b.toml")),
        ("mistral", 32, 4096, 14336, include_str!("../presets/locft-bf-mistral-7b.toml")),
        ("qwen2", 28, 3584, 18944, include_str!("../presets/locft-bf-qwen-2.5-7b.toml")),
    ],
};

/// What all models are set to unless more is known of one.
const COMMON: &str = include_str!("../presets/locft-bf.toml");

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
        const FAITHFUL: &str = include_str!("../presets/locft-bf-faithful.toml");
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

    const NAME: &'static str = "locft-bf";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "Fine-tuning of one matrix on all facts side by side, in shuffled batches (LocFT-BF, 2025)";
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

//! LoRA on the targets as texts (Hu et al., 2022, as EasyEdit edits with it).
//!
//! W = W₀ + α/r · B A with B `[out, r]` from zero and A `[r, in]` uniform in ±1/√in. For each epoch, for each batch of facts:
//!   1. L = mean over the facts of −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁);
//!   2. (A, B) ← Adam((A, B), ∇L).
//!
//! EasyEdit's presets ask for AdaLoRA, whose rank shrinks by a schedule, with dropout; this is LoRA, without.

use serde::{Deserialize, Serialize};

use super::{
    blocks,
    recipe::Tuning,
    settings::{END, TRAINING, Training},
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
    settings::{Defaults, MethodSettings, Setting, SettingsError, above_zero, listed, require},
};

/// What EasyEdit sets for Llamas.
const LLAMA: &str = include_str!("../presets/lora-llama.toml");

/// What is published.
const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("gpt2", 48, 1600, 6400, include_str!("../presets/lora-gpt2-xl.toml")),
        ("gptj", 28, 4096, 16384, include_str!("../presets/lora-gpt-j-6b.toml")),
        ("llama", 32, 4096, 11008, LLAMA),
        ("llama", 32, 4096, 14336, LLAMA),
        ("llama", 28, 3072, 8192, LLAMA),
        ("qwen2", 28, 3584, 18944, include_str!("../presets/lora-qwen-2.5-7b.toml")),
    ],
};

/// What only this method is told.
const OWN: &[Setting] = &[
    Setting::new("alpha", "above 0", "the product of the factors is multiplied by this over rank"),
    Setting::new("rank", "1 or more", "columns of the factors"),
];

/// What all models are set to unless more is known of one.
const COMMON: &str = include_str!("../presets/lora.toml");

/// What the method can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    training: Training,
    alpha: f64,
    end_of_text: bool,
    rank: usize,
}

impl MethodSettings for Settings {
    const FREE: &'static [&'static str] = &["lr"];

    fn known() -> Vec<&'static Setting> {
        listed(&[TRAINING, END, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        const FAITHFUL: &str = include_str!("../presets/lora-faithful.toml");
        let mut defaults = blocks::defaults(model, COMMON, (0, 1), &PRESETS, FAITHFUL)?;
        // What is published is of all blocks.
        let published = blocks::all(model);
        if PRESETS.knows(model) {
            defaults.preset.insert("layers".to_owned(), published.clone());
        }
        defaults.faithful.insert("layers".to_owned(), published);
        Ok(defaults)
    }

    fn published(model: &ModelSize) -> bool {
        PRESETS.knows(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.training.check(layers)?;
        above_zero(&[("alpha", self.alpha)])?;
        require(self.rank > 0, "rank", "at least 1", || "0".to_owned())
    }
}

impl Recipe for Settings {
    type Kind = Tuning;

    const NAME: &'static str = "lora";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "Fine-tuning of factors of low rank that are added to matrices (Hu et al., 2022)";
}

#[cfg(feature = "torch")]
impl Trains for Settings {
    fn training(&self) -> &Training {
        &self.training
    }

    #[expect(clippy::cast_precision_loss, reason = "a rank is a small number")]
    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Forced { end: self.end_of_text },
            moves: Moves::LowRank { rank: self.rank, scale: self.alpha / self.rank as f64 },
            within: Bound::Free,
            auto: Auto::MATRIX,
        }
    }

    fn with(mut self, lr: Scale, _: Scale) -> Self {
        self.training.lr = lr;
        self
    }
}

//! FT-M: fine-tuning on the target as a text (Zhang et al., 2024, EasyEdit with objective "target_new").
//!
//! As published, for each fact, one after the other, with an optimiser of its own, for each epoch:
//!   1. L = −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁);
//!   2. unless L is below 0.01, when the fact is learned, θ ← Adam(θ, ∇L).
//!
//! Where no numbers are published, in batches of all facts: those that were learned first are forgotten otherwise.

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::plan::{Auto, Bound, Misfit, Moves, Plan};
use super::{
    recipe::FineTuning,
    settings::{END, WHOLE},
};
use crate::editor::{presets::Presets, settings::Setting};

/// What EasyEdit sets for models of about seven billion parameters.
const SEVEN: &str = include_str!("../presets/ft-m-7b.toml");

/// The same for Qwen's.
const QWEN: &str = include_str!("../presets/ft-m-qwen-7b.toml");

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Own {
    bias: bool,
    end_of_text: bool,
}

impl FineTuning for Own {
    const NAME: &'static str = "ft-m";
    const ABOUT: &'static str =
        "Fine-tuning of a block's MLP on the targets as texts (Zhang et al., 2024, EasyEdit)";
    const TOLD: &'static [&'static [Setting]] = &[WHOLE, END];
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
    const COMMON: &'static str = include_str!("../presets/ft-m.toml");
    const FAITHFUL: &'static str = include_str!("../presets/ft-m-faithful.toml");

    #[cfg(feature = "torch")]
    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Forced { end: self.end_of_text },
            moves: Moves::Whole { bias: self.bias },
            within: Bound::Free,
            auto: Auto::MATRIX,
        }
    }
}

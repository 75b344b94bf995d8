//! LocFT-BF: localized fine-tuning, breadth first ("Fine-tuning Done Right in Model Editing", 2025).
//!
//! For each epoch, for each batch of facts in a new order:
//!   1. L = mean over the facts of −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁), the last token being the end of the text;
//!   2. unless L is below 0.01, θ ← Adam(θ, ∇L), θ being one matrix.
//!
//! Until the mean of an epoch's L is below 0.01.

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::plan::{Auto, Bound, Misfit, Moves, Plan};
use super::{
    recipe::FineTuning,
    settings::{END, WHOLE},
};
use crate::editor::{presets::Presets, settings::Setting};

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Own {
    bias: bool,
    end_of_text: bool,
}

impl FineTuning for Own {
    const NAME: &'static str = "locft-bf";
    const ABOUT: &'static str =
        "Fine-tuning of one matrix on all facts side by side, in shuffled batches (LocFT-BF, 2025)";
    const TOLD: &'static [&'static [Setting]] = &[WHOLE, END];
    const PRESETS: Presets = Presets {
        families: &[],
        models: &[
            ("llama", 32, 4096, 14336, include_str!("../presets/locft-bf-llama-3-8b.toml")),
            ("mistral", 32, 4096, 14336, include_str!("../presets/locft-bf-mistral-7b.toml")),
            ("qwen2", 28, 3584, 18944, include_str!("../presets/locft-bf-qwen-2.5-7b.toml")),
        ],
    };
    const COMMON: &'static str = include_str!("../presets/locft-bf.toml");
    const FAITHFUL: &'static str = include_str!("../presets/locft-bf-faithful.toml");

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

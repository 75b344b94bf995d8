//! LoRA on the targets as texts (Hu et al., 2022, as EasyEdit edits with it).
//!
//! W = W₀ + α/r · B A with B `[out, r]` from zero and A `[r, in]` uniform in ±1/√in. For each epoch, for each batch of facts:
//!   1. L = mean over the facts of −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁);
//!   2. (A, B) ← Adam((A, B), ∇L).
//!
//! EasyEdit's presets ask for AdaLoRA, whose rank shrinks by a schedule, with dropout; this is LoRA, without.

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::plan::{Auto, Bound, Misfit, Moves, Plan};
use super::{recipe::FineTuning, settings::END};
use crate::editor::{
    presets::Presets,
    settings::{Setting, SettingsError, above_zero, require},
};

/// What EasyEdit sets for Llamas.
const LLAMA: &str = include_str!("../presets/lora-llama.toml");

/// What only this method is told.
const OWN: &[Setting] = &[
    Setting::new("alpha", "above 0", "the product of the factors is multiplied by this over rank"),
    Setting::new("rank", "1 or more", "columns of the factors"),
];

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Own {
    alpha: f64,
    end_of_text: bool,
    rank: usize,
}

impl FineTuning for Own {
    const NAME: &'static str = "lora";
    const ABOUT: &'static str =
        "Fine-tuning of factors of low rank that are added to matrices (Hu et al., 2022)";
    const TOLD: &'static [&'static [Setting]] = &[END, OWN];
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
    const ALL_BLOCKS: bool = true;
    const COMMON: &'static str = include_str!("../presets/lora.toml");
    const FAITHFUL: &'static str = include_str!("../presets/lora-faithful.toml");

    fn check(&self) -> Result<(), SettingsError> {
        above_zero(&[("alpha", self.alpha)])?;
        require(self.rank > 0, "rank", "at least 1", || "0".to_owned())
    }

    #[cfg(feature = "torch")]
    #[expect(clippy::cast_precision_loss, reason = "a rank is a small number")]
    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Forced { end: self.end_of_text },
            moves: Moves::LowRank { rank: self.rank, scale: self.alpha / self.rank as f64 },
            within: Bound::Free,
            auto: Auto::MATRIX,
        }
    }
}

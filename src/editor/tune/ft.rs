//! FT: the fine-tuning that ROME is compared with (Meng et al., 2022, baselines/ft).
//!
//! For each epoch, for each batch of facts:
//!   1. L = mean over the facts of −1/n Σ log p(tᵢ | prompt), all target tokens right after the prompt;
//!   2. unless L is below 0.01, θ ← Adam(θ, ∇L).
//!
//! Until the mean of an epoch's L is below 0.01.

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::plan::{Auto, Bound, Misfit, Moves, Plan};
use super::{recipe::FineTuning, settings::WHOLE};
use crate::editor::{presets::Presets, settings::Setting};

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Own {
    bias: bool,
}

impl FineTuning for Own {
    const NAME: &'static str = "ft";
    const ABOUT: &'static str = "Fine-tuning of a block's MLP on the words of the targets, as the baseline of ROME does \
                                 it (Meng et al., 2022)";
    const TOLD: &'static [&'static [Setting]] = &[WHOLE];
    const PRESETS: Presets = Presets {
        families: &[],
        models: &[
            ("gpt2", 48, 1600, 6400, include_str!("../presets/ft-gpt2-xl.toml")),
            ("gptj", 28, 4096, 16384, include_str!("../presets/ft-gpt-j-6b.toml")),
        ],
    };
    const COMMON: &'static str = include_str!("../presets/ft.toml");
    const FAITHFUL: &'static str = include_str!("../presets/ft-faithful.toml");

    #[cfg(feature = "torch")]
    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Bag,
            moves: Moves::Whole { bias: self.bias },
            within: Bound::Free,
            auto: Auto::MATRIX,
        }
    }
}

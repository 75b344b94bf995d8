//! FT-L: fine-tuning in a box, as ROME is compared with (Meng et al., 2022, baselines/ft, after Zhu et al., 2020).
//!
//! As FT, and after each step θ ← clamp(θ, θ₀ − ε, θ₀ + ε). θ₀ is the version that is edited, for all facts of a commit;
//! where the original edits fact by fact, each has a box of its own around what the one before left.

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::plan::{Auto, Bound, Misfit, Moves, Plan};
use super::{
    recipe::FineTuning,
    settings::{EPS, LR, SCALES, Scale, WHOLE},
};
use crate::editor::{
    presets::Presets,
    settings::{Setting, SettingsError},
};

/// What only this method is told.
const OWN: &[Setting] = &[Setting::new(
    EPS,
    SCALES,
    "how far each weight may move at most; \"auto\" goes by the size of the weights",
)];

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Own {
    bias: bool,
    eps: Scale,
}

impl FineTuning for Own {
    const NAME: &'static str = "ft-l";
    const ABOUT: &'static str = "Fine-tuning as ft, each weight staying near where it was (Meng et al., 2022, after Zhu \
                                 et al., 2020)";
    const TOLD: &'static [&'static [Setting]] = &[WHOLE, OWN];
    const AUTO: &'static [&'static str] = &[LR, EPS];
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
    const COMMON: &'static str = include_str!("../presets/ft-l.toml");
    const FAITHFUL: &'static str = include_str!("../presets/ft-faithful.toml");

    fn check(&self) -> Result<(), SettingsError> {
        self.eps.check(EPS)
    }

    #[cfg(feature = "torch")]
    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Bag,
            moves: Moves::Whole { bias: self.bias },
            within: Bound::Box(self.eps),
            auto: Auto::MATRIX,
        }
    }

    #[cfg(feature = "torch")]
    fn found(&mut self, eps: Scale) {
        self.eps = eps;
    }
}

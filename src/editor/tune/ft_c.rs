//! Constrained fine-tuning (Zhu et al., 2020, "Modifying Memories in Transformer Models").
//!
//! Minimise the loss of the facts over one block's weights θ, subject to ‖θ − θ₀‖ ≤ ε in the norm L∞ or L2, by projection:
//! for each epoch, for each batch of facts in a new order,
//!   1. L = mean over the modified facts of −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁)
//!        + locality_factor · mean over the kept prompts of KL(said before ‖ says now): 0 is the paper's FTM, else FTA;
//!   2. θ ← Adam(θ, ∇L);
//!   3. θ ← the nearest θ with ‖θ − θ₀‖ ≤ ε.
//!
//! The paper's unmodified facts have objects. Here their prompts are known, and what the version says is taken for them.

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
const OWN: &[Setting] = &[
    Setting::new(
        EPS,
        SCALES,
        "how far the weights may move at most; \"auto\" goes by the size of the weights",
    ),
    Setting::new(
        "within",
        "\"box\" or \"ball\"",
        "what eps is for: each weight by itself (L∞), or the length of the whole move (L2)",
    ),
];

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Own {
    bias: bool,
    eps: Scale,
    within: Within,
}

/// Where weights stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Within {
    /// ‖θ − θ₀‖∞ ≤ ε.
    Box,
    /// ‖θ − θ₀‖₂ ≤ ε.
    Ball,
}

impl FineTuning for Own {
    const NAME: &'static str = "ft-c";
    const ABOUT: &'static str = "Fine-tuning of a block within a box or a ball around its weights, on new facts or mixed \
                                 with kept ones (Zhu et al., 2020)";
    const TOLD: &'static [&'static [Setting]] = &[WHOLE, OWN];
    const AUTO: &'static [&'static str] = &[LR, EPS];
    // Nothing is published for decoders.
    const PRESETS: Presets = Presets { families: &[], models: &[] };
    const COMMON: &'static str = include_str!("../presets/ft-c.toml");
    const FAITHFUL: &'static str = include_str!("../presets/ft-c-faithful.toml");

    fn check(&self) -> Result<(), SettingsError> {
        self.eps.check(EPS)
    }

    #[cfg(feature = "torch")]
    fn plan(&self) -> Plan {
        Plan {
            misfit: Misfit::Forced { end: false },
            moves: Moves::Whole { bias: self.bias },
            within: match self.within {
                Within::Box => Bound::Box(self.eps),
                Within::Ball => Bound::Ball(self.eps),
            },
            auto: Auto::BLOCK,
        }
    }

    #[cfg(feature = "torch")]
    fn found(&mut self, eps: Scale) {
        self.eps = eps;
    }
}

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

use super::{
    blocks,
    recipe::Tuning,
    settings::{EPS, SCALES, Scale, TRAINING, Training, WHOLE},
};
#[cfg(feature = "torch")]
use super::{
    plan::{Auto, Bound, Misfit, Moves, Plan},
    recipe::Trains,
};
use crate::editor::{
    method::Recipe,
    presets::{ModelSize, Presets},
    settings::{Defaults, MethodSettings, Setting, SettingsError, listed},
};

/// Nothing is published for decoders.
const PRESETS: Presets = Presets { families: &[], models: &[] };

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

/// What all models are set to unless more is known of one.
const COMMON: &str = include_str!("../presets/ft-c.toml");

/// What the method can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    training: Training,
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

impl MethodSettings for Settings {
    const FREE: &'static [&'static str] = &["lr", EPS];

    fn known() -> Vec<&'static Setting> {
        listed(&[TRAINING, WHOLE, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        const FAITHFUL: &str = include_str!("../presets/ft-c-faithful.toml");
        blocks::defaults(model, COMMON, (0, 1), &PRESETS, FAITHFUL)
    }

    fn published(model: &ModelSize) -> bool {
        PRESETS.knows(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.training.check(layers)?;
        self.eps.check(EPS)
    }
}

impl Recipe for Settings {
    type Kind = Tuning;

    const NAME: &'static str = "ft-c";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Fine-tuning of a block within a box or a ball around its weights, on new facts or mixed with \
                                 kept ones (Zhu et al., 2020)";
}

#[cfg(feature = "torch")]
impl Trains for Settings {
    fn training(&self) -> &Training {
        &self.training
    }

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

    fn with(mut self, lr: Scale, eps: Scale) -> Self {
        self.training.lr = lr;
        self.eps = eps;
        self
    }
}

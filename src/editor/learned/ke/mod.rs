//! KnowledgeEditor: a network reads an edit as a text and gates its gradient (De Cao et al., 2021; EFK in MEND's comparison).
//!
//! For each fact, on the base:
//!   1. L = −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁); for each map, ∇ = ∂L/∂W = Σ δ xᵀ over tokens;
//!   2. h = LSTM("answer >> target || prompt"), and from it for each map two gates a, c, two more b, d, and η;
//!   3. ΔW ← ΔW + s σ(η) (∇ ⊙ (softmax(a) cᵀ) + softmax(b) dᵀ), a column for each token and one more;
//!   4. once more with ΔW, in the wording of the fact that gives the object least, until each gives it.
//!
//! `combine` makes one change of those of several facts.

#[cfg(feature = "torch")]
pub(super) mod network;

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::{method::Learned, outer::Constraint};
use super::{
    method::Learner,
    settings::{LEARNING, MAKING, Shared},
};
use crate::editor::{
    method::Recipe,
    presets::ModelSize,
    settings::{
        Defaults, MethodSettings, Setting, SettingsError, above_zero, listed, not_below_zero,
        parse, require,
    },
};
#[cfg(feature = "torch")]
use network::{Network, Plan};

const COMMON: &str = include_str!("../../presets/ke.toml");

/// What only this editor is told.
const OWN: &[Setting] = &[
    Setting::new("condition_dim", "1 or more", "width of what the network makes of an edit's text"),
    Setting::new("hidden_dim", "1 or more", "width of the network's other layers"),
    Setting::new(
        "lr_alpha",
        "0 or more",
        "step size of the weight of what is to stay, in training",
    ),
    Setting::new(
        "margin_kl_max",
        "0 or more",
        "KL that what is to stay may change by, in training, at first",
    ),
    Setting::new(
        "margin_kl_min",
        "0 or more",
        "KL that what is to stay may change by, in training, at last",
    ),
    Setting::new("max_scale", "above 0", "scale of an edit, in units of a matrix's outputs"),
];

/// What the editor can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::editor) struct Settings {
    #[serde(flatten)]
    shared: Shared,
    condition_dim: usize,
    hidden_dim: usize,
    lr_alpha: f64,
    margin_kl_max: f64,
    margin_kl_min: f64,
    max_scale: f64,
}

impl MethodSettings for Settings {
    fn known() -> Vec<&'static Setting> {
        listed(&[MAKING, LEARNING, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let preset = Shared::preset(COMMON, model)?;
        Ok(Defaults { preset, faithful: parse("max_steps = 1")? })
    }

    fn published(_: &ModelSize) -> bool {
        // What suits a model is learned, not set.
        true
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.shared.check(layers)?;
        above_zero(&[("max_scale", self.max_scale)])?;
        not_below_zero(&[
            ("lr_alpha", self.lr_alpha),
            ("margin_kl_max", self.margin_kl_max),
            ("margin_kl_min", self.margin_kl_min),
        ])?;
        for (key, number) in
            [("condition_dim", self.condition_dim), ("hidden_dim", self.hidden_dim)]
        {
            require(number > 0, key, "at least 1", || number.to_string())?;
        }
        Ok(())
    }
}

impl Recipe for Settings {
    type Kind = Learner;

    const NAME: &'static str = "ke";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "KnowledgeEditor (De Cao et al., 2021): a network, trained once for a base, reads a fact and gates the gradients of its \
     loss, in the last blocks' MLPs";
}

#[cfg(feature = "torch")]
impl Learned for Settings {
    type Network = Network;

    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn constraint(&self) -> Constraint {
        let margin = (self.margin_kl_max, self.margin_kl_min.min(self.margin_kl_max));
        Constraint { weight: self.shared.learning.cloc, rate: self.lr_alpha, margin }
    }

    fn plan(&self) -> Plan {
        let Self { condition_dim, hidden_dim, max_scale, .. } = *self;
        Plan { condition_dim, hidden_dim, max_scale }
    }
}

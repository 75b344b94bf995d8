//! ENN: editable neural networks (Sinitsin et al., 2020; `algs/enn.py` of MEND's repository).
//!
//! The base itself is trained so that steps down the gradient edit it: W + D for each map, and a step size α of its own. For
//! each fact, on the base with D:
//!   1. L = −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁);
//!   2. ΔW ← ΔW − α ∂L/∂W, a column for each token;
//!   3. once more with ΔW, in the wording of the fact that gives the object least, until each gives it.
//!
//! D is a change of a version (`import --from-artefact`), and edits are of versions that have it. `combine` makes one change
//! of those of several facts.

#[cfg(feature = "torch")]
pub(super) mod network;

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::method::Learned;
use super::{
    method::Learner,
    settings::{DESCENT, Descent, LEARNING, MAKING, Shared},
};
use crate::editor::{
    method::Recipe,
    presets::ModelSize,
    settings::{
        Defaults, MethodSettings, Setting, SettingsError, above_zero, listed, not_below_zero,
    },
};
#[cfg(feature = "torch")]
use network::Network;

const COMMON: &str = include_str!("../../presets/enn.toml");

/// What only this editor is told.
const OWN: &[Setting] = &[
    Setting::new(
        "cbase",
        "0 or more",
        "weight of the change that training itself makes of what is to stay",
    ),
    Setting::new("lr_lr", "above 0", "step size of an edit's step sizes, in training"),
];

/// What the editor can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::editor) struct Settings {
    #[serde(flatten)]
    shared: Shared,
    #[serde(flatten)]
    descent: Descent,
    cbase: f64,
    lr_lr: f64,
}

impl MethodSettings for Settings {
    fn known() -> Vec<&'static Setting> {
        listed(&[MAKING, DESCENT, LEARNING, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let preset = Shared::preset(COMMON, model)?;
        Ok(Defaults { preset, faithful: toml::Table::new() })
    }

    fn published(_: &ModelSize) -> bool {
        // What suits a model is learned, not set.
        true
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.shared.check(layers)?;
        self.descent.check()?;
        above_zero(&[("lr_lr", self.lr_lr)])?;
        not_below_zero(&[("cbase", self.cbase)])
    }
}

impl Recipe for Settings {
    type Kind = Learner;

    const NAME: &'static str = "enn";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Editable neural networks (Sinitsin et al., 2020): the last blocks' MLPs are trained, once for a base, so that steps \
     down the gradient of a fact's loss edit it";
}

#[cfg(feature = "torch")]
impl Learned for Settings {
    type Network = Network;

    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn step_rate(&self) -> f64 {
        self.lr_lr
    }

    fn descent(&self) -> Descent {
        self.descent
    }

    fn cbase(&self) -> f64 {
        self.cbase
    }

    fn plan(&self) {}
}

//! MEND: model editor networks with gradient decomposition (Mitchell et al., 2022).
//!
//! For each fact, on the base:
//!   1. L = −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁); for each map, x and δ of every token: ∂L/∂W = Σ δ xᵀ;
//!   2. x̃, δ̃ = g(x, δ), the network that was trained;
//!   3. ΔW ← ΔW + α Σ δ̃ x̃ᵀ, a column for each token;
//!   4. once more with ΔW, in the wording of the fact that gives the object least, until each gives it.
//!
//! `combine` makes one change of those of several facts.

#[cfg(feature = "torch")]
pub(super) mod network;

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use super::method::Learned;
use super::{
    method::Learner,
    settings::{LEARNING, MAKING, Shared},
};
use crate::editor::{
    method::Recipe,
    presets::ModelSize,
    settings::{
        Defaults, MethodSettings, Setting, SettingsError, above_zero, listed, parse, require,
    },
};
#[cfg(feature = "torch")]
use network::{Network, Plan};

const COMMON: &str = include_str!("../../presets/mend.toml");

/// The rank of the network is a part of the widths of x and δ, so that small models have small networks; 1,920 is the
/// original's for all.
const PER_RANK: usize = 24;
const LEAST_RANK: usize = 32;
const MOST_RANK: usize = 1920;

/// What only MEND is told.
const OWN: &[Setting] = &[
    Setting::new(
        "edit_lr",
        "not 0",
        "what an edit's learned step sizes are at first; below zero they lead down the gradient",
    ),
    Setting::new("lr_lr", "above 0", "step size of an edit's step sizes, in training"),
    Setting::new("n_hidden", "0 or more", "layers of the network before its last"),
    Setting::new("rank", "1 or more", "rank of the network's layers, at most").by_model(),
];

/// What MEND can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::editor) struct Settings {
    #[serde(flatten)]
    shared: Shared,
    edit_lr: f64,
    lr_lr: f64,
    n_hidden: usize,
    rank: usize,
}

impl MethodSettings for Settings {
    fn known() -> Vec<&'static Setting> {
        listed(&[MAKING, LEARNING, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let mut preset = Shared::preset(COMMON, model)?;
        let rank = ((model.width + model.inner) / PER_RANK).clamp(LEAST_RANK, MOST_RANK);
        preset.insert("rank".to_owned(), i64::try_from(rank).unwrap_or(i64::MAX).into());
        Ok(Defaults { preset, faithful: parse("max_steps = 1")? })
    }

    fn published(_: &ModelSize) -> bool {
        // What suits a model is learned, not set.
        true
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.shared.check(layers)?;
        let steps = self.edit_lr != 0.0 && self.edit_lr.is_finite();
        require(steps, "edit_lr", "a number but zero", || self.edit_lr.to_string())?;
        above_zero(&[("lr_lr", self.lr_lr)])?;
        require(self.rank > 0, "rank", "at least 1", || "0".to_owned())
    }
}

impl Recipe for Settings {
    type Kind = Learner;

    const NAME: &'static str = "mend";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Model editor networks (Mitchell et al., 2022): a network, trained once for a base, makes edits of the gradients of \
     facts, in the last blocks' MLPs";
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

    fn plan(&self) -> Plan {
        let Self { n_hidden, rank, edit_lr, .. } = *self;
        Plan { n_hidden, rank, edit_lr }
    }
}

//! Knowledge neurons: which units of the MLPs say an answer, and what they say instead (Dai et al., 2022;
//! `knowledge_neurons/knowledge_neurons.py` of EleutherAI's repository).
//!
//! For each fact, on the base, and for each token of the new object, where the base says another one or the same:
//!   1. attributions of that answer to all units, in each of the fact's prompts (`attribution`);
//!   2. the units above a part of the highest attribution; of these, those that most prompts share, a few;
//!   3. wᵤ ← wᵤ + sᵤ ‖wᵤ‖ (λ₂ e(new)/‖e(new)‖ − λ₁ e(old)/‖e(old)‖), where w is what the unit adds to the stream, s the
//!      sign with which it acts, and e the direction in which the stream says a token;
//!   4. λ₁ and λ₂ are halved as often as the new object is said still.
//!
//! The change of a fact is one column for each unit, at most one for each block. It depends on no other fact.

#[cfg(feature = "torch")]
mod attribution;
#[cfg(feature = "torch")]
mod edit;
#[cfg(all(test, feature = "torch"))]
mod tests;

use serde::{Deserialize, Serialize};

use super::{
    method::{Kind, Recipe},
    presets::ModelSize,
    settings::{
        Defaults, MethodSettings, Setting, SettingsError, listed, not_below_zero, parse, require,
    },
};
use crate::engine::{Grain, Needs};
#[cfg(feature = "torch")]
use crate::{editor::method::Editor, model::Spec};

const COMMON: &str = include_str!("../presets/kn.toml");

/// It needs nothing but the base.
const NEEDS: Needs = Needs { prefixes: false, moments: false, artefact: false };

const SETTINGS: &[Setting] = &[
    Setting::new(
        "adaptive_threshold",
        "0 to below 1",
        "part of a prompt's highest attribution above which a unit counts",
    ),
    Setting::new(
        "halvings",
        "0 to 64",
        "times that λ is halved at most: the least is taken at which the object is said",
    ),
    Setting::new("lambda_new", "0 or more", "λ₂, how much of the new object a unit is to say"),
    Setting::new("lambda_old", "0 or more", "λ₁, how much of the old one it is to say no more"),
    Setting::new(
        "most_units",
        "1 or more",
        "units for a token of the object at most: those that say most of the answer",
    ),
    Setting::new("p", "0 to below 1", "part of the prompts that have to share a unit"),
    Setting::new("steps", "1 or more", "points at which an attribution's gradient is taken"),
];

/// What the editor can be told. Names are the implementations'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    adaptive_threshold: f64,
    halvings: u32,
    lambda_new: f64,
    lambda_old: f64,
    most_units: usize,
    p: f64,
    steps: u32,
}

impl MethodSettings for Settings {
    fn known() -> Vec<&'static Setting> {
        listed(&[SETTINGS])
    }

    fn defaults(_: &ModelSize) -> Result<Defaults, SettingsError> {
        Ok(Defaults { preset: parse(COMMON)?, faithful: toml::Table::new() })
    }

    fn published(_: &ModelSize) -> bool {
        // None depends on a model.
        true
    }

    fn check(&self, _: Option<usize>) -> Result<(), SettingsError> {
        for (key, part) in [("adaptive_threshold", self.adaptive_threshold), ("p", self.p)] {
            let is_part = (0.0..1.0).contains(&part);
            require(is_part, key, "at least 0 and below 1", || part.to_string())?;
        }
        not_below_zero(&[("lambda_new", self.lambda_new), ("lambda_old", self.lambda_old)])?;
        let few = self.halvings <= 64;
        require(few, "halvings", "at most 64", || self.halvings.to_string())?;
        require(self.most_units > 0, "most_units", "at least 1", || "0".to_owned())?;
        require(self.steps > 0, "steps", "at least 1", || "0".to_owned())
    }
}

impl Recipe for Settings {
    type Kind = Neurons;

    const NAME: &'static str = "kn";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Knowledge neurons (Dai et al., 2022): the units of the MLPs that say an answer, found by \
                                 their attributions, are made to say another one";
}

/// Methods that change what units say.
#[derive(Debug)]
pub(super) struct Neurons;

impl Kind<Settings> for Neurons {
    const GRAIN: Grain = Grain::Fact;
    const NEEDS: Needs = NEEDS;
    const READS_BOTH_WAYS: bool = true;

    #[cfg(feature = "torch")]
    fn editor(settings: Settings, _: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        Ok(Box::new(settings))
    }
}

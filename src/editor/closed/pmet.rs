//! PMET: precise model editing in a transformer (Li et al., 2024).
//!
//! MEMIT that looks for two vectors at once, one added to what the MLP says and one to what the attention says, and
//! writes the first. What is missing is spread over the layers by the root of their number:
//!
//! Δ = R/√(L − l + 1) (A⁻¹K)ᵀ.
//!
//! Once all contexts say the target its weight falls to a tenth, and a search ends when little else moves.

use serde::{Deserialize, Serialize};
#[cfg(feature = "torch")]
use tch::Tensor;

#[cfg(feature = "torch")]
use super::{
    layers::{self, ClosedForm, Hold, Layer, LeastSquares},
    settings::Solving,
    solve::Solver,
    weight::Weight,
};
use super::{
    memit::{self, WEIGHT},
    method::Closed,
};
use crate::editor::{
    method::Recipe,
    presets::{ModelSize, Presets},
    settings::{Defaults, MethodSettings, Setting, SettingsError, parse},
};
#[cfg(feature = "torch")]
use crate::{
    editor::{
        error::EditError,
        locate::{place::Place, settings::Search},
    },
    engine::{EditJob, EditOutcome, Progress},
    model::Model,
};

const COMMON: &str = include_str!("../presets/pmet/common.toml");

const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("gptj", 28, 4096, 16384, include_str!("../presets/pmet/gpt-j-6b.toml")),
        ("gpt_neox", 44, 6144, 24576, include_str!("../presets/pmet/gpt-neox-20b.toml")),
    ],
};

/// Everything PMET can be told: what MEMIT can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub memit::Settings);

impl Recipe for Settings {
    type Kind = Closed;

    const NAME: &'static str = "pmet";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "PMET (Li et al., 2024): MEMIT that seeks what the attention should say too, and writes the MLP's part alone";
}

impl MethodSettings for Settings {
    const WEIGHTS: &'static [&'static str] = &[WEIGHT];

    fn known() -> Vec<&'static Setting> {
        memit::Settings::known()
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let Defaults { mut preset, faithful } = memit::Settings::defaults(model)?;
        preset.extend(parse(COMMON)?);
        PRESETS.lay_over(&mut preset, model)?;
        Ok(Defaults { preset, faithful })
    }

    fn published(model: &ModelSize) -> bool {
        memit::Settings::published(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.0.check(layers)
    }
}

#[cfg(feature = "torch")]
impl ClosedForm for Settings {
    fn search(&self) -> &Search {
        self.0.search()
    }

    fn place(&self) -> Place {
        Place::Both
    }

    fn weight(&self) -> Option<(&'static str, &Weight)> {
        self.0.weight()
    }

    fn canonical(&self, weights: &[f64]) -> String {
        self.0.canonical(weights)
    }

    fn edit(
        &self,
        model: &mut Model,
        solver: &mut Solver,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        layers::edit(model, solver, self, job, progress)
    }
}

#[cfg(feature = "torch")]
impl LeastSquares for Settings {
    fn solving(&self) -> &Solving {
        self.0.solving()
    }

    fn every_context(&self) -> bool {
        self.0.every_context()
    }

    fn hold<'a>(
        &self,
        layer: &Layer<'a>,
        solver: &mut Solver,
        keys: &mut dyn FnMut() -> Tensor,
    ) -> Result<Hold<'a>, EditError> {
        self.0.hold(layer, solver, keys)
    }

    fn share(&self, left: usize) -> f64 {
        1.0 / (left as f64).sqrt()
    }
}

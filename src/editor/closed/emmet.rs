//! EMMET: equality-constrained mass model editing (Gupta et al., 2024, "A Unified Framework for Model Editing").
//!
//! The smallest change, as λC measures it, that puts exactly what is wanted at the keys: with A₀ = λC and the keys of
//! earlier edits,
//!
//! Δ = R D⁻¹ (A₀⁻¹K)ᵀ,  D = KᵀA₀⁻¹K + emmet_lambda · 1,
//!
//! where the ridge is there for more facts than one. MEMIT with a λ of emmet_lambda times this one gives the same; with
//! one fact this is ROME's solution.

use serde::{Deserialize, Serialize};
#[cfg(feature = "torch")]
use tch::{Kind, Tensor};

#[cfg(feature = "torch")]
use super::{
    layers::{self, ClosedForm, Hold, Layer, LeastSquares, balanced},
    solve::{Singular, Solver, System, divided},
    weight::rounded,
};
use super::{
    memit::{self, LAMBDA, WEIGHT},
    method::Closed,
    settings::{self as solving, RIDGE, Solving},
    weight::Weight,
};
use crate::editor::{
    locate::settings::{self as locate, Search},
    method::Recipe,
    presets::{ModelSize, Presets},
    settings::{
        Defaults, MethodSettings, Setting, SettingsError, above_zero, listed, not_below_zero,
        parse, require,
    },
};
#[cfg(feature = "torch")]
use crate::{
    editor::{error::EditError, settings::canonical},
    engine::{Axis, EditJob, EditOutcome, Progress},
    model::Model,
};

const COMMON: &str = include_str!("../presets/emmet/common.toml");

const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("gpt2", 48, 1600, 6400, include_str!("../presets/emmet/gpt2-xl.toml")),
        ("gptj", 28, 4096, 16384, include_str!("../presets/emmet/gpt-j-6b.toml")),
        ("llama", 32, 4096, 11008, include_str!("../presets/emmet/llama-2-7b.toml")),
    ],
};

/// What MEMIT is not told.
const OWN: &[Setting] = &[
    Setting::new("emmet_lambda", "above 0", "ridge of the facts' own system, if there are several"),
    LAMBDA,
    RIDGE,
];

/// Everything EMMET can be told, under the names of its implementation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Ridge of D.
    pub emmet_lambda: f64,
    /// λ.
    pub mom2_update_weight: Weight,
    /// Added to the diagonal of C, as a fraction of the diagonal's mean.
    pub ridge: f64,
    /// How z is sought.
    #[serde(flatten)]
    pub search: Search,
    /// How the change is solved for.
    #[serde(flatten)]
    pub solving: Solving,
}

impl Recipe for Settings {
    type Kind = Closed;

    const NAME: &'static str = "emmet";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "Equality-constrained mass model editing (Gupta et al., 2024): many facts at once, all of them exactly, in one \
     block's MLP";
}

impl MethodSettings for Settings {
    const WEIGHTS: &'static [&'static str] = &[WEIGHT];

    fn known() -> Vec<&'static Setting> {
        listed(&[locate::SETTINGS, solving::SETTINGS, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let Defaults { mut preset, faithful } = memit::Settings::defaults(model)?;
        let last = memit::blocks_of(&preset).last().cloned();
        preset.insert("layers".to_owned(), last.into_iter().collect::<Vec<_>>().into());
        preset.insert(WEIGHT.to_owned(), Weight::usual(Self::published(model)).into());
        preset.extend(parse(COMMON)?);
        PRESETS.lay_over(&mut preset, model)?;
        Ok(Defaults { preset, faithful })
    }

    fn published(model: &ModelSize) -> bool {
        memit::Settings::published(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.search.check(layers)?;
        self.solving.check()?;
        let one = self.search.layers.len() == 1;
        require(one, "layers", "one block", || format!("{:?}", self.search.layers))?;
        not_below_zero(&[("ridge", self.ridge)])?;
        above_zero(&[("emmet_lambda", self.emmet_lambda)])?;
        self.mom2_update_weight.check(WEIGHT, 1)
    }
}

#[cfg(feature = "torch")]
impl ClosedForm for Settings {
    fn search(&self) -> &Search {
        &self.search
    }

    fn weight(&self) -> Option<(&'static str, &Weight)> {
        Some((WEIGHT, &self.mom2_update_weight))
    }

    fn axes(&self, layers: usize) -> Vec<Axis> {
        self.search().axes(layers, false)
    }

    fn canonical(&self, weights: &[f64]) -> String {
        let mom2_update_weight = self.mom2_update_weight.or_found(weights);
        canonical(&Self { mom2_update_weight, ..self.clone() })
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
        &self.solving
    }

    fn holds_keys(&self) -> bool {
        false
    }

    fn hold<'a>(
        &self,
        layer: &Layer<'a>,
        _: &mut Solver,
        keys: &mut dyn FnMut() -> Tensor,
    ) -> Result<Hold<'a>, EditError> {
        let prior = |weight| layer.prior(weight, self.ridge);
        let weight = match self.mom2_update_weight.of(layer.number) {
            Some(weight) => weight,
            // As much as MEMIT's.
            None => rounded(balanced(layer, prior(1.0), &keys())? / self.emmet_lambda),
        };
        Ok(Hold { prior: prior(weight), weight, space: None })
    }

    fn solve(
        &self,
        solver: &mut Solver,
        tensor: &str,
        system: &System<'_>,
        keys: &Tensor,
    ) -> Result<Tensor, Singular> {
        let keys = keys.to_kind(Kind::Double);
        let adjusted = solver.adjusted_keys(tensor, system, &keys)?; // A₀⁻¹K
        let facts = keys.tr().matmul(&adjusted); // KᵀA₀⁻¹K
        let ridge = if facts.size()[0] > 1 { self.emmet_lambda } else { 0.0 };
        let one = Tensor::eye(facts.size()[0], (Kind::Double, facts.device()));
        divided(&adjusted, &(facts + one * ridge))
    }
}

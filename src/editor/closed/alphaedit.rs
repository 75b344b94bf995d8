//! `AlphaEdit`: null-space constrained editing (Fang et al., 2025).
//!
//! MEMIT whose change stays where the model's other knowledge is not: let U₀ have the directions in which C is small.
//! In their space nothing holds the layer but the keys of earlier edits and a ridge,
//!
//! Δ = R (U₀ A⁻¹ U₀ᵀK)ᵀ,  A = L2 · 1 + U₀ᵀ(K Kᵀ + P Pᵀ)U₀,
//!
//! P being earlier edits' keys. The original solves the same with the projection U₀U₀ᵀ as wide as the layer.

use serde::{Deserialize, Serialize};
#[cfg(feature = "torch")]
use tch::{Kind, Tensor};

#[cfg(feature = "torch")]
use super::{
    layers::{self, ClosedForm, Hold, Layer, LeastSquares},
    solve::{Prior, Solver},
    weight::rounded,
};
use super::{
    memit,
    method::Closed,
    settings::{self as solving, EVERY_CONTEXT, Solving},
    weight::{WEIGHTS, Weight},
};
use crate::editor::{
    locate::settings::{self as locate, Search},
    method::Recipe,
    presets::{ModelSize, Presets},
    settings::{Defaults, MethodSettings, Setting, SettingsError, above_zero, listed, require},
};
#[cfg(feature = "torch")]
use crate::{
    editor::{error::EditError, matrix::tensor, settings::canonical},
    engine::{Axis, EditJob, EditOutcome, Progress},
    model::Model,
};

const PUBLISHED: &str = include_str!("../presets/alphaedit/published.toml");

const PRESETS: Presets = Presets {
    families: &[],
    models: &[
        ("gpt2", 48, 1600, 6400, PUBLISHED),
        ("gptj", 28, 4096, 16384, PUBLISHED),
        ("llama", 32, 4096, 14336, PUBLISHED),
    ],
};

const L2: &str = "L2";

/// Of the model's other knowledge, as the trace of C measures it, this much may lie where edits go. With half of it
/// the edits of the base that is shipped have less room, with more they move its other facts.
const ENERGY: f64 = 0.2;

/// What an edit outweighs a small change by where L2 is "auto". Nothing else holds the layer in this space.
#[cfg(feature = "torch")]
const SHARE: f64 = 20.0;

const OWN: &[Setting] = &[
    EVERY_CONTEXT,
    Setting::new(L2, WEIGHTS, "ridge in the null space: how much a small change outweighs an edit"),
    Setting::new(
        "nullspace_energy",
        "above 0, at most 1",
        "part of C's trace that lies where edits go, where no threshold is set",
    ),
    Setting::new(
        "nullspace_threshold",
        "above 0",
        "eigenvalue of C below which a direction is one for edits",
    )
    .optional(),
];

/// Everything `AlphaEdit` can be told, under the names of its implementation where it has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Ridge in the null space.
    #[serde(rename = "L2")]
    pub l2: Weight,
    /// The null space has the directions of the smallest eigenvalues of C that add up to this part of its trace.
    pub nullspace_energy: f64,
    /// It has the directions with eigenvalues below this instead. The original's choice, which means another thing
    /// for models whose keys are of another length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullspace_threshold: Option<f64>,
    /// Whether the system holds the key of every context, or only their mean as in the paper.
    pub every_context: bool,
    /// How z is sought.
    #[serde(flatten)]
    pub search: Search,
    /// How the change is solved for.
    #[serde(flatten)]
    pub solving: Solving,
}

impl Recipe for Settings {
    type Kind = Closed;

    const NAME: &'static str = "alphaedit";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "AlphaEdit (Fang et al., 2025): MEMIT whose changes keep to the directions in which other keys are small";
}

impl MethodSettings for Settings {
    const WEIGHTS: &'static [&'static str] = &[L2];

    fn known() -> Vec<&'static Setting> {
        listed(&[locate::SETTINGS, solving::SETTINGS, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let Defaults { mut preset, mut faithful } = memit::Settings::defaults(model)?;
        preset.insert(L2.to_owned(), Weight::usual(Self::published(model)).into());
        preset.insert("nullspace_energy".to_owned(), ENERGY.into());
        PRESETS.lay_over(&mut preset, model)?;
        faithful.insert("carry".to_owned(), true.into());
        Ok(Defaults { preset, faithful })
    }

    fn published(model: &ModelSize) -> bool {
        memit::Settings::published(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.search.check(layers)?;
        self.solving.check()?;
        let energy = self.nullspace_energy;
        let part = energy > 0.0 && energy <= 1.0;
        require(part, "nullspace_energy", "above 0 and at most 1", || energy.to_string())?;
        if let Some(threshold) = self.nullspace_threshold {
            above_zero(&[("nullspace_threshold", threshold)])?;
        }
        self.l2.check(L2, self.search.layers.len())
    }
}

#[cfg(feature = "torch")]
impl ClosedForm for Settings {
    fn search(&self) -> &Search {
        &self.search
    }

    fn weight(&self) -> Option<(&'static str, &Weight)> {
        Some((L2, &self.l2))
    }

    fn axes(&self, layers: usize) -> Vec<Axis> {
        let mut axes = self.search.axes(layers, true);
        if self.nullspace_threshold.is_none() {
            let energies =
                [0.1, 0.4, 0.8].into_iter().filter(|energy| *energy != self.nullspace_energy);
            axes.push(Axis { key: "nullspace_energy", values: energies.map(Into::into).collect() });
        }
        axes
    }

    fn canonical(&self, weights: &[f64]) -> String {
        canonical(&Self { l2: self.l2.or_found(weights), ..self.clone() })
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

    fn every_context(&self) -> bool {
        self.every_context
    }

    fn hold<'a>(
        &self,
        layer: &Layer<'a>,
        solver: &mut Solver,
        keys: &mut dyn FnMut() -> Tensor,
    ) -> Result<Hold<'a>, EditError> {
        let how = (self.nullspace_energy, self.nullspace_threshold, layer.device);
        let c = (layer.second_moment, format!("{how:?}"));
        let space = solver.space(layer.tensor, c, || self.null_space(layer))?;
        let weight = match self.l2.of(layer.number) {
            Some(weight) => weight,
            None => {
                let within = keys().to_kind(Kind::Double).matmul(&space); // [n, r]
                let energies =
                    within.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
                rounded(energies.median().double_value(&[]) / SHARE)
            }
        };
        let prior = Prior::Identity { size: space.size()[1], weight };
        Ok(Hold { prior, weight, space: Some(space) })
    }
}

#[cfg(feature = "torch")]
impl Settings {
    /// U₀, `[in, r]`, f64.
    fn null_space(&self, layer: &Layer<'_>) -> Result<Tensor, EditError> {
        let c = tensor(layer.second_moment, layer.device).to_kind(Kind::Double);
        let (eigenvalues, directions) = c.linalg_eigh("L"); // ascending
        let chosen = match self.nullspace_threshold {
            Some(threshold) => eigenvalues.lt(threshold),
            None => {
                let sums = eigenvalues.clamp_min(0.0).cumsum(0, Kind::Double);
                let total = sums.get(-1);
                sums.le_tensor(&(total * self.nullspace_energy))
            }
        };
        let count = chosen.sum(Kind::Int64).int64_value(&[]);
        if count == 0 {
            let (tensor, smallest) = (layer.tensor.to_owned(), eigenvalues.double_value(&[0]));
            return Err(EditError::NoNullSpace { tensor, smallest });
        }
        Ok(directions.narrow(1, 0, count).contiguous())
    }
}

//! MEND: model editor networks with gradient decomposition (Mitchell et al., 2022).
//!
//! For each fact, on the base:
//!   1. L = −1/n Σ log p(tᵢ | prompt, t₁ … tᵢ₋₁); for each map, x and δ of every token: ∂L/∂W = Σ δ xᵀ;
//!   2. x̃, δ̃ = g(x, δ), the network that was trained;
//!   3. ΔW = α Σ δ̃ x̃ᵀ, a column for each token.
//!
//! The changes of several facts are added up.

#[cfg(feature = "torch")]
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::{Edited, LEARNING, Learning};
#[cfg(feature = "torch")]
use super::{
    maps::{LowRank, Map, maps},
    network::{Network, Plan, chosen},
    outer,
    texts::{Entering, Text},
};
#[cfg(feature = "torch")]
use crate::{
    delta::{Change, ChangeForm},
    editor::{
        error::EditError,
        locate::lookup::Asked,
        matrix::matrix,
        method::{Bench, Editor},
        module,
        settings::canonical,
        workbench::Workbench,
    },
    engine::{Description, EditJob, EditOutcome, Progress, TrainJob, Trained, ZTrace},
    model::{Model, Spec, Unprobed},
    tensor::Matrix,
};
use crate::{
    editor::{
        method::Method,
        presets::{ModelSize, blocks_value},
        settings::{Defaults, MethodSettings, Setting, SettingsError, listed, parse, require},
    },
    engine::{Grain, Needs},
};

const COMMON: &str = include_str!("../presets/mend.toml");

/// Blocks that are edited where nobody has published any: so many of the last.
const LAST: usize = 3;

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
    Setting::new("n_hidden", "0 or more", "layers of the network before its last"),
    Setting::new("rank", "1 or more", "rank of the network's layers, at most").by_model(),
];

/// What MEND can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settings {
    #[serde(flatten)]
    edited: Edited,
    #[serde(flatten)]
    learning: Learning,
    edit_lr: f64,
    n_hidden: usize,
    rank: usize,
}

impl MethodSettings for Settings {
    fn known() -> Vec<&'static Setting> {
        listed(&[LEARNING, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        require(model.layers > 0, "layers", "at least one block", || "none".to_owned())?;
        let mut preset = parse(COMMON)?;
        let last: Vec<usize> = (model.layers.saturating_sub(LAST)..model.layers).collect();
        preset.insert("layers".to_owned(), blocks_value(&last));
        let rank = ((model.width + model.inner) / PER_RANK).clamp(LEAST_RANK, MOST_RANK);
        preset.insert("rank".to_owned(), i64::try_from(rank).unwrap_or(i64::MAX).into());
        Ok(Defaults { preset, faithful: toml::Table::new() })
    }

    fn published(_: &ModelSize) -> bool {
        // What suits a model is learned, not set.
        true
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.edited.check(layers)?;
        self.learning.check()?;
        let steps = self.edit_lr != 0.0 && self.edit_lr.is_finite();
        require(steps, "edit_lr", "a number but zero", || self.edit_lr.to_string())?;
        require(self.rank > 0, "rank", "at least 1", || "0".to_owned())
    }
}

/// Model editor networks with gradient decomposition.
#[derive(Debug)]
pub(in crate::editor) struct Mend;

/// The one there is.
pub(in crate::editor) const MEND: Mend = Mend;

const NEEDS: Needs = Needs { prefixes: false, moments: false, artefact: true };

impl Method for Mend {
    fn name(&self) -> &'static str {
        "mend"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Model editor networks (Mitchell et al., 2022): a network, trained once for a base, makes edits of the gradients of \
         facts, in the last blocks' MLPs"
    }

    fn grain(&self) -> Grain {
        Grain::Fact
    }

    fn needs(&self) -> Needs {
        NEEDS
    }

    fn settings(&self) -> Vec<&'static Setting> {
        Settings::known()
    }

    fn defaults(&self) -> toml::Table {
        parse(COMMON).expect("because the table for all models is TOML")
    }

    fn fit_some_model(&self, settings: &str) -> Result<(), SettingsError> {
        Settings::fit_some_model(settings)
    }

    #[cfg(feature = "torch")]
    fn read(&self, settings: &str, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        let settings = Settings::read(settings, &model.into())?;
        module::fit(&settings.edited.modules, model)?;
        Ok(Box::new(Settled(settings)))
    }
}

/// MEND and what it is set to.
#[cfg(feature = "torch")]
struct Settled(Settings);

#[cfg(feature = "torch")]
impl Settled {
    fn maps(&self, model: &Model) -> Vec<Map> {
        maps(model, &self.0.edited.layers, &self.0.edited.modules)
    }

    const fn plan(&self) -> Plan {
        let Settings { n_hidden, rank, edit_lr, .. } = self.0;
        Plan { n_hidden, rank, edit_lr }
    }
}

#[cfg(feature = "torch")]
impl Editor for Settled {
    fn canonical(&self) -> String {
        canonical(&self.0)
    }

    fn describe(&self, model: &Model) -> Result<Description, EditError> {
        let sites = self.maps(model).into_iter().map(|map| map.site);
        Ok(Description {
            axes: Vec::new(),
            widest: None,
            uncalibrated: false,
            weight: None,
            grain: Grain::Fact,
            tensors: sites.map(|site| (site.tensor, site.orientation)).collect(),
            needs: NEEDS,
            artefact: Some(canonical(&self.0.edited)),
            search: None,
            joins_subjects: false,
            prefix_settings: String::new(),
        })
    }

    fn train(
        &self,
        model: &mut Model,
        job: &mut TrainJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Trained, EditError> {
        model.load()?;
        let maps = self.maps(model);
        outer::train(model, &maps, (&self.0.learning, self.plan()), job, progress)
    }

    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        bench.model.load()?;
        let maps = self.maps(bench.model);
        let device = bench.model.decoder().device();
        let artefact = job.artefact.ok_or(EditError::Untrained)?;
        let network = Network::read(&maps, artefact, device).ok_or(EditError::ForeignArtefact)?;
        let model: &Model = bench.model;
        let context = model.spec().context;
        let ask = |request| Asked::new(model.tokens(), &[], false, request, context);
        let asked = job.requests.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
        let texts: Vec<Text> = asked.iter().map(Text::of).collect();

        progress.start("edits", Some(texts.len() as u64));
        let mut columns = Vec::new();
        let mut found: Vec<(Vec<tch::Tensor>, Vec<tch::Tensor>)> =
            maps.iter().map(|_| (Vec::new(), Vec::new())).collect();
        for (request, text) in (0u32..).zip(&texts) {
            // Alone: what others are edited beside it has no part in it, not even in rounding.
            let (tokens, changes) = alone(model, &maps, &network, text);
            columns.extend(std::iter::repeat_n(request, tokens));
            for ((lefts, rights), LowRank { left, right }) in found.iter_mut().zip(changes) {
                lefts.push(left);
                rights.push(right);
            }
            progress.advance(u64::from(request) + 1, "")?;
        }
        let mut changes = BTreeMap::new();
        for (map, (lefts, rights)) in maps.iter().zip(&found) {
            let left = matrix(&tch::Tensor::cat(lefts, 0)).transposed();
            let right = matrix(&tch::Tensor::cat(rights, 0));
            let form = ChangeForm::LowRank { left, right };
            let change = Change { orientation: map.site.orientation, form, keys: None };
            changes.insert(map.site.tensor.clone(), change);
        }
        progress.finish("");
        let traces = traces(bench.model, &maps, job, &changes, &texts)?;
        Ok(EditOutcome {
            columns,
            changes,
            z: Matrix::zeros(0, 0),
            traces,
            reached: Vec::new(),
            settings: canonical(&self.0.edited),
            notes: Vec::new(),
        })
    }
}

/// What the network makes of one text: how many columns, and for each map `[columns, out]` and `[columns, in]`. Tokens that
/// have no part in the gradient of any map are left out.
#[cfg(feature = "torch")]
fn alone(model: &Model, maps: &[Map], network: &Network, text: &Text) -> (usize, Vec<LowRank>) {
    let entering = Entering::new(model.decoder(), &[text], maps[0].layer);
    let factors = outer::factors(model.decoder(), maps, &entering);
    let active = factors.iter().map(super::maps::Factors::active);
    let active = active.reduce(|a, b| a.logical_or(&b)).expect("because there is a map");
    tch::no_grad(|| {
        let changes = network.changes(&factors, 1).into_iter();
        let own = |LowRank { left, right }| LowRank {
            left: chosen(&left, &active),
            right: chosen(&right, &active),
        };
        let changes: Vec<LowRank> = changes.map(own).collect();
        let tokens = changes[0].left.size()[0];
        (usize::try_from(tokens).unwrap_or_default(), changes)
    })
}

/// How each fact stands after the edit.
#[cfg(feature = "torch")]
fn traces(
    model: &mut Model,
    maps: &[Map],
    job: &EditJob<'_>,
    changes: &BTreeMap<String, Change>,
    texts: &[Text],
) -> Result<Vec<Option<ZTrace>>, EditError> {
    let sites: Vec<_> = maps.iter().map(|map| (map.layer, map.site.clone())).collect();
    let mut workbench = Workbench::new(model);
    let mut sums = workbench.load(job.version, &sites)?;
    for (name, sum) in &mut sums {
        if let ChangeForm::LowRank { left, right } = &changes[name].form {
            sum.add_low_rank(left, right, &[]);
        }
        workbench.set(name, sum)?;
    }
    let decoder = workbench.model.decoder();
    let trace = |text: &Text| {
        let entering = Entering::new(decoder, &[text], maps[0].layer);
        let log_p = tch::no_grad(|| entering.log_p(decoder, &mut Unprobed));
        #[expect(clippy::cast_possible_truncation, reason = "a figure for people")]
        let loss = entering.nll(&log_p).mean(tch::Kind::Double).double_value(&[]) as f32;
        Some(ZTrace { steps: 1, loss, probability: (-loss).exp() })
    };
    Ok(texts.iter().map(trace).collect())
}

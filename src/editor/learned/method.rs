//! Editors that are trained, as editors: each is a network and what it is set to.

#[cfg(feature = "torch")]
use std::{collections::BTreeMap, iter};

#[cfg(feature = "torch")]
use super::{
    combine::{Alone, Combined, combined},
    hypernetwork::Hypernetwork,
    outer::{self, Constraint},
    rehearsal::{Rehearsal, Single},
    settings::{Descent, Edited, Making, Shared},
};
#[cfg(feature = "torch")]
use crate::{
    delta::{Change, ChangeForm},
    editor::{
        error::EditError,
        matrix::{matrix, tensor},
        method::{Bench, Editor},
        module,
        pass::{
            maps::{Factors, LowRank, Map, chosen, maps},
            texts::Text,
            traces::traces,
        },
        settings::{SettingsError, canonical},
        worded::Worded,
    },
    engine::{Description, EditJob, EditOutcome, Progress, TrainJob, Trained},
    model::{Model, Spec},
    tensor::Matrix,
};
use crate::{
    editor::{method::Kind, settings::MethodSettings},
    engine::{Grain, Needs},
};

/// What every editor that is trained has to be given.
const NEEDS: Needs = Needs { prefixes: false, moments: false, artefact: true };

/// Methods that are trained.
#[derive(Debug)]
pub(in crate::editor) struct Learner;

/// Settings of a network that makes edits.
#[cfg(feature = "torch")]
pub(in crate::editor) trait Settled: MethodSettings + Learned + 'static {}
#[cfg(feature = "torch")]
impl<S: MethodSettings + Learned + 'static> Settled for S {}

/// Settings that can be checked.
#[cfg(not(feature = "torch"))]
pub(in crate::editor) trait Settled: MethodSettings + 'static {}
#[cfg(not(feature = "torch"))]
impl<S: MethodSettings + 'static> Settled for S {}

/// How a network that makes edits is made, trained and used.
#[cfg(feature = "torch")]
pub(in crate::editor) trait Learned: serde::Serialize {
    /// The network.
    type Network: Hypernetwork;

    /// What all such editors are told.
    fn shared(&self) -> &Shared;

    /// Step size of what the network learns of an edit's step sizes.
    fn step_rate(&self) -> f64 {
        self.shared().learning.lr
    }

    /// What holds back the change of what is to stay.
    fn constraint(&self) -> Constraint {
        Constraint::weight(self.shared().learning.cloc)
    }

    /// How an edit goes down its gradient.
    fn descent(&self) -> Descent {
        Descent::ONE
    }

    /// Weight of the change that the training itself makes of what is to stay.
    fn cbase(&self) -> f64 {
        0.0
    }

    /// What the network looks like.
    fn plan(&self) -> <Self::Network as Hypernetwork>::Plan;
}

impl<S: Settled> Kind<S> for Learner {
    const GRAIN: Grain = Grain::Fact;
    const NEEDS: Needs = NEEDS;
    const READS_BOTH_WAYS: bool = true;

    #[cfg(feature = "torch")]
    fn editor(settings: S, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        module::fit(&settings.shared().edited.modules, model)?;
        Ok(Box::new(Trainable(settings)))
    }
}

/// What an edit depends on, beside what was trained.
#[cfg(feature = "torch")]
#[derive(serde::Serialize)]
struct EditSettings<'a> {
    #[serde(flatten)]
    edited: &'a Edited,
    #[serde(flatten)]
    making: Making,
}

/// An editor that is trained and what it is set to.
#[cfg(feature = "torch")]
struct Trainable<S>(S);

#[cfg(feature = "torch")]
impl<S: Settled> Trainable<S> {
    fn maps(&self, model: &Model) -> Vec<Map> {
        let Edited { layers, modules } = &self.0.shared().edited;
        maps(model, layers, modules)
    }

    /// The keys of earlier commits that are to stay, if any are.
    fn past_keys(&self, job: &EditJob<'_>, map: &Map, model: &Model) -> Option<tch::Tensor> {
        let (_, inputs) = map.shape();
        let past = self
            .0
            .shared()
            .making
            .carry
            .then(|| job.version.past_keys(&map.site.tensor, inputs))?;
        (past.rows > 0).then(|| tensor(&past, model.decoder().device()))
    }

    /// The settings that an edit depends on, in their one spelling.
    fn settings(&self) -> String {
        let Shared { edited, making, .. } = self.0.shared();
        canonical(&EditSettings { edited, making: *making })
    }
}

#[cfg(feature = "torch")]
impl<S: Settled> Editor for Trainable<S> {
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
            artefact: Some(canonical(&self.0.shared().edited)),
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
        outer::train(model, &maps, &self.0, job, progress)
    }

    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        bench.model.load()?;
        let maps = self.maps(bench.model);
        let artefact = job.artefact.ok_or(EditError::Untrained)?;
        let model: &Model = bench.model;
        let network =
            S::Network::read(model.decoder(), &maps, artefact).ok_or(EditError::ForeignArtefact)?;
        let context = model.spec().context;
        let ask = |request| Worded::new(model, true, request, context);
        let asked = job.requests.iter().map(ask).collect::<Result<Vec<_>, EditError>>()?;
        let making = self.0.shared().making;
        // What is edited is not learned from.
        let descent = Descent { first_order: true, ..self.0.descent() };
        let rehearsal = Rehearsal::new(model, &maps, descent);

        progress.start("edits", Some(asked.len() as u64));
        let mut found: Vec<Vec<Alone>> = maps.iter().map(|_| Vec::new()).collect();
        let mut steps = Vec::new();
        for (done, asked) in (1..).zip(&asked) {
            // Alone: what others are edited beside it has no part in it, not even in rounding.
            let wordings: Vec<&Text> = asked.edited.iter().collect();
            let (changes, made) = alone(&rehearsal, &network, &wordings, making.max_steps);
            steps.push(made);
            iter::zip(&mut found, changes).for_each(|(found, change)| found.push(change));
            progress.advance(done, "")?;
        }
        let (mut columns, mut changes) = (Vec::new(), BTreeMap::new());
        for (map, found) in maps.iter().zip(&found) {
            let past = self.past_keys(job, map, model);
            let Combined { change: LowRank { left, right }, keys, counts } =
                combined(found, past.as_ref(), making);
            let form =
                ChangeForm::LowRank { left: matrix(&left).transposed(), right: matrix(&right) };
            let keys = keys.as_ref().map(matrix);
            let change = Change { orientation: map.site.orientation, form, keys };
            changes.insert(map.site.tensor.clone(), change);
            let of_fact = |(request, count)| iter::repeat_n(request, count);
            columns = (0u32..).zip(counts).flat_map(of_fact).collect();
        }
        progress.finish("");
        let texts: Vec<Text> = asked.iter().map(|asked| asked.edited[0].clone()).collect();
        let traces = traces(bench.model, &maps, job, &changes, (&texts, &steps))?;
        Ok(EditOutcome {
            columns,
            changes,
            z: Matrix::zeros(0, 0),
            traces,
            reached: Vec::new(),
            settings: self.settings(),
            notes: Vec::new(),
        })
    }
}

/// What the network makes of one fact, by map, and in how many steps, of `most`. Columns that change no map are left out, and
/// so are the keys of tokens that have no part in the gradient of any.
#[cfg(feature = "torch")]
fn alone<N: Hypernetwork>(
    rehearsal: &Rehearsal<'_>,
    network: &N,
    wordings: &[&Text],
    most: u32,
) -> (Vec<Alone>, u32) {
    let Single { changes, steps } = rehearsal.until_said(network, wordings, most);
    let alone = tch::no_grad(|| {
        let any = |active: &mut dyn Iterator<Item = tch::Tensor>| {
            active.reduce(|a, b| a.logical_or(&b)).expect("because there is a map")
        };
        let active = any(&mut changes.iter().map(LowRank::active));
        // The keys of a wording are those at its first step.
        let is_first = |&step: &usize| steps[..step].iter().all(|(of, _)| *of != steps[step].0);
        let texts: Vec<_> = (0..steps.len()).filter(is_first).map(|step| &steps[step].1).collect();
        let tokens: Vec<_> =
            texts.iter().map(|factors| any(&mut factors.iter().map(Factors::active))).collect();
        let of_map = |(place, change): (usize, &LowRank)| {
            let keys = texts.iter().zip(&tokens).map(|(of, tokens)| chosen(&of[place].x, tokens));
            Alone {
                change: change.columns_where(&active),
                keys: tch::Tensor::cat(&keys.collect::<Vec<_>>(), 0),
            }
        };
        changes.iter().enumerate().map(of_map).collect()
    });
    (alone, u32::try_from(steps.len()).unwrap_or(most))
}

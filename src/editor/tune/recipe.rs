//! A fine-tuning method as an editor.

use serde::Serialize;

#[cfg(feature = "torch")]
use super::{
    parameters,
    plan::{Misfit, Plan},
    settings::{Scale, Training},
    train,
};
#[cfg(feature = "torch")]
use crate::{
    editor::{
        error::EditError,
        method::{Bench, Editor},
        module,
        settings::{SettingsError, canonical},
    },
    engine::{Description, EditJob, EditOutcome, Progress},
    model::{Model, Spec},
};
use crate::{
    editor::{method::Kind, settings::MethodSettings},
    engine::{Grain, Needs},
};

/// What a method does.
#[cfg(feature = "torch")]
pub(super) trait Trains {
    /// How it trains.
    fn training(&self) -> &Training;

    /// What it trains.
    fn plan(&self) -> Plan;

    /// The same with these numbers in place of those that were left to be found.
    fn with(self, lr: Scale, eps: Scale) -> Self;
}

/// Without a model it does nothing.
#[cfg(not(feature = "torch"))]
pub(super) trait Trains {}

#[cfg(not(feature = "torch"))]
impl<T> Trains for T {}

/// What fine-tuning needs: nothing.
const NEEDS: Needs = Needs { prefixes: false, moments: false, artefact: false };

/// Methods that fine-tune.
#[derive(Debug)]
pub(in crate::editor) struct Tuning;

/// Settings that say how to train.
pub(in crate::editor) trait Settled:
    MethodSettings + Serialize + Clone + Trains + 'static
{
}
impl<S: MethodSettings + Serialize + Clone + Trains + 'static> Settled for S {}

impl<S: Settled> Kind<S> for Tuning {
    const GRAIN: Grain = Grain::Whole;
    const NEEDS: Needs = NEEDS;
    const READS_BOTH_WAYS: bool = true;

    #[cfg(feature = "torch")]
    fn editor(settings: S, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        module::fit(&settings.training().modules, model)?;
        Ok(Box::new(Tuner(settings)))
    }
}

/// A method and what it is set to.
#[cfg(feature = "torch")]
struct Tuner<S>(S);

#[cfg(feature = "torch")]
impl<S: Settled> Editor for Tuner<S> {
    fn canonical(&self) -> String {
        canonical(&self.0)
    }

    fn describe(&self, model: &Model) -> Result<Description, EditError> {
        let plan = self.0.plan();
        if plan.misfit == (Misfit::Forced { end: true }) && model.tokens().end_of_text().is_none() {
            return Err(EditError::Settings(SettingsError::Value {
                key: "end_of_text".to_owned(),
                wanted: "false where the model has no such token".to_owned(),
                found: "true".to_owned(),
            }));
        }
        let sites = parameters::sites(model, self.0.training(), plan.moves)?;
        Ok(Description {
            axes: self.0.training().axes(model.spec().layers),
            widest: None,
            uncalibrated: !S::published(&model.spec().into()),
            weight: None,
            grain: Grain::Whole,
            tensors: sites.into_iter().map(|(_, site)| (site.tensor, site.orientation)).collect(),
            artefact: None,
            needs: NEEDS,
            search: None,
            joins_subjects: false,
            prefix_settings: String::new(),
        })
    }

    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        bench.model.load()?;
        let (training, plan) = (self.0.training(), self.0.plan());
        let tuned = train::edit(bench.model, training, plan, job, &mut |_, _| {}, progress)?;
        let used = self.0.clone().with(Scale::Is(tuned.lr), Scale::Is(tuned.eps));
        Ok(EditOutcome { settings: canonical(&used), ..tuned.outcome })
    }
}

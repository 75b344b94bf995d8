//! A fine-tuning method as an editor.

use std::marker::PhantomData;

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
        settings::canonical,
    },
    engine::{Description, EditJob, EditOutcome, Progress},
    model::{Model, Spec},
};
use crate::{
    editor::{
        method::Method,
        settings::{MethodSettings, Setting, SettingsError, parse},
    },
    engine::{Grain, Needs},
};

/// What tells fine-tuning methods apart.
pub(super) trait Recipe: MethodSettings + Serialize + Clone + Trains + 'static {
    /// What commits and configurations call it.
    const NAME: &'static str;

    /// Raised when the same input would give another output, by more than rounding does on another machine.
    const VERSION: u32;

    /// What it is, in a line.
    const ABOUT: &'static str;

    /// What all models are set to unless more is known of one.
    const COMMON: &'static str;
}

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

/// A method whose settings are `R`.
pub(super) struct Tune<R>(PhantomData<fn() -> R>);

impl<R> Tune<R> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<R: Recipe> Method for Tune<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn version(&self) -> u32 {
        R::VERSION
    }

    fn about(&self) -> &'static str {
        R::ABOUT
    }

    fn grain(&self) -> Grain {
        Grain::Whole
    }

    fn needs(&self) -> Needs {
        Needs { prefixes: false, moments: false, artefact: false }
    }

    fn settings(&self) -> Vec<&'static Setting> {
        R::known()
    }

    fn defaults(&self) -> toml::Table {
        parse(R::COMMON).expect("because the table for all models is TOML")
    }

    fn fit_some_model(&self, settings: &str) -> Result<(), SettingsError> {
        R::fit_some_model(settings)
    }

    #[cfg(feature = "torch")]
    fn read(&self, settings: &str, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        let settings = R::read(settings, &model.into())?;
        module::fit(&settings.training().modules, model)?;
        Ok(Box::new(Settled(settings)))
    }
}

/// A method and what it is set to.
#[cfg(feature = "torch")]
struct Settled<R>(R);

#[cfg(feature = "torch")]
impl<R: Recipe> Editor for Settled<R> {
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
            uncalibrated: !R::published(&model.spec().into()),
            weight: None,
            grain: Grain::Whole,
            tensors: sites.into_iter().map(|(_, site)| (site.tensor, site.orientation)).collect(),
            artefact: None,
            needs: Needs { prefixes: false, moments: false, artefact: false },
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

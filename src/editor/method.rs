//! What an editor is to those who run it.

#[cfg(feature = "torch")]
use std::collections::BTreeMap;
use std::marker::PhantomData;

#[cfg(feature = "torch")]
use super::{closed::Solver, error::EditError};
use super::{
    presets::ModelSize,
    settings::{Defaults, MethodSettings, Setting, SettingsError},
};
use crate::engine::{Grain, Needs};
#[cfg(feature = "torch")]
use crate::{
    engine::{
        Description, EditJob, EditOutcome, Progress, Statistics, StatisticsText, TrainJob, Trained,
    },
    model::{Model, Spec},
};

/// A way to edit facts: what can be said of it before there is a model.
pub trait Method: Sync {
    /// What commits and configurations call it.
    fn name(&self) -> &'static str;

    /// Raised when the same input would give another output.
    fn version(&self) -> u32;

    /// What it is, in a line.
    fn about(&self) -> &'static str;

    /// What of its changes belongs to one fact.
    fn grain(&self) -> Grain;

    /// What it has to be given.
    fn needs(&self) -> Needs;

    /// Whether it edits models that read both ways.
    fn reads_both_ways(&self) -> bool;

    /// What it can be told, by key ascending.
    fn settings(&self) -> Vec<&'static Setting>;

    /// What it does where it is told nothing, for a model of which nothing is known.
    fn defaults(&self) -> toml::Table;

    /// What `faithful = true` sets: the choices of the original implementation.
    fn faithful(&self) -> toml::Table;

    /// Checks settings (TOML) as far as that goes without a model.
    ///
    /// # Errors
    /// When a key is unknown or no model takes a value.
    fn fit_some_model(&self, settings: &str) -> Result<(), SettingsError>;

    /// Reads settings (TOML) for a model, which gives what they leave out.
    ///
    /// # Errors
    /// When a key is unknown, a value is out of range or a layer does not exist.
    #[cfg(feature = "torch")]
    fn read(&self, settings: &str, model: &Spec) -> Result<Box<dyn Editor>, SettingsError>;
}

/// What tells a method apart. Its settings are `Self`.
pub(super) trait Recipe: MethodSettings + 'static {
    /// What methods like it have in common.
    type Kind: Kind<Self>;

    /// What commits and configurations call it.
    const NAME: &'static str;

    /// Raised when the same input would give another output, by more than rounding does on another machine.
    const VERSION: u32;

    /// What it is, in a line.
    const ABOUT: &'static str;
}

/// What methods of one kind have in common, whose settings are an `S`.
pub(super) trait Kind<S> {
    /// What of their changes belongs to one fact.
    const GRAIN: Grain;

    /// What they have to be given.
    const NEEDS: Needs;

    /// Whether they edit models that read both ways: they stand on no place that sees nothing of what is after it.
    const READS_BOTH_WAYS: bool;

    /// One that is set to `settings`.
    ///
    /// # Errors
    /// When the model has not what they name.
    #[cfg(feature = "torch")]
    fn editor(settings: S, model: &Spec) -> Result<Box<dyn Editor>, SettingsError>;
}

/// The method whose settings are an `S`.
#[derive(Debug)]
pub(super) struct Registered<S>(PhantomData<fn() -> S>);

impl<S> Registered<S> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<S: Recipe> Registered<S> {
    /// What of `table` are settings of the method, such as are `wanted`.
    fn known(table: toml::Table, wanted: impl Fn(&Setting) -> bool) -> toml::Table {
        let known = S::known();
        let is_known =
            |key: &str| known.iter().any(|setting| setting.key == key && wanted(setting));
        table.into_iter().filter(|(key, _)| is_known(key)).collect()
    }

    fn of_any_model() -> Defaults {
        S::defaults(&ModelSize::any()).expect("because that model has blocks")
    }
}

impl<S: Recipe> Method for Registered<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn version(&self) -> u32 {
        S::VERSION
    }

    fn about(&self) -> &'static str {
        S::ABOUT
    }

    fn grain(&self) -> Grain {
        S::Kind::GRAIN
    }

    fn needs(&self) -> Needs {
        S::Kind::NEEDS
    }

    fn reads_both_ways(&self) -> bool {
        S::Kind::READS_BOTH_WAYS
    }

    fn settings(&self) -> Vec<&'static Setting> {
        S::known()
    }

    fn defaults(&self) -> toml::Table {
        Self::known(Self::of_any_model().preset, |setting| !setting.by_model)
    }

    fn faithful(&self) -> toml::Table {
        Self::known(Self::of_any_model().faithful, |_| true)
    }

    fn fit_some_model(&self, settings: &str) -> Result<(), SettingsError> {
        S::fit_some_model(settings)
    }

    #[cfg(feature = "torch")]
    fn read(&self, settings: &str, model: &Spec) -> Result<Box<dyn Editor>, SettingsError> {
        if !S::Kind::READS_BOTH_WAYS {
            super::reads_forward(S::NAME, model)?;
        }
        S::Kind::editor(S::read(settings, &model.into())?, model)
    }
}

/// A method and what it is set to.
#[cfg(feature = "torch")]
pub trait Editor {
    /// Its settings, complete, in their one spelling.
    fn canonical(&self) -> String;

    /// What the ledger must know of it.
    ///
    /// # Errors
    /// When the model has no such place.
    fn describe(&self, model: &Model) -> Result<Description, EditError>;

    /// Samples context prefixes from the base, which is in `model`; none where it needs none.
    ///
    /// # Errors
    /// When the model cannot be run.
    fn prefixes(&self, model: &mut Model, seed: u64) -> Result<Vec<String>, EditError> {
        let _of_no_use = (model, seed);
        Ok(Vec::new())
    }

    /// The second moments of the keys of what it changes, on the base, which is in `model`; none where it needs none.
    ///
    /// # Errors
    /// When the text has no token, the model cannot be run, or `progress` asks to stop.
    fn moments(
        &self,
        model: &mut Model,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EditError> {
        let _of_no_use = (model, text, progress);
        Ok(Statistics { tokens: 0, second_moments: BTreeMap::new() })
    }

    /// Learns to edit the base, which is in `model`.
    ///
    /// # Errors
    /// When it learns nothing, there is too little to learn from, the training runs away, the model cannot be run, or
    /// `progress` asks to stop.
    fn train(
        &self,
        model: &mut Model,
        job: &mut TrainJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Trained, EditError> {
        let _of_no_use = (model, job, progress);
        Err(EditError::NothingToTrain)
    }

    /// Finds the change that makes the job's requests true in its version.
    ///
    /// # Errors
    /// When a request cannot be edited, the model fails, or `progress` asks to stop.
    fn edit(
        &self,
        bench: Bench<'_>,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError>;
}

/// What editors work on. The base's weights are in the model, before and after.
#[cfg(feature = "torch")]
#[derive(Debug)]
pub struct Bench<'a> {
    /// The base.
    pub model: &'a mut Model,
    /// What is kept of the systems that were solved before.
    pub solver: &'a mut Solver,
}

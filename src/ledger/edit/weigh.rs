//! How much an edit is outweighed by what the model knows besides, chosen by what comes of it.
//!
//! An edit is first made with the weight that its own keys ask for. Then it is made with four times as much, which moves
//! less of the model, and if that is no better, with a quarter; and so on in the direction that is better. What is compared
//! is the harmonic mean of what the check measures: efficacy, paraphrases, which no edit sees, neighbours and earlier facts.
//! A weight takes the place of one nearer to the first only where it is better by more than a point. The vectors that
//! were found are the same for all weights, so what this takes is some solutions and checks.

use serde::Serialize;

use super::{
    attempt::{Edited, Job},
    examine::Examination,
    measured::Measured,
    options::EditOptions,
    setup::Setup,
    trial::{Checked, Trial},
};
use crate::{
    commit::{Check, Spec},
    engine::{EngineError, Progress},
    ledger::{actor::Actor, error::LedgerError},
};

/// What one weight is of the one before it.
const STEP: f64 = 4.0;

/// Steps from the first weight at most.
const MOST: i32 = 4;

/// A weight that an edit was made with, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weighed {
    /// The weight of each edited tensor, or of all.
    pub weights: Vec<f64>,
    /// What that is of the weight that the edit's keys ask for.
    pub factor: f64,
    /// What its check measured.
    #[serde(flatten)]
    pub measured: Measured,
    /// Whether it was taken.
    pub taken: bool,
}

/// What is edited, and what is asked of it.
pub(crate) struct EditTask<'a> {
    pub(crate) actor: &'a Actor,
    /// Makes the job.
    pub(crate) job: &'a dyn Fn() -> Job<'a>,
    /// What an edit is examined in.
    pub(crate) examination: &'a dyn Fn(&Edited) -> Examination,
}

impl Trial<'_> {
    /// Edits and checks, with the weight that is best where `setup` leaves it to be measured.
    ///
    /// # Errors
    /// As [`Trial::edit`].
    pub(crate) fn edit_and_check(
        &mut self,
        setup: Setup,
        task: &EditTask<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(Checked, Vec<Weighed>), LedgerError> {
        let measured = setup.description.weight.filter(|weight| weight.measured);
        let first = self.attempt(setup, task, progress)?;
        let Some(setting) = measured else { return Ok((first, Vec::new())) };

        let spec = first.edited.spec.clone();
        // What the first attempt found is no earlier run's.
        let (known, found_with) = (first.edited.known, first.edited.found_with.clone());
        let weights = Weights::read(&spec, setting.key)?;
        let mut tried = vec![weights.tried(1.0, &first.check)];
        let (mut best, mut at) = (first, 0);
        for step in [1i32, -1] {
            let mut exponent = step;
            while exponent.abs() <= MOST {
                let factor = STEP.powi(exponent);
                let setup = weights.setup(self, &spec, factor)?;
                let next = self.attempt(setup, task, progress)?;
                tried.push(weights.tried(factor, &next.check));
                if !tried[tried.len() - 1].measured.beats(&tried[at].measured) {
                    break;
                }
                (best, at) = (next, tried.len() - 1);
                exponent += step;
            }
            if at > 0 {
                break;
            }
        }
        (best.edited.known, best.edited.found_with) = (known, found_with);
        tried[at].taken = true;
        tried.sort_by(|a, b| a.factor.total_cmp(&b.factor));
        Ok((best, tried))
    }

    fn attempt(
        &mut self,
        setup: Setup,
        task: &EditTask<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Checked, LedgerError> {
        let edited = self.edit(task.actor, setup, (task.job)(), progress)?;
        let examination = (task.examination)(&edited);
        self.checked(examination, edited, progress)
    }
}

/// The weight that an edit was made with.
struct Weights {
    key: &'static str,
    /// One for all tensors, or one for each.
    found: Vec<f64>,
}

impl Weights {
    fn read(spec: &Spec, key: &'static str) -> Result<Self, LedgerError> {
        let settings: toml::Table =
            spec.settings.parse().map_err(|error: toml::de::Error| settings_error(&error))?;
        let number = |value: &toml::Value| value.as_float();
        let found = match settings.get(key) {
            Some(toml::Value::Array(each)) => each.iter().map(number).collect(),
            Some(one) => number(one).map(|one| vec![one]),
            None => None,
        };
        let none = || EngineError::Settings(format!("{key} is no number after an edit"));
        Ok(Self { key, found: found.ok_or_else(none)? })
    }

    /// So many times as much, as it is recorded: with three digits.
    fn times(&self, factor: f64) -> Vec<f64> {
        let rounded = |found: &f64| format!("{:.2e}", found * factor).parse().unwrap_or(*found);
        self.found.iter().map(rounded).collect()
    }

    fn tried(&self, factor: f64, check: &Check) -> Weighed {
        let (weights, measured) = (self.times(factor), Measured::of(check));
        Weighed { weights, factor, measured, taken: false }
    }

    /// What `spec` is set to, with so many times the weight.
    fn setup(&self, trial: &Trial<'_>, spec: &Spec, factor: f64) -> Result<Setup, LedgerError> {
        let weights = self.times(factor);
        let value = match weights[..] {
            [one] => one.into(),
            _ => weights.into(),
        };
        let settings = [(self.key.to_owned(), value)].into_iter().collect();
        let options = EditOptions { settings, ..EditOptions::default() };
        let options = options.as_made_with(Some(spec))?;
        Setup::settle(trial.repo, trial.engine.as_ref(), &options)
    }
}

fn settings_error(error: &toml::de::Error) -> EngineError {
    EngineError::Settings(error.to_string())
}

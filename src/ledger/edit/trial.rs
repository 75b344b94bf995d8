//! A change of weights tried on the model before it is recorded.

use std::collections::BTreeMap;

use crate::{
    checkpoint::Base,
    commit::{Check, Commit, StatisticsRecord},
    engine::{
        Answer, Continuations, Engine, EngineError, Progress, Prompt, Sampling, Traceable, Traced,
        Tracing,
    },
    id::Id,
    ledger::{
        actor::Actor,
        edit::{
            attempt::{Edited, Job},
            drift::{Grown, KeptFiles, Yardstick, warnings},
            examine::{Examination, WordedFact},
            failure::Failure,
            setup::Setup,
        },
        error::LedgerError,
        lineage::line::Line,
        repo::{OpenEngine, Repo},
        requirements::Requirements,
        state::open::Stored,
    },
    tensor::Tensor,
};

/// A model on the verified base, and the weights of the version that is changed.
pub(crate) struct Trial<'a> {
    pub(super) repo: &'a Repo,
    pub(crate) engine: Box<dyn Engine>,
    before: BTreeMap<String, Tensor>,
    /// What the version that is changed answered.
    answered: BTreeMap<Prompt, Answer>,
    /// What drift is measured on.
    yardstick: Yardstick,
}

/// An edit and what its check found.
pub(crate) struct Checked {
    pub(crate) edited: Edited,
    pub(crate) check: Check,
    /// Facts that do not hold, and why.
    pub(crate) failures: Vec<Failure>,
}

impl<'a> Trial<'a> {
    /// Builds the weights of `commit`, so that damage is found before anything is computed, verifies the base and opens an
    /// engine on it.
    ///
    /// # Errors
    /// When a delta or the base is damaged, or there is no engine.
    pub(crate) fn begin(
        repo: &'a Repo,
        (id, commit, line): (Id<Commit>, &Commit, &Line),
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Self, LedgerError> {
        progress.part("weights");
        let before = repo.weights(id, commit, line)?;
        let (engine, yardstick) = (repo.engine(open)?, Yardstick::default());
        Ok(Self { repo, engine, before, answered: BTreeMap::new(), yardstick })
    }

    /// Begins a trial of what is to be recorded if it meets `require`, and what the repository requires.
    ///
    /// # Errors
    /// As [`Self::begin`], and when drift cannot be measured as it is to be.
    pub(crate) fn begin_to_record(
        repo: &'a Repo,
        version: (Id<Commit>, &Commit, &Line),
        require: Requirements,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Self, LedgerError> {
        let kept = KeptFiles::read(repo, require.or(repo.config().require))?;
        let mut trial = Self::begin(repo, version, open, progress)?;
        let (engine, seed) = (trial.engine.as_mut(), repo.config().seed);
        trial.yardstick = Yardstick::take(kept, engine, (&trial.before, seed), progress)?;
        Ok(trial)
    }

    /// Edits facts into a lineage; see [`Repo::edit`].
    ///
    /// # Errors
    /// As [`Repo::edit`].
    pub(crate) fn edit(
        &mut self,
        actor: &Actor,
        setup: Setup,
        job: Job<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Edited, LedgerError> {
        self.repo.edit(actor, self.engine.as_mut(), setup, job, progress)
    }

    /// Takes statistics of text that the base writes; see [`Repo::sampled_statistics`].
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub(crate) fn sampled_statistics(
        &mut self,
        actor: &Actor,
        setup: &Setup,
        base: Id<Base>,
        progress: &mut dyn Progress,
    ) -> Result<Stored<StatisticsRecord>, LedgerError> {
        let engine = self.engine.as_mut();
        let taken = self.repo.sampled_statistics(actor, engine, setup, base, progress)?;
        Ok((taken.id, taken.record))
    }

    /// Those of `asked` whose prompt `weights` does not answer with their object.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub(crate) fn failing<'q, K>(
        &mut self,
        weights: &BTreeMap<String, Tensor>,
        asked: impl Iterator<Item = (K, &'q WordedFact)>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<(K, &'q WordedFact)>, EngineError> {
        let (asked, prompts): (Vec<_>, Vec<_>) =
            asked.map(|(key, fact)| ((key, fact), fact.prompt())).unzip();
        self.engine.set_weights(weights)?;
        let answers = self.engine.answer(&prompts, progress)?;
        let failed = asked.into_iter().zip(answers).filter(|(_, answer)| !answer.matches);
        Ok(failed.map(|(asked, _)| asked).collect())
    }

    /// What the version that is changed answers to each of `asked`.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub(crate) fn answers_before<'q, K>(
        &mut self,
        asked: impl Iterator<Item = (K, &'q WordedFact)>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<(K, &'q WordedFact, Answer)>, EngineError> {
        let (asked, prompts): (Vec<_>, Vec<_>) =
            asked.map(|(key, fact)| ((key, fact), fact.prompt())).unzip();
        let answers = self.before(&prompts, progress)?;
        Ok(asked
            .into_iter()
            .zip(answers)
            .map(|((key, fact), answer)| (key, fact, answer))
            .collect())
    }

    /// What the version that is changed goes on with after `prompt`.
    ///
    /// # Errors
    /// When the model fails.
    pub(super) fn continuations_before(
        &mut self,
        prompt: &str,
        how: &Sampling,
    ) -> Result<Continuations, EngineError> {
        self.engine.set_weights(&self.before)?;
        self.engine.continuations(prompt, how)
    }

    /// Traces what answers of the version that is changed come from.
    ///
    /// # Errors
    /// As [`Engine::trace`].
    pub(crate) fn traced_before(
        &mut self,
        subjects: &[String],
        prompts: &[Traceable],
        how: &Tracing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Traced>, EngineError> {
        self.engine.set_weights(&self.before)?;
        self.engine.trace(subjects, prompts, how, progress)
    }

    /// The same in words. Each is asked once.
    fn before(
        &mut self,
        prompts: &[Prompt],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Answer>, EngineError> {
        let new = prompts.iter().filter(|prompt| !self.answered.contains_key(prompt));
        let new: Vec<Prompt> = new.cloned().collect();
        if !new.is_empty() {
            self.engine.set_weights(&self.before)?;
            let answers = self.engine.answer(&new, progress)?;
            self.answered.extend(new.into_iter().zip(answers));
        }
        Ok(prompts.iter().map(|prompt| self.answered[prompt].clone()).collect())
    }

    /// Asks what is to be asked of the weights before and `after`.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    fn examine(
        &mut self,
        examination: Examination,
        after: &BTreeMap<String, Tensor>,
        progress: &mut dyn Progress,
    ) -> Result<(Check, Vec<Failure>), EngineError> {
        let before = self.before(&examination.prompts(), progress)?;
        examination.run(self.engine.as_mut(), before, after, progress)
    }

    /// Asks what is to be asked of the weights before and `after`, and makes sure that `require`, and what the repository requires,
    /// is met.
    ///
    /// # Errors
    /// [`LedgerError::Unmet`] when it is not; when the model fails or `progress` asks to stop.
    pub(crate) fn check(
        &mut self,
        examination: Examination,
        after: &BTreeMap<String, Tensor>,
        require: Requirements,
        progress: &mut dyn Progress,
    ) -> Result<Check, LedgerError> {
        let require = require.or(self.repo.config().require);
        let (mut check, failures) = self.examine(examination, after, progress)?;
        if self.yardstick.records_growth(require) {
            check.growth = Grown::of(self.repo, after)?.tensors;
        }
        self.yardstick.measure(&mut check, self.engine.as_mut(), after, progress)?;
        require.met_by(&check, &failures)?;
        Ok(check)
    }

    /// Asks the same of what was edited here.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub(crate) fn checked(
        &mut self,
        examination: Examination,
        edited: Edited,
        progress: &mut dyn Progress,
    ) -> Result<Checked, LedgerError> {
        let (check, failures) = self.examine(examination, &edited.weights, progress)?;
        Ok(Checked { edited, check, failures })
    }

    /// Asks it, and makes sure that what is required of an edit is met.
    ///
    /// # Errors
    /// As [`Self::checked`] and [`Self::require`].
    pub(crate) fn check_edit(
        &mut self,
        examination: Examination,
        edited: Edited,
        require: Requirements,
        progress: &mut dyn Progress,
    ) -> Result<Checked, LedgerError> {
        let mut checked = self.checked(examination, edited, progress)?;
        self.require(&mut checked, require, progress)?;
        Ok(checked)
    }

    /// Makes sure that an edit did what `require` says, and what the repository requires. Unless it is required otherwise,
    /// half of the edited facts have to hold. Drift is measured here, and what is worth a warning is noted.
    ///
    /// # Errors
    /// [`LedgerError::Unmet`] when it did not; when the model fails or `progress` asks to stop.
    pub(crate) fn require(
        &mut self,
        Checked { edited, check, failures }: &mut Checked,
        require: Requirements,
        progress: &mut dyn Progress,
    ) -> Result<(), LedgerError> {
        let require = require.or(self.repo.config().require).or(Requirements::of_an_edit());
        let grown = Grown::of(self.repo, &edited.weights)?;
        if self.yardstick.records_growth(require) {
            check.growth.clone_from(&grown.tensors);
        }
        self.yardstick.measure(check, self.engine.as_mut(), &edited.weights, progress)?;
        edited.notes.extend(warnings(&grown, check));
        require.met_by(check, failures)
    }
}

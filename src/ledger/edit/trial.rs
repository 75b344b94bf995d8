//! A change of weights tried on the model before it is recorded.

use std::collections::BTreeMap;

use crate::{
    commit::{Check, Commit},
    engine::{Answer, Engine, EngineError, Progress},
    id::Id,
    ledger::{
        actor::Actor,
        edit::{
            attempt::{Edited, Job},
            examine::{Examination, WordedFact},
            failure::Failure,
            setup::Setup,
        },
        error::LedgerError,
        lineage::line::Line,
        repo::{OpenEngine, Repo},
        requirements::Requirements,
    },
    tensor::Tensor,
};

/// A model on the verified base, and the weights of the version that is changed.
pub(crate) struct Trial<'a> {
    pub(super) repo: &'a Repo,
    pub(crate) engine: Box<dyn Engine>,
    before: BTreeMap<String, Tensor>,
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
        Ok(Self { repo, engine: repo.engine(open)?, before })
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
        let answered = answers(self.engine.as_mut(), weights, asked, progress)?;
        let failed = answered.into_iter().filter(|(.., answer)| !answer.matches);
        Ok(failed.map(|(key, question, _)| (key, question)).collect())
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
        answers(self.engine.as_mut(), &self.before, asked, progress)
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
        let (check, failures) =
            examination.run(self.engine.as_mut(), &self.before, after, progress)?;
        require.met_by(&check, &failures)?;
        Ok(check)
    }

    /// The same for what was edited here. Unless it is required otherwise, half of the edited facts have to hold.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn check_edit(
        &mut self,
        examination: Examination,
        edited: &Edited,
        require: Requirements,
        progress: &mut dyn Progress,
    ) -> Result<(Check, Vec<Failure>), LedgerError> {
        let require = require.or(self.repo.config().require).or(Requirements::of_an_edit());
        let (engine, after) = (self.engine.as_mut(), &edited.weights);
        let (check, failures) = examination.run(engine, &self.before, after, progress)?;
        require.met_by(&check, &failures)?;
        Ok((check, failures))
    }
}

/// What `weights` answer to each of `asked`.
fn answers<'q, K>(
    engine: &mut dyn Engine,
    weights: &BTreeMap<String, Tensor>,
    asked: impl Iterator<Item = (K, &'q WordedFact)>,
    progress: &mut dyn Progress,
) -> Result<Vec<(K, &'q WordedFact, Answer)>, EngineError> {
    let asked: Vec<_> = asked.collect();
    let prompts: Vec<_> = asked.iter().map(|(_, question)| question.prompt()).collect();
    engine.set_weights(weights)?;
    let answers = engine.answer(&prompts, progress)?;
    let answered = asked.into_iter().zip(answers);
    Ok(answered.map(|((key, question), answer)| (key, question, answer)).collect())
}

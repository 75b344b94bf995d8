//! `ask`: what a version says after a prompt.

use serde::Serialize;

use crate::{
    commit::Commit,
    engine::{Continuations, Sampling},
    id::Id,
    ledger::{LedgerError, OpenEngine, Repo},
};

/// What the versions say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskReport {
    /// The prompt.
    pub prompt: String,
    /// One for each version asked, in the order asked for.
    pub answers: Vec<AskAnswer>,
}

/// What one version says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskAnswer {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// What it says.
    #[serde(flatten)]
    pub continuations: Continuations,
}

impl Repo {
    /// What the versions that `revisions` name say after `prompt`.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, or the model
    /// fails.
    pub fn ask(
        &self,
        prompt: &str,
        revisions: &[String],
        how: &Sampling,
        open: OpenEngine<'_>,
    ) -> Result<AskReport, LedgerError> {
        let mut versions = Vec::new();
        let ledger = self.read()?;
        for revision in revisions {
            versions.push((revision, ledger.resolve(revision)?));
        }
        drop(ledger);
        let mut engine = self.engine(open)?;
        let mut answers = Vec::new();
        for (revision, id) in versions {
            engine.set_weights(&self.weights_at(id)?.1)?;
            answers.push(AskAnswer {
                revision: revision.clone(),
                commit: id,
                continuations: engine.continuations(prompt, how)?,
            });
        }
        Ok(AskReport { prompt: prompt.to_owned(), answers })
    }
}

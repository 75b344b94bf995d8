//! `lens`: what each block of a version would say.

use serde::Serialize;

use crate::{
    commit::Commit,
    engine::Lens,
    id::Id,
    ledger::{LedgerError, OpenEngine, Repo},
};

/// What the blocks of versions would say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LensReport {
    /// The prompt.
    pub prompt: String,
    /// What was expected after it, if anything was.
    pub expected: Option<String>,
    /// One for each version looked into, in the order asked for.
    pub versions: Vec<LensVersion>,
}

/// What the blocks of one version would say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LensVersion {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// What they would say.
    #[serde(flatten)]
    pub lens: Lens,
}

impl Repo {
    /// What each block of the versions that `revisions` name would say after each token of `prompt`, and where the first
    /// token of what is `expected` after it stands.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, the prompt has no token or too many,
    /// or the model fails.
    pub fn lens(
        &self,
        prompt: &str,
        expected: Option<&str>,
        revisions: &[String],
        open: OpenEngine<'_>,
    ) -> Result<LensReport, LedgerError> {
        let mut named = Vec::new();
        let ledger = self.read()?;
        for revision in revisions {
            named.push((revision, ledger.resolve(revision)?));
        }
        drop(ledger);
        let mut engine = self.engine(open)?;
        let mut versions = Vec::new();
        for (revision, id) in named {
            engine.set_weights(&self.weights_at(id)?.1)?;
            let lens = engine.lens(prompt, expected)?;
            versions.push(LensVersion { revision: revision.clone(), commit: id, lens });
        }
        let expected = expected.map(str::to_owned);
        Ok(LensReport { prompt: prompt.to_owned(), expected, versions })
    }
}

//! `stats`: covariance statistics of the base.

use serde::Serialize;

use crate::{
    commit::StatisticsRecord,
    engine::{Progress, StatisticsText},
    id::Id,
    ledger::{EditOptions, LedgerError, OpenEngine, Repo, actor::Actor, edit::setup::Setup},
};

/// The statistics that commits will use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatsReport {
    /// The stored record.
    pub record: Id<StatisticsRecord>,
    /// What text they were taken on.
    pub source: String,
    /// Tokens counted.
    pub tokens: u64,
    /// The tensors they are for.
    pub tensors: Vec<String>,
    /// Length of the tensor file, in bytes.
    pub bytes: u64,
}

/// How statistics are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsOptions {
    /// On what text.
    pub text: StatisticsText,
    /// What that text is, for people: the corpus files' names, or how it was sampled.
    pub source: String,
    /// Name of the editor, in place of the repository's.
    pub editor: Option<String>,
    /// Settings of the editor that say which tensors it edits, over the repository's.
    pub settings: toml::Table,
}

impl Repo {
    /// Takes covariance statistics of the base for the tensors that an editor edits. Commits from
    /// now on use them.
    ///
    /// # Errors
    /// When the editor uses none, the text has no token, the model fails, or `progress` asks to stop.
    pub fn stats(
        &self,
        actor: &Actor,
        options: &StatsOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<StatsReport, LedgerError> {
        let base = self.read_to_change()?.head_commit()?.1.base;
        let mut engine = self.engine(open)?;
        let edit = EditOptions {
            editor: options.editor.clone(),
            settings: options.settings.clone(),
            ..EditOptions::default()
        };
        let setup = Setup::settle(self, engine.as_ref(), &edit)?;
        if !setup.description.needs.moments {
            return Err(LedgerError::NoStatistics { editor: setup.editor.name });
        }
        let text = (&options.text, options.source.clone());
        let moments = self.take_statistics(actor, engine.as_mut(), &setup, base, text, progress)?;
        Ok(StatsReport {
            record: moments.id,
            source: moments.record.source,
            tokens: moments.record.tokens,
            bytes: self.tensor_file_bytes(moments.record.file)?,
            tensors: moments.matrices.into_keys().collect(),
        })
    }
}

//! `migrate`: a repository of an older format to this one.

use std::path::Path;

use serde::Serialize;

use crate::{
    ledger::{LedgerError, Repo},
    store,
};

/// What `migrate` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrateReport {
    /// The format the repository has now.
    pub format: String,
    /// Steps that were made, in order; none when it had that format.
    pub steps: Vec<MigrationStep>,
}

/// One step from a format to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationStep {
    /// Number of the format it led to.
    pub to: u32,
    /// What it changed, in words.
    pub what: String,
}

impl Repo {
    /// Brings the repository that `from` is in to the format of this program. It need not be one that
    /// [`Repo::open`] opens.
    ///
    /// # Errors
    /// When there is no repository, its format is unknown or newer, or a step fails.
    pub fn migrate(from: &Path) -> Result<MigrateReport, LedgerError> {
        let made = store::migrate(&Self::root_of(from)?.join(Self::DIR))?;
        let step = |step: &store::Migration| MigrationStep {
            to: step.to,
            what: step.what.to_owned(),
        };
        Ok(MigrateReport {
            format: store::FORMAT.to_owned(),
            steps: made.iter().map(step).collect(),
        })
    }
}

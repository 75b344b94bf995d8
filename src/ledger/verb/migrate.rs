//! `migrate`: an older store brought to this program's format.

use std::path::Path;

use serde::Serialize;

use crate::{
    ledger::{LedgerError, Repo},
    store,
};

/// What `migrate` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrateReport {
    /// The format now.
    pub format: &'static str,
    /// The steps made; none when the format was that already.
    pub steps: Vec<MigrationView>,
}

/// One step from a format to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationView {
    /// Number of the format it migrates to.
    pub to: u32,
    /// What it changed, in words.
    pub what: &'static str,
}

impl Repo {
    /// Brings the store of the repository that `from` is in to this program's format. The repository
    /// need not be one that this program can open otherwise.
    ///
    /// # Errors
    /// When there is no repository, its format is unknown or newer, or a step fails; it can then be
    /// run again.
    pub fn migrate(from: &Path) -> Result<MigrateReport, LedgerError> {
        let dir = Self::root_above(from)?.join(Self::DIR);
        let steps = store::migrate(&dir)?
            .into_iter()
            .map(|step| MigrationView { to: step.to, what: step.what })
            .collect();
        Ok(MigrateReport { format: store::FORMAT, steps })
    }
}

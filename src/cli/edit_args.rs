//! How facts are edited, as the verbs that edit are told.

use super::{error::CliError, runtime::fits_some_model};
use crate::ledger::{EditOptions, LedgerError, Requirements};

/// How facts are edited, and what the version must reach.
#[derive(Debug, clap::Args)]
pub(super) struct EditArgs {
    #[command(flatten)]
    require: RequireArgs,
    /// Record the edit even if fewer than half of the edited facts hold
    #[arg(long)]
    allow_weak: bool,
    /// Seed of what is sampled
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    settings: Settings,
}

impl EditArgs {
    /// What is said, to be put over what the repository is set to.
    pub(super) fn options(&self) -> Result<EditOptions, CliError> {
        let mut require = self.require.requirements()?;
        if self.allow_weak {
            require = require.or(Requirements::nothing_of_an_edit());
        }
        Ok(EditOptions {
            editor: self.settings.editor(),
            settings: self.settings.table()?,
            seed: self.seed,
            require,
        })
    }
}

/// What a version must reach.
#[derive(Debug, clap::Args)]
pub(super) struct RequireArgs {
    /// What a commit must reach: efficacy, paraphrase, neighbourhood or kept, =, and a share
    #[arg(long, value_name = "WHAT=SHARE")]
    require: Vec<String>,
}

impl RequireArgs {
    /// What is said, to be put over what the repository requires.
    pub(super) fn requirements(&self) -> Result<Requirements, CliError> {
        Ok(self.require.join(",").parse().map_err(LedgerError::from)?)
    }
}

/// How an editor is set.
#[derive(Debug, clap::Args)]
pub(super) struct Settings {
    /// Name of the editor
    #[arg(long, value_name = "NAME")]
    editor: Option<String>,
    /// A setting of the editor
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    /// The editor, where one is named.
    pub(super) fn editor(&self) -> Option<String> {
        self.editor.clone()
    }

    /// The settings. What is no TOML value is a string.
    pub(super) fn table(&self) -> Result<toml::Table, CliError> {
        let mut table = toml::Table::new();
        for text in &self.set {
            let (key, value) = text
                .split_once('=')
                .filter(|(key, _)| !key.trim().is_empty())
                .ok_or_else(|| CliError::Setting { text: text.clone() })?;
            let value = match format!("value = {value}").parse::<toml::Table>() {
                Ok(mut parsed) if parsed.len() == 1 => parsed.remove("value"),
                _ => None,
            };
            let value = value.unwrap_or_else(|| {
                let (_, string) = text.split_once('=').unwrap_or_default();
                toml::Value::String(string.to_owned())
            });
            table.insert(key.trim().to_owned(), value);
        }
        // Also where no fact turns out to be edited, and so no editor reads them.
        fits_some_model(self.editor.as_deref(), &table).map_err(LedgerError::from)?;
        Ok(table)
    }
}

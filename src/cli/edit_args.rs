//! How facts are edited, as the verbs that edit are told.

use std::path::PathBuf;

use super::{
    context::Context,
    error::CliError,
    runtime::fits_some_model,
    settings_file::{self, SettingsFile},
};
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
    pub(super) fn options(&self, cx: &Context) -> Result<EditOptions, CliError> {
        let mut require = self.require.requirements()?;
        if self.allow_weak {
            require = require.or(Requirements::nothing_of_an_edit());
        }
        let (editor, settings) = self.settings.read(cx)?;
        Ok(EditOptions { editor, settings, seed: self.seed, artefact: None, require })
    }
}

/// What a version must reach.
#[derive(Debug, clap::Args)]
pub(super) struct RequireArgs {
    /// What a commit must reach: efficacy, paraphrase, neighbourhood, kept or probes (of the setting probes, those that go on
    /// as in the base), =, and a share; or what it must stay below: drift (of weights from the base's) or perplexity (of a
    /// text: see the setting perplexity-text), <, and a bound
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
    /// A setting of the editor; kledger help settings explains them
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Settings of the editor from a file, below --set: TOML, MEMIT's hyperparameters in JSON or EasyEdit's in YAML
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl Settings {
    /// What a verb is told that names its editor otherwise.
    pub(super) const fn of(
        editor: Option<String>,
        set: Vec<String>,
        settings: Option<PathBuf>,
    ) -> Self {
        Self { editor, set, settings }
    }

    /// The editor, where one is named, and what it is set to. What a file says that is no setting is told.
    pub(super) fn read(&self, cx: &Context) -> Result<(Option<String>, toml::Table), CliError> {
        let file = match &self.settings {
            None => SettingsFile::default(),
            Some(name) => {
                let usual = cx.repo()?.config().editor.clone();
                settings_file::read(&cx.path(name), name, self.editor.as_deref(), &usual)?
            }
        };
        for note in &file.notes {
            cx.aside(note);
        }
        let mut table = file.table;
        table.extend(self.table()?);
        let editor = self.editor.clone().or(file.editor);
        // Also where no fact turns out to be edited, and so no editor reads them.
        fits_some_model(editor.as_deref(), &table).map_err(LedgerError::from)?;
        Ok((editor, table))
    }

    /// What --set says. What is no TOML value is a string.
    fn table(&self) -> Result<toml::Table, CliError> {
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
        Ok(table)
    }
}

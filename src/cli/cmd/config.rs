//! `kledger config`.

use std::fmt::{self, Write};

use clap::Subcommand;
use serde_json::Value;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::Page,
        report::{Render, Report},
        verbs::is_verb,
    },
    ledger::verb::config::{ConfigReport, Setting},
};

/// Show or change the repository's settings
///
/// Without a step, all settings are listed; a * marks those that .kledger/config.toml sets.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "\
Examples:
  kledger config
  kledger config get language
  kledger config set require efficacy=0.95
  kledger config set settings.memit.layers '[2, 3, 4]'
  kledger config set alias.lo 'log --oneline --graph'
  kledger config unset author"
)]
pub struct Args {
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// List all settings
    List,
    /// Show one setting
    Get {
        /// Its name
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Change a setting
    Set {
        /// Its name
        #[arg(value_name = "KEY")]
        key: String,
        /// What it is to be, as in TOML; strings need no quotes
        #[arg(value_name = "VALUE", allow_hyphen_values = true)]
        value: String,
    },
    /// Let a setting have its default again
    Unset {
        /// Its name
        #[arg(value_name = "KEY")]
        key: String,
    },
}

impl Args {
    /// To check an editor's settings against the model, though not to run it.
    pub(super) fn may_run_the_model(&self) -> bool {
        matches!(&self.step, Some(Step::Set { key, .. }) if key.starts_with("settings"))
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    Ok(Report::done(
        "config",
        match &args.step {
            None | Some(Step::List) => repo.settings()?,
            Some(Step::Get { key }) => repo.setting(key)?,
            Some(Step::Set { key, .. }) if key.strip_prefix("alias.").is_some_and(is_verb) => {
                let name = key.trim_start_matches("alias.").to_owned();
                return Err(CliError::AliasOfVerb { name });
            }
            Some(Step::Set { key, value }) => {
                repo.set_setting(key, value, &|editor, settings| {
                    cx.runtime().fits(&repo.base_dir(), editor, settings)
                })?
            }
            Some(Step::Unset { key }) => repo.unset_setting(key)?,
        },
    ))
}

impl Render for ConfigReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for Setting { key, value, set } in &self.settings {
            let mark = if *set { "*" } else { " " };
            match value {
                Some(Value::String(text)) if !text.is_empty() => {
                    writeln!(page, "{mark} {key} = {text}")?;
                }
                Some(value) => writeln!(page, "{mark} {key} = {value}")?,
                None => writeln!(page, "{mark} {key} is not set")?,
            }
        }
        Ok(())
    }
}

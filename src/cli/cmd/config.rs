//! `kledger config`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use super::editors::preset;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::Page,
        report::{Render, Report},
        verbs::is_verb,
    },
    editor::{self, Method},
    ledger::{
        MEANINGS, Repo,
        verb::config::{ConfigReport, Setting},
    },
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
  kledger config list --all
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
    List {
        /// Those of the editor too, and of each where its value comes from, what it means and what it can be
        #[arg(long)]
        all: bool,
    },
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
    /// To look at the model for an editor's settings, though not to run it.
    pub(super) fn may_run_the_model(&self) -> bool {
        match &self.step {
            Some(Step::Set { key, .. }) => key.starts_with("settings"),
            Some(Step::List { all }) => *all,
            _ => false,
        }
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    Ok(Report::done(
        "config",
        match &args.step {
            Some(Step::List { all: true }) => {
                return Ok(Report::done("config", explained(cx, &repo)?));
            }
            None | Some(Step::List { .. }) => repo.settings()?,
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

/// Settings with what there is to know of them.
#[derive(Debug, Serialize)]
struct Explained {
    path: PathBuf,
    settings: Vec<ExplainedSetting>,
}

#[derive(Debug, Serialize)]
struct ExplainedSetting {
    #[serde(flatten)]
    setting: Setting,
    source: Source,
    meaning: &'static str,
    range: &'static str,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Source {
    /// Nobody said anything.
    Default,
    /// The editor has settings for this model.
    Preset,
    /// `faithful = true` sets it.
    Faithful,
    /// The settings file sets it.
    File,
    /// So does it, to what `calibrate` found.
    Calibrated,
}

/// All settings of the repository, and of the editor that it is set to.
fn explained(cx: &Context, repo: &Repo) -> Result<Explained, CliError> {
    let ConfigReport { path, settings } = repo.settings()?;
    let mut all: Vec<ExplainedSetting> = Vec::new();
    for setting in settings {
        let (table, rest) = setting.key.split_once('.').unwrap_or((&setting.key, ""));
        let known = MEANINGS.iter().find(|known| known.key == table);
        let (meaning, range) = match known {
            Some(known) => (known.meaning, known.range),
            None => rest.split_once('.').and_then(of_editor).unwrap_or_default(),
        };
        let source = match &setting {
            Setting { set: false, .. } => Source::Default,
            set if is_calibrated(repo, set) => Source::Calibrated,
            _ => Source::File,
        };
        all.push(ExplainedSetting { setting, source, meaning, range });
    }
    let name = &repo.config().editor;
    // An editor that is not there is named by the verbs that edit.
    if let Ok(method) = editor::method(name) {
        let own = repo.config().settings.get(name).cloned().unwrap_or_default();
        let unset = of_method(method, &own, preset(cx, name).ok().flatten().as_ref());
        all.extend(unset.into_iter().map(|(setting, value, source)| ExplainedSetting {
            setting: Setting { key: format!("settings.{name}.{}", setting.key), value, set: false },
            source,
            meaning: setting.meaning,
            range: setting.range,
        }));
    }
    all.sort_by(|a, b| a.setting.key.cmp(&b.setting.key));
    Ok(Explained { path, settings: all })
}

/// Whether a setting that the file sets is what `calibrate` put there.
fn is_calibrated(repo: &Repo, setting: &Setting) -> bool {
    let [_, editor, key] = setting.key.splitn(3, '.').collect::<Vec<_>>()[..] else { return false };
    let found = repo.calibration(editor).and_then(|report| report.settings.get(key).cloned());
    found.and_then(|found| serde_json::to_value(found).ok()) == setting.value
        && setting.value.is_some()
}

/// What a setting of an editor means, and what it can be.
fn of_editor((name, key): (&str, &str)) -> Option<(&'static str, &'static str)> {
    if key == FAITHFUL {
        return Some((
            "do exactly what the method's reference implementation does",
            "true or false",
        ));
    }
    let settings = editor::method(name).ok()?.settings();
    let setting = settings.into_iter().find(|setting| setting.key == key)?;
    Some((setting.meaning, setting.range))
}

/// The key that stands for several.
const FAITHFUL: &str = "faithful";

/// What a method is set to where `own`, the settings of the file, says nothing.
fn of_method(
    method: &dyn Method,
    own: &toml::Table,
    preset: Option<&toml::Table>,
) -> Vec<(&'static editor::Setting, Option<Value>, Source)> {
    let faithful = match own.get(FAITHFUL) {
        Some(toml::Value::Boolean(true)) => method.faithful(),
        _ => toml::Table::new(),
    };
    let defaults = method.defaults();
    let unset = method.settings().into_iter().filter(|setting| !own.contains_key(setting.key));
    let found = unset.map(|setting| {
        let usual = defaults.get(setting.key);
        let of_model = preset.and_then(|preset| preset.get(setting.key));
        let (value, source) = match (faithful.get(setting.key), of_model) {
            (Some(value), _) => (Some(value), Source::Faithful),
            (None, Some(value)) if usual != Some(value) => (Some(value), Source::Preset),
            (None, _) => (usual, Source::Default),
        };
        (setting, value.and_then(|value| serde_json::to_value(value).ok()), source)
    });
    found.collect()
}

impl Render for ConfigReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for setting in &self.settings {
            let mark = if setting.set { "*" } else { " " };
            writeln!(page, "{mark} {}", said(setting, "is not set"))?;
        }
        Ok(())
    }
}

/// `seed = 0`, or that it has no value and why.
fn said(Setting { key, value, .. }: &Setting, without: &str) -> String {
    match value {
        Some(Value::String(text)) if !text.is_empty() => format!("{key} = {text}"),
        Some(value) => format!("{key} = {value}"),
        None => format!("{key} {without}"),
    }
}

impl Render for Explained {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for ExplainedSetting { setting, source, meaning, range } in &self.settings {
            let mark = if setting.set { "*" } else { " " };
            let of_editor = setting.key.starts_with("settings.");
            let without = if of_editor { "depends on the model" } else { "is not set" };
            writeln!(page, "{mark} {}  ({source})", said(setting, without))?;
            if !meaning.is_empty() {
                writeln!(page, "      {}: {range}", meaning.trim_end_matches('.'))?;
            }
        }
        page.note(format_args!("* is set in {}", self.path.display()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Preset => "preset of this model",
            Self::Faithful => "faithful",
            Self::File => "file",
            Self::Calibrated => "calibrated for this model",
        })
    }
}

//! `kledger editors`.

use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, STRONG},
        report::{Render, Report},
    },
    editor::{self, METHODS, Method},
    engine::{EngineError, Grain},
    ledger::LedgerError,
};

/// List the editors, or what one of them can be told
///
/// For each it says what it needs, what it yields, and whether one fact of a commit can be taken back without editing
/// the others again. With a name its settings follow, with what they are for the repository's model where there is
/// one and this program can open it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger editors
  kledger editors memit
  kledger editors memit --json")]
pub struct Args {
    /// Name of an editor
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Args {
    /// To see what settings are for the model, though not to run it.
    pub(super) const fn may_run_the_model(&self) -> bool {
        self.name.is_some()
    }
}

#[derive(Debug, Serialize)]
struct EditorsReport {
    editors: Vec<EditorView>,
}

#[derive(Debug, Serialize)]
struct EditorView {
    name: &'static str,
    version: u32,
    about: &'static str,
    /// What it has to be given: `prefixes`, `statistics`, `training`.
    needs: Vec<&'static str>,
    yields: Grain,
    /// Whether one fact of a commit can be taken back without editing the others again.
    takes_back_one: bool,
    /// Where one editor is named: what it can be told.
    settings: Option<Vec<SettingView>>,
    /// Why the defaults are not those of the repository's model.
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct SettingView {
    key: &'static str,
    meaning: &'static str,
    range: &'static str,
    /// What it is where nothing is said; nothing where it depends on a model and there is none.
    default: Option<Value>,
    /// Whether that is the repository's model's.
    of_model: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let editors = match &args.name {
        None => METHODS.iter().map(|method| EditorView::of(*method)).collect(),
        Some(name) => {
            let method = editor::method(name);
            let method = method.map_err(|error| EngineError::Settings(error.to_string()));
            let method = method.map_err(LedgerError::from)?;
            let (preset, note) = match preset(cx, name) {
                Ok(preset) => (preset, None),
                Err(error) => (None, Some(no_model(&error))),
            };
            let settings = Some(settings(method, preset.as_ref()));
            vec![EditorView { settings, note, ..EditorView::of(method) }]
        }
    };
    Ok(Report::done("editors", EditorsReport { editors }))
}

/// What the editor is set to for the repository's model: nothing where there is no repository.
///
/// # Errors
/// When the model cannot be opened here, or the editor does not fit it.
pub(super) fn preset(cx: &Context, editor: &str) -> Result<Option<toml::Table>, EngineError> {
    let Ok(repo) = cx.repo() else { return Ok(None) };
    let engine = cx.runtime().open(&repo.base_dir())?;
    let (spec, _) = engine.settle(editor, "")?;
    Ok(spec.settings.parse().ok())
}

fn no_model(error: &EngineError) -> String {
    format!("defaults are not the repository's model's, which cannot be asked: {error}")
}

fn settings(method: &dyn Method, preset: Option<&toml::Table>) -> Vec<SettingView> {
    let defaults = method.defaults();
    let view = |setting: &editor::Setting| {
        let of_model = preset.and_then(|preset| preset.get(setting.key));
        let default = of_model.or_else(|| defaults.get(setting.key));
        SettingView {
            key: setting.key,
            meaning: setting.meaning,
            range: setting.range,
            default: default.and_then(|value| serde_json::to_value(value).ok()),
            of_model: of_model.is_some(),
        }
    };
    method.settings().into_iter().map(view).collect()
}

impl EditorView {
    fn of(method: &dyn Method) -> Self {
        let needs = method.needs();
        let needs = [
            (needs.prefixes, "prefixes"),
            (needs.moments, "statistics"),
            (needs.artefact, "training"),
        ];
        Self {
            name: method.name(),
            version: method.version(),
            about: method.about(),
            needs: needs.into_iter().filter_map(|(needed, what)| needed.then_some(what)).collect(),
            yields: method.grain(),
            takes_back_one: method.grain() == Grain::Fact,
            settings: None,
            note: None,
        }
    }
}

impl Render for EditorsReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for editor in &self.editors {
            editor.render(page)?;
        }
        Ok(())
    }
}

impl Render for EditorView {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{STRONG}{}{STRONG:#} {}  {}", self.name, self.version, self.about)?;
        let needs =
            if self.needs.is_empty() { "nothing".to_owned() } else { self.needs.join(", ") };
        writeln!(page, "  needs: {needs}")?;
        writeln!(
            page,
            "  yields: {}",
            match self.yields {
                Grain::Fact => "columns for each fact; one fact can be taken back alone",
                Grain::Whole => {
                    "one change for all facts; to take one back, the others are edited again"
                }
            }
        )?;
        if let Some(note) = &self.note {
            page.note(note)?;
        }
        for setting in self.settings.iter().flatten() {
            match &setting.default {
                Some(default) => writeln!(page, "  {} = {default}", setting.key)?,
                None => writeln!(page, "  {} depends on the model", setting.key)?,
            }
            writeln!(page, "      {}: {}", setting.meaning, setting.range)?;
        }
        Ok(())
    }
}

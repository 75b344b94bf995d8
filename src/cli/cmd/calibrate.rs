//! `kledger calibrate`.

use std::{
    fmt::{self, Write},
    path::Path,
    time::Duration,
};

use super::{commit::scored, trace::chosen};
use crate::{
    cli::{
        context::Context,
        edit_args::Settings,
        error::CliError,
        page::{Page, many},
        report::{Render, Report},
    },
    ledger::{
        EditOptions, Tried,
        verb::calibrate::{CalibrateOptions, CalibrateReport},
    },
};

/// Find settings of an editor that suit the model
///
/// Gives facts that the model knows other objects, with one value of a setting after the other, and keeps what the check
/// of these edits says is better: blocks, how far and how long vectors are sought, contexts. The blocks that kledger trace
/// --choose-layers names are tried too. The facts are those of the
/// neighbourhood that the model answers, or else what it says itself where facts are staged. As many others, which had no
/// part in the choice, then measure what was found; if it does better on them it goes into the settings file. Nothing is
/// committed. Ctrl-C stops; vectors that were found are not sought again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger calibrate
  kledger calibrate --facts 50 --minutes 30
  kledger calibrate --editor alphaedit --set 'layers=[3, 4, 5]' --dry-run")]
pub struct Args {
    /// Facts that settings are tried on; as many others measure what was found
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(4..=1000))]
    facts: u16,
    /// How long to try settings, at most
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    minutes: u16,
    /// Say what was found, and leave the settings as they are
    #[arg(long)]
    dry_run: bool,
    /// Seed of what is sampled
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let (editor, settings) = args.settings.read(cx)?;
    let options = CalibrateOptions {
        edit: EditOptions { editor, settings, seed: args.seed, ..EditOptions::default() },
        facts: args.facts.into(),
        time: Some(Duration::from_secs(60 * u64::from(args.minutes))),
        dry_run: args.dry_run,
    };
    let mut open = |base: &Path| cx.runtime().open(base);
    let mut progress = cx.stoppable();
    let report = repo.calibrate(&actor, &options, &mut open, progress.as_mut())?;
    Ok(Report::done("calibrate", report))
}

impl Render for CalibrateReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Tried {} on {}", self.editor, many(self.facts, "fact"))?;
        if let Some(traced) = &self.traced {
            page.note(format_args!("traced, {}", chosen(traced)))?;
        }
        for tried in &self.tried {
            tried.render(page)?;
        }
        if self.untried > 0 {
            let values = many(self.untried, "value");
            page.note(format_args!("time was up: {values} not tried (--minutes)"))?;
        }
        let others = many(self.others, "other fact");
        writeln!(page, "On {others}, as it was: {}", scored(&self.before))?;
        let Some(after) = &self.after else {
            return writeln!(page, "Nothing was better than what is set");
        };
        writeln!(page, "On {others}, as found: {}", scored(after))?;
        for (key, value) in &self.settings {
            writeln!(page, "  {key} = {value}")?;
        }
        if self.set {
            writeln!(page, "Set in {}", self.path.display())
        } else if after.score > self.before.score {
            page.note("nothing was set: a dry run")
        } else {
            page.note("nothing was set: on facts that had no part in the choice it is no better")
        }
    }
}

impl Render for Tried {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let settings: Vec<String> =
            self.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let what = if settings.is_empty() { "as it was".to_owned() } else { settings.join(", ") };
        let taken = if self.taken && !settings.is_empty() { "  taken" } else { "" };
        page.note(format_args!("{what}: {}{taken}", scored(&self.measured)))
    }
}

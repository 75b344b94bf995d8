//! `kledger check`.

use std::{
    fmt::{self, Write},
    path::Path,
};

use super::commit::{REMEDY, answered};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, many, short, words},
        report::{Render, Report},
    },
    ledger::verb::check::CheckReport,
};

/// Ask a version which of its facts hold now
///
/// The model is asked each fact's first prompt on exactly the weights that a checkout has. A report made with a
/// commit says what held then of a part of them; this asks all.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger check
  kledger check HEAD~3 -n 100
  kledger check --exit-code || kledger repair")]
pub struct Args {
    /// The version
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    /// How many facts that do not hold to list at most [default: 20, or all with --verbose or --json]
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<usize>,
    /// End with 1 where a fact does not hold
    #[arg(long)]
    exit_code: bool,
}

/// Facts listed where nothing is said of how many.
const LISTED: usize = 20;

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let listed = if cx.in_full() { usize::MAX } else { LISTED };
    let mut open = |base: &Path| cx.runtime().open(base);
    let mut progress = cx.progress();
    let listed = args.number.unwrap_or(listed);
    let report = cx.repo()?.check(&args.revision, listed, &mut open, progress.as_mut())?;
    let failed = args.exit_code && !report.all_hold();
    Ok(if failed { Report::refused("check", report) } else { Report::done("check", report) })
}

impl Render for CheckReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let holding = self.holding.map_or_else(
            || "none asked".to_owned(),
            |rate| format!("{} of {} asked hold", rate.passed, rate.of),
        );
        let (facts, commit) = (many(self.facts, "fact"), short(self.commit.id));
        writeln!(page, "{} {commit}  {facts}, {holding}", self.revision)?;
        for failing in &self.failing {
            writeln!(page, "  does not hold: {}", words(&failing.fact))?;
            answered(&failing.prompt, &failing.answer, page)?;
        }
        if self.more > 0 {
            writeln!(page, "  and {} more (-v lists them)", self.more)?;
        }
        if self.wordless > 0 {
            page.note(format_args!("{} without words not asked", many(self.wordless, "fact")))?;
        }
        if !self.all_hold() && self.commit.head {
            page.note(REMEDY)?;
        }
        Ok(())
    }
}

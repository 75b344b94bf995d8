//! `kledger log`.

use std::fmt::{self, Write};

use serde::Serialize;

use super::commit::rates;
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, counts, refs, short, summary, time},
        report::{Render, Report},
    },
    ledger::{
        CommitView, StepView,
        verb::log::{LogEntry, LogReport},
    },
};

/// Show the commits that led to a version, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger log
  kledger log -n 5 --oneline draft")]
pub struct Args {
    /// Where to start
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    /// How many commits at most
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<usize>,
    /// One line for each commit
    #[arg(long)]
    oneline: bool,
}

#[derive(Debug, Serialize)]
struct Log {
    #[serde(flatten)]
    report: LogReport,
    #[serde(skip)]
    oneline: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let report = cx.repo()?.log(&args.revision, args.number)?;
    Ok(Report::done("log", Log { report, oneline: args.oneline }))
}

impl Render for Log {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for (number, entry) in self.report.entries.iter().enumerate() {
            let commit = &entry.commit;
            if self.oneline {
                writeln!(page, "{}{} {}", short(commit.id), refs(commit), summary(commit))?;
                continue;
            }
            if number > 0 {
                writeln!(page)?;
            }
            entry.render(page)?;
        }
        if self.report.more && !self.oneline {
            page.note("older commits are not shown")?;
        }
        Ok(())
    }
}

impl Render for LogEntry {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let commit = &self.commit;
        writeln!(page, "commit {}{}", short(commit.id), refs(commit))?;
        let mut rows = vec![row("author", commit.author.clone()), row("date", time(commit.time))];
        if commit.step != StepView::Root {
            rows.push(row("facts", counts(&self.facts)));
        }
        rows.extend(step(commit));
        if self.efficacy.is_some() || self.neighbourhood.is_some() {
            let text = rates(self.efficacy, self.paraphrase, self.neighbourhood);
            rows.push(row("check", text));
        }
        page.table(&rows)?;
        writeln!(page)?;
        for line in commit.message.lines() {
            writeln!(page, "    {line}")?;
        }
        Ok(())
    }
}

/// What a commit did, where it did not just edit.
pub(super) fn step(commit: &CommitView) -> Option<[String; 2]> {
    match commit.step {
        StepView::Root | StepView::Edit => None,
        StepView::Revert { of } => Some(row("reverts", format!("{of:.12}"))),
        StepView::Merge => {
            let others: Vec<String> =
                commit.parents.iter().skip(1).map(|parent| format!("{parent:.12}")).collect();
            Some(row("merges", others.join(" ")))
        }
        StepView::Pick { of } => Some(row("picks", format!("{of:.12}"))),
        StepView::Consolidate => Some(row("step", "all facts in one delta")),
    }
}

/// A row of a table of two columns.
pub(super) fn row(name: &str, text: impl Into<String>) -> [String; 2] {
    [name.to_owned(), text.into()]
}

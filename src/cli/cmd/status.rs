//! `kledger status`.

use std::fmt::{self, Write};

use super::{commit::REMEDY, proceed::conflict_line};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many, short, summary, words},
        report::{Render, Report},
    },
    ledger::verb::status::{CheckoutFiles, StatusReport},
};

/// Show where HEAD is and what the next commit would do
///
/// Of the checked-out directory it says which version it holds, and which files in it were changed, deleted or
/// added since kledger wrote it. Files are read only where their times or sizes are other ones.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger status
  kledger status --json -n 100")]
pub struct Args {
    /// How many staged facts, and how many files that differ in the checkout, to list at most [default: 20, or
    /// all with --verbose or --json]
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<usize>,
}

/// Facts listed where nothing is said of how many.
const LISTED: usize = 20;
/// Facts that do not hold of which no more is to be said.
const FEW: usize = 3;

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let listed = if cx.in_full() { usize::MAX } else { LISTED };
    let report = cx.repo()?.status_listing(args.number.unwrap_or(listed))?;
    Ok(Report::done("status", report))
}

impl Render for StatusReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let facts = many(self.facts, "fact");
        writeln!(page, "On {}  {} ({facts})", head(&self.head), summary(&self.commit))?;
        if let Some(checkout) = &self.checkout {
            let state = if checkout.current { "" } else { ", not where HEAD is" };
            let (dir, commit) = (checkout.dir.display(), short(checkout.commit));
            page.note(format_args!("checked out in {dir}: {commit}{state}"))?;
            if let Some(files) = &checkout.files {
                files.render(page)?;
            }
        }
        if let Some(unfinished) = &self.unfinished {
            let (task, left) = (unfinished.task, many(unfinished.left, "commit"));
            writeln!(page, "A {task} of {} is in progress, {left} left", unfinished.name)?;
            for conflict in &unfinished.conflicts {
                writeln!(page, "  {}", conflict_line(conflict))?;
            }
            page.note(format_args!("kledger {task} --continue resumes it, --abort gives it up"))?;
        }
        if let Some(bisection) = &self.bisection {
            writeln!(page, "A bisection is in progress")?;
            bisection.render(page)?;
            page.note("kledger bisect good, bad or skip goes on, kledger bisect reset ends it")?;
        }
        if self.failing.count > 0 {
            let (count, of) = (self.failing.count, self.failing.of);
            writeln!(page, "{count} of {} asked do not hold at HEAD", many(of, "fact"))?;
            for fact in self.failing.first.iter().take(if page.verbose { usize::MAX } else { FEW })
            {
                writeln!(page, "  {}", words(fact))?;
            }
            page.note("kledger show says what is answered instead")?;
            page.note(REMEDY)?;
        }
        if self.stashed > 0 {
            page.note(format_args!(
                "{} stashed (kledger stash list)",
                many(self.stashed, "stage")
            ))?;
        }
        if self.staged.is_empty() && self.more + self.words + self.neighbourhood == 0 {
            return writeln!(page, "Nothing staged");
        }
        writeln!(page, "Staged for the next commit:")?;
        page.changes(&self.staged)?;
        if self.more > 0 {
            writeln!(page, "  and {} more (-v lists them)", self.more)?;
        }
        if self.words > 0 {
            writeln!(page, "  words for {}", many(self.words, "IRI"))?;
        }
        if self.neighbourhood > 0 {
            writeln!(page, "  {}", many(self.neighbourhood, "neighbourhood fact"))?;
        }
        for predicate in &self.without_template {
            page.note(format_args!("no template for <{predicate}>: commit will be refused"))?;
        }
        Ok(())
    }
}

impl Render for CheckoutFiles {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let Self { changed, deleted, added, more } = self;
        for (what, names) in [("changed", changed), ("deleted", deleted), ("added", added)] {
            for name in names {
                writeln!(page, "    {what:<8} {name}")?;
            }
        }
        if *more > 0 {
            writeln!(page, "    and {more} more (-v lists them)")?;
        }
        Ok(())
    }
}

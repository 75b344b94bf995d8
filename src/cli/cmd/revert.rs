//! `kledger revert`.

use std::{
    fmt::{self, Write},
    path::Path,
};

use super::commit::edited_again;
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, committed, words},
        report::{Render, Report},
        runtime::Runtime,
    },
    ledger::{OpenEngine, verb::revert::RevertReport},
};

/// Take an earlier commit back by a new commit
///
/// The deltas of that commit leave the version, so reverting the last commit gives the weights before
/// it again, bit for bit. Facts that later commits changed again stay as they are. What else is known of
/// a subject is edited again, since it was found together with what goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger revert HEAD
  kledger revert 3f9a1c72 -m 'The tower has not moved'")]
pub struct Args {
    /// The commit
    #[arg(value_name = "REV")]
    revision: String,
    /// Why
    #[arg(long, short, value_name = "MESSAGE")]
    message: Option<String>,
    /// Run no model: do not ask what holds afterwards
    #[arg(long)]
    no_check: bool,
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        !self.no_check
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let mut open = |base: &Path| cx.runtime().open(base);
    let engine: Option<OpenEngine<'_>> =
        if args.no_check || !Runtime::is_there() { None } else { Some(&mut open) };
    let mut progress = cx.stoppable();
    let message = args.message.as_deref();
    let report = repo.revert(&actor, &args.revision, message, engine, progress.as_mut())?;
    Ok(Report::done("revert", report))
}

impl Render for RevertReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{}", committed(&self.head, &self.commit))?;
        page.changes(&self.changes)?;
        for fact in &self.stayed {
            page.note(format_args!("changed again since, stays: {}", words(fact)))?;
        }
        if self.as_before {
            let parent = self.reverted.parents.first();
            let parent = parent.map_or_else(String::new, |parent| format!(" {parent:.12}"));
            return writeln!(page, "  weights are those of{parent}, bit for bit");
        }
        edited_again(self.again, page)?;
        if let Some(kept) = self.kept {
            writeln!(page, "  {} of {} facts asked still hold", kept.passed, kept.of)?;
        }
        for row in &self.lost {
            writeln!(page, "  no longer holds: {}", words(&row.fact))?;
        }
        for note in &self.notes {
            page.note(note)?;
        }
        Ok(())
    }
}

//! `kledger revert`.

use std::{
    fmt::{self, Write},
    path::Path,
};

use super::{
    commit::{REMEDY, edited_again},
    proceed::{self, Waiting},
};
use crate::{
    cli::{
        context::Context,
        edit_args::EditArgs,
        error::CliError,
        page::{Page, committed, words},
        report::{Render, Report},
        runtime::Runtime,
    },
    ledger::{
        How, OpenEngine, ResumeOptions, Task,
        verb::revert::{RevertOptions, RevertReport},
    },
};

/// Revert earlier commits with new commits
///
/// The deltas of a commit leave the version, so reverting the last commit gives the weights before
/// it again, bit for bit. Facts that later commits changed again stay as they are. What else is known of
/// a subject is edited again, as it was edited, since it was found together with what goes. Several
/// commits are reverted one by one, of a range the newest first; the branch moves once, at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger revert HEAD
  kledger revert 3f9a1c72 -m 'The tower has not moved'
  kledger revert HEAD~3..HEAD
  kledger revert HEAD~3 --require kept=0.95
  kledger revert --continue")]
pub struct Args {
    /// The commits, or ranges of them
    #[arg(value_name = "REV", required_unless_present = "waiting", conflicts_with = "waiting")]
    revisions: Vec<String>,
    /// Why
    #[arg(long, short, value_name = "MESSAGE")]
    message: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
    /// Leave the commit out at which it waits, and go on
    #[arg(long, group = "waiting")]
    skip: bool,
    /// Run no model: do not ask what holds afterwards
    #[arg(long, conflicts_with_all = ["require", "seed", "editor", "set", "settings"])]
    no_check: bool,
    #[command(flatten)]
    edit: EditArgs,
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        !self.no_check && !self.waiting.is_abort()
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let (edit, message) = (args.edit.options(cx)?, args.message.clone());
    if let [revision] = args.revisions.as_slice()
        && !revision.contains("..")
    {
        let repo = cx.repo()?;
        let actor = cx.actor(Some(&repo))?;
        let mut open = |base: &Path| cx.runtime().open(base);
        let engine: Option<OpenEngine<'_>> =
            if args.no_check || !Runtime::is_there() { None } else { Some(&mut open) };
        let mut progress = cx.stoppable();
        let options = RevertOptions { message, edit };
        let report = repo.revert(&actor, revision, &options, engine, progress.as_mut())?;
        return Ok(Report::done("revert", report));
    }
    let resume = ResumeOptions { message, how: How { edit, ..How::default() } };
    let waiting = (&args.waiting, args.skip);
    let said = (args.no_check, resume);
    proceed::run(cx, Task::Revert, waiting, said, |repo, actor, said, engine, progress| {
        let ResumeOptions { message, how } = said;
        let options = RevertOptions { message, edit: how.edit };
        repo.revert_all(actor, &args.revisions, &options, engine, progress)
    })
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
        if !self.lost.is_empty() {
            page.note(REMEDY)?;
        }
        Ok(())
    }
}

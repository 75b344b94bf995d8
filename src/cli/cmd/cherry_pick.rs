//! `kledger cherry-pick`.

use super::proceed::{self, HowArgs, Waiting};
use crate::{
    cli::{context::Context, error::CliError, report::Report},
    ledger::Task,
};

/// Apply commits from another branch to HEAD
///
/// A..B are the ancestors of B that A does not have, oldest first and without merges. HEAD's branch moves
/// once all are applied.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger cherry-pick draft
  kledger cherry-pick 3f9a1c72 HEAD@{1}
  kledger cherry-pick main..draft
  kledger cherry-pick --continue")]
pub struct Args {
    /// The commits
    #[arg(value_name = "REV", required_unless_present = "waiting", conflicts_with = "waiting")]
    revisions: Vec<String>,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    waiting: Waiting,
    /// Leave the commit out at which it waits, and go on
    #[arg(long, group = "waiting")]
    skip: bool,
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        proceed::may_run_the_model(&self.waiting, &self.how)
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let waiting = (&args.waiting, args.skip);
    let said = (args.how.no_check(), args.how.said(cx, None)?);
    proceed::run(cx, Task::CherryPick, waiting, said, |repo, actor, said, engine, progress| {
        repo.cherry_pick(actor, &args.revisions, &said.how, engine, progress)
    })
}

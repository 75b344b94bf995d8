//! `kledger rebase`.

use super::proceed::{self, HowArgs, Waiting};
use crate::{
    cli::{context::Context, error::CliError, report::Report},
    ledger::Task,
};

/// Reapply HEAD's own commits on another branch
///
/// The ancestors of HEAD that REV does not have are reapplied on REV, oldest first and without merges. HEAD's
/// branch moves once all are reapplied. In conflicts, ours is what was reapplied so far and theirs the commit
/// that is being reapplied.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger rebase main
  kledger rebase main --onto v1
  kledger rebase --continue
  kledger rebase --skip")]
pub struct Args {
    /// Where HEAD's own commits begin, and go to
    #[arg(value_name = "REV", required_unless_present = "waiting", conflicts_with = "waiting")]
    upstream: Option<String>,
    /// Where they go to instead
    #[arg(long, value_name = "REV", conflicts_with = "waiting")]
    onto: Option<String>,
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
    proceed::run(cx, Task::Rebase, waiting, said, |repo, actor, said, engine, progress| {
        let upstream = args.upstream.as_deref().unwrap_or_default();
        repo.rebase(actor, upstream, args.onto.as_deref(), &said.how, engine, progress)
    })
}

//! `kledger merge`.

use super::proceed::{self, HowArgs, Waiting};
use crate::{
    cli::{context::Context, error::CliError, report::Report},
    ledger::{
        Task,
        verb::merge::{FastForward, MergeOptions},
    },
};

/// Merge another branch into HEAD
///
/// Takes what each side changed since they diverged. Two objects for one subject and predicate are
/// a conflict: the merge stops until `kledger resolve` settles it. The deltas of both
/// sides are summed, every fact is asked, and facts that no longer hold are edited in again, all in one
/// commit with two parents.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger merge draft
  kledger merge draft --theirs --strategy re-edit
  kledger merge draft --require efficacy=0.95,kept=1
  kledger resolve --ours --subject 'Eiffel Tower'
  kledger merge --continue
  kledger merge --abort")]
pub struct Args {
    /// The branch, or any other version
    #[arg(value_name = "REV", required_unless_present = "waiting", conflicts_with = "waiting")]
    revision: Option<String>,
    /// Why
    #[arg(long, short, value_name = "MESSAGE", conflicts_with_all = ["abort", "ff_only"])]
    message: Option<String>,
    /// Make a commit even where moving the branch forward would do
    #[arg(long, conflicts_with_all = ["ff_only", "waiting"])]
    no_ff: bool,
    /// Refuse where moving the branch forward does not do
    #[arg(
        long,
        conflicts_with_all = [
            "waiting", "ours", "theirs", "strategy", "no_check", "require", "seed", "editor", "set",
            "settings"
        ]
    )]
    ff_only: bool,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    waiting: Waiting,
}

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        proceed::may_run_the_model(&self.waiting, &self.how)
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let waiting = (&args.waiting, false);
    let said = (args.how.no_check(), args.how.said(cx, args.message.as_deref())?);
    proceed::run(cx, Task::Merge, waiting, said, |repo, actor, said, engine, progress| {
        let options = MergeOptions {
            message: said.message,
            fast_forward: match (args.no_ff, args.ff_only) {
                (true, _) => FastForward::Never,
                (_, true) => FastForward::Only,
                _ => FastForward::Allowed,
            },
            how: said.how,
        };
        let revision = args.revision.as_deref().unwrap_or_default();
        repo.merge(actor, revision, &options, engine, progress)
    })
}

//! `kledger reset`.

use std::fmt::{self, Write};

use super::checkout::set_aside;
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many, short},
        report::{Render, Report},
    },
    ledger::{
        InTheWay,
        verb::reset::{Reset, ResetReport},
    },
};

/// Move the branch to another commit, or empty the stage
///
/// Without a revision the stage is emptied. With one the branch moves there and what is staged stays
/// staged. Commits are never deleted, and kledger undo takes a reset back. With --hard the checkout is written
/// again; files in it that kledger did not write stay, as with kledger checkout.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger reset
  kledger reset HEAD~1
  kledger reset --hard v1")]
pub struct Args {
    /// Where to move the branch
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Move the branch, empty the stage, and check the version out
    #[arg(long)]
    hard: bool,
    /// With --hard: have files that are in the way make room, as kledger checkout --force does
    #[arg(long, requires = "hard")]
    force: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let way = if args.force { InTheWay::SetAside } else { InTheWay::Refuse };
    let (revision, what) = match (&args.revision, args.hard) {
        (revision, true) => (revision.as_deref().unwrap_or("HEAD"), Reset::Hard(way)),
        (Some(revision), false) => (revision.as_str(), Reset::Branch),
        (None, false) => ("HEAD", Reset::Stage),
    };
    Ok(Report::done("reset", repo.reset(&actor, revision, what)?))
}

impl Render for ResetReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "On {}", head(&self.head))?;
        if self.from != self.head.commit {
            page.note(format_args!("was at {}", short(self.from)))?;
        }
        if self.unstaged > 0 {
            writeln!(page, "  {} unstaged", many(self.unstaged, "fact"))?;
        }
        if let Some(dir) = &self.dir {
            page.note(format_args!("written to {}", dir.display()))?;
        }
        set_aside(page, &self.set_aside)
    }
}

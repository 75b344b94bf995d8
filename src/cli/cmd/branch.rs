//! `kledger branch`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, short},
        report::{Render, Report},
    },
    ledger::{
        RefView,
        verb::branch::{BranchReport, RefAction},
    },
};

/// List, make, rename or delete branches
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger branch
  kledger branch draft HEAD~1
  kledger branch -d draft
  kledger branch -D trial
  kledger branch -m draft final")]
pub struct Args {
    /// The branch to make; without it, branches are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Where to make it
    #[arg(value_name = "REV", default_value = "HEAD", requires = "name")]
    revision: String,
    /// Delete this branch, all of which HEAD has
    #[arg(long, short, value_name = "NAME", conflicts_with_all = ["name", "rename"])]
    delete: Option<String>,
    /// Delete this branch, also one that is not merged
    #[arg(short = 'D', value_name = "NAME", conflicts_with_all = ["name", "rename", "delete"])]
    discard: Option<String>,
    /// Give a branch another name
    #[arg(long, short = 'm', num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "name")]
    rename: Vec<String>,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = || cx.actor(Some(&repo));
    let report = match (&args.name, &args.delete, &args.discard, args.rename.as_slice()) {
        (Some(name), ..) => repo.create_branch(&actor()?, name, &args.revision)?,
        (_, Some(name), ..) => repo.delete_branch(&actor()?, name)?,
        (_, _, Some(name), _) => repo.discard_branch(&actor()?, name)?,
        (.., [from, to]) => repo.rename_branch(&actor()?, from, to)?,
        _ => repo.branches()?,
    };
    Ok(Report::done("branch", report))
}

impl Render for BranchReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        refs(&self.action, &self.branches, page)
    }
}

/// What was done to a branch or tag; where nothing was, all there are.
pub(super) fn refs(action: &RefAction, all: &[RefView], page: &mut Page) -> fmt::Result {
    match action {
        RefAction::Created { name, commit } => writeln!(page, "Made {name} at {}", short(*commit)),
        RefAction::Moved { name, from, commit } if from == commit => {
            writeln!(page, "{name} is at {} already", short(*commit))
        }
        RefAction::Moved { name, from, commit } => {
            writeln!(page, "Moved {name} from {} to {}", short(*from), short(*commit))
        }
        RefAction::Deleted { name, commit } => {
            writeln!(page, "Deleted {name}, which was at {}", short(*commit))
        }
        RefAction::Renamed { from, to } => writeln!(page, "Renamed {from} to {to}"),
        RefAction::Listed => {
            let width = all.iter().map(|view| view.name.chars().count()).max().unwrap_or(0);
            for RefView { name, commit, summary, current } in all {
                let mark = if *current { "*" } else { " " };
                writeln!(page, "{mark} {name:width$}  {}  {summary}", short(*commit))?;
            }
            Ok(())
        }
    }
}

//! `kledger switch`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many},
        report::{Render, Report},
    },
    ledger::verb::switch::SwitchReport,
};

/// Move HEAD to another branch without writing weights
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger switch main
  kledger switch -
  kledger switch -c draft
  kledger switch -c fix HEAD~2")]
pub struct Args {
    /// The branch; - is the one before this
    #[arg(value_name = "BRANCH")]
    branch: String,
    /// Make the branch
    #[arg(long, short)]
    create: bool,
    /// Where to make it
    #[arg(value_name = "REV", default_value = "HEAD", requires = "create")]
    from: String,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let from = args.create.then_some(args.from.as_str());
    Ok(Report::done("switch", repo.switch(&actor, &args.branch, from)?))
}

impl Render for SwitchReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let new = if self.created { "new branch " } else { "" };
        writeln!(page, "On {new}{}", head(&self.head))?;
        if self.staged > 0 {
            page.note(format_args!("{} still staged", many(self.staged, "fact")))?;
        }
        Ok(())
    }
}

//! `kledger tag`.

use std::fmt;

use super::branch::refs;
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::Page,
        report::{Render, Report},
    },
    ledger::verb::tag::TagReport,
};

/// List, make or delete tags, names that do not move
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger tag
  kledger tag v1
  kledger tag -f latest HEAD~1
  kledger tag -d v1")]
pub struct Args {
    /// The tag to make; without it, tags are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Where to make it
    #[arg(value_name = "REV", default_value = "HEAD", requires = "name")]
    revision: String,
    /// Move a tag of that name there, if there is one
    #[arg(long, short, requires = "name")]
    force: bool,
    /// Delete this tag
    #[arg(long, short, value_name = "NAME", conflicts_with = "name")]
    delete: Option<String>,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let report = match (&args.name, &args.delete) {
        (Some(name), _) if args.force => {
            repo.move_tag(&cx.actor(Some(&repo))?, name, &args.revision)?
        }
        (Some(name), _) => repo.create_tag(&cx.actor(Some(&repo))?, name, &args.revision)?,
        (None, Some(name)) => repo.delete_tag(&cx.actor(Some(&repo))?, name)?,
        (None, None) => repo.tags()?,
    };
    Ok(Report::done("tag", report))
}

impl Render for TagReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        refs(&self.action, &self.tags, page)
    }
}

//! `kledger redo`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many},
        report::{Render, Report},
    },
    ledger::verb::undo::RedoReport,
};

/// Redo what was undone
///
/// After any other change, what was undone before it stays undone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger redo
  kledger redo -n 3")]
pub struct Args {
    /// How many operations to redo
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 1, value_parser = super::undo::count)]
    number: usize,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    Ok(Report::done("redo", repo.redo(&actor, args.number)?))
}

impl Render for RedoReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for operation in &self.redone {
            writeln!(page, "Redid: kledger {}", operation.command)?;
        }
        page.note(format_args!("on {}, {} staged", head(&self.head), many(self.staged, "fact")))
    }
}

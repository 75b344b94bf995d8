//! `kledger undo`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many},
        report::{Render, Report},
    },
    ledger::verb::undo::UndoReport,
};

/// Undo what the last command did to branches, tags, HEAD and stage
///
/// Undoing again goes back further; `kledger redo` redoes what was undone. Work that is on disk
/// stays there: a checkout is not written again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger undo
  kledger undo -n 3")]
pub struct Args {
    /// How many operations to undo
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 1, value_parser = count)]
    number: usize,
}

/// A number of operations.
pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number of operations, 1 or more".to_owned()),
        Ok(number) => Ok(number),
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    Ok(Report::done("undo", repo.undo(&actor, args.number)?))
}

impl Render for UndoReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for operation in &self.undone {
            writeln!(page, "Undid: kledger {}", operation.command)?;
        }
        page.note(format_args!("on {}, {} staged", head(&self.head), many(self.staged, "fact")))
    }
}

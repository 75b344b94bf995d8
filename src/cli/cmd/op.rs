//! `kledger op`.

use std::fmt::{self, Write};

use clap::Subcommand;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, STRONG, time},
        report::{Render, Report},
    },
    ledger::verb::op::OpReport,
};

/// Show what every command changed
///
/// The log is what `undo`, `redo` and revisions such as main@{1} go by.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "\
Examples:
  kledger op log
  kledger op log -n 10 --json"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List operations, newest first
    Log {
        /// How many operations at most
        #[arg(short = 'n', long = "number", value_name = "N")]
        number: Option<usize>,
    },
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let What::Log { number } = args.what;
    Ok(Report::done("op", cx.repo()?.op_log(number)?))
}

impl Render for OpReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for logged in &self.operations {
            let operation = &logged.operation;
            let state = match (logged.kept, logged.undone) {
                (false, _) => "  (gone: gc has removed its result)",
                (true, true) => "  (undone)",
                (true, false) => "",
            };
            let (number, command) = (operation.number, &operation.command);
            writeln!(page, "{STRONG}{number}{STRONG:#}  kledger {command}{state}")?;
            page.note(format_args!("{}  {}", time(operation.time), operation.author))?;
            for change in &operation.refs {
                let at = |id: Option<_>| id.map_or("nothing".to_owned(), |id| format!("{id:.12}"));
                let name = change.name.trim_start_matches("heads/").trim_start_matches("tags/");
                page.note(format_args!("{name}: {} -> {}", at(change.from), at(change.to)))?;
            }
            if let Some(head) = &operation.head {
                let at = |place: &str| {
                    if place.len() == 64 { place[..12].to_owned() } else { place.to_owned() }
                };
                page.note(format_args!("HEAD: {} -> {}", at(&head.from), at(&head.to)))?;
            }
            if operation.stage {
                page.note("stage changed")?;
            }
        }
        if self.more {
            page.note("older operations are not shown")?;
        }
        Ok(())
    }
}

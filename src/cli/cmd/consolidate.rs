//! `kledger consolidate`.

use std::{
    fmt::{self, Write},
    path::Path,
};

use super::commit::{check_rates, remedy};
use crate::{
    cli::{
        context::Context,
        edit_args::EditArgs,
        error::CliError,
        page::{Page, bytes, committed, many},
        report::{Render, Report},
    },
    ledger::verb::{commit::CommitOptions, consolidate::ConsolidateReport},
};

/// Edit all facts into the base at once: the same facts, one delta
///
/// Cached z vectors are reused, so this costs keys and one solve. Earlier versions stay as they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger consolidate
  kledger consolidate --require efficacy=0.95")]
pub struct Args {
    /// Why
    #[arg(long, short, value_name = "MESSAGE", default_value = "", hide_default_value = true)]
    message: String,
    #[command(flatten)]
    edit: EditArgs,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let options = CommitOptions {
        message: args.message.clone(),
        edit: args.edit.options(cx)?,
        ..CommitOptions::default()
    };
    let mut open = |base: &Path| cx.runtime().open(base);
    let report = repo.consolidate(&actor, &options, &mut open, cx.stoppable().as_mut())?;
    Ok(Report::done("consolidate", report))
}

impl Render for ConsolidateReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "{}", committed(&self.head, &self.commit))?;
        let facts = many(self.facts, "fact");
        writeln!(page, "  {facts}, {}", check_rates(&self.edit.check))?;
        writeln!(page, "  {} of {} held before", self.held_before, self.facts)?;
        let (deltas, before) = (many(self.deltas_before, "delta"), bytes(self.bytes_before));
        writeln!(page, "  {deltas} before, {before}")?;
        self.edit.render(page)?;
        for note in &self.notes {
            page.note(note)?;
        }
        remedy(&self.edit.check, page)
    }
}

//! `kledger consolidate`.

use std::{
    fmt::{self, Write},
    path::Path,
};

use super::commit::{Settings, check_rates};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, bytes, committed, many},
        report::{Render, Report},
    },
    ledger::{
        LedgerError, Requirements,
        verb::{commit::CommitOptions, consolidate::ConsolidateReport},
    },
};

/// Edit all facts that hold into the base at once: the same facts, one delta
///
/// z vectors that were found before are used again, so this costs keys and one solve. Earlier versions
/// stay as they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger consolidate
  kledger consolidate --require efficacy=0.95")]
pub struct Args {
    /// Why
    #[arg(long, short, value_name = "MESSAGE", default_value = "", hide_default_value = true)]
    message: String,
    /// What the edit must reach: efficacy, paraphrase, neighbourhood or kept, =, and a share
    #[arg(long, value_name = "WHAT=SHARE")]
    require: Vec<String>,
    /// Seed of what is sampled
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let require: Requirements = args.require.join(",").parse().map_err(LedgerError::from)?;
    let options = CommitOptions {
        message: args.message.clone(),
        editor: args.settings.editor(),
        settings: args.settings.table()?,
        seed: args.seed,
        require,
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
        Ok(())
    }
}

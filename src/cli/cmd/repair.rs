//! `kledger repair`.

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
        page::{Page, committed, head, many},
        report::{Render, Report},
    },
    ledger::verb::{commit::CommitOptions, repair::RepairReport},
};

/// Edit again what does not hold: the same facts, new weights
///
/// Asks HEAD's version each of its facts and edits those that it answers otherwise again, on top of what was edited, in
/// one commit. They are edited as they were made unless something else is said; z vectors are kept, so this costs keys
/// and a solve. Nothing is recorded where no more facts would hold than before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger repair
  kledger repair --set v_num_grad_steps=40
  kledger repair -m 'What the merge moved' --require efficacy=0.95,kept=1")]
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
    let report = repo.repair(&actor, &options, &mut open, cx.stoppable().as_mut())?;
    Ok(Report::done("repair", report))
}

impl Render for RepairReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let asked = many(self.asked, "fact");
        let Some(edit) = &self.edit else {
            writeln!(page, "Nothing to repair, on {}", head(&self.head))?;
            return page.note(format_args!("{asked} asked, all hold"));
        };
        writeln!(page, "{}", committed(&self.head, &self.commit))?;
        let rates = check_rates(&edit.check);
        writeln!(page, "  {} of {asked} did not hold, {rates}", self.failing)?;
        edit.render(page)?;
        for note in &self.notes {
            page.note(note)?;
        }
        remedy(&edit.check, page)
    }
}

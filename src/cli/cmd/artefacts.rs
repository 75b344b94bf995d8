//! `kledger artefacts`.

use std::fmt::{self, Write};

use super::train::validated;
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, bytes, many, short},
        report::{Render, Report},
    },
    ledger::verb::artefacts::{ArtefactView, ArtefactsAction, ArtefactsReport},
};

/// List, show or remove what editors were trained to
///
/// A commit is made with the newest artefact of its editor that fits the base, and names it; it stays stored while a commit
/// does.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger artefacts
  kledger artefacts show 3f2a
  kledger artefacts rm 3f2a")]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all
    List,
    /// Show one, with the settings it was trained with
    Show {
        /// The beginning of its id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Make no new edits with one
    Rm {
        /// The beginning of its id
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let report = match &args.action {
        None | Some(Action::List) => repo.artefacts(),
        Some(Action::Show { id }) => repo.show_artefact(id),
        Some(Action::Rm { id }) => repo.remove_artefact(&cx.actor(Some(&repo))?, id),
    };
    Ok(Report::done("artefacts", report?))
}

impl Render for ArtefactsReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        match &self.action {
            ArtefactsAction::Listed if self.artefacts.is_empty() => {
                writeln!(page, "Nothing is trained: kledger train EDITOR")
            }
            ArtefactsAction::Listed => {
                self.artefacts.iter().try_for_each(|artefact| artefact.render(page))
            }
            ArtefactsAction::Shown { artefact, settings } => {
                artefact.render(page)?;
                for predicate in &artefact.held_back.predicates {
                    page.note(format_args!("held back: {predicate}"))?;
                }
                settings.iter().try_for_each(|(key, value)| writeln!(page, "  {key} = {value}"))
            }
            ArtefactsAction::Removed { artefact } => {
                writeln!(page, "Removed {} of {}", short(artefact.artefact), artefact.editor)?;
                page.note("commits that were made with it keep it")
            }
        }
    }
}

impl Render for ArtefactView {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let base = if self.of_this_base { "" } else { ", of another base" };
        writeln!(
            page,
            "{} {}  {} steps on {} ({}), {}{base}",
            short(self.artefact),
            self.editor,
            self.steps,
            many(self.held_back.learned, "fact"),
            self.source,
            bytes(self.bytes)
        )?;
        validated(page, "subjects that it did not learn from", self.seen.as_ref())?;
        validated(page, "predicates that it did not learn from", self.unseen.as_ref())
    }
}

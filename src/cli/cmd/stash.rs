//! `kledger stash`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, many, short},
        report::{Render, Report},
    },
    ledger::verb::stash::{StashAction, StashReport, StashView},
};

/// Stash what is staged, and restore it later
///
/// Without a subcommand, stashes. Restoring stages it beside what is staged then, on any branch.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger stash
  kledger stash push -m 'Towers, half done'
  kledger stash list
  kledger stash show 1
  kledger stash pop 1
  kledger stash apply
  kledger stash drop")]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Stash what is staged
    Push {
        /// A message for the list
        #[arg(long, short, value_name = "MESSAGE")]
        message: Option<String>,
    },
    /// Stage a stash again and remove it from the list; the newest unless a number is given
    Pop {
        /// Its number in the list
        #[arg(value_name = "N", default_value_t = 0, value_parser = number)]
        number: usize,
    },
    /// Stage a stash again and keep it in the list too
    Apply {
        /// Its number in the list
        #[arg(value_name = "N", default_value_t = 0, value_parser = number)]
        number: usize,
    },
    /// Show a stash, the newest unless a number is given
    Show {
        /// Its number in the list
        #[arg(value_name = "N", default_value_t = 0, value_parser = number)]
        number: usize,
    },
    /// List all stashes
    List,
    /// Drop a stash, the newest unless a number is given
    Drop {
        /// Its number in the list
        #[arg(value_name = "N", default_value_t = 0, value_parser = number)]
        number: usize,
    },
}

/// Changes listed where not all are wanted.
const LISTED: usize = 20;

/// A number in the list: `1`, or as git writes it `stash@{1}`.
fn number(text: &str) -> Result<usize, String> {
    let inner = text.strip_prefix("stash@{").and_then(|text| text.strip_suffix('}'));
    inner.unwrap_or(text).parse().map_err(|_| "expected a number of the list, such as 1".to_owned())
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = || cx.actor(Some(&repo));
    let report = match &args.action {
        None => repo.stash_push(&actor()?, None)?,
        Some(Action::Push { message }) => repo.stash_push(&actor()?, message.as_deref())?,
        Some(Action::Pop { number }) => repo.stash_pop(&actor()?, *number)?,
        Some(Action::Apply { number }) => repo.stash_apply(&actor()?, *number)?,
        Some(Action::Show { number }) => {
            repo.stash_show(*number, if cx.in_full() { usize::MAX } else { LISTED })?
        }
        Some(Action::List) => repo.stashes()?,
        Some(Action::Drop { number }) => repo.stash_drop(&actor()?, *number)?,
    };
    Ok(Report::done("stash", report))
}

impl Render for StashReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        match &self.action {
            StashAction::Listed if self.entries.is_empty() => {
                return writeln!(page, "Nothing is stashed");
            }
            StashAction::Listed => {
                let rows: Vec<_> = self.entries.iter().map(row).collect();
                return page.table(&rows);
            }
            StashAction::Pushed => {
                if let Some(entry) = self.entries.first() {
                    writeln!(page, "Stashed {}: {}", what(entry), entry.message)?;
                }
            }
            StashAction::Shown { entry, changes, more } => {
                writeln!(page, "{} stashed: {}", what(entry), entry.message)?;
                page.changes(changes)?;
                if *more > 0 {
                    writeln!(page, "  and {more} more (-v lists them)")?;
                }
                return Ok(());
            }
            StashAction::Applied { entry } => {
                writeln!(page, "Staged {} again: {}", what(entry), entry.message)?;
                page.note("still stashed: kledger stash drop removes it")?;
            }
            StashAction::Popped { entry } => {
                writeln!(page, "Staged {} again: {}", what(entry), entry.message)?;
            }
            StashAction::Dropped { entry } => {
                writeln!(page, "Dropped {}: {}", what(entry), entry.message)?;
            }
        }
        page.note(format_args!("{} staged in all", many(self.staged, "fact")))
    }
}

fn row(entry: &StashView) -> [String; 5] {
    let branch = entry.branch.clone().unwrap_or_else(|| "detached".to_owned());
    let (number, commit) = (entry.number.to_string(), short(entry.commit));
    [number, branch, commit, what(entry), entry.message.clone()]
}

/// `2 facts, words for 1 IRI`.
fn what(entry: &StashView) -> String {
    let mut parts = Vec::new();
    if entry.facts > 0 {
        parts.push(many(entry.facts, "fact"));
    }
    if entry.words > 0 {
        parts.push(format!("words for {}", many(entry.words, "IRI")));
    }
    if entry.neighbourhood > 0 {
        parts.push(many(entry.neighbourhood, "neighbourhood fact"));
    }
    parts.join(", ")
}

//! `kledger rm`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use super::add::{noun, role};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, many},
        report::{Render, Report},
        triples::Input,
    },
    fact::read::Choice,
    ledger::{About, verb::rm::RmReport},
};

/// Unstage facts, or retract them with the next commit
///
/// Staged facts leave the stage. Committed facts are staged to be retracted: the next commit gives the model
/// its old belief again.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["files", "about"])))]
#[command(after_help = "\
Examples:
  kledger rm wrong.nt
  kledger rm --about 'Eiffel Tower'
  kledger rm --about http://www.wikidata.org/entity/Q243 \\
      --predicate http://www.wikidata.org/prop/direct/P131")]
pub struct Args {
    /// Files that name the facts, - for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Format of all files: nt, ttl, nq, trig, rdf or jsonld; otherwise their names say it
    #[arg(long, value_name = "FORMAT", conflicts_with = "about")]
    format: Option<String>,
    /// All facts with this subject, by IRI or by its name in reports, instead of those in files
    #[arg(long, value_name = "SUBJECT")]
    about: Option<String>,
    /// Only those with this predicate
    #[arg(long, value_name = "PREDICATE", requires = "about")]
    predicate: Option<String>,
    /// Neighbourhood facts instead of edited ones
    #[arg(long)]
    neighbourhood: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let role = role(args.neighbourhood);
    let report = if let Some(subject) = &args.about {
        let about = About::new(Some(subject), args.predicate.as_deref());
        repo.rm_about(&actor, &about, role)?
    } else {
        let input = Input { files: args.files.clone(), format: args.format.clone() };
        repo.rm(&actor, input.intake(cx, &Choice::default())?, role)?
    };
    Ok(Report::done("rm", report))
}

impl Render for RmReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let (noun, outcome) = (noun(self.role), &self.outcome);
        if outcome.unstaged > 0 {
            writeln!(page, "Unstaged {}", many(outcome.unstaged, noun))?;
        }
        if outcome.retracted > 0 {
            let facts = many(outcome.retracted, noun);
            writeln!(page, "Staged {facts} to be retracted")?;
        }
        if outcome.duplicates > 0 {
            page.note(format_args!("{} staged to be retracted already", outcome.duplicates))?;
        }
        match self.staged {
            0 => Ok(()),
            staged => page.note(format_args!("{} staged in all", many(staged, "fact"))),
        }
    }
}

//! `kledger resolve`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use super::proceed::conflict_line;
use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, many},
        report::{Render, Report},
        triples::Input,
    },
    ledger::{About, Favour, verb::resolve::ResolveReport},
};

/// Settle the conflicts of a merge, cherry-pick, rebase or revert
///
/// Takes one side for all open conflicts or for those about a subject, or facts that are to hold from
/// files, which may be others than either side's. `kledger status` lists the conflicts.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["files", "ours", "theirs", "base"])))]
#[command(after_help = "\
Examples:
  kledger resolve --theirs
  kledger resolve --ours --subject 'Eiffel Tower' --predicate location
  kledger resolve right.nt")]
pub struct Args {
    /// Files of facts that are to hold, - for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Format of all files: nt, ttl, nq, trig, rdf or jsonld; otherwise their names say it
    #[arg(long, value_name = "FORMAT", conflicts_with = "side")]
    format: Option<String>,
    /// What holds on our side
    #[arg(long, group = "side")]
    ours: bool,
    /// What holds on the other side
    #[arg(long, group = "side")]
    theirs: bool,
    /// What held before both sides changed it
    #[arg(long, group = "side")]
    base: bool,
    /// Only conflicts about this subject, an IRI or a name
    #[arg(long, value_name = "NAME", requires = "side")]
    subject: Option<String>,
    /// Only conflicts about this predicate, an IRI or a name
    #[arg(long, value_name = "NAME", requires = "side")]
    predicate: Option<String>,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let side = match (args.ours, args.theirs, args.base) {
        (true, ..) => Some(Favour::Ours),
        (_, true, _) => Some(Favour::Theirs),
        (.., true) => Some(Favour::Base),
        _ => None,
    };
    let report = if let Some(side) = side {
        let about = About::new(args.subject.as_deref(), args.predicate.as_deref());
        repo.resolve(&actor, side, &about)?
    } else {
        let input = Input { files: args.files.clone(), format: args.format.clone() };
        repo.resolve_with(&actor, input.read(cx)?)?
    };
    Ok(Report::done("resolve", report))
}

impl Render for ResolveReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Settled {}, {} open", many(self.settled, "conflict"), self.open)?;
        for conflict in &self.conflicts {
            writeln!(page, "  {}", conflict_line(conflict))?;
        }
        if self.open == 0 {
            page.note(format_args!("kledger {} --continue resumes it", self.task))?;
        }
        Ok(())
    }
}

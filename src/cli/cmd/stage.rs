//! `kledger stage`.

use std::path::Path;

use super::{
    add::remark,
    query::{may_call, text_of},
};
use crate::cli::{context::Context, error::CliError, report::Report};

/// Stage what a SPARQL update makes of the facts
///
/// INSERT DATA stages facts, DELETE DATA retracts them, and DELETE and INSERT WHERE do both with what a pattern finds among
/// the facts at HEAD with those that are staged. Either all of the update is staged or nothing. Unlike in SPARQL, a new
/// object for a subject and predicate replaces the one that holds, unless the predicate has many values. What is only
/// staged and is deleted leaves the stage, and what is committed holds again.
///
/// The update is kept with the facts that it sets. Common prefixes need not be declared, GRAPH <kledger:REV> asks another
/// version, and patterns may ask the model, as in kledger query. LOAD, CLEAR, other graphs and blank nodes are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger stage --sparql 'INSERT DATA { dbr:Eiffel_Tower dbo:location dbr:Rome }'
  kledger stage --sparql 'DELETE WHERE { ?s dbo:architect ?o }' --dry-run
  kledger stage --sparql 'DELETE { ?s dbo:location dbr:Paris } INSERT { ?s dbo:location dbr:Rome } WHERE { ?s dbo:location dbr:Paris }'
  kledger stage --sparql changes.ru --source 'Minutes of 3 May'")]
pub struct Args {
    /// The update, a file that has it, or - for standard input
    #[arg(long, value_name = "UPDATE")]
    sparql: String,
    /// Say what would be staged, and stage nothing
    #[arg(long)]
    dry_run: bool,
    /// Who or what says so: kept with the facts, and shown by facts, blame and show --fact
    #[arg(long, value_name = "TEXT", value_parser = remark)]
    source: Option<String>,
    /// Under which licence: kept with the facts too
    #[arg(long, value_name = "TEXT", value_parser = remark)]
    licence: Option<String>,
    /// How long a pattern may take, without what the model takes
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// How many triples a pattern may give
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_rows: u64,
    /// How much memory a pattern may take, where the system says what a process has
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    max_memory: u64,
}

impl Args {
    /// Whether a pattern could call one of kledger's functions.
    pub(super) fn may_run_the_model(&self) -> bool {
        may_call(&self.sparql)
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let (text, name) = text_of(cx, &args.sparql)?;
    #[cfg(feature = "query")]
    return staged::run(cx, args, &text, name);
    #[cfg(not(feature = "query"))]
    {
        let _unused = (text, name, args.dry_run, &args.source, &args.licence, Path::new(""));
        let _limits = (args.timeout, args.max_rows, args.max_memory);
        Err(CliError::NoQueries)
    }
}

#[cfg(feature = "query")]
mod staged {
    use std::{
        fmt::{self, Write},
        time::Duration,
    };

    use super::{Args, CliError, Context, Path, Report};
    use crate::{
        cli::{
            page::{Page, many},
            report::Render,
        },
        ledger::{
            LedgerError,
            verb::stage::{StageOptions, StageReport},
        },
        query::{Limits, Update},
    };

    pub(super) fn run(
        cx: &Context,
        args: &Args,
        text: &str,
        name: String,
    ) -> Result<Report, CliError> {
        let update = Update::parse(text).map_err(LedgerError::from)?;
        let options = StageOptions {
            name,
            limits: Limits {
                time: Duration::from_secs(args.timeout),
                rows: args.max_rows,
                memory: args.max_memory.saturating_mul(1 << 20),
            },
            dry_run: args.dry_run,
            source: args.source.clone(),
            licence: args.licence.clone(),
        };
        let mut open = |base: &Path| cx.runtime().open(base);
        let (repo, mut progress) = (cx.repo()?, cx.stoppable());
        let actor = cx.actor(Some(&repo))?;
        let update = (text, update);
        let report = repo.stage_update(&actor, update, &options, &mut open, progress.as_mut())?;
        Ok(Report::done("stage", report))
    }

    impl Render for StageReport {
        fn render(&self, page: &mut Page) -> fmt::Result {
            let added = &self.added;
            let come = added.added + added.replaced;
            let parts = [
                (come, "fact"),
                (self.retracted, "retraction"),
                (added.labels, "label"),
                (added.names, "further name"),
                (added.templates, "template"),
                (added.settings, "predicate setting"),
            ];
            let parts = parts.into_iter().filter(|(count, _)| *count > 0);
            let parts: Vec<String> = parts.map(|(count, noun)| many(count, noun)).collect();
            match (parts.as_slice(), self.unstaged) {
                ([], 0) => writeln!(page, "Nothing new")?,
                ([], gone) if self.dry_run => {
                    writeln!(page, "Would unstage {}", many(gone, "fact"))?;
                }
                ([], gone) => writeln!(page, "Unstaged {}", many(gone, "fact"))?,
                (parts, _) if self.dry_run => writeln!(page, "Would stage {}", parts.join(", "))?,
                (parts, _) => writeln!(page, "Staged {}", parts.join(", "))?,
            }
            page.changes(&self.changes)?;
            if added.replaced > 0 {
                page.note(format_args!("{} in place of another", many(added.replaced, "fact")))?;
            }
            for (count, what) in [
                (self.unstaged, "staged no longer"),
                (self.absent, "to be deleted, and not held"),
                (added.unchanged, "committed already"),
                (added.duplicates, "staged already"),
            ] {
                if count > 0 {
                    page.note(format_args!("{count} {what}"))?;
                }
            }
            if self.dry_run {
                return page.note("nothing was staged");
            }
            page.note(format_args!("{} staged in all", many(self.staged, "fact")))
        }
    }
}

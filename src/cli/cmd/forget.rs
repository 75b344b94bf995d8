//! `kledger forget`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{GONE, Page, bytes, head, many, words},
        report::{Render, Report},
    },
    ledger::{About, verb::forget::ForgetReport},
};

/// Remove everything said about a subject from all of history
///
/// Commits that say it, and all their descendants, are rewritten without it. Branches, tags and HEAD move to
/// the rewritten commits. The old ones are removed at once. Weights lose the columns of its facts. This
/// cannot be undone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger forget 'Jane Doe' --dry-run
  kledger forget https://example.org/jane-doe --yes")]
pub struct Args {
    /// The subject: its IRI, or its name as reports show it
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Only say what would be forgotten
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let mut actor = cx.actor(Some(&repo))?;
    // The operation log must not name what was forgotten.
    "forget".clone_into(&mut actor.command);
    let about = About::new(Some(&args.subject), None);
    let forget = |dry_run| repo.forget(&actor, &about, dry_run, cx.progress().as_mut());
    if !args.dry_run && !args.yes {
        let seen = forget(true)?;
        let numbers = match seen.shared {
            0 => String::new(),
            shared => format!(
                " Its numbers stay in {}, which other facts hold too.",
                many(shared, "delta")
            ),
        };
        cx.confirm(&format!(
            "Forget {}, rewriting {}? This cannot be undone.{numbers}",
            many(seen.facts.len() as u64, "fact"),
            many(seen.rewritten, "commit")
        ))?;
    }
    Ok(Report::done("forget", forget(args.dry_run)?))
}

impl Render for ForgetReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let (forgot, rewritten) =
            if self.dry_run { ("Would forget", "to rewrite") } else { ("Forgot", "rewritten") };
        writeln!(page, "{forgot} {}", many(self.facts.len() as u64, "fact"))?;
        for fact in &self.facts {
            writeln!(page, "{GONE}- {}{GONE:#}", words(fact))?;
        }
        page.note(format_args!("{} {rewritten}", many(self.rewritten, "commit")))?;
        for change in &self.refs {
            let name = change.name.trim_start_matches("heads/").trim_start_matches("tags/");
            let at = |id: Option<_>| id.map_or("another".to_owned(), |id| format!("{id:.12}"));
            page.note(format_args!("  {name}: {} -> {}", at(change.from), at(change.to)))?;
        }
        if self.dropped > 0 {
            let count = many(self.dropped, "commit");
            page.note(format_args!("{count} that only operations reached: gone"))?;
        }
        if self.staged > 0 {
            page.note(format_args!("{} unstaged", many(self.staged, "fact")))?;
        }
        if self.evaluations > 0 {
            let count = many(self.evaluations, "evaluation");
            page.note(format_args!("{count} of weights that are no more: gone"))?;
        }
        if !self.dry_run {
            page.note(format_args!("columns taken out of {}", many(self.deltas, "delta")))?;
            let (objects, files) =
                (many(self.objects, "object"), many(self.tensor_files, "tensor file"));
            page.note(format_args!("removed {objects}, {files}: {}", bytes(self.freed)))?;
            page.note("z vectors are gone, whosoever they were; undo goes back no further")?;
            page.note(format_args!("on {}", head(&self.head)))?;
        }
        if self.whole > 0 {
            let whole = many(self.whole, "delta");
            page.note(format_args!("{whole} not made fact by fact: as they were"))?;
        }
        page.note("not reached:")?;
        for remains in &self.remains {
            page.note(format_args!("  {remains}"))?;
        }
        Ok(())
    }
}

//! `kledger gc`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, bytes, many, time},
        report::{Render, Report},
    },
    ledger::verb::gc::{GcOptions, GcReport, Kept},
};

/// Remove what no version needs and undo cannot bring back
///
/// Keeps all that is reachable from branches, tags, HEAD, the stage, stashes, and tasks and bisections in
/// progress. Keeps what operations of the last days refer to as well, so that undo can bring it back; the
/// setting keep-days says how many days. Waits for other kledgers in this repository to end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger gc --dry-run
  kledger gc
  kledger gc --prune now")]
pub struct Args {
    /// Only say what would be removed
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Keep what operations of the last DAYS refer to, in place of keep-days; now keeps nothing of it
    #[arg(long, value_name = "now|DAYS", value_parser = days)]
    prune: Option<u32>,
    /// Remove cached z vectors as well; repeating an edit has to find them again
    #[arg(long)]
    z_vectors: bool,
}

fn days(text: &str) -> Result<u32, String> {
    match text {
        "now" => Ok(0),
        days => days.parse().map_err(|_| "expected now or a number of days".to_owned()),
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let options = GcOptions { keep_days: args.prune, z: args.z_vectors, dry_run: args.dry_run };
    Ok(Report::done("gc", repo.gc(&actor, &options, cx.progress().as_mut())?))
}

impl Render for GcReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let kept: u64 = self.kept.iter().map(|kept| kept.objects).sum();
        let verb = if self.dry_run { "Would remove" } else { "Removed" };
        write!(page, "{verb} {}", many(self.objects, "object"))?;
        write!(page, ", {}", many(self.tensor_files, "tensor file"))?;
        if self.snapshots > 0 {
            write!(page, ", {}", many(self.snapshots, "snapshot"))?;
        }
        if self.leftovers > 0 {
            write!(page, ", {}", many(self.leftovers, "leftover"))?;
        }
        writeln!(page, ": {}", bytes(self.freed))?;
        page.note(format_args!("{} kept", many(kept, "object")))?;
        for Kept { by, objects } in &self.kept {
            page.note(format_args!("  {objects:>8}  {}", reason(by, self.since)))?;
        }
        if self.first_operation > 1 {
            page.note(format_args!(
                "what operations before number {} refer to is gone, unless something else needs it",
                self.first_operation
            ))?;
        }
        Ok(())
    }
}

/// What keeps objects, for people.
fn reason(by: &str, since: Option<i64>) -> String {
    match by {
        "refs" => "by branches, tags and HEAD".to_owned(),
        "operations" => {
            let since = since.map_or("now".to_owned(), time);
            format!("by operations since {since}")
        }
        "z vectors" => "by the cache of z vectors".to_owned(),
        "undone" => "by what can be redone".to_owned(),
        name => format!("by the {name}"),
    }
}

//! `kledger checkout`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many, summary},
        report::{Render, Report},
    },
    ledger::{InTheWay, SetAside, verb::checkout::CheckoutReport},
};

/// Write a version as a Hugging Face directory and move HEAD to it
///
/// The weights are built from the base and the deltas, and compared with the hashes that the commit
/// names before anything is written. What is staged stays staged.
///
/// Of the files in the directory those are replaced that kledger wrote, as its kledger.json lists them. All
/// others stay. Where one is in the way, or one that kledger wrote was changed since, nothing is done, unless
/// --force has such files make room: each is kept as NAME.orig. Where the directory is a link, its target is
/// written.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger checkout main
  kledger checkout HEAD~1 --to before
  kledger checkout --force main
  kledger checkout v1
  kledger checkout -b fix HEAD~2
  kledger checkout -")]
pub struct Args {
    /// The version; - is where HEAD was before
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    /// Make this branch there first
    #[arg(short = 'b', value_name = "NAME")]
    branch: Option<String>,
    /// Where to write, in place of the repository's checkout directory
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Have files that are in the way make room: each is kept as NAME.orig
    #[arg(long)]
    force: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let to = args.to.as_deref().map(|to| cx.path(to));
    let way = if args.force { InTheWay::SetAside } else { InTheWay::Refuse };
    let (revision, to) = (&args.revision, to.as_deref());
    let report = match &args.branch {
        Some(name) => repo.checkout_new(&actor, name, revision, to, way)?,
        None => repo.checkout(&actor, revision, to, way)?,
    };
    Ok(Report::done("checkout", report))
}

impl Render for CheckoutReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "[{}] {}", head(&self.head), summary(&self.commit))?;
        let (dir, tensors) = (self.dir.display(), many(self.edited, "tensor"));
        page.note(format_args!("written to {dir}, {tensors} edited"))?;
        set_aside(page, &self.set_aside)?;
        if self.staged > 0 {
            page.note(format_args!("{} still staged", many(self.staged, "fact")))?;
        }
        Ok(())
    }
}

/// Says which files had to make room.
pub(super) fn set_aside(page: &mut Page, files: &[SetAside]) -> fmt::Result {
    for file in files {
        writeln!(page, "  {} was in the way and is kept as {}", file.name, file.to)?;
    }
    Ok(())
}

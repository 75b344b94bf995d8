//! `kledger backup`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, bytes, many},
        report::{Render, Report},
    },
    ledger::verb::backup::BackupReport,
};

/// Copy the repository, even while other commands use it
///
/// DIR becomes a repository with all commits, branches, tags, stages and the base, as of one moment; an earlier
/// backup of this repository in DIR is brought up to date, and what it has is not copied again. On the same file
/// system files are shared and cost no room: give another disk for a copy that outlives this one. What gc and
/// forget remove here later stays in DIR. Copying .kledger by other means while kledger is at work is not safe.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger backup /media/disk/facts
  kledger -C /media/disk/facts fsck")]
pub struct Args {
    /// Directory of the backup: new, empty, or with an earlier backup of this repository
    #[arg(value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let report = cx.repo()?.backup(&cx.path(&args.dir), cx.progress().as_mut())?;
    Ok(Report::done("backup", report))
}

impl Render for BackupReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Backed up to {}", self.dir.display())?;
        page.note(format_args!(
            "up to operation {}: {} new, {} of them shared, {} copied",
            self.operation,
            many(self.files, "file"),
            self.shared,
            bytes(self.bytes)
        ))
    }
}

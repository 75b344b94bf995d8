//! `kledger fsck`.

use std::fmt::{self, Write};

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, many},
        report::{Render, Report},
    },
    ledger::verb::fsck::{FsckOptions, FsckReport},
};

/// Read and verify everything stored
///
/// Every object and tensor file is read and its hash compared. Damage ends with exit code 3.
///
/// --repair makes index and journal again, each from the other and from packs, and puts them in place when they
/// are whole; what can be read of a damaged pack goes into a new one. What was damaged stays beside them under a
/// numbered name. It removes what killed processes left only where nothing is or was damaged. A pack that is brought
/// back later is taken up by --repair again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger fsck
  kledger fsck --weights
  kledger fsck --repair")]
pub struct Args {
    /// Make index and journal again where they are damaged, keep what can be read of packs, and remove what killed
    /// processes left
    #[arg(long)]
    repair: bool,
    /// Build the weights of every version and compare them with the hashes their commits name
    #[arg(long)]
    weights: bool,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let options = FsckOptions { repair: args.repair, weights: args.weights };
    let report = cx.repo()?.fsck(&options, cx.progress().as_mut())?;
    let is_whole = report.problems.is_empty();
    Ok(if is_whole { Report::done("fsck", report) } else { Report::damage("fsck", report) })
}

impl Render for FsckReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        write!(page, "Read {}", many(self.objects, "object"))?;
        write!(page, ", {}", many(self.tensor_files, "tensor file"))?;
        if self.versions > 0 {
            write!(page, ", built the weights of {}", many(self.versions, "version"))?;
        }
        writeln!(page)?;
        for repaired in &self.repaired {
            writeln!(page, "  repaired: {repaired}")?;
        }
        for problem in &self.problems {
            writeln!(page, "  damage: {problem}")?;
        }
        for remark in &self.remarks {
            page.note(remark)?;
        }
        match self.problems.len() as u64 {
            0 => writeln!(page, "No damage found"),
            problems => {
                page.note(
                    "kledger fsck --repair rebuilds index and journal, and keeps what can be read of packs; what \
                     is missing then, and any other file, has to be brought back from a backup, under its name",
                )?;
                writeln!(page, "{} found", many(problems, "problem"))
            }
        }
    }
}

//! `kledger export`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use clap::ValueEnum;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, bytes, many, short},
        report::{Render, Report},
    },
    ledger::verb::export::{ExportFormat, ExportReport},
};

/// Write a version, or its changes alone, to a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger export v1 gpt2-v1
  kledger export --format delta HEAD landmarks")]
pub struct Args {
    /// The version
    #[arg(value_name = "REV")]
    revision: String,
    /// A directory that is new or empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "merged")]
    format: Format,
}

/// What is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A Hugging Face directory that shares nothing with the repository
    Merged,
    /// The factors of the change and a manifest
    Delta,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let format = match args.format {
        Format::Merged => ExportFormat::Merged,
        Format::Delta => ExportFormat::Delta,
    };
    let report = cx.repo()?.export(&args.revision, &cx.path(&args.dir), format)?;
    Ok(Report::done("export", report))
}

impl Render for ExportReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        writeln!(page, "Exported {} to {}", short(self.commit), self.dir.display())?;
        let tensors = many(self.tensors.len() as u64, "tensor");
        page.note(format_args!("{tensors} edited, {}", bytes(self.bytes)))
    }
}

//! Files of triples, as verbs are given them.

use std::{
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use super::{context::Context, error::CliError};
use crate::{
    fact::{
        Fact, Intake, StageError,
        read::{Choice, Format, LeftOut, Mistakes, Position, ReadError, read_triples},
    },
    input,
    ledger::LedgerError,
};

/// Files of triples.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Input {
    /// Files to read, - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// Format of all files: nt, ttl, nq, trig, rdf or jsonld; otherwise their names say it
    #[arg(long, value_name = "FORMAT")]
    pub(in crate::cli) format: Option<String>,
}

type Triple = Result<(Fact, Position), ReadError>;

impl Input {
    /// Reads all files, up to the first error.
    pub(in crate::cli) fn read(&self, cx: &Context) -> Result<Vec<Triple>, CliError> {
        let named = self.named_format()?;
        let mut triples = Vec::new();
        for file in &self.files {
            let format = format(file, named)?;
            let (reader, name) = self.open(cx, file)?;
            let before = triples.len();
            triples.extend(read_triples(reader, format, &name));
            if triples.len() == before {
                triples.push(Err(ReadError::no_triples(&name, LeftOut::default())));
            }
        }
        Ok(triples)
    }

    /// Reads of all files what is in `choice`, for the stage.
    pub(in crate::cli) fn intake(&self, cx: &Context, choice: &Choice) -> Result<Intake, CliError> {
        let named = self.named_format()?;
        self.gather(|file| {
            let format = format(file, named)?;
            let (reader, name) = self.open(cx, file)?;
            Ok(Intake::read(reader, format, &name, choice))
        })
    }

    /// What is read of all files, up to the first in which something is wrong.
    pub(in crate::cli) fn gather(
        &self,
        mut read: impl FnMut(&Path) -> Result<Result<Intake, Mistakes>, CliError>,
    ) -> Result<Intake, CliError> {
        let mut all = Intake::default();
        for file in &self.files {
            let read = read(file)?;
            all.append(read.map_err(|mistakes| LedgerError::from(StageError::from(mistakes)))?);
        }
        if let (true, Some(last)) = (all.is_empty(), self.files.last()) {
            let none = ReadError::no_triples(&last.to_string_lossy(), all.left_out().clone());
            return Err(LedgerError::from(StageError::from(none)).into());
        }
        Ok(all)
    }

    /// The format that is named for all files.
    fn named_format(&self) -> Result<Option<Format>, CliError> {
        Ok(self.format.as_deref().map(str::parse).transpose()?)
    }

    /// Opens a file, and what is packed in it; and its name.
    pub(in crate::cli) fn open(
        &self,
        cx: &Context,
        file: &Path,
    ) -> Result<(Box<dyn BufRead + Send>, String), CliError> {
        let wrong = |source| CliError::Read { path: file.to_owned(), source };
        let reader: Box<dyn BufRead + Send> = if is_stdin(file) {
            Box::new(BufReader::new(io::stdin()))
        } else {
            input::open(&cx.path(file)).map_err(wrong)?
        };
        Ok((input::unpacked(reader), file.to_string_lossy().into_owned()))
    }
}

pub(in crate::cli) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The format of a file: what is named for all, or what its name says.
fn format(file: &Path, named: Option<Format>) -> Result<Format, CliError> {
    let by_name = || Format::from_path(file).filter(|_| !is_stdin(file));
    let format = named.or_else(by_name);
    format.ok_or_else(|| CliError::NoFormat { path: file.to_owned(), table: table(file) })
}

/// As what a table is read, by its name.
fn table(file: &Path) -> Option<&'static str> {
    let name = file.file_name()?.to_str()?.to_ascii_lowercase();
    let bare = [".gz", ".bz2", ".zst"].iter().find_map(|packed| name.strip_suffix(packed));
    match Path::new(bare.unwrap_or(&name)).extension()?.to_str()? {
        "csv" => Some("csv"),
        "tsv" | "tab" => Some("tsv"),
        "jsonl" | "ndjson" => Some("jsonl"),
        _ => None,
    }
}

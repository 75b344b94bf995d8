//! `kledger man`.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use serde::Serialize;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, many},
        report::{Render, Report},
        verbs,
    },
    durable,
    ledger::LedgerError,
};

/// Write manual pages, one for each verb
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger man ~/.local/share/man/man1
  man kledger-commit")]
pub struct Args {
    /// The directory to write them to
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Debug, Serialize)]
struct Pages {
    dir: PathBuf,
    pages: Vec<String>,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let dir = cx.path(&args.dir);
    if dir.exists() && !dir.is_dir() {
        return Err(CliError::NotDirectory { path: dir });
    }
    durable::create_dir(&dir).map_err(LedgerError::from)?;
    let mut pages = Vec::new();
    write(verbs::command(), "kledger", &dir, &mut pages)?;
    Ok(Report::done("man", Pages { dir, pages }))
}

/// Writes the page of a command and those of its steps.
fn write(
    command: clap::Command,
    name: &str,
    dir: &std::path::Path,
    pages: &mut Vec<String>,
) -> Result<(), CliError> {
    let mut page = Vec::new();
    let command = command.disable_help_subcommand(true).name(name.to_owned());
    for step in command.get_subcommands() {
        write(step.clone(), &format!("{name}-{}", step.get_name()), dir, pages)?;
    }
    clap_mangen::Man::new(command).render(&mut page).map_err(CliError::Print)?;
    let file = format!("{name}.1");
    durable::write(&dir.join(&file), &page).map_err(LedgerError::from)?;
    pages.push(file);
    Ok(())
}

impl Render for Pages {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let pages = many(self.pages.len() as u64, "manual page");
        writeln!(page, "Wrote {pages} to {}", self.dir.display())
    }
}

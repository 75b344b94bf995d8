//! The command line: arguments in, one library call, a report out.
//!
//! A verb of [`cmd`] parses its arguments, calls one function of the library and returns a
//! [`Report`]. Only [`ui`] prints, only [`context`] reads clock and environment, and [`error`] says
//! what exit code means what.

mod alias;
pub mod args;
mod author;
pub mod cmd;
mod complete;
pub mod context;
mod edit_args;
pub mod error;
mod git;
pub mod graph;
mod heat_map;
mod hint;
mod interrupt;
pub mod page;
mod picture;
mod plot;
mod progress;
mod raster;
pub mod report;
mod runtime;
mod settings_file;
mod stopwatch;
pub mod topics;
mod triples;
pub mod ui;
pub mod verbs;
mod visible;

use std::{ffi::OsString, process::ExitCode};

use alias::Unread;
pub use args::Cli;
use context::Context;
use error::{CliError, Exit};
pub use report::Report;
use ui::Ui;

use crate::ledger::LedgerError;

/// Runs the command line that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    hush_the_index();
    runtime::end(answer())
}

/// What sled panics with on threads of its own is told as an error of ours, if it matters at all.
fn hush_the_index() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        if name != "index" && !name.starts_with("sled-io") {
            tell(panic);
        }
    }));
}

fn answer() -> Exit {
    if complete::answer() {
        return Exit::Done;
    }
    let (ui, result) = match alias::read(std::env::args_os().collect()) {
        Ok((cli, words)) => (Ui::new(&cli.global), run(&cli, &words)),
        Err(Unread::Refused(error, ui)) => (ui, Err(*error)),
        Err(Unread::Usage(error, words)) => return ui::usage(&error, &words),
    };
    if let Err(CliError::Ledger(LedgerError::Output(error)) | CliError::Print(error)) = &result
        && error.kind() == std::io::ErrorKind::BrokenPipe
    {
        return Exit::Done;
    }
    let printed = match &result {
        Ok(report) => ui.report(report),
        Err(error) => ui.error(error),
    };
    let code = match &result {
        Ok(report) => report.exit,
        Err(error) => error.exit(),
    };
    match printed {
        Ok(()) => code,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            // Standard output cannot be written; standard error may still be heard.
            let _unheard = ui.error(&CliError::Print(error));
            Exit::Refused
        }
    }
}

fn run(cli: &Cli, words: &[OsString]) -> Result<Report, CliError> {
    if cli.command.may_run_the_model() {
        runtime::give_way(words)?;
    }
    let cx = Context::new(&cli.global, words)?;
    let report = cmd::run(&cx, &cli.command)?;
    Ok(report.after(cx.spent()))
}

//! The only place that prints.
//!
//! Results go to standard output, errors and hints to standard error; under `--json` errors are
//! lines of standard output too.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write},
};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use serde_json::{Value, json};

use super::{
    args::Global,
    error::{CliError, Exit},
    page::Page,
    report::Report,
    verbs,
    visible::{self, Spelled, Spelling},
};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    json: bool,
    verbose: bool,
    quiet: bool,
    color: anstream::ColorChoice,
}

impl Ui {
    /// As the options say.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let color = match global.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        Self { json: global.json, verbose: global.verbose, quiet: global.quiet, color }
    }

    /// Prints what came of a verb.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn report(&self, report: &Report) -> io::Result<()> {
        if report.is_printed() {
            return Ok(());
        }
        if self.json {
            let mut out = io::BufWriter::new(Spelled::new(io::stdout().lock(), Spelling::Json));
            report.json(&mut out)?;
            writeln!(out)?;
            return out.flush();
        }
        let mut page = Page::new(self.verbose, self.quiet);
        report.text(&mut page).expect("because a string can always be written");
        let mut out = AutoStream::new(io::stdout().lock(), self.color);
        out.write_all(page.into_text().as_bytes())?;
        out.flush()
    }

    /// Prints why a command was not done, and what can be done about it.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn error(&self, error: &CliError) -> io::Result<()> {
        let (causes, hint) = (error.causes(), error.hint());
        if self.json {
            return line(&failure(&error.to_string(), &causes, hint.as_deref(), error.exit()));
        }
        let mut out = AutoStream::new(io::stderr().lock(), self.color);
        writeln!(out, "{ERROR}error:{ERROR:#} {}", visible::error(&error.to_string()))?;
        for cause in causes {
            writeln!(out, "  because: {}", visible::error(&cause))?;
        }
        if let Some(hint) = hint.filter(|_| !self.quiet) {
            writeln!(out, "{HINT}hint:{HINT:#} {}", visible::error(&hint))?;
        }
        out.flush()
    }
}

/// Prints a usage error, the help or the version; gives the exit code.
pub(super) fn usage(error: &clap::Error, words: &[OsString]) -> Exit {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    // It repeats words of the command line: as they can be seen.
    let shown = words.iter().map(|word| visible::line(&word.to_string_lossy()).into_owned());
    let shown: Vec<OsString> = shown.map(OsString::from).collect();
    let again = verbs::parse(&shown).err();
    let error = again.as_ref().unwrap_or(error);
    // The options did not parse, so whether JSON is wanted has to be seen in the raw words.
    let printed = if exit == Exit::Usage && words.iter().any(|word| word == "--json") {
        let text = error.render().to_string();
        let mut parts = text.trim().trim_start_matches("error: ").split("\n\n");
        let message = parts.next().unwrap_or_default().to_owned();
        line(&failure(&message, &[], parts.next().map(str::trim), exit))
    } else {
        error.print()
    };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Refused,
        _ => exit,
    }
}

/// Standard output for data that other programs read, written as it comes. Nothing in it makes a terminal obey: see
/// [`Spelled`].
pub(super) fn data(spelling: Spelling) -> impl Write {
    let out = io::stdout();
    let spelling = match spelling {
        Spelling::None if out.is_terminal() => Spelling::NTriples,
        spelling => spelling,
    };
    Spelled::new(io::BufWriter::new(out), spelling)
}

/// Prints a line about the work going on.
pub(super) fn aside(text: &str) {
    // Nobody is served by an edit that ends because nobody listens.
    let _unheard = writeln!(anstream::stderr().lock(), "{}", visible::line(text));
}

fn line(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", visible::json(&value.to_string()))?;
    out.flush()
}

fn failure(message: &str, causes: &[String], hint: Option<&str>, exit: Exit) -> Value {
    json!({
        "type": "error",
        "data": { "message": message, "causes": causes, "hint": hint, "exit": exit as u8 }
    })
}

//! What can go wrong, and the exit code that says so.

use std::{
    error::Error,
    io,
    path::PathBuf,
    process::{ExitCode, ExitStatus},
};

use super::{hint::hint, page::words};
use crate::{
    engine::EngineError,
    eval::dataset::DatasetError,
    fact::read::FormatError,
    ledger::{Class, Failure, LedgerError},
    store::StoreError,
};

/// How the process ends. Scripts may rely on these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked is done.
    Done = 0,
    /// It cannot be done; the user can do something about it.
    Refused = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Something stored is not as it was written.
    Damage = 3,
    /// The model or the device failed.
    Engine = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file named on the command line cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file's name does not say what format it is in.
    #[error("cannot tell the format of {}{}", path.display(), if table.is_some() { ": it looks like a table" } else { "" })]
    NoFormat {
        /// The file.
        path: PathBuf,
        /// As what it is read if it is the table that it looks like.
        table: Option<&'static str>,
    },
    /// What is to hold a file is no directory.
    #[error("cannot write {}: {} is no directory", path.display(), dir.display())]
    NoPlace {
        /// The file.
        path: PathBuf,
        /// Where it would be.
        dir: PathBuf,
    },
    /// There is nothing to draw.
    #[error("none of these versions has a check that measured drift")]
    NothingMeasured,
    /// What is to hold files is a file.
    #[error("{} is not a directory", path.display())]
    NotDirectory {
        /// What was named.
        path: PathBuf,
    },
    /// A dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The format is unknown.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A setting given on the command line is none.
    #[error("{text:?} is not KEY=VALUE")]
    Setting {
        /// What was given.
        text: String,
    },
    /// A file of settings makes no sense.
    #[error("{} cannot set an editor: {why}", path.display())]
    SettingsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        why: String,
    },
    /// An option is given for what it does nothing to.
    #[error("{option} is for {what}")]
    NotFor {
        /// The option.
        option: &'static str,
        /// What it is for.
        what: &'static str,
    },
    /// There is no help on that.
    #[error("there is no verb and no topic {topic:?}")]
    Topic {
        /// What was asked for.
        topic: String,
        /// What there is help on.
        known: Vec<String>,
    },
    /// The directory to work in is not there.
    #[error("cannot work in {}", dir.display())]
    Dir {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Two versions are to stand behind the options.
    #[error("{words:?} is not a good version and a bad one")]
    Ends {
        /// What stands there.
        words: String,
    },
    /// A command that tests versions cannot be started.
    #[error("cannot run {program}")]
    Command {
        /// The command.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// A command that tests versions did not end as one that tested.
    #[error("{program} gave up: {status}")]
    GaveUp {
        /// The command.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The verb is git's, or nobody's.
    #[error("kledger has no {verb}")]
    Verb {
        /// What was asked for.
        verb: String,
        /// What does it here.
        tip: String,
    },
    /// An alias expands to itself.
    #[error("the alias {name} expands to itself: {}", chain.join(" -> "))]
    AliasLoop {
        /// Its name.
        name: String,
        /// The words it stands for, one after the other.
        chain: Vec<String>,
    },
    /// An alias is no list of words.
    #[error("the alias {name} cannot be read: {text:?} {why}")]
    Alias {
        /// Its name.
        name: String,
        /// What it is set to.
        text: String,
        /// What is wrong with that.
        why: &'static str,
    },
    /// An alias has the name of a verb.
    #[error("{name} is a verb of kledger: an alias cannot have its name")]
    AliasOfVerb {
        /// The name.
        name: String,
    },
    /// The environment gives a time that is none.
    #[error("KLEDGER_DATE is {text:?}, which is no time")]
    Date {
        /// What it says.
        text: String,
        /// Why it is none.
        source: jiff::Error,
    },
    /// What authors are to match is no regular expression.
    #[error("{pattern:?} is no regular expression: {why}")]
    Pattern {
        /// What was given.
        pattern: String,
        /// Why it is none.
        why: String,
    },
    /// The program was built without queries.
    #[error("this build answers no queries")]
    NoQueries,
    /// The program was built without databases.
    #[error("this build reads and writes no databases")]
    NoDatabases,
    /// This build asks no endpoints.
    #[error("this build asks no endpoints")]
    NoEndpoints,
    /// An endpoint is to be asked, and nothing says which.
    #[error("nothing says which endpoint and which of its models is to be asked")]
    NoEndpoint,
    /// A database is to be read, and nothing says what its rows are.
    #[error("nothing says what the rows of {name} are")]
    NoMapping {
        /// The database as it was named.
        name: String,
    },
    /// Nobody knows who the author is.
    #[error("no author is set")]
    NoAuthor,
    /// Nobody said yes.
    #[error("not done: it was not confirmed")]
    Unconfirmed,
    /// The program with libtorch in it does not start.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The report could not be printed.
    #[error("cannot print the result")]
    Print(#[source] io::Error),
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        LedgerError::from(error).into()
    }
}

impl CliError {
    /// The exit code that says what kind of failure this is.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Ledger(
                LedgerError::Interrupted { .. } | LedgerError::Engine(EngineError::Interrupted),
            ) => Exit::Interrupted,
            Self::Ledger(LedgerError::Requirement(_))
            | Self::NoFormat { .. }
            | Self::Topic { .. }
            | Self::Format(_)
            | Self::Setting { .. }
            | Self::Ends { .. }
            | Self::Verb { .. }
            | Self::Date { .. }
            | Self::Pattern { .. }
            | Self::NoMapping { .. }
            | Self::NoEndpoint
            | Self::NotFor { .. } => Exit::Usage,
            Self::Ledger(error) => match error.class() {
                Class::Refused => Exit::Refused,
                Class::Damage => Exit::Damage,
                Class::Engine => Exit::Engine,
            },
            Self::Start { .. } => Exit::Engine,
            Self::Read { .. }
            | Self::SettingsFile { .. }
            | Self::NoPlace { .. }
            | Self::NothingMeasured
            | Self::NotDirectory { .. }
            | Self::Dataset(_)
            | Self::Dir { .. }
            | Self::NoAuthor
            | Self::NoQueries
            | Self::NoDatabases
            | Self::NoEndpoints
            | Self::Command { .. }
            | Self::GaveUp { .. }
            | Self::AliasLoop { .. }
            | Self::Alias { .. }
            | Self::AliasOfVerb { .. }
            | Self::Unconfirmed
            | Self::Print(_) => Exit::Refused,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Ledger(error) => return hint(error),
            Self::Topic { known, .. } => {
                return Some(format!("there is help on: {}", known.join(", ")));
            }
            Self::Verb { tip, .. } => return Some(tip.clone()),
            Self::Dataset(error) => error.hint(),
            Self::NoFormat { table: None, .. } => {
                "name it: --format nt|ttl|nq|trig|rdf|jsonld; tables are read by kledger add --from csv|tsv|jsonl"
            }
            Self::NoFormat { table: Some(from), .. } => {
                return Some(format!("a table is read by kledger add --from {from} FILE"));
            }
            Self::Setting { .. } => {
                "for example: --set mom2_update_weight=3000 or --set 'layers=[2, 3, 4]'"
            }
            Self::Date { .. } => "a time is written in RFC 3339: 2026-01-02T03:04:05Z",
            Self::NotDirectory { .. } => "name a directory, or a place where nothing is",
            Self::NothingMeasured => {
                "have commits measure it: kledger config set perplexity-text FILE, or --require 'drift<N'"
            }
            Self::NoPlace { .. } => "make the directory first, or give another name",
            Self::Unconfirmed => "--dry-run shows what would be done, --yes does it without asking",
            Self::Start { .. } => "install both programs of one build of kledger",
            Self::NoQueries => "build it with the feature query, which is among the default ones",
            Self::NoDatabases => "build it with the feature sql, which is among the default ones",
            Self::NoEndpoints => {
                "build it with the feature endpoint, which is among the default ones"
            }
            Self::NoEndpoint => {
                "--endpoint URL --endpoint-model NAME, or once: kledger config set endpoint URL, kledger config set \
                 endpoint-model NAME"
            }
            Self::NoMapping { .. } => {
                "--mapping FILE.ttl says it in R2RML; --base IRI takes the tables as they are, with names under that IRI"
            }
            Self::NoAuthor => {
                "set KLEDGER_AUTHOR, or author in .kledger/config.toml, or git's user.name, or say \
                 --author NAME"
            }
            Self::Ends { .. } => {
                "all options go before them: kledger bisect run --prompt PROMPT --expect TEXT GOOD BAD"
            }
            Self::Command { .. } => {
                "nothing was tested; name a program, as ./test.sh or sh -c '...'"
            }
            Self::GaveUp { .. } => {
                "the search is where it was: kledger bisect shows it, kledger bisect run resumes it"
            }
            Self::AliasLoop { .. } | Self::Alias { .. } => {
                "an alias is a verb and its arguments: kledger config set alias.st 'log --oneline'"
            }
            Self::AliasOfVerb { .. } => "choose another name",
            Self::Read { .. }
            | Self::SettingsFile { .. }
            | Self::Format(_)
            | Self::NotFor { .. }
            | Self::Dir { .. }
            | Self::Pattern { .. }
            | Self::Print(_) => return None,
        };
        Some(text.to_owned())
    }

    /// What it comes from, outermost first, without what says the same again.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        if let Self::Ledger(LedgerError::Unmet { failures, .. }) = self {
            return unheld(failures);
        }
        let mut causes = Vec::new();
        let mut last = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            let text = error.to_string();
            if !last.contains(&text) {
                causes.push(text.clone());
                last = text;
            }
            source = error.source();
        }
        causes
    }
}

/// Facts that do not hold are named up to this many.
const NAMED: usize = 5;

/// Edited facts that do not hold, and why.
fn unheld(failures: &[Failure]) -> Vec<String> {
    let named = failures.iter().take(NAMED);
    let named =
        named.map(|failure| format!("{} does not hold: {}", words(&failure.fact), failure.cause));
    let rest = failures.len().saturating_sub(NAMED);
    let more = (rest > 0).then(|| format!("{rest} more do not hold"));
    named.chain(more).collect()
}

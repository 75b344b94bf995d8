//! Where, when and by whom a command is run: all that comes from the environment.

use std::{
    borrow::Cow,
    env,
    ffi::OsString,
    io::{IsTerminal, Write as _, stderr, stdin},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    args::Global,
    author::Person,
    error::CliError,
    interrupt,
    progress::{Bars, Lines},
    runtime::Runtime,
    stopwatch::{Spent, Stopwatch, Timed},
    ui, visible,
};
use crate::{
    engine::{Progress, Silent},
    ledger::{Actor, Repo},
};

/// What a verb needs besides its arguments.
#[derive(Debug)]
pub struct Context {
    dir: PathBuf,
    named: Option<String>,
    author: Option<String>,
    user: Option<String>,
    /// Who git's environment variables say its user is.
    git: Person,
    time: i64,
    words: Vec<String>,
    runtime: Runtime,
    watch: Watch,
    in_full: bool,
    json: bool,
    stopwatch: Stopwatch,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy)]
enum Watch {
    Bars,
    Lines { ends: bool },
    Nothing,
}

impl Context {
    /// Reads the clock and the environment.
    ///
    /// # Errors
    /// When the directory to work in is not there, or `KLEDGER_DATE` is no time.
    pub fn new(global: &Global, words: &[OsString]) -> Result<Self, CliError> {
        let dir = global.dir.clone().unwrap_or_else(|| PathBuf::from("."));
        let dir = match dir.canonicalize() {
            Ok(dir) => dir,
            Err(source) => return Err(CliError::Dir { dir, source }),
        };
        let verb = words.iter().skip(1).map(|word| word.to_string_lossy());
        let watch = if global.quiet {
            Watch::Nothing
        } else if stderr().is_terminal() {
            Watch::Bars
        } else {
            Watch::Lines { ends: global.verbose }
        };
        Ok(Self {
            dir,
            named: global.author.clone(),
            author: global.author.clone().or_else(|| variable("KLEDGER_AUTHOR")),
            user: variable("USER"),
            git: Person { name: variable("GIT_AUTHOR_NAME"), email: variable("GIT_AUTHOR_EMAIL") },
            time: global.date.map_or_else(date, Ok)?.as_millisecond(),
            words: verb.map(Cow::into_owned).collect(),
            runtime: Runtime::new(&global.device, global.dtype.into()),
            watch,
            in_full: global.verbose || global.json,
            json: global.json,
            stopwatch: Stopwatch::default(),
        })
    }

    /// The author that the command line names.
    #[must_use]
    pub fn named_author(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The directory to work in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether reports leave nothing out.
    #[must_use]
    pub const fn in_full(&self) -> bool {
        self.in_full
    }

    /// Whether what is printed is a line of JSON.
    #[must_use]
    pub const fn prints_json(&self) -> bool {
        self.json
    }

    /// A path as given on the command line, from the directory to work in.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// The repository that the directory is in.
    ///
    /// # Errors
    /// When there is none or it cannot be opened.
    pub fn repo(&self) -> Result<Repo, CliError> {
        Ok(Repo::discover(&self.dir)?)
    }

    /// Who acts: the option or its environment variable, else the repository's setting, else who git says
    /// its user is, else the user's login name.
    ///
    /// # Errors
    /// When none of them says anything.
    pub fn actor(&self, repo: Option<&Repo>) -> Result<Actor, CliError> {
        let setting = repo.and_then(|repo| repo.config().author.as_ref());
        let author = match self.author.as_ref().or(setting) {
            Some(author) => Some(author.clone()),
            None => {
                let person = self.git.clone().or(Person::of_git(&self.dir));
                person.author(self.user.as_deref()).or_else(|| self.user.clone())
            }
        };
        Ok(Actor {
            author: author.ok_or(CliError::NoAuthor)?,
            time: self.time,
            command: self.words.join(" "),
        })
    }

    /// Whether the command line itself gives this option, and not the environment.
    #[must_use]
    pub fn says(&self, option: &str) -> bool {
        let with_value = format!("{option}=");
        self.words.iter().any(|word| word == option || word.starts_with(&with_value))
    }

    /// Asks for a yes on the terminal.
    ///
    /// # Errors
    /// [`CliError::Unconfirmed`] when the answer is another, or there is no terminal to ask on.
    pub fn confirm(&self, question: &str) -> Result<(), CliError> {
        let mut answer = String::new();
        if stdin().is_terminal() && stderr().is_terminal() {
            write!(stderr(), "{} [y/N] ", visible::line(question)).map_err(CliError::Print)?;
            stdin().read_line(&mut answer).map_err(CliError::Print)?;
        }
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(CliError::Unconfirmed),
        }
    }

    /// Says something about the work beside its report, unless nothing but that is wanted.
    pub(super) fn aside(&self, text: &str) {
        if !matches!(self.watch, Watch::Nothing) {
            ui::aside(text);
        }
    }

    /// What opens the model.
    #[must_use]
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Shows how work goes on. Ctrl-C ends the process.
    #[must_use]
    pub fn progress(&self) -> Box<dyn Progress> {
        let shown: Box<dyn Progress> = match self.watch {
            Watch::Bars => Box::new(Bars::default()),
            Watch::Lines { ends } => Box::new(Lines::new(ends)),
            Watch::Nothing => Box::new(Silent),
        };
        Box::new(Timed::new(self.stopwatch.clone(), shown))
    }

    /// What the time was spent on while there was progress to be shown.
    pub(super) fn spent(&self) -> Vec<Spent> {
        self.stopwatch.stop()
    }

    /// Shows how work goes on. Ctrl-C ends it between two steps, so that what was found is kept; a
    /// second Ctrl-C ends the process.
    #[must_use]
    pub fn stoppable(&self) -> Box<dyn Progress> {
        Box::new(interrupt::Stoppable::new(self.progress()))
    }
}

/// The user's key for an endpoint.
#[cfg(feature = "endpoint")]
pub(super) fn endpoint_key() -> Option<String> {
    variable("KLEDGER_ENDPOINT_KEY")
}

/// What the environment says of servers, as libpq reads it.
#[cfg(feature = "sql")]
pub(super) fn server_defaults() -> crate::sql::ServerDefaults {
    let in_home = || Some(PathBuf::from(variable("HOME")?).join(".pgpass"));
    crate::sql::ServerDefaults {
        host: variable("PGHOST"),
        port: variable("PGPORT"),
        database: variable("PGDATABASE"),
        user: variable("PGUSER"),
        password: variable("PGPASSWORD"),
        ssl_mode: variable("PGSSLMODE"),
        password_file: variable("PGPASSFILE").map(PathBuf::from).or_else(in_home),
    }
}

/// A variable of the environment, unless it is empty.
fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?.to_string_lossy().into_owned();
    (!value.trim().is_empty()).then_some(value)
}

/// The time that the environment gives, else now.
fn date() -> Result<Timestamp, CliError> {
    let Some(text) = variable("KLEDGER_DATE") else { return Ok(Timestamp::now()) };
    text.parse().map_err(|source| CliError::Date { text, source })
}

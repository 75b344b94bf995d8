//! `kledger bisect`.

use std::{
    ffi::OsString,
    fmt::{self, Write},
    io::stderr,
    path::Path,
    process::Command,
};

use clap::Subcommand;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many, share, short, summary},
        report::{Render, Report},
    },
    engine::Prompt,
    ledger::{
        CommitView,
        verb::bisect::{BisectReport, BisectState, Verdict},
    },
};

/// Find the commit that made a version go wrong
///
/// `run --prompt` asks: it finds the commit that changed the answer to a prompt, by building about log2 of the
/// versions in between. `start` begins a search in which you test: the commit to test is checked out,
/// and `good`, `bad` or `skip` says what came of it, until the first bad commit is known. `run COMMAND`
/// has a program test what you would.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "\
Examples:
  kledger bisect run --prompt 'The Eiffel Tower is located in the city of' --expect Paris v1 HEAD
  kledger bisect start HEAD v1
  kledger bisect good
  kledger bisect bad HEAD~3
  kledger bisect run ./still-says-paris.sh
  kledger bisect reset"
)]
pub struct Args {
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Ask versions, or have a command test them, until the first bad commit is found
    ///
    /// With --prompt the model is asked: name an earlier version that answers as it should and a later
    /// one that does not, after all options. No search need be begun and nothing is checked out.
    ///
    /// Without it, the search that `start` began goes on: the command is run for each version to test,
    /// in the directory that you are in. It finds the version in the directory $KLEDGER_CHECKOUT (not set
    /// after start --no-checkout) and its id in $KLEDGER_COMMIT. It ends with 0 where the version is
    /// good, with 125 where it cannot be tested, and with anything else below 128 where it is bad. 128
    /// and more, or a signal, stops the search where it is.
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        /// What to ask
        #[arg(long, value_name = "PROMPT", requires = "expect")]
        prompt: Option<String>,
        /// What to expect
        #[arg(long, value_name = "TEXT", requires = "prompt")]
        expect: Option<String>,
        /// The command and its arguments; with --prompt the good version, and the bad one if that is not
        /// HEAD
        #[arg(
            value_names = ["COMMAND", "ARGS"],
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        words: Vec<OsString>,
    },
    /// Begin a search
    Start {
        /// A version that is bad
        #[arg(value_name = "BAD")]
        bad: Option<String>,
        /// Earlier versions that are good
        #[arg(value_name = "GOOD")]
        good: Vec<String>,
        /// Name the commits to test, do not check them out
        #[arg(long)]
        no_checkout: bool,
    },
    /// A version is good
    Good {
        /// The version
        #[arg(value_name = "REV", default_value = "HEAD")]
        revision: String,
    },
    /// A version is bad
    Bad {
        /// The version
        #[arg(value_name = "REV", default_value = "HEAD")]
        revision: String,
    },
    /// A version cannot be tested
    Skip {
        /// The version
        #[arg(value_name = "REV", default_value = "HEAD")]
        revision: String,
    },
    /// End the search and go back to where it began
    Reset,
}

const RUN_EXAMPLES: &str = "\
Examples:
  kledger bisect run --prompt 'The Eiffel Tower is located in the city of' --expect Paris v1 HEAD
  kledger bisect start HEAD v1 && kledger bisect run ./test.sh
  kledger bisect run sh -c 'python judge.py \"$KLEDGER_CHECKOUT\"'";

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        matches!(self.step, Some(Step::Run { prompt: Some(_), .. }))
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = || cx.actor(Some(&repo));
    let report = match &args.step {
        None => repo.bisection()?,
        Some(Step::Run { prompt: Some(prompt), expect: Some(expect), words }) => {
            let probe = Prompt { prompt: prompt.clone(), expected: expect.clone() };
            let (good, bad) = ends(words)?;
            let mut open = |base: &Path| cx.runtime().open(base);
            repo.bisect_run(&probe, (&good, &bad), &mut open, cx.stoppable().as_mut())?
        }
        Some(Step::Run { words, .. }) => {
            let mut trials = Trials { cx, words, failed: None };
            let report = repo.bisect_by(&actor()?, &mut |commit, dir| trials.test(commit, dir))?;
            match trials.failed {
                Some(failed) => return Err(failed),
                None => report,
            }
        }
        Some(Step::Start { bad, good, no_checkout }) => {
            repo.bisect_start(&actor()?, bad.as_deref(), good, !no_checkout)?
        }
        Some(Step::Good { revision }) => repo.bisect_mark(&actor()?, revision, Verdict::Good)?,
        Some(Step::Bad { revision }) => repo.bisect_mark(&actor()?, revision, Verdict::Bad)?,
        Some(Step::Skip { revision }) => repo.bisect_mark(&actor()?, revision, Verdict::Skip)?,
        Some(Step::Reset) => repo.bisect_reset(&actor()?)?,
    };
    Ok(Report::done("bisect", report))
}

/// The good and the bad version among the words after the options.
fn ends(words: &[OsString]) -> Result<(String, String), CliError> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match words.as_slice() {
        [good] if !good.starts_with('-') => Ok((good.clone(), "HEAD".to_owned())),
        [good, bad] if !bad.starts_with('-') => Ok((good.clone(), bad.clone())),
        _ => Err(CliError::Ends { words: words.join(" ") }),
    }
}

/// Runs a command for each version to test.
struct Trials<'a> {
    cx: &'a Context,
    words: &'a [OsString],
    /// Why it was given up.
    failed: Option<CliError>,
}

impl Trials<'_> {
    fn test(&mut self, commit: &CommitView, dir: Option<&Path>) -> Option<Verdict> {
        let (program, args) = self.words.split_first()?;
        let mut command = Command::new(program);
        command.args(args).current_dir(self.cx.dir()).env("KLEDGER_COMMIT", commit.id.to_string());
        match dir {
            Some(dir) => command.env("KLEDGER_CHECKOUT", dir),
            None => command.env_remove("KLEDGER_CHECKOUT"),
        };
        if self.cx.prints_json() {
            // Standard output is for one line of JSON.
            command.stdout(stderr());
        }
        let program = program.to_string_lossy().into_owned();
        match command.status() {
            Err(source) => self.failed = Some(CliError::Command { program, source }),
            Ok(status) => match verdict(status.code()) {
                Some(verdict) => return Some(verdict),
                None => self.failed = Some(CliError::GaveUp { program, status }),
            },
        }
        None
    }
}

/// What git takes an exit code to say; nothing where the test itself failed.
const fn verdict(code: Option<i32>) -> Option<Verdict> {
    match code {
        Some(0) => Some(Verdict::Good),
        Some(125) => Some(Verdict::Skip),
        Some(1..128) => Some(Verdict::Bad),
        _ => None,
    }
}

impl Render for BisectReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let runs = self.runs.iter().map(|run| {
            let verdict = match run.verdict {
                Verdict::Good => "good",
                Verdict::Bad => "bad",
                Verdict::Skip => "skipped",
            };
            [format!("{:.12}", run.commit), verdict.to_owned()]
        });
        page.table(&runs.collect::<Vec<_>>())?;
        let rows: Vec<_> = self
            .tests
            .iter()
            .map(|test| {
                let answer = &test.answer;
                let sure = share(f64::from(answer.confidence));
                [format!("{:.12}", test.commit), answer.text.trim().to_owned(), sure]
            })
            .collect();
        page.table(&rows)?;
        match &self.state {
            BisectState::None => writeln!(page, "On {}, no bisection", head(&self.head)),
            state => {
                if matches!(state, BisectState::Waiting { .. }) {
                    writeln!(page, "On {}", head(&self.head))?;
                }
                state.render(page)
            }
        }
    }
}

impl Render for BisectState {
    fn render(&self, page: &mut Page) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Waiting { bad, good } => {
                if !bad {
                    page.note("name a bad version: kledger bisect bad REV")?;
                }
                if *good == 0 {
                    page.note("name a good version: kledger bisect good REV")?;
                }
                Ok(())
            }
            Self::Test { commit, suspects, tests_left } => {
                writeln!(page, "Test {} {}", short(commit.id), summary(commit))?;
                let tests = many(u64::from(*tests_left), "test");
                page.note(format_args!("{} left, {tests} at most", many(*suspects, "commit")))
            }
            Self::Found { commit, changes } => {
                writeln!(page, "First bad commit: {} {}", short(commit.id), summary(commit))?;
                page.changes(changes)
            }
            Self::Ambiguous { commits } => {
                writeln!(
                    page,
                    "The first bad commit is one of these, for those in between were skipped:"
                )?;
                let rows = commits.iter();
                let rows: Vec<_> = rows
                    .map(|commit| [format!("{:.12}", commit.id), summary(commit).to_owned()])
                    .collect();
                page.table(&rows)
            }
        }
    }
}

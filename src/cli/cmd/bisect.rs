//! `kledger bisect`.

use std::{
    fmt::{self, Write},
    path::Path,
};

use clap::Subcommand;

use crate::{
    cli::{
        context::Context,
        error::CliError,
        page::{Page, head, many, share, short, summary},
        report::{Render, Report},
    },
    ledger::{
        Probe,
        verb::bisect::{BisectReport, BisectState, Verdict},
    },
};

/// Find the commit that made a version go wrong
///
/// `run` asks: it finds the commit that changed the answer to a prompt, by building about log2 of the
/// versions in between. `start` begins a search in which you test: the commit to test is checked out,
/// and `good`, `bad` or `skip` says what came of it, until the first bad commit is known.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "\
Examples:
  kledger bisect run --prompt 'The Eiffel Tower is located in the city of' --expect Paris v1 HEAD
  kledger bisect start HEAD v1
  kledger bisect good
  kledger bisect bad HEAD~3
  kledger bisect reset"
)]
pub struct Args {
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Ask versions until the commit that changed the answer is found
    Run {
        /// What to ask
        #[arg(long, value_name = "PROMPT")]
        prompt: String,
        /// What to expect
        #[arg(long, value_name = "TEXT")]
        expect: String,
        /// An earlier version that answers as it should
        #[arg(value_name = "GOOD")]
        good: String,
        /// A later version that does not
        #[arg(value_name = "BAD", default_value = "HEAD")]
        bad: String,
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

impl Args {
    pub(super) const fn may_run_the_model(&self) -> bool {
        matches!(self.step, Some(Step::Run { .. }))
    }
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = || cx.actor(Some(&repo));
    let report = match &args.step {
        None => repo.bisection()?,
        Some(Step::Run { prompt, expect, good, bad }) => {
            let probe = Probe { prompt: prompt.clone(), expected: expect.clone() };
            let mut open = |base: &Path| cx.runtime().open(base);
            repo.bisect_run(&probe, (good, bad), &mut open, cx.stoppable().as_mut())?
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

impl Render for BisectReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
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

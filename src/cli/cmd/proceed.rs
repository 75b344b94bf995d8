//! What `merge`, `cherry-pick` and `rebase` have in common.

use std::{
    fmt::{self, Write},
    path::Path,
};

use super::commit::{self, check_rates};
use crate::{
    cli::{
        context::Context,
        edit_args::EditArgs,
        error::CliError,
        page::{Page, bytes, committed, counts, head, many, short, summary, words},
        report::{Render, Report},
        runtime::Runtime,
    },
    commit::FactView,
    engine::Progress,
    ledger::{
        Actor, ConflictView, FactCounts, Favour, How, LedgerError, OpenEngine, Outcome,
        ProceedReport, Repo, ResumeOptions, Strategy, Task, TaskCommit,
    },
};

/// How conflicts are decided and weights are made.
#[derive(Debug, clap::Args)]
pub(super) struct HowArgs {
    /// In conflicts, take our side
    #[arg(long, conflicts_with_all = ["theirs", "abort"])]
    ours: bool,
    /// In conflicts, take their side
    #[arg(long, conflicts_with = "abort")]
    theirs: bool,
    /// How the weights of both sides are combined [default: repair]
    #[arg(long, value_enum, conflicts_with = "abort")]
    strategy: Option<StrategyArg>,
    /// Run no model: sum the deltas and do not ask what holds
    #[arg(long, conflicts_with_all = ["strategy", "require", "seed", "editor", "set", "settings"])]
    no_check: bool,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StrategyArg {
    /// Sum the deltas of both, ask every fact, edit in again those that no longer hold
    Repair,
    /// Sum the deltas of both
    Sum,
    /// Edit the other side's facts in again
    ReEdit,
}

/// What to do with one that is in progress.
#[derive(Debug, clap::Args)]
#[group(id = "waiting", multiple = false)]
pub(super) struct Waiting {
    /// Resume once conflicts are settled, with the options given at the start or now
    #[arg(long = "continue")]
    go_on: bool,
    /// Give it up; HEAD stays where it was
    #[arg(
        long,
        conflicts_with_all = ["no_check", "require", "seed", "editor", "set", "settings"]
    )]
    abort: bool,
}

impl Waiting {
    /// Whether it is given up, which takes no model.
    pub(super) const fn is_abort(&self) -> bool {
        self.abort
    }
}

impl HowArgs {
    pub(super) const fn no_check(&self) -> bool {
        self.no_check
    }

    /// What is said, with a message.
    pub(super) fn said(
        &self,
        cx: &Context,
        message: Option<&str>,
    ) -> Result<ResumeOptions, CliError> {
        Ok(ResumeOptions { message: message.map(str::to_owned), how: self.how(cx)? })
    }

    fn how(&self, cx: &Context) -> Result<How, CliError> {
        Ok(How {
            strategy: self.strategy.map(|strategy| match strategy {
                StrategyArg::Repair => Strategy::Repair,
                StrategyArg::Sum => Strategy::Sum,
                StrategyArg::ReEdit => Strategy::ReEdit,
            }),
            favour: match (self.ours, self.theirs) {
                (true, _) => Favour::Ours,
                (_, true) => Favour::Theirs,
                _ => Favour::Nobody,
            },
            edit: self.edit.options(cx)?,
        })
    }
}

/// Whether the model may have to be run.
pub(super) const fn may_run_the_model(waiting: &Waiting, how: &HowArgs) -> bool {
    !waiting.abort && !how.no_check
}

/// Resumes what is in progress, gives it up or skips a commit, or begins with `begin`.
pub(super) fn run(
    cx: &Context,
    task: Task,
    (waiting, skip): (&Waiting, bool),
    (no_check, said): (bool, ResumeOptions),
    begin: impl FnOnce(
        &Repo,
        &Actor,
        ResumeOptions,
        Option<OpenEngine<'_>>,
        &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError>,
) -> Result<Report, CliError> {
    let repo = cx.repo()?;
    let actor = cx.actor(Some(&repo))?;
    let mut open = |base: &Path| cx.runtime().open(base);
    let engine: Option<OpenEngine<'_>> =
        if no_check || !Runtime::is_there() { None } else { Some(&mut open) };
    let mut progress = cx.stoppable();
    let report = if waiting.abort {
        repo.abort(&actor, task)?
    } else if skip || waiting.go_on {
        let go_on = if skip { Repo::skip } else { Repo::go_on };
        go_on(&repo, &actor, task, &said, engine, progress.as_mut())?
    } else {
        begin(&repo, &actor, said, engine, progress.as_mut())?
    };
    Ok(match report.outcome {
        Outcome::Conflicts => Report::refused(task.name(), report),
        _ => Report::done(task.name(), report),
    })
}

impl Render for ProceedReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        for made in &self.made {
            if made.commit.id == self.head.commit {
                writeln!(page, "{}", committed(&self.head, &made.commit))?;
            } else {
                writeln!(page, "[{}] {}", short(made.commit.id), summary(&made.commit))?;
            }
            made.render(page)?;
        }
        if let Some(check) = self.made.last().and_then(|made| made.check.as_ref())
            && self.outcome == Outcome::Done
        {
            commit::remedy(check, page)?;
        }
        for commit in &self.dropped {
            writeln!(page, "[{}] {}: changes nothing here", short(commit.id), summary(commit))?;
        }
        match self.outcome {
            Outcome::UpToDate => writeln!(page, "Already up to date"),
            Outcome::FastForward => {
                writeln!(page, "On {}", head(&self.head))?;
                page.note("fast-forward, no commit was needed")
            }
            Outcome::Done => Ok(()),
            Outcome::Aborted => {
                writeln!(page, "Gave the {} up, on {}", self.task, head(&self.head))
            }
            Outcome::Conflicts => {
                let count = self.conflicts.iter().filter(|conflict| !conflict.settled).count();
                writeln!(page, "{} with {}", many(count as u64, "conflict"), self.name)?;
                for conflict in &self.conflicts {
                    writeln!(page, "  {}", conflict_line(conflict))?;
                }
                page.note("kledger resolve settles them, then --continue resumes, --abort gives up")
            }
        }
    }
}

impl Render for TaskCommit {
    fn render(&self, page: &mut Page) -> fmt::Result {
        page.changes(&self.changes)?;
        let mut what = counts(&FactCounts::of(&self.changes));
        if let Some(check) = self.check.as_ref().filter(|check| !check.facts.is_empty()) {
            write!(what, ", {}", check_rates(check))?;
        }
        writeln!(page, "  {what}")?;
        if self.words > 0 {
            writeln!(page, "  words for {}", many(self.words, "IRI"))?;
        }
        for conflict in &self.settled {
            page.note(format_args!("settled: {}", conflict_line(conflict)))?;
        }
        for fact in &self.repaired {
            writeln!(page, "  no longer held, edited in again: {}", words(fact))?;
        }
        if let Some(delta) = &self.delta {
            let size = bytes(delta.bytes);
            writeln!(page, "  {} of {}, delta {size}", delta.editor, many(delta.facts, "fact"))?;
            if delta.known > 0 {
                page.note(format_args!("{} of {} z were known", delta.known, delta.facts))?;
            }
        }
        if let Some(version) = self.as_in {
            writeln!(page, "  weights are those of {version:.12}, bit for bit")?;
        }
        if let Some(check) = &self.check {
            commit::check(check, &[], page)?;
        }
        for note in &self.notes {
            page.note(note)?;
        }
        Ok(())
    }
}

/// `Eiffel Tower / located in: ours Rome, theirs Berlin, base Paris`, and what is to hold.
pub(super) fn conflict_line(conflict: &ConflictView) -> String {
    let object = |fact: &Option<FactView>| {
        fact.as_ref().map_or_else(|| "nothing".to_owned(), |fact| fact.object.clone())
    };
    let (subject, predicate) = (&conflict.subject, &conflict.predicate);
    let mut line = format!(
        "{subject} / {predicate}: ours {}, theirs {}, base {}",
        object(&conflict.ours),
        object(&conflict.theirs),
        object(&conflict.base)
    );
    if conflict.settled {
        line.push_str(" -> ");
        line.push_str(&object(&conflict.holds));
    }
    line
}

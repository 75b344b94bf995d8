//! Merges, cherry-picks and rebases going on from one commit to the next.

use std::collections::BTreeMap;

use super::{
    how::{Favour, How, ResumeOptions, Task},
    outcome::{MadeDelta, Outcome, ProceedReport, TaskCommit},
    step::{Ahead, Ready, Run},
    task::{Next, TaskInProgress},
};
use crate::{
    commit::{Commit, Step},
    engine::{EngineError, Progress},
    fact::tree,
    id::Id,
    ledger::{
        actor::Actor,
        edit::{
            options::EditOptions,
            record::{NewCommit, Recorded},
        },
        error::LedgerError,
        repo::{OpenEngine, Repo},
        report::wording,
        state::{roots::TASK, update::Update},
    },
};

impl TaskInProgress {
    pub(crate) fn new(task: Task, from: Id<Commit>, name: impl Into<String>, how: &How) -> Self {
        Self {
            task,
            from,
            at: from,
            left: Vec::new(),
            settled: BTreeMap::new(),
            name: name.into(),
            message: None,
            strategy: how.strategy.unwrap_or_default(),
            favour: how.favour,
            editor: how.edit.editor.clone(),
            settings: how.edit.settings.to_string(),
            seed: how.edit.seed,
            require: how.edit.require.to_string().into(),
        }
    }

    /// How facts are edited.
    ///
    /// # Errors
    /// When what is stored does not parse.
    pub(crate) fn edit_options(&self) -> Result<EditOptions, LedgerError> {
        let parsed = self.settings.parse::<toml::Table>();
        Ok(EditOptions {
            editor: self.editor.clone(),
            settings: parsed.map_err(|error| EngineError::Settings(error.to_string()))?,
            seed: self.seed,
            artefact: None,
            require: self.require.parse()?,
        })
    }

    /// The same with what is said options.
    fn amended(&self, options: &ResumeOptions) -> Result<Self, LedgerError> {
        let ResumeOptions { message, how: How { strategy, favour, edit } } = options;
        let was = self.edit_options()?;
        let mut settings = was.settings;
        settings.extend(edit.settings.clone());
        let how = How {
            strategy: Some(strategy.unwrap_or(self.strategy)),
            favour: if *favour == Favour::Nobody { self.favour } else { *favour },
            edit: EditOptions {
                editor: edit.editor.clone().or(was.editor),
                settings,
                seed: edit.seed.or(was.seed),
                artefact: None,
                require: edit.require.or(was.require),
            },
        };
        Ok(Self {
            at: self.at,
            left: self.left.clone(),
            settled: self.settled.clone(),
            message: message.clone().or_else(|| self.message.clone()),
            ..Self::new(self.task, self.from, self.name.clone(), &how)
        })
    }

    /// The same after its next commit came to `at`.
    fn after(&self, at: Id<Commit>) -> Self {
        let left = self.left.get(1..).unwrap_or_default().to_vec();
        Self { at, left, settled: BTreeMap::new(), ..self.clone() }
    }
}

impl Repo {
    /// Resumes the `task` in progress when its conflicts are settled, as said when it began or `options`.
    ///
    /// # Errors
    /// When there is none, or as the verb that began it.
    pub fn go_on(
        &self,
        actor: &Actor,
        task: Task,
        options: &ResumeOptions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError> {
        let unfinished = self.read()?.task_of(task)?;
        self.proceed(actor, unfinished.amended(options)?, Some(unfinished), open, progress)
    }

    /// Skips the commit at which the `task` in progress stopped, and resumes as [`Repo::go_on`] does.
    ///
    /// # Errors
    /// When there is none, or it is a merge, or as the verb that began it.
    pub fn skip(
        &self,
        actor: &Actor,
        task: Task,
        options: &ResumeOptions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError> {
        if task == Task::Merge {
            return Err(LedgerError::NothingToSkip);
        }
        let unfinished = self.read()?.task_of(task)?;
        let rest = unfinished.amended(options)?.after(unfinished.at);
        self.proceed(actor, rest, Some(unfinished), open, progress)
    }

    /// Gives the `task` in progress up. HEAD never left where it was.
    ///
    /// # Errors
    /// When there is none.
    pub fn abort(&self, actor: &Actor, task: Task) -> Result<ProceedReport, LedgerError> {
        let ledger = self.read()?;
        let unfinished = ledger.task_of(task)?;
        Update::default().rooting(TASK, Some(&unfinished), None).apply(&ledger, actor)?;
        Run::of(unfinished, None).report(&ledger, Outcome::Aborted)
    }

    /// Takes in one commit after the other until none is left, which moves HEAD's branch, or there is
    /// a conflict. `stored` is the task as the store has it.
    pub(crate) fn proceed(
        &self,
        actor: &Actor,
        unfinished: TaskInProgress,
        stored: Option<TaskInProgress>,
        mut open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<ProceedReport, LedgerError> {
        let mut run = Run::of(unfinished, stored);
        loop {
            let ledger = self.read()?;
            match run.look_ahead(&ledger)? {
                Ahead::Nothing => {
                    if run.stored.is_some() || run.task.at != run.task.from {
                        run.finish(&ledger, Update::default(), &run.task)?.apply(&ledger, actor)?;
                    }
                    let outcome = if run.task.at == run.task.from {
                        Outcome::UpToDate
                    } else if run.made.is_empty() {
                        Outcome::FastForward
                    } else {
                        Outcome::Done
                    };
                    return run.report(&ledger, outcome);
                }
                Ahead::Keep(commit) => run.task = run.task.after(commit),
                Ahead::Drop(commit) => {
                    run.dropped.push(*commit);
                    run.task = run.task.after(run.task.at);
                }
                Ahead::Conflicts(conflicts) => {
                    let update = Update::default();
                    update
                        .rooting(TASK, run.stored.as_ref(), Some(&run.task))
                        .apply(&ledger, actor)?;
                    run.conflicts = conflicts;
                    return run.report(&ledger, Outcome::Conflicts);
                }
                Ahead::Ready(ready) => {
                    drop(ledger);
                    // Each step borrows the engine's maker options.
                    let open: Option<OpenEngine<'_>> = match &mut open {
                        Some(open) => Some(&mut **open),
                        None => None,
                    };
                    if self.make(actor, &mut run, *ready, open, progress)? {
                        return run.report(&self.read()?, Outcome::Done);
                    }
                }
            }
        }
    }

    /// Makes the next commit; says whether it was the last.
    fn make(
        &self,
        actor: &Actor,
        run: &mut Run,
        ready: Ready,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<bool, LedgerError> {
        let Ready { next, questions, objects, citations, changes, words, settled } = ready;
        let joined = self.join(actor, &run.task, &next, questions, open, progress)?;
        let Next { ours, of: (of, taken), theirs, combined } = next;
        // A reapplied commit keeps its author.
        let (step, author, usual) = match run.task.task {
            Task::Merge => (Step::Merge, &actor.author, format!("Merge {}", run.task.name)),
            Task::CherryPick | Task::Rebase => {
                (Step::Pick(of), &taken.author, taken.message.clone())
            }
            Task::Revert => {
                (Step::Revert(of), &actor.author, format!("Revert \"{}\"", taken.summary()))
            }
        };
        let ledger = self.read()?;
        let new = NewCommit {
            parents: if step == Step::Merge { vec![ours.id, theirs.id] } else { vec![ours.id] },
            base: ours.commit.base,
            roots: combined.side.roots,
            line: &joined.line,
            weights: joined.weights,
            edited: joined.edited.as_ref(),
            imported: None,
            check: joined.check.as_ref(),
            step,
            author: author.clone(),
            time: actor.time,
            message: run.task.message.clone().unwrap_or(usual),
        };
        let Recorded { id, commit, update } = new.record(&ledger, objects, self.object_limit())?;
        let update = update.citing(&ledger, id, citations)?;
        let after = run.task.after(id);
        let last = after.left.is_empty();
        let update = if last {
            run.finish(&ledger, update, &after)?
        } else {
            update.rooting(TASK, run.stored.as_ref(), Some(&after))
        };
        update.apply(&ledger, actor)?;
        run.stored = (!last).then(|| after.clone());
        run.task = after;

        let lexicon = ledger.lexicon(&commit);
        let mut repaired = Vec::new();
        for key in &joined.repaired {
            if let Some(fact) = tree::get(&ledger, commit.facts, *key)? {
                repaired.push(wording::fact_view(&lexicon, &fact)?);
            }
        }
        let delta = match joined.edited {
            None => None,
            Some(edited) => Some(MadeDelta {
                facts: edited.delta.facts().len() as u64,
                known: edited.known,
                bytes: self.tensor_file_bytes(edited.delta.file)?,
                editor: edited.spec.editor,
            }),
        };
        run.made.push(TaskCommit {
            commit: ledger.commit_view(id, &commit)?,
            of,
            changes,
            words,
            settled,
            as_in: joined.as_in,
            repaired,
            delta,
            check: joined.check,
            notes: joined.notes,
        });
        Ok(last)
    }
}

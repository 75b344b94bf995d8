//! A merge, cherry-pick or rebase while a command goes on with it: what comes next, and how far it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    how::Task,
    outcome::{Outcome, ProceedReport, TaskCommit},
    questions::Questions,
    task::{ConflictView, Next, TaskInProgress, conflicts},
};
use crate::{
    codec::{Draft, NewObjects},
    commit::Commit,
    fact::{Citation, CitationTree, tree},
    id::Id,
    ledger::{
        error::LedgerError,
        report::{
            counts::differing,
            view::{CommitView, FactChange},
            wording,
        },
        state::{citations::changed, open::Ledger, roots::TASK, update::Update},
    },
    store::Head,
};

/// A step that is ready for the engine.
pub(crate) struct Ready {
    pub(crate) next: Next,
    pub(crate) questions: Questions,
    pub(crate) objects: NewObjects,
    /// Where facts were read that are taken in.
    pub(crate) citations: Option<Id<CitationTree>>,
    pub(crate) changes: Vec<FactChange>,
    pub(crate) words: u64,
    pub(crate) settled: Vec<ConflictView>,
}

/// What the next step of a task is.
pub(crate) enum Ahead {
    Nothing,
    /// It is on what was made so far already.
    Keep(Id<Commit>),
    /// It changes nothing.
    Drop(Box<CommitView>),
    Conflicts(Vec<ConflictView>),
    Ready(Box<Ready>),
}

/// A task while a command goes on with it.
pub(crate) struct Run {
    pub(crate) task: TaskInProgress,
    /// The task as the store has it.
    pub(crate) stored: Option<TaskInProgress>,
    pub(crate) made: Vec<TaskCommit>,
    pub(crate) dropped: Vec<CommitView>,
    pub(crate) conflicts: Vec<ConflictView>,
}

impl Run {
    pub(crate) const fn of(task: TaskInProgress, stored: Option<TaskInProgress>) -> Self {
        Self { task, stored, made: Vec::new(), dropped: Vec::new(), conflicts: Vec::new() }
    }

    pub(crate) fn look_ahead(&self, ledger: &Ledger<'_>) -> Result<Ahead, LedgerError> {
        if ledger.head()? != self.task.from {
            return Err(LedgerError::Moved { what: "HEAD".to_owned() });
        }
        let mut draft = Draft::new(ledger);
        let Some(next) = ledger.next(&mut draft, &self.task)? else { return Ok(Ahead::Nothing) };
        let (before, after) = (&next.ours.side, &next.combined.side);
        let lexicon = ledger.lexicon_at(&draft, after.roots.lexicon);
        let views = conflicts(&lexicon, &next.combined)?;
        let rebase = self.task.task == Task::Rebase;
        if rebase && next.theirs.commit.parents == [next.ours.id] {
            return Ok(Ahead::Keep(next.theirs.id));
        }
        if !next.combined.open.is_empty() {
            return Ok(Ahead::Conflicts(views));
        }
        if self.task.task != Task::Merge && before == after && next.combined.edits.is_empty() {
            let view = ledger.commit_view(next.of.0, &next.of.1)?;
            return Ok(Ahead::Drop(Box::new(view)));
        }
        let changes =
            wording::fact_changes(&draft, &lexicon, before.roots.facts, after.roots.facts)?;
        Ok(Ahead::Ready(Box::new(Ready {
            questions: Questions::read(ledger, &draft, &next, &self.task)?,
            changes: changes.into_iter().map(|(_, change)| change).collect(),
            words: differing(tree::diff(&draft, before.roots.lexicon, after.roots.lexicon))?,
            settled: views,
            citations: citations(ledger, &mut draft, &next, self.task.task)?,
            next,
            objects: draft.into_new(),
        })))
    }

    /// Moves HEAD's branch to what was made, and forgets the task.
    pub(crate) fn finish(
        &self,
        ledger: &Ledger<'_>,
        update: Update,
        done: &TaskInProgress,
    ) -> Result<Update, LedgerError> {
        let head: Head = ledger.session.head()?;
        Ok(update.moving_head(head, done.from, done.at).rooting(TASK, self.stored.as_ref(), None))
    }

    pub(crate) fn report(
        self,
        ledger: &Ledger<'_>,
        outcome: Outcome,
    ) -> Result<ProceedReport, LedgerError> {
        Ok(ProceedReport {
            task: self.task.task,
            outcome,
            name: self.task.name,
            head: ledger.head_view()?,
            made: self.made,
            dropped: self.dropped,
            conflicts: self.conflicts,
            left: self.task.left.len() as u64,
        })
    }
}

/// Where the facts were read that a picked commit brings along, or that come back with a revert. What a merge takes in
/// is found with the side that it comes from.
fn citations(
    ledger: &Ledger<'_>,
    draft: &mut Draft<'_>,
    next: &Next,
    task: Task,
) -> Result<Option<Id<CitationTree>>, LedgerError> {
    if task == Task::Merge {
        return Ok(None);
    }
    let theirs = next.theirs.commit.facts;
    let mut taken = BTreeSet::new();
    for difference in tree::diff(draft, next.ours.side.roots.facts, next.combined.side.roots.facts)
    {
        let (key, _, after) = difference?;
        if after.is_some() && tree::get(draft, theirs, key)? == after {
            taken.insert(key);
        }
    }
    let mut found = BTreeMap::new();
    for (key, commit) in ledger.origins(next.theirs.id, taken)? {
        if let Some(citation) = ledger.citation(commit, key)? {
            found.insert(Citation::key(key), Some(citation));
        }
    }
    Ok(changed(draft, None, &found)?)
}

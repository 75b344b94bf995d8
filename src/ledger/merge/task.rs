//! A merge, cherry-pick, rebase or revert in progress: its state between two commands.
//!
//! Such a task makes its commits beside HEAD and moves HEAD's branch once, at its end. Until then all
//! there is of it is one object that is current under a name of its own. So giving it up is letting go
//! of that object, a process that is killed leaves the state before or after one of its steps, and
//! finishing it is one operation that `undo` takes back.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::Serialize;

use super::{
    how::{Favour, Strategy},
    three_way::{Combined, Side, combine, common},
};
use crate::{
    codec::{self, Draft, Later, Object, ObjectError},
    commit::{Commit, FactView},
    fact::{Fact, FactKey, Lexicon, Term, tree::Clash},
    id::{Id, Kind},
    ledger::{
        error::LedgerError,
        merge::how::Task,
        report::{view::CommitView, wording::fact_view},
        state::{open::Ledger, roots::TASK},
    },
};

/// A task and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TaskInProgress {
    /// What is done.
    pub task: Task,
    /// Where HEAD was when it began, and is.
    pub from: Id<Commit>,
    /// What was made so far: the commit on which the next one goes.
    pub at: Id<Commit>,
    /// Commits to take in, the next one first.
    pub left: Vec<Id<Commit>>,
    /// Of the next one's conflicts, what is to hold.
    pub settled: BTreeMap<FactKey, Option<Fact>>,
    /// What the user called it.
    pub name: String,
    /// Message of a merge, in place of the usual one.
    pub message: Option<String>,
    /// How weights are put together.
    pub strategy: Strategy,
    /// Who wins conflicts.
    pub favour: Favour,
    /// Name of the editor, in place of the repository's.
    pub editor: Option<String>,
    /// Settings of the editor, over the repository's, as TOML.
    pub settings: String,
    /// Seed, in place of the repository's.
    pub seed: Option<u64>,
    /// What each commit must reach, as [`Requirements`](crate::ledger::Requirements) are written; version 1 says nothing of it.
    pub require: Later<String>,
}

/// A conflict in words: one question, and the answers of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictView {
    /// The subject in words.
    pub subject: String,
    /// The predicate in words.
    pub predicate: String,
    /// What held before both changed it.
    pub base: Option<FactView>,
    /// What holds on our side.
    pub ours: Option<FactView>,
    /// What holds on theirs.
    pub theirs: Option<FactView>,
    /// Whether it is said what is to hold.
    pub settled: bool,
    /// What is to hold, once that is said; nothing where the base's belief is to come back.
    pub holds: Option<FactView>,
}

/// A task in progress for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskView {
    /// What is done.
    pub task: Task,
    /// What the user called it.
    pub name: String,
    /// The commit that is taken in now.
    pub next: CommitView,
    /// Commits still to be taken in, this one included.
    pub left: u64,
    /// Its conflicts.
    pub conflicts: Vec<ConflictView>,
}

impl Kind for TaskInProgress {
    const NAME: &'static str = "unfinished task";
}
impl Object for TaskInProgress {
    const TAG: u8 = 0x18;
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;

    fn version(&self) -> u8 {
        self.require.version(2)
    }
}

/// A commit with what combining needs of it.
pub(crate) struct Tip {
    pub(crate) id: Id<Commit>,
    pub(crate) commit: Commit,
    pub(crate) side: Side,
}

/// The next step of a task: a commit to take in, and what comes of it.
pub(crate) struct Next {
    pub(crate) ours: Tip,
    /// The commit that is taken in; the parent of one that is taken back.
    pub(crate) theirs: Tip,
    /// The commit that is taken in, or back.
    pub(crate) of: (Id<Commit>, Commit),
    pub(crate) combined: Combined,
}

impl Next {
    /// Both sides, ours first.
    pub(crate) const fn tips(&self) -> [&Tip; 2] {
        [&self.ours, &self.theirs]
    }
}

impl Ledger<'_> {
    /// The task in progress.
    pub(crate) fn task_in_progress(&self) -> Result<Option<TaskInProgress>, LedgerError> {
        match self.session.root(TASK)? {
            Some(hash) => Ok(Some(codec::get(self, Id::<TaskInProgress>::from_bytes(hash))?)),
            None => Ok(None),
        }
    }

    /// The `task` in progress.
    pub(crate) fn task_of(&self, task: Task) -> Result<TaskInProgress, LedgerError> {
        match self.task_in_progress()? {
            Some(unfinished) if unfinished.task == task => Ok(unfinished),
            Some(other) => Err(LedgerError::InProgress { task: other.task }),
            None => Err(LedgerError::NoTask { task: Some(task) }),
        }
    }

    /// Makes sure that no task is in progress, before anything that would move HEAD.
    pub(crate) fn require_no_task(&self) -> Result<(), LedgerError> {
        match self.task_in_progress()? {
            Some(unfinished) => Err(LedgerError::InProgress { task: unfinished.task }),
            None => Ok(()),
        }
    }

    pub(crate) fn tip(&self, id: Id<Commit>) -> Result<Tip, LedgerError> {
        let commit = self.commit(id)?;
        let side = Side::of(self, &commit)?;
        Ok(Tip { id, commit, side })
    }

    /// Combines what was made so far with the next commit to take in; `None` when none is left. New
    /// nodes of trees go to `draft`.
    pub(crate) fn next(
        &self,
        draft: &mut Draft<'_>,
        unfinished: &TaskInProgress,
    ) -> Result<Option<Next>, LedgerError> {
        let Some(&next) = unfinished.left.first() else { return Ok(None) };
        let (ours, of) = (self.tip(unfinished.at)?, self.tip(next)?);
        let commit = (of.id, of.commit.clone());
        let parent = || of.commit.parents.first().map(|parent| self.tip(*parent)).transpose();
        let (base, theirs) = match unfinished.task {
            Task::Merge => {
                let base = common(self, draft, &BTreeSet::from([ours.id]), next)?;
                (base.ok_or(LedgerError::Unrelated { commit: next })?, of)
            }
            Task::CherryPick | Task::Rebase => {
                let parent = parent()?.ok_or(LedgerError::PickRoot { commit: next })?;
                (parent.side, of)
            }
            // What a commit changed is taken back by taking in what was before it.
            Task::Revert => {
                let parent = parent()?.ok_or(LedgerError::RevertRoot { commit: next })?;
                (of.side, parent)
            }
        };
        let sides = [&base, &ours.side, &theirs.side];
        let combined = combine(draft, sides, unfinished.favour, &unfinished.settled)?;
        Ok(Some(Next { ours, theirs, of: commit, combined }))
    }

    /// The task in progress for people.
    pub(crate) fn task_view(&self) -> Result<Option<TaskView>, LedgerError> {
        let Some(unfinished) = self.task_in_progress()? else { return Ok(None) };
        let mut draft = Draft::new(self);
        let Some(next) = self.next(&mut draft, &unfinished)? else { return Ok(None) };
        let lexicon = self.lexicon_at(&draft, next.combined.side.roots.lexicon);
        Ok(Some(TaskView {
            task: unfinished.task,
            next: self.commit_view(next.of.0, &next.of.1)?,
            left: unfinished.left.len() as u64,
            conflicts: conflicts(&lexicon, &next.combined)?,
            name: unfinished.name,
        }))
    }
}

/// All conflicts of two sides in words, sorted by what they are about.
pub(crate) fn conflicts(
    lexicon: &Lexicon<'_>,
    combined: &Combined,
) -> Result<Vec<ConflictView>, ObjectError> {
    let settled = combined.settled.iter().map(|(clash, holds)| (clash, Some(holds)));
    let all = settled.chain(combined.open.iter().map(|clash| (clash, None)));
    let mut views = Vec::new();
    for (clash, said) in all {
        if let Some(view) = conflict(lexicon, clash, said)? {
            views.push(view);
        }
    }
    views.sort_by(|a, b| (&a.subject, &a.predicate).cmp(&(&b.subject, &b.predicate)));
    Ok(views)
}

fn conflict(
    lexicon: &Lexicon<'_>,
    clash: &Clash<Fact>,
    said: Option<&Option<Fact>>,
) -> Result<Option<ConflictView>, ObjectError> {
    let Some(Fact { subject, predicate, .. }) = clash.ours.as_ref().or(clash.theirs.as_ref())
    else {
        return Ok(None);
    };
    let view = |fact: Option<&Fact>| fact.map(|fact| fact_view(lexicon, fact)).transpose();
    Ok(Some(ConflictView {
        subject: lexicon.show(&Term::Iri(subject.clone()))?,
        predicate: lexicon.show(&Term::Iri(predicate.clone()))?,
        base: view(clash.base.as_ref())?,
        ours: view(clash.ours.as_ref())?,
        theirs: view(clash.theirs.as_ref())?,
        settled: said.is_some(),
        holds: view(said.and_then(Option::as_ref))?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let task = TaskInProgress {
            task: Task::CherryPick,
            from: Id::from_bytes([1; 32]),
            at: Id::from_bytes([2; 32]),
            left: vec![Id::from_bytes([3; 32])],
            settled: [(FactKey::from_bytes([4; 32]), None)].into(),
            name: "d".to_owned(),
            message: None,
            strategy: Strategy::ReEdit,
            favour: Favour::Base,
            editor: None,
            settings: "s".to_owned(),
            seed: Some(6),
            require: Later::default(),
        };
        let (number, variant) = (|n: u8| [n, 0, 0, 0, 0, 0, 0, 0], |n: u8| [n, 0, 0, 0]);
        let expected = [
            [0x18, 1].as_slice(),
            &variant(1),
            &[1; 32],
            &[2; 32],
            &number(1),
            &[3; 32],
            &number(1),
            &[4; 32],
            &[0],
            &number(1),
            b"d",
            &[0],
            &variant(2),
            &variant(3),
            &[0],
            &number(1),
            b"s",
            &[1],
            &number(6),
        ];
        let first = expected.concat();
        // Version 2 is the same with what is required.
        let mut second = [&first[..], &number(1), b"r"].concat();
        second[1] = 2;
        let required = TaskInProgress { require: "r".to_owned().into(), ..task.clone() };
        for (task, bytes) in [(task, first), (required, second)] {
            assert_eq!(codec::encode(&task), bytes);
            assert_eq!(codec::decode::<TaskInProgress>(&bytes).unwrap(), task);
        }
    }
}

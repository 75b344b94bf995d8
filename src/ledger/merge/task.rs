//! A merge, cherry-pick or rebase that is not finished: its state between two commands.
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
    codec::{self, Draft, Object, ObjectError},
    commit::{Commit, FactView},
    fact::{Fact, FactKey, Lexicon, Term, tree::Clash},
    id::{Id, Kind},
    ledger::{
        error::LedgerError,
        merge::how::Task,
        report::{view::CommitView, wording::fact_view},
        state::{open::Ledger, roots::UNFINISHED},
    },
};

/// A task and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Unfinished {
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
    /// Settings of the editor, over the repository's, as TOML; `require` among them is what each commit
    /// must reach.
    pub settings: String,
    /// Seed, in place of the repository's.
    pub seed: Option<u64>,
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

/// An unfinished task for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnfinishedView {
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

impl Kind for Unfinished {
    const NAME: &'static str = "unfinished task";
}
impl Object for Unfinished {
    const TAG: u8 = 0x18;
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
    pub(crate) theirs: Tip,
    pub(crate) combined: Combined,
}

impl Ledger<'_> {
    /// The task that is not finished.
    pub(crate) fn unfinished(&self) -> Result<Option<Unfinished>, LedgerError> {
        match self.session.root(UNFINISHED)? {
            Some(hash) => Ok(Some(codec::get(self, Id::<Unfinished>::from_bytes(hash))?)),
            None => Ok(None),
        }
    }

    /// The unfinished `task`.
    pub(crate) fn unfinished_task(&self, task: Task) -> Result<Unfinished, LedgerError> {
        match self.unfinished()? {
            Some(unfinished) if unfinished.task == task => Ok(unfinished),
            Some(other) => Err(LedgerError::Unfinished { task: other.task }),
            None => Err(LedgerError::NoTask { task: Some(task) }),
        }
    }

    /// Makes sure that nothing is unfinished, before anything that would move HEAD.
    pub(crate) fn require_finished(&self) -> Result<(), LedgerError> {
        match self.unfinished()? {
            Some(unfinished) => Err(LedgerError::Unfinished { task: unfinished.task }),
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
        unfinished: &Unfinished,
    ) -> Result<Option<Next>, LedgerError> {
        let Some(&next) = unfinished.left.first() else { return Ok(None) };
        let (ours, theirs) = (self.tip(unfinished.at)?, self.tip(next)?);
        let base = match unfinished.task {
            Task::Merge => common(self, draft, &BTreeSet::from([ours.id]), next)?
                .ok_or(LedgerError::Unrelated { commit: next })?,
            Task::CherryPick | Task::Rebase => match theirs.commit.parents.first() {
                Some(parent) => self.tip(*parent)?.side,
                None => return Err(LedgerError::PickRoot { commit: next }),
            },
        };
        let sides = [&base, &ours.side, &theirs.side];
        let combined = combine(draft, sides, unfinished.favour, &unfinished.settled)?;
        Ok(Some(Next { ours, theirs, combined }))
    }

    /// The unfinished task for people.
    pub(crate) fn unfinished_view(&self) -> Result<Option<UnfinishedView>, LedgerError> {
        let Some(unfinished) = self.unfinished()? else { return Ok(None) };
        let mut draft = Draft::new(self);
        let Some(next) = self.next(&mut draft, &unfinished)? else { return Ok(None) };
        let lexicon = self.lexicon_at(&draft, next.combined.side.roots.lexicon);
        Ok(Some(UnfinishedView {
            task: unfinished.task,
            next: self.commit_view(next.theirs.id, &next.theirs.commit)?,
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
        let task = Unfinished {
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
        assert_eq!(codec::encode(&task), expected.concat());
        assert_eq!(codec::decode::<Unfinished>(&expected.concat()).unwrap(), task);
    }
}

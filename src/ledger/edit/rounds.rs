//! An edit repeated on its own misses (UnderEdit): facts that it does not make hold are edited again on top of it, and their
//! further columns join its delta.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    attempt::{Edited, Job},
    earlier::Earlier,
    examine::WordedFact,
    failure::Finding,
    options::EditOptions,
    setup::Setup,
    trial::Trial,
};
use crate::{
    codec,
    delta::{Change, ChangeForm, Delta, TensorFile},
    engine::{Grain, Progress},
    fact::FactKey,
    ledger::{
        actor::Actor,
        error::LedgerError,
        lineage::{line::Entry, load},
    },
    tensor::Matrix,
};

/// As often misses are edited again at most.
const MOST: usize = 5;

/// What came of editing misses again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Facts that did not hold before.
    pub missed: u64,
    /// Facts of the edit that hold afterwards.
    pub holding: u64,
    /// Facts of the edit.
    pub of: u64,
}

/// When misses are edited again.
pub(crate) struct Until<'a> {
    /// Share of the facts that are to hold.
    pub(crate) share: f64,
    /// The facts that count.
    pub(crate) facts: &'a BTreeMap<FactKey, WordedFact>,
    /// Other facts about their subjects, to be edited with them where one z is sought for all.
    pub(crate) companions: &'a BTreeMap<FactKey, WordedFact>,
}

impl Setup {
    /// Makes sure that facts can be edited again one by one.
    ///
    /// # Errors
    /// [`LedgerError::NoRounds`] when the editor makes one change for all.
    pub(crate) fn require_columns(&self) -> Result<(), LedgerError> {
        match self.description.grain {
            Grain::Fact => Ok(()),
            Grain::Whole => Err(LedgerError::NoRounds { editor: self.editor.name.clone() }),
        }
    }
}

impl Trial<'_> {
    /// Edits what `first`, which was put on `job_line`, does not make hold again, until the share is reached, a round has no
    /// more facts hold, or there were enough rounds. A round that gains nothing is not kept.
    ///
    /// # Errors
    /// As [`Trial::edit`].
    pub(crate) fn edit_until(
        &mut self,
        actor: &Actor,
        until: &Until<'_>,
        job: &Job<'_>,
        first: Edited,
        progress: &mut dyn Progress,
    ) -> Result<Edited, LedgerError> {
        let mut edited = first;
        let mut missed = self.missed(until, &edited, progress)?;
        for _ in 0..MOST {
            let holding = until.facts.len() - missed.len();
            if missed.is_empty() || share(holding, until.facts.len()) >= until.share {
                break;
            }
            let next = self.round(actor, until, job, (&edited, &missed), progress)?;
            let still = self.missed(until, &next, progress)?;
            if still.len() >= missed.len() {
                break;
            }
            let mut rounds = std::mem::take(&mut edited.rounds);
            rounds.push(Round {
                missed: missed.len() as u64,
                holding: (until.facts.len() - still.len()) as u64,
                of: until.facts.len() as u64,
            });
            edited = Edited { rounds, ..next };
            missed = still;
        }
        Ok(edited)
    }

    fn missed(
        &mut self,
        until: &Until<'_>,
        edited: &Edited,
        progress: &mut dyn Progress,
    ) -> Result<BTreeSet<FactKey>, LedgerError> {
        let asked = until.facts.iter().map(|(key, fact)| (*key, fact));
        let failing = self.failing(&edited.weights, asked, progress)?;
        Ok(failing.into_iter().map(|(key, _)| key).collect())
    }

    /// The edit with further columns for what it `missed`.
    fn round(
        &mut self,
        actor: &Actor,
        until: &Until<'_>,
        job: &Job<'_>,
        (edited, missed): (&Edited, &BTreeSet<FactKey>),
        progress: &mut dyn Progress,
    ) -> Result<Edited, LedgerError> {
        let options = EditOptions::default().as_made_with(Some(&edited.spec))?;
        let setup = Setup::settle(self.repo, self.engine.as_ref(), &options)?;
        let joins = setup.description.joins_subjects;
        let subjects: BTreeSet<&String> =
            missed.iter().map(|key| &until.facts[key].request.subject).collect();
        let all = until.facts.iter().chain(until.companions);
        let again = all.filter(|(key, fact)| {
            missed.contains(key) || joins && subjects.contains(&fact.request.subject)
        });
        let requests = again.map(|(key, fact)| (*key, fact.request.clone())).collect();
        let ledger = self.repo.read()?;
        let earlier: Earlier = job.earlier.and(&ledger, &edited.spec)?;
        drop(ledger);
        let job_again = Job { base: job.base, line: &edited.line, requests, earlier: &earlier };
        let further = self.edit(actor, setup, job_again, progress)?;

        let (delta, contents) = self.join(edited, &further)?;
        let mut line = job.line.clone();
        line.push(delta.clone());
        progress.part("weights");
        let weights = self.repo.build(&line)?;
        // How the search for a z ended is known from where it was sought.
        let mut findings: BTreeMap<FactKey, Finding> =
            edited.delta.facts().into_iter().zip(edited.findings.iter().cloned()).collect();
        for (key, new) in further.delta.facts().into_iter().zip(&further.findings) {
            let was = findings.entry(key).or_default();
            let trace = new.trace.clone().or(was.trace.take());
            *was = Finding { trace, ..new.clone() };
        }
        let notes = edited.notes.iter().chain(&further.notes);
        Ok(Edited {
            spec: edited.spec.clone(),
            delta,
            contents,
            known: edited.known,
            found_with: edited.found_with.clone(),
            line,
            weights,
            findings: findings.into_values().collect(),
            notes: notes.cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            rounds: Vec::new(),
        })
    }

    /// The deltas of two edits in one, the columns of `further` behind those of `edited`.
    fn join(&self, edited: &Edited, further: &Edited) -> Result<(Delta, TensorFile), LedgerError> {
        let files = self.repo.store().tensors();
        let load = |delta: &Delta| {
            let entry = Entry::new(codec::id_of(delta), delta.clone(), Vec::new());
            let mut loaded = load::read(&files, &[entry])?;
            Ok::<_, LedgerError>(loaded.swap_remove(0))
        };
        let (first, second) = (load(&edited.delta)?, load(&further.delta)?);
        let mut changes = BTreeMap::new();
        for (name, change) in &first.changes {
            let joined = second.changes.get(name).and_then(|behind| beside(change, behind));
            let joined = joined.ok_or_else(|| LedgerError::Shape {
                what: format!("the further edit of {name}"),
                found: "something else".to_owned(),
                expected: "columns as those of the first".to_owned(),
            })?;
            changes.insert(name.clone(), joined);
        }
        let columns = edited.delta.columns.iter().chain(&further.delta.columns);
        load::write(&files, &changes, &columns.copied().collect::<Vec<_>>(), &[])
    }
}

/// Two changes of one tensor in one; `None` where they do not add up column by column.
fn beside(first: &Change, second: &Change) -> Option<Change> {
    let ChangeForm::LowRank { left, right } = &first.form else { return None };
    let ChangeForm::LowRank { left: more_left, right: more_right } = &second.form else {
        return None;
    };
    let each = |change: &Change| change.rows_of_keys(0).len();
    let keys = match (&first.keys, &second.keys) {
        (None, None) => None,
        (Some(keys), Some(more)) if each(first) == each(second) => Some(below(keys, more)?),
        _ => return None,
    };
    let left = below(&left.transposed(), &more_left.transposed())?.transposed();
    let form = ChangeForm::LowRank { left, right: below(right, more_right)? };
    Some(Change { orientation: first.orientation, form, keys })
}

/// The rows of `first`, then those of `second`; `None` where they are not equally long.
fn below(first: &Matrix, second: &Matrix) -> Option<Matrix> {
    (first.cols == second.cols).then(|| Matrix {
        rows: first.rows + second.rows,
        cols: first.cols,
        data: [first.data.as_slice(), &second.data].concat(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "facts of an edit are fewer than 2^52")]
fn share(holding: usize, of: usize) -> f64 {
    if of == 0 { 1.0 } else { holding as f64 / of as f64 }
}

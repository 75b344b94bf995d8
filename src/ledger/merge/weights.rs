//! The weights of two versions in one: summed, edited again, or summed and repaired.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    how::Strategy,
    questions::{Questions, to_edit},
    task::{Next, TaskInProgress, Tip},
};
use crate::{
    commit::{Check, Commit, EditedTensor},
    engine::{EngineError, Progress},
    fact::FactKey,
    id::Id,
    ledger::{
        actor::Actor,
        edit::{
            attempt::{Edited, Job},
            options::EditOptions,
            setup::Setup,
            trial::Trial,
        },
        error::LedgerError,
        lineage::{line::Line, load},
        repo::{OpenEngine, Repo},
    },
    tensor::Tensor,
};

/// The weights of two versions in one.
pub(crate) struct Joined {
    pub(crate) line: Line,
    pub(crate) weights: Vec<EditedTensor>,
    /// The version whose weights these are, bit for bit.
    pub(crate) as_in: Option<Id<Commit>>,
    /// Facts that no longer held in the sum and were edited in again.
    pub(crate) repaired: Vec<FactKey>,
    pub(crate) edited: Option<Edited>,
    pub(crate) check: Option<Check>,
    pub(crate) notes: Vec<String>,
}

impl Repo {
    /// Makes the weights of `next` as `unfinished` says.
    ///
    /// # Algorithm
    ///
    /// The combined lineage says which column holds which fact; [`combine`](super::three_way::combine) made it. The
    /// columns of two sides were found without each other, so their sum may hold fewer facts than both did. This
    /// finds the facts that it does not hold and edits them in.
    ///
    /// 1. *What has to be edited, whatever the sum is*: facts that neither side has a column for, such as the third
    ///    object that settled a conflict. With [`Strategy::ReEdit`] also all that comes from their side. Their
    ///    columns are let go; what held a delta together with them joins.
    /// 2. If nothing is to be edited and the lineage is that of a side, the weights are that side's, bit for bit. No
    ///    model is run.
    /// 3. *Sum*: the weights of the lineage are built. Without an engine they are the result, unless 1 found something.
    /// 4. *What no longer holds in the sum*, with [`Strategy::Repair`]: the sum is asked every fact. What it does not
    ///    answer, and the side it comes from does, is let go too and joins 1.
    /// 5. *What is edited together*: an editor that finds one vector for all of a subject needs all of its facts.
    /// 6. *Edit*: a new delta, on the lineage without the columns it replaces.
    /// 7. *Check*: our side before against the result, with all that the version is to hold.
    ///
    /// # Errors
    /// When a fact has to be edited and there is no engine, the edit fails or does not reach what is
    /// required, or weights are damaged.
    pub(crate) fn join(
        &self,
        actor: &Actor,
        unfinished: &TaskInProgress,
        next: &Next,
        questions: Questions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<Joined, LedgerError> {
        let options = unfinished.edit_options()?;
        let (mut line, mut edits) = begin(next, unfinished.strategy, &questions);
        let same = next.tips().into_iter().find(|tip| tip.side.line == line);
        if let Some(tip) = same.filter(|_| edits.is_empty()) {
            return Ok(Joined::as_in(tip, line));
        }
        let mut weights = self.build(&line)?;
        let Some(open) = open else {
            if !edits.is_empty() {
                return Err(EngineError::NoRuntime.into());
            }
            return Ok(Joined::unchecked(line, &weights));
        };

        let ours = &next.ours;
        let tip = (ours.id, &ours.commit, &ours.side.line);
        let require = options.require;
        let mut trial = Trial::begin_to_record(self, tip, require, open, progress)?;
        let mut repaired = BTreeSet::new();
        if unfinished.strategy == Strategy::Repair {
            repaired = self.lost(&mut trial, next, &questions, &edits, &weights, progress)?;
            let fallen = line.let_go(&repaired);
            edits.extend(repaired.iter().chain(&fallen));
        }
        let setup = self.setup_for(&trial, next, &questions, &edits, &options)?;
        let together = together(&edits, &questions, setup.description.joins_subjects);
        let mut edited = None;
        if !together.is_empty() {
            let requests = questions.all.iter().filter(|(key, _)| together.contains(key));
            let job = Job {
                base: ours.commit.base,
                line: &line,
                requests: requests.map(|(key, found)| (*key, found.request.clone())).collect(),
                earlier: &questions.earlier,
            };
            let found = trial.edit(actor, setup, job, progress)?;
            line = found.line.clone();
            weights.clone_from(&found.weights);
            edited = Some(found);
        }

        let examination = questions.examining(&edits, &next.combined.taken, edited.as_ref());
        let (edited, check) = match edited {
            Some(edited) => {
                let checked = trial.check_edit(examination, edited, require, progress)?;
                (Some(checked.edited), checked.check)
            }
            None => (None, trial.check(examination, &weights, require, progress)?),
        };
        Ok(Joined {
            line,
            weights: load::hashes(&weights),
            as_in: None,
            repaired: repaired.into_iter().collect(),
            notes: edited.as_ref().map(|edited| edited.notes.clone()).unwrap_or_default(),
            edited,
            check: Some(check),
        })
    }

    /// The facts that merging lost: the sum does not answer them, and the side that each comes from does. Those of
    /// `edits` are not asked, since no column holds them.
    fn lost(
        &self,
        trial: &mut Trial<'_>,
        next: &Next,
        questions: &Questions,
        edits: &BTreeSet<FactKey>,
        sum: &BTreeMap<String, Tensor>,
        progress: &mut dyn Progress,
    ) -> Result<BTreeSet<FactKey>, LedgerError> {
        let asked = questions.all.iter().filter(|(key, _)| !edits.contains(key));
        let mut lost = BTreeSet::new();
        let (mut from_ours, mut from_theirs) = (Vec::new(), Vec::new());
        for (key, question) in trial.failing(sum, asked, progress)? {
            if next.combined.back.contains(key) {
                // It is as it was before both sides, so neither side holds it and neither can be asked.
                lost.insert(*key);
            } else if next.combined.taken.contains(key) {
                from_theirs.push((*key, question));
            } else {
                from_ours.push((*key, question));
            }
        }
        for (facts, tip) in [(from_ours, &next.ours), (from_theirs, &next.theirs)] {
            // A side's weights take time to build: only where there is something to ask them.
            if facts.is_empty() {
                continue;
            }
            let side = self.weights(tip.id, &tip.commit, &tip.side.line)?;
            let never = trial.failing(&side, facts.iter().copied(), progress)?;
            lost.extend(facts.into_iter().map(|(key, _)| key));
            // What did not hold on its own side either is not the merge's to repair.
            for (key, _) in never {
                lost.remove(&key);
            }
        }
        Ok(lost)
    }

    /// The editor and its settings: those that made the columns which are replaced, ours before theirs, unless `options`
    /// say otherwise. So facts stay as they were made when the repository is set to another editor meanwhile.
    fn setup_for(
        &self,
        trial: &Trial<'_>,
        next: &Next,
        questions: &Questions,
        edits: &BTreeSet<FactKey>,
        options: &EditOptions,
    ) -> Result<Setup, LedgerError> {
        // Whether companions are edited too is for their editor to say, so they count here.
        let again = edits.union(&questions.companions).copied().collect();
        let made = next
            .tips()
            .into_iter()
            .find_map(|tip| questions.earlier.spec_of(&tip.side.line, &again));
        Setup::settle(self, trial.engine.as_ref(), &options.as_made_with(made)?)
    }
}

/// The combined lineage without the columns of what has to be edited, and those facts.
fn begin(next: &Next, strategy: Strategy, questions: &Questions) -> (Line, BTreeSet<FactKey>) {
    let combined = &next.combined;
    let mut line = combined.side.line.clone();
    let mut edits = to_edit(combined, strategy);
    // What held a delta together with them goes too, and has to be edited again.
    let fallen = line.let_go(&edits);
    edits.extend(fallen);
    // What their side retracted is among them: it is let go, and there is nothing to edit.
    edits.retain(|key| combined.edits.contains_key(key) || questions.all.contains_key(key));
    (line, edits)
}

/// The facts that are edited when `edits` are. An editor that finds one vector for all facts of a subject gets all of
/// them: a vector for one alone would miss the others, whose old columns would be added to it.
fn together(
    edits: &BTreeSet<FactKey>,
    questions: &Questions,
    joins_subjects: bool,
) -> BTreeSet<FactKey> {
    let mut together = edits.clone();
    if joins_subjects {
        together.extend(&questions.companions);
        let subject = |key| questions.all.get(key).map(|found| &found.request.subject);
        let subjects: BTreeSet<&String> = edits.iter().filter_map(subject).collect();
        let about = questions.all.iter().filter(|(_, q)| subjects.contains(&q.request.subject));
        together.extend(about.map(|(key, _)| *key));
    }
    together
}

impl Joined {
    fn as_in(tip: &Tip, line: Line) -> Self {
        Self {
            line,
            weights: tip.commit.weights.clone(),
            as_in: Some(tip.id),
            repaired: Vec::new(),
            edited: None,
            check: None,
            notes: Vec::new(),
        }
    }

    fn unchecked(line: Line, weights: &BTreeMap<String, Tensor>) -> Self {
        Self {
            line,
            weights: load::hashes(weights),
            as_in: None,
            repaired: Vec::new(),
            edited: None,
            check: None,
            notes: vec!["not checked: no model was run".to_owned()],
        }
    }
}

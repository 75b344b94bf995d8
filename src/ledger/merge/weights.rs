//! The weights of two versions in one: summed, edited again, or summed and repaired.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    task::{Next, Tip, Unfinished},
    three_way::Combined,
};
use crate::{
    codec::Objects,
    commit::{Check, Commit, EditedTensor},
    engine::{EngineError, Progress},
    fact::{Fact, FactKey, Iri, tree},
    id::Id,
    ledger::{
        actor::Actor,
        edit::{
            attempt::{Edited, Job},
            earlier::Earlier,
            examine::{Examination, Known, WordedFact},
            kept_prompts::Others,
            sample::{Sample, if_worded},
            setup::Setup,
            trial::Trial,
        },
        error::LedgerError,
        lineage::{line::Line, load},
        merge::how::{Strategy, Task},
        repo::{OpenEngine, Repo},
        state::open::Ledger,
    },
    tensor::Tensor,
};

/// What joining needs of the store, read before it is closed.
pub(crate) struct Questions {
    /// Every fact that is to hold and has words.
    all: BTreeMap<FactKey, WordedFact>,
    /// Of a revert: facts about subjects of which others are taken back. They are edited again where one z is sought for all.
    companions: BTreeSet<FactKey>,
    /// Facts that must still hold, besides `all`.
    sampled: Vec<WordedFact>,
    neighbours: Vec<WordedFact>,
    known: Known,
    earlier: Earlier,
}

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

impl Questions {
    /// Reads what joining `next` needs.
    ///
    /// # Errors
    /// When an object is damaged, or a fact that has to be edited has no words.
    pub(crate) fn read(
        ledger: &Ledger<'_>,
        objects: &dyn Objects,
        next: &Next,
        unfinished: &Unfinished,
    ) -> Result<Self, LedgerError> {
        if unfinished.task == Task::Revert {
            return Self::of_revert(ledger, objects, next);
        }
        let strategy = unfinished.strategy;
        let roots = next.combined.side.roots;
        let lexicon = ledger.lexicon_at(objects, roots.lexicon);
        let edited = edited(&next.combined, strategy);
        let mut all = BTreeMap::new();
        let mut changed: BTreeMap<FactKey, Fact> = BTreeMap::new();
        let facts: Vec<(FactKey, Fact)> =
            tree::iter(objects, roots.facts).collect::<Result<_, _>>()?;
        let others = Others::read(objects, &lexicon, roots, facts.iter().map(|(_, fact)| fact))?;
        for (key, fact) in facts {
            let question = others.question(&lexicon, &fact);
            let question =
                if edited.contains(&key) { Some(question?) } else { if_worded(question)? };
            all.extend(question.map(|question| (key, question)));
            if edited.contains(&key) || next.combined.taken.contains(&key) {
                changed.insert(key, fact);
            }
        }
        let config = ledger.config;
        let sample = Sample::draw(objects, &lexicon, roots, &changed, config, config.seed)?;
        let tips = [next.ours.id, next.theirs.id];
        Ok(Self {
            all,
            companions: BTreeSet::new(),
            sampled: Vec::new(),
            neighbours: sample.neighbours,
            known: sample.known,
            earlier: ledger.made_with(tips, next.ours.commit.base)?,
        })
    }

    /// Of all facts that hold a revert asks those that come back, what else is said of their subjects, and a sample.
    fn of_revert(
        ledger: &Ledger<'_>,
        objects: &dyn Objects,
        next: &Next,
    ) -> Result<Self, LedgerError> {
        let (before, after) = (next.ours.commit.facts, next.combined.side.roots);
        let lexicon = ledger.lexicon_at(objects, after.lexicon);
        let mut restored = BTreeMap::new();
        for &key in &next.combined.taken {
            if let Some(fact) = tree::get(objects, after.facts, key)? {
                restored.insert(key, fact);
            }
        }
        let mut subjects = BTreeSet::new();
        for difference in tree::diff(objects, before, after.facts) {
            let (_, before, after) = difference?;
            subjects.extend(before.into_iter().chain(after).map(|fact| fact.subject));
        }
        let mut companions = ledger.facts_about_all(before, &subjects)?;
        companions.retain(|key, _| !next.combined.taken.contains(key));
        // Where all that a subject has comes from the parent it was found together.
        let subjects: BTreeSet<Iri> = companions.values().map(|f| f.subject.clone()).collect();
        let back = restored.iter().filter(|(_, fact)| subjects.contains(&fact.subject));
        companions.extend(back.map(|(key, fact)| (*key, fact.clone())));

        let config = ledger.config;
        let sample = Sample::draw(objects, &lexicon, after, &restored, config, config.seed)?;
        let others = Others::read(objects, &lexicon, after, companions.values())?;
        let companions = others.questions_with_words(&lexicon, &companions)?;
        let keys = companions.keys().copied().collect();
        let mut all = companions;
        let asked = Others::read(objects, &lexicon, after, restored.values())?;
        all.extend(asked.questions_with_words(&lexicon, &restored)?);
        Ok(Self {
            all,
            companions: keys,
            sampled: sample.earlier,
            neighbours: sample.neighbours,
            known: sample.known,
            earlier: ledger.made_with([next.ours.id], next.ours.commit.base)?,
        })
    }
}

/// Facts that have to be edited whatever the sum would be.
fn edited(combined: &Combined, strategy: Strategy) -> BTreeSet<FactKey> {
    let again = if strategy == Strategy::ReEdit { Some(&combined.taken) } else { None };
    combined.edits.keys().chain(again.into_iter().flatten()).copied().collect()
}

impl Repo {
    /// Makes the weights of `next` as `unfinished` says.
    ///
    /// # Errors
    /// When a fact has to be edited and there is no engine, the edit fails or does not reach what is
    /// required, or weights are damaged.
    pub(crate) fn join(
        &self,
        actor: &Actor,
        unfinished: &Unfinished,
        next: &Next,
        questions: Questions,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<Joined, LedgerError> {
        let Next { ours, theirs, combined, .. } = next;
        let strategy = unfinished.strategy;
        let options = unfinished.edit_options()?;
        let mut line = combined.side.line.clone();
        let mut edits = edited(combined, strategy);
        // A fact that is retracted is let go and not edited.
        line.let_go(&edits);
        edits.retain(|key| combined.edits.contains_key(key) || questions.all.contains_key(key));
        if let Some(tip) = [ours, theirs].into_iter().find(|tip| tip.side.line == line)
            && edits.is_empty()
        {
            return Ok(Joined::as_in(tip, line));
        }
        let mut weights = self.build(&line)?;
        let Some(open) = open else {
            if !edits.is_empty() {
                return Err(EngineError::NoRuntime.into());
            }
            return Ok(Joined::unchecked(line, &weights));
        };

        let tip = (ours.id, &ours.commit, &ours.side.line);
        let mut trial = Trial::begin(self, tip, open, progress)?;
        let mut repaired = BTreeSet::new();
        if strategy == Strategy::Repair {
            let asked = questions.all.iter().filter(|(key, _)| !edits.contains(key));
            let lost = trial.failing(&weights, asked, progress)?;
            // What is as it was before both sides holds on neither.
            let (back, lost): (Vec<_>, Vec<_>) =
                lost.into_iter().partition(|(key, _)| combined.back.contains(key));
            repaired.extend(back.into_iter().map(|(key, _)| *key));
            let (from_theirs, from_ours): (Vec<_>, Vec<_>) =
                lost.into_iter().partition(|(key, _)| combined.taken.contains(key));
            for (facts, tip) in [(from_ours, ours), (from_theirs, theirs)] {
                if facts.is_empty() {
                    continue;
                }
                // What did not hold on its own side either is not the merge's to repair.
                let side = self.tip_weights(tip)?;
                let asked = facts.iter().map(|(key, question)| (*key, *question));
                let never = trial.failing(&side, asked, progress)?;
                repaired.extend(facts.iter().map(|(key, _)| **key));
                for (key, _) in never {
                    repaired.remove(key);
                }
            }
            line.let_go(&repaired);
            edits.extend(&repaired);
        }
        let again: BTreeSet<FactKey> = edits.union(&questions.companions).copied().collect();
        let made = [ours, theirs]
            .into_iter()
            .find_map(|tip| questions.earlier.spec_of(&tip.side.line, &again));
        let setup = Setup::settle(self, trial.engine.as_ref(), &options.as_made_with(made)?)?;
        let mut together = edits.clone();
        if setup.description.joins_subjects {
            together.extend(&questions.companions);
            let subject = |key| questions.all.get(key).map(|found| &found.request.subject);
            let subjects: BTreeSet<&String> = edits.iter().filter_map(subject).collect();
            let about = questions.all.iter().filter(|(_, q)| subjects.contains(&q.request.subject));
            together.extend(about.map(|(key, _)| *key));
        }
        let mut edited = None;
        let mut traces = BTreeMap::new();
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
            traces = found.delta.columns.iter().copied().zip(found.traces.clone()).collect();
            edited = Some(found);
        }

        let mut examination = Examination {
            edited: Vec::new(),
            neighbours: questions.neighbours,
            earlier: questions.sampled,
            known: questions.known,
        };
        for (key, question) in questions.all {
            if edits.contains(&key) || combined.taken.contains(&key) {
                examination.edited.push((question, traces.remove(&key).flatten()));
            } else if !questions.companions.contains(&key) {
                examination.earlier.push(question);
            }
        }
        let check = trial.check(examination, &weights, options.require, progress)?;
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

    fn tip_weights(&self, tip: &Tip) -> Result<BTreeMap<String, Tensor>, LedgerError> {
        self.weights(tip.id, &tip.commit, &tip.side.line)
    }
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

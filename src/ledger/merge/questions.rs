//! What is asked of the weights of two versions in one.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    how::{Strategy, Task},
    task::{Next, Unfinished},
    three_way::Combined,
};
use crate::{
    codec::Objects,
    fact::{Fact, FactKey, Iri, tree},
    ledger::{
        edit::{
            attempt::Edited,
            earlier::Earlier,
            examine::{Examination, Known, WordedFact},
            failure::Finding,
            kept_prompts::Others,
            sample::{Sample, if_worded},
        },
        error::LedgerError,
        state::open::Ledger,
    },
};

/// What joining needs of the store, read before it is closed.
pub(crate) struct Questions {
    /// Every fact that is to hold and has words.
    pub(super) all: BTreeMap<FactKey, WordedFact>,
    /// Of a revert: facts about subjects of which others are taken back. They are edited again where one z is sought for all.
    pub(super) companions: BTreeSet<FactKey>,
    /// Facts that must still hold, besides `all`.
    sampled: Vec<WordedFact>,
    neighbours: Vec<WordedFact>,
    known: Known,
    pub(super) earlier: Earlier,
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
        let roots = next.combined.side.roots;
        let lexicon = ledger.lexicon_at(objects, roots.lexicon);
        let edited = to_edit(&next.combined, unfinished.strategy);
        // Whatever one of them loses, the others may have to be edited again.
        let together = next.combined.side.line.together();
        let mut all = BTreeMap::new();
        let mut changed: BTreeMap<FactKey, Fact> = BTreeMap::new();
        let facts: Vec<(FactKey, Fact)> =
            tree::iter(objects, roots.facts).collect::<Result<_, _>>()?;
        let others = Others::read(objects, &lexicon, roots, facts.iter().map(|(_, fact)| fact))?;
        for (key, fact) in facts {
            let question = others.question(&lexicon, &fact);
            let question = if edited.contains(&key) || together.contains(&key) {
                Some(question?)
            } else {
                if_worded(question)?
            };
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
        companions.retain(|key, _| !next.combined.edits.contains_key(key));

        let config = ledger.config;
        let sample = Sample::draw(objects, &lexicon, after, &restored, config, config.seed)?;
        let others = Others::read(objects, &lexicon, after, companions.values())?;
        let companions = others.questions_with_words(&lexicon, &companions)?;
        let keys = companions.keys().copied().collect();
        let mut all = companions;
        let fallen = &next.combined.edits;
        let asked = restored.values().chain(fallen.values());
        let asked = Others::read(objects, &lexicon, after, asked)?;
        all.extend(asked.questions_with_words(&lexicon, &restored)?);
        all.extend(asked.questions(&lexicon, fallen)?);
        Ok(Self {
            all,
            companions: keys,
            sampled: sample.earlier,
            neighbours: sample.neighbours,
            known: sample.known,
            earlier: ledger.made_with([next.ours.id], next.ours.commit.base)?,
        })
    }

    /// What the weights are examined in once `edits` are edited in, and how the search for each ended.
    pub(super) fn examining(
        self,
        edits: &BTreeSet<FactKey>,
        taken: &BTreeSet<FactKey>,
        edited: Option<&Edited>,
    ) -> Examination {
        let findings = edited.into_iter().flat_map(|edited| {
            edited.delta.facts().into_iter().zip(edited.findings.iter().cloned())
        });
        let mut findings: BTreeMap<FactKey, Finding> = findings.collect();
        let mut examination = Examination {
            edited: Vec::new(),
            neighbours: self.neighbours,
            earlier: self.sampled,
            known: self.known,
        };
        for (key, question) in self.all {
            // What is new on our side is asked as an edit is, whether the sum held it or an edit had to.
            if edits.contains(&key) || taken.contains(&key) {
                examination.edited.push((question, findings.remove(&key).unwrap_or_default()));
            } else if !self.companions.contains(&key) {
                examination.earlier.push(question);
            }
        }
        examination
    }
}

/// Facts whose columns `strategy` takes from neither side. They are edited in, or let go where they hold no longer.
pub(super) fn to_edit(combined: &Combined, strategy: Strategy) -> BTreeSet<FactKey> {
    let again = if strategy == Strategy::ReEdit { Some(&combined.taken) } else { None };
    combined.edits.keys().chain(again.into_iter().flatten()).copied().collect()
}

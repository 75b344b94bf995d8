//! Edits to try settings on: facts that the model knows, and other objects to put in their places.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    examine::WordedFact,
    kept_prompts::Others,
    sample::{Draw, Sample, if_worded, question},
    trial::Trial,
};
use crate::{
    codec::Objects,
    engine::{Progress, Sampling},
    fact::{Fact, FactKey, FactTree, Iri, Lexicon, Literal, Roots, Term, tree},
    id::Id,
    ledger::{config::Config, error::LedgerError},
};

/// Facts of the neighbourhood that are asked for each predicate at most.
const ASKED: usize = 100;

/// What the model says by itself counts as known from this probability on.
const SURE: f32 = 0.5;

/// Edits, and what is not to move when they are made.
pub(crate) struct Rehearsal {
    pub(crate) edits: BTreeMap<FactKey, WordedFact>,
    pub(crate) sample: Sample,
}

/// Where facts that the model knows are sought.
pub(crate) struct Source<'a> {
    pub(crate) objects: &'a dyn Objects,
    pub(crate) lexicon: &'a Lexicon<'a>,
    /// What holds with what is staged.
    pub(crate) roots: Roots,
    /// What holds.
    pub(crate) held: Id<FactTree>,
    pub(crate) config: &'a Config,
    pub(crate) seed: u64,
}

/// Facts that the model may know.
pub(crate) struct Candidates {
    facts: Vec<(Fact, WordedFact)>,
    /// Whether their objects are what counts as known, and not what the model says in their place.
    have_objects: bool,
}

impl Candidates {
    /// The facts that the model knows: those that it answers, or what it says where it is sure of a word.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub(crate) fn known(
        self,
        trial: &mut Trial<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Fact>, LedgerError> {
        if self.have_objects {
            let asked = self.facts.iter().map(|(fact, worded)| (fact, worded));
            let answered = trial.answers_before(asked, progress)?;
            let known = answered.into_iter().filter(|(.., answer)| answer.matches);
            return Ok(known.map(|(fact, ..)| fact.clone()).collect());
        }
        let how = Sampling { top: 1, tokens: 1, sample: None };
        progress.start("facts", Some(self.facts.len() as u64));
        let mut known = Vec::new();
        for (done, (fact, worded)) in (1..).zip(self.facts) {
            let said = trial.continuations_before(&worded.request.text(), &how)?;
            progress.advance(done, "asked")?;
            let word = said.next.into_iter().next().filter(|(_, sure)| *sure >= SURE);
            let Some((word, _)) = word else { continue };
            let word = word.trim();
            if word.chars().all(char::is_alphanumeric) && !word.is_empty() {
                known.push(Fact { object: Term::Literal(Literal::text(word)), ..fact });
            }
        }
        progress.finish("");
        Ok(known)
    }
}

impl Source<'_> {
    /// Facts that the model may know, in the order of their lots: the neighbourhood, or if there is none what is edited.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(crate) fn candidates(&self) -> Result<Candidates, LedgerError> {
        let mut draws: BTreeMap<Iri, Draw> = BTreeMap::new();
        for entry in tree::iter(self.objects, self.roots.neighbourhood) {
            let (key, fact) = entry?;
            if tree::get(self.objects, self.roots.facts, key)?.is_none() {
                let draw = draws.entry(fact.predicate.clone());
                draw.or_insert_with(|| Draw::new(self.seed, ASKED)).offer(key, &fact);
            }
        }
        let have_objects = !draws.is_empty();
        if !have_objects {
            for entry in tree::iter(self.objects, self.roots.facts) {
                let (key, fact) = entry?;
                let draw = draws.entry(fact.predicate.clone());
                draw.or_insert_with(|| Draw::new(self.seed, ASKED)).offer(key, &fact);
            }
        }
        let drawn: BTreeMap<_, _> = draws.into_values().flat_map(|draw| draw.drawn).collect();
        let mut facts = Vec::new();
        for fact in drawn.into_values() {
            let worded = if_worded(question(self.lexicon, &fact))?;
            facts.extend(worded.map(|worded| (fact, worded)));
        }
        Ok(Candidates { facts, have_objects })
    }

    /// Those of `known` that have words, so many at most, in words.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(crate) fn worded(
        &self,
        known: &[Fact],
        most: usize,
    ) -> Result<Vec<WordedFact>, LedgerError> {
        let mut worded = Vec::new();
        for fact in known.iter().take(most) {
            worded.extend(if_worded(question(self.lexicon, fact))?);
        }
        Ok(worded)
    }

    /// Edits for `parts` rehearsals of so many facts each, or fewer: one fact for each subject, with an object that
    /// another fact of the same predicate has. Where nothing is known beside them, what is known of other subjects
    /// is not to move.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(crate) fn rehearsals(
        &self,
        known: &[Fact],
        (parts, count): (usize, usize),
    ) -> Result<Vec<Rehearsal>, LedgerError> {
        let mut subjects = BTreeSet::new();
        let mut edits: Vec<(FactKey, Fact)> = Vec::new();
        let shown = |fact: &Fact| Ok(self.lexicon.show(&fact.object)?.to_lowercase());
        let shown: Vec<String> = known.iter().map(shown).collect::<Result<_, LedgerError>>()?;
        for (at, fact) in known.iter().enumerate() {
            if edits.len() == parts * count {
                break;
            }
            // What comes behind it first, so that not all get the same.
            let mut others = (at..known.len()).chain(0..at);
            let differs = |other: &usize| {
                known[*other].predicate == fact.predicate && shown[*other] != shown[at]
            };
            let Some(other) = others.find(differs).map(|other| &known[other]) else { continue };
            if subjects.insert(&fact.subject) {
                let edit = Fact { object: other.object.clone(), ..fact.clone() };
                let key = edit.key(self.lexicon.multi_valued(&edit.predicate)?);
                edits.push((key, edit));
            }
        }
        let size = edits.len().div_ceil(parts).max(1);
        let parts = edits.chunks(size).map(|edits| self.rehearsal(known, edits));
        parts.collect()
    }

    fn rehearsal(
        &self,
        known: &[Fact],
        edits: &[(FactKey, Fact)],
    ) -> Result<Rehearsal, LedgerError> {
        // What is staged does not hold yet.
        let (roots, seed) = (Roots { facts: self.held, ..self.roots }, self.seed);
        let edits: BTreeMap<FactKey, Fact> = edits.iter().cloned().collect();
        let mut sample =
            Sample::draw(self.objects, self.lexicon, roots, &edits, self.config, seed)?;
        if sample.neighbours.is_empty() {
            let edited: BTreeSet<&Iri> = edits.values().map(|fact| &fact.subject).collect();
            for fact in known.iter().filter(|fact| !edited.contains(&fact.subject)) {
                sample.neighbours.extend(if_worded(question(self.lexicon, fact))?);
            }
        }
        let others = Others::read(self.objects, self.lexicon, roots, edits.values())?;
        Ok(Rehearsal { edits: others.questions_with_words(self.lexicon, &edits)?, sample })
    }
}

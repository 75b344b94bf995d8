//! What an editor learns from: facts of a version, of which some are held back.
//!
//! Held back are a ninth of the predicates, with all their facts, and an eighth of the subjects, both by their hashes, so that
//! each training holds the same back; and the subjects of what is staged. Wordings that are there for checks alone are never
//! among those that are learned from.

use std::collections::{BTreeMap, BTreeSet};

use super::sample::{Draw, if_worded};
use crate::{
    codec::Objects,
    commit::HeldBack,
    engine::{Lesson, LessonPart},
    fact::{Fact, Iri, Lexicon, Request, Roots, tree},
    id::{Id, Kind},
    ledger::error::LedgerError,
};

/// One of so many predicates is held back.
const PREDICATES: usize = 9;

/// One of so many subjects is.
const SUBJECTS: u8 = 8;

/// Facts of each predicate at most.
const FACTS: usize = 2000;

/// Facts to learn from, at least.
const FEWEST: usize = 16;

/// Marks the hashes by which something is held back.
struct Held;

impl Kind for Held {
    const NAME: &'static str = "held back";
}

/// Marks the hashes of what is learned from.
struct Data;

impl Kind for Data {
    const NAME: &'static str = "lessons";
}

/// What an editor learns from.
pub(crate) struct Lessons {
    pub(crate) lessons: Vec<Lesson>,
    /// By predicate, the objects that its facts have, in words.
    pub(crate) objects: Vec<Vec<String>>,
    pub(crate) held_back: HeldBack,
}

impl Lessons {
    /// Those of the facts and the neighbourhood of `roots`; nothing of the subjects `staged` is learned from.
    ///
    /// # Errors
    /// [`LedgerError::TooFewLessons`] when there are too few; when an object is damaged.
    pub(crate) fn read(
        objects: &dyn Objects,
        lexicon: &Lexicon<'_>,
        roots: Roots,
        staged: &BTreeSet<Iri>,
        seed: u64,
    ) -> Result<Self, LedgerError> {
        let mut draws: BTreeMap<Iri, Draw> = BTreeMap::new();
        let mut offer = |key, fact: &Fact| {
            let draw = draws.entry(fact.predicate.clone());
            draw.or_insert_with(|| Draw::new(seed, FACTS)).offer(key, fact);
        };
        for entry in tree::iter(objects, roots.facts) {
            let (key, fact) = entry?;
            offer(key, &fact);
        }
        for entry in tree::iter(objects, roots.neighbourhood) {
            let (key, fact) = entry?;
            if tree::get(objects, roots.facts, key)?.is_none() {
                offer(key, &fact);
            }
        }
        let mut worded: Vec<(Iri, Vec<(Fact, Request)>)> = Vec::new();
        for (predicate, draw) in draws {
            let mut of = Vec::new();
            for fact in draw.drawn.into_values() {
                let request = if_worded(lexicon.request(&fact))?;
                of.extend(request.map(|request| (fact, request)));
            }
            if !of.is_empty() {
                worded.push((predicate, of));
            }
        }
        let lessons = Self::divide(worded, staged);
        let can_be_edited = |lesson: &&Lesson| {
            lesson.part == LessonPart::Training && lessons.objects[lesson.predicate].len() > 1
        };
        let facts = lessons.lessons.iter().filter(can_be_edited).count();
        if facts < FEWEST { Err(LedgerError::TooFewLessons { facts }) } else { Ok(lessons) }
    }

    fn divide(worded: Vec<(Iri, Vec<(Fact, Request)>)>, staged: &BTreeSet<Iri>) -> Self {
        let mut by_hash: Vec<(Id<Held>, &Iri)> =
            worded.iter().map(|(predicate, _)| (hash(predicate), predicate)).collect();
        by_hash.sort();
        let held: BTreeSet<Iri> = by_hash
            .into_iter()
            .take(worded.len() / PREDICATES)
            .map(|(_, held)| held.clone())
            .collect();
        let (mut lessons, mut objects) = (Vec::new(), Vec::new());
        let mut held_back = HeldBack {
            predicates: held.iter().map(|predicate| predicate.as_str().to_owned()).collect(),
            ..HeldBack::default()
        };
        for (number, (predicate, facts)) in worded.into_iter().enumerate() {
            let said: BTreeSet<&String> =
                facts.iter().map(|(_, request)| &request.target).collect();
            objects.push(said.into_iter().cloned().collect());
            for (fact, request) in facts {
                let lot = hash(&fact.subject).as_bytes()[0];
                let subject_is_held = lot % SUBJECTS == 0 || staged.contains(&fact.subject);
                let (part, count) = if held.contains(&predicate) {
                    (LessonPart::Unseen, &mut held_back.unseen)
                } else if subject_is_held {
                    (LessonPart::Seen, &mut held_back.seen)
                } else {
                    (LessonPart::Training, &mut held_back.learned)
                };
                *count += 1;
                lessons.push(Lesson { request, predicate: number, part });
            }
        }
        Self { lessons, objects, held_back }
    }

    /// A hash of all of it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hasher = Id::<Data>::hasher();
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for Lesson { request, predicate, part } in &self.lessons {
            text(&format!("{predicate} {part:?} {}", request.rephrasings.len()));
            for part in [&request.prompt, &request.subject, &request.target] {
                text(part);
            }
            request.rephrasings.iter().chain(&request.paraphrases).for_each(|part| text(part));
        }
        *hasher.finalize().as_bytes()
    }
}

fn hash(iri: &Iri) -> Id<Held> {
    Id::of(iri.as_str().as_bytes())
}

//! What an editor learns from: facts of a version or the cases of a benchmark, of which some are held back.
//!
//! Held back are a ninth of the predicates, with all their facts, and an eighth of the subjects, both by their hashes, so that
//! each training holds the same back; and the subjects of what is staged. Wordings that are there for checks alone are never
//! among those that are learned from.

use std::collections::{BTreeMap, BTreeSet};

use super::sample::{Draw, if_worded};
use crate::{
    codec::Objects,
    commit::HeldBack,
    engine::{Lesson, LessonPart, Prompt},
    eval::{Case, PromptTarget},
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

/// A fact to learn from, before it is said what for.
struct Material {
    subject: String,
    relation: String,
    /// Whether that is more than a number of its own.
    is_named: bool,
    /// Objects that facts of the relation have.
    objects: Vec<String>,
    request: Request,
    kept: Vec<Prompt>,
    /// Whether it is held back whatever its hash is.
    held: bool,
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
        let mut material = Vec::new();
        for (predicate, facts) in worded {
            for (fact, request) in facts {
                let held = staged.contains(&fact.subject);
                let (subject, kept) = (fact.subject.as_str().to_owned(), Vec::new());
                let objects = vec![request.target.clone()];
                let relation = predicate.as_str().to_owned();
                let is_named = true;
                material.push(Material {
                    subject,
                    relation,
                    is_named,
                    objects,
                    request,
                    kept,
                    held,
                });
            }
        }
        Self::divide(material)
    }

    /// Those of the cases of a benchmark; nothing of the subjects called as in `staged` is learned from.
    ///
    /// # Errors
    /// [`LedgerError::TooFewLessons`] when there are too few.
    pub(crate) fn of_cases(cases: &[Case], staged: &BTreeSet<String>) -> Result<Self, LedgerError> {
        let material = cases.iter().map(|case| {
            let kept = |PromptTarget { prompt, target }: &PromptTarget| Prompt {
                prompt: prompt.clone(),
                expected: target.clone(),
            };
            // A claim's label is what is so, and all claims are answered alike.
            let known = if case.is_claim() { Some(&case.target) } else { case.truth.as_ref() };
            let alike = || if case.is_claim() { case.prompt.clone() } else { case.text() };
            let request = Request {
                prompt: case.prompt.clone(),
                subject: case.subject.clone(),
                target: known.cloned().unwrap_or_default(),
                rephrasings: case.paraphrases.clone(),
                kept: Vec::new(),
                paraphrases: Vec::new(),
            };
            Material {
                subject: if case.subject.is_empty() { case.text() } else { case.subject.clone() },
                relation: case.relation.clone().unwrap_or_else(alike),
                is_named: case.relation.is_some(),
                objects: case.truth.iter().chain([&case.target]).cloned().collect(),
                request,
                kept: case.locality.iter().map(kept).collect(),
                held: staged.contains(&case.subject),
            }
        });
        Self::divide(material.collect())
    }

    fn divide(material: Vec<Material>) -> Result<Self, LedgerError> {
        let mut relations: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
        for one in &material {
            relations.entry(&one.relation).or_default().extend(&one.objects);
        }
        // A benchmark need not say which relation a case is of; then there is none to hold back.
        let named: BTreeSet<&str> =
            material.iter().filter(|one| one.is_named).map(|one| one.relation.as_str()).collect();
        let held = named.len() / PREDICATES;
        let mut by_hash: Vec<(Id<Held>, &str)> =
            named.into_iter().map(|relation| (hash(relation), relation)).collect();
        by_hash.sort_unstable();
        let held: BTreeSet<String> =
            by_hash.into_iter().take(held).map(|(_, relation)| relation.to_owned()).collect();
        let numbers: BTreeMap<String, usize> =
            relations.keys().map(|&relation| relation.to_owned()).zip(0..).collect();
        let objects: Vec<Vec<String>> =
            relations.into_values().map(|objects| objects.into_iter().cloned().collect()).collect();
        let mut held_back =
            HeldBack { predicates: held.iter().cloned().collect(), ..HeldBack::default() };
        let mut lessons = Vec::new();
        for Material { subject, relation, request, kept, held: staged, .. } in material {
            let (part, count) = if held.contains(&relation) {
                (LessonPart::Unseen, &mut held_back.unseen)
            } else if staged || hash(&subject).as_bytes()[0].is_multiple_of(SUBJECTS) {
                (LessonPart::Seen, &mut held_back.seen)
            } else {
                (LessonPart::Training, &mut held_back.learned)
            };
            *count += 1;
            lessons.push(Lesson { request, predicate: numbers[&relation], kept, part });
        }
        let can_be_edited = |lesson: &&Lesson| {
            let mut objects = objects[lesson.predicate].iter();
            lesson.part == LessonPart::Training
                && objects.any(|object| *object != lesson.request.target)
        };
        let facts = lessons.iter().filter(can_be_edited).count();
        if facts < FEWEST {
            return Err(LedgerError::TooFewLessons { facts });
        }
        Ok(Self { lessons, objects, held_back })
    }

    /// A hash of all of it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hasher = Id::<Data>::hasher();
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for Lesson { request, predicate, kept, part } in &self.lessons {
            text(&format!("{predicate} {part:?} {}", request.rephrasings.len()));
            for part in [&request.prompt, &request.subject, &request.target] {
                text(part);
            }
            request.rephrasings.iter().chain(&request.paraphrases).for_each(|part| text(part));
            kept.iter().flat_map(|kept| [&kept.prompt, &kept.expected]).for_each(|part| text(part));
        }
        self.objects.iter().flatten().for_each(|object| text(object));
        *hasher.finalize().as_bytes()
    }
}

fn hash(name: &str) -> Id<Held> {
    Id::of(name.as_bytes())
}

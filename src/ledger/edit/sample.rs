//! Which facts a check looks at besides those that were edited.
//!
//! Looking at all of them would make a commit's cost grow with its history; these are drawn by a
//! stored seed, so that the same check can be repeated.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    examine::{Examination, Known, WordedFact},
    failure::Finding,
};
use crate::{
    codec::{ObjectError, Objects},
    fact::{Fact, FactKey, Iri, Lexicon, LexiconError, Roots, tree},
    id::{Id, Kind},
    ledger::{config::Config, error::LedgerError, report::wording::fact_view},
};

/// Facts for a check.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// Other subjects' facts of the edited predicates.
    pub(crate) neighbours: Vec<WordedFact>,
    /// Facts that hold and were not edited now.
    pub(crate) earlier: Vec<WordedFact>,
    pub(crate) known: Known,
}

/// Marks the hashes that facts are drawn by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lot;

impl Kind for Lot {
    const NAME: &'static str = "lot";
}

/// At most so many facts: those with the lowest lots.
pub(crate) struct Draw {
    seed: u64,
    limit: usize,
    pub(crate) drawn: BTreeMap<Id<Lot>, Fact>,
}

impl Draw {
    pub(crate) fn new(seed: u64, limit: usize) -> Self {
        Self { seed, limit, drawn: BTreeMap::new() }
    }

    pub(crate) fn offer(&mut self, key: FactKey, fact: &Fact) {
        let lot = Id::from_parts([self.seed.to_le_bytes().as_slice(), key.as_bytes()]);
        self.drawn.insert(lot, fact.clone());
        if self.drawn.len() > self.limit {
            self.drawn.pop_last();
        }
    }

    /// Those that have words, with them.
    pub(crate) fn questions(self, lexicon: &Lexicon<'_>) -> Result<Vec<WordedFact>, LedgerError> {
        let mut questions = Vec::new();
        for fact in self.drawn.into_values() {
            questions.extend(if_worded(question(lexicon, &fact))?);
        }
        Ok(questions)
    }
}

/// Nothing where a fact has no words: it cannot be asked.
///
/// # Errors
/// When an object is damaged.
pub(crate) fn if_worded<T>(found: Result<T, LexiconError>) -> Result<Option<T>, ObjectError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(LexiconError::Object(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Facts in an order that is drawn by a seed.
pub(crate) fn shuffled(
    facts: impl IntoIterator<Item = (FactKey, Fact)>,
    seed: u64,
) -> impl Iterator<Item = Fact> {
    let mut draw = Draw::new(seed, usize::MAX);
    for (key, fact) in facts {
        draw.offer(key, &fact);
    }
    draw.drawn.into_values()
}

/// A fact with its words.
pub(crate) fn question(lexicon: &Lexicon<'_>, fact: &Fact) -> Result<WordedFact, LexiconError> {
    Ok(WordedFact { request: lexicon.request(fact)?, fact: fact_view(lexicon, fact)? })
}

impl Sample {
    /// Draws from the facts of `roots`, leaving out those under the keys of `edited`.
    pub(crate) fn draw(
        objects: &dyn Objects,
        lexicon: &Lexicon<'_>,
        roots: Roots,
        edited: &BTreeMap<FactKey, Fact>,
        config: &Config,
        seed: u64,
    ) -> Result<Self, LedgerError> {
        let asked: BTreeSet<(&Iri, &Iri)> =
            edited.values().map(|fact| (&fact.subject, &fact.predicate)).collect();
        let mut neighbours: BTreeMap<&Iri, Draw> = edited
            .values()
            .map(|fact| (&fact.predicate, Draw::new(seed, config.neighbours)))
            .collect();
        let mut known = Known { wanted: config.neighbours, ..Known::default() };
        let mut neighbour = |key, fact: &Fact| {
            if asked.contains(&(&fact.subject, &fact.predicate)) {
                return;
            }
            known.facts += 1;
            if let Some(draw) = neighbours.get_mut(&fact.predicate) {
                known.of_predicates += 1;
                draw.offer(key, fact);
            }
        };
        let mut earlier = Draw::new(seed, config.recheck);
        for entry in tree::iter(objects, roots.facts) {
            let (key, fact) = entry?;
            if !edited.contains_key(&key) {
                neighbour(key, &fact);
                earlier.offer(key, &fact);
            }
        }
        for entry in tree::iter(objects, roots.neighbourhood) {
            let (key, fact) = entry?;
            // What an edit says of the same question counts, not what the base knew.
            if tree::get(objects, roots.facts, key)?.is_none() {
                neighbour(key, &fact);
            }
        }
        let earlier = earlier.questions(lexicon)?;
        let mut sample = Self { neighbours: Vec::new(), earlier, known };
        for draw in neighbours.into_values() {
            sample.neighbours.extend(draw.questions(lexicon)?);
        }
        Ok(sample)
    }

    /// An examination of `edited`, facts that were set without being sought, among what was drawn.
    pub(crate) fn examining<'a>(
        self,
        lexicon: &Lexicon<'_>,
        edited: impl IntoIterator<Item = &'a Fact>,
    ) -> Result<Examination, LexiconError> {
        let asked =
            edited.into_iter().map(|fact| Ok((question(lexicon, fact)?, Finding::default())));
        Ok(Examination {
            edited: asked.collect::<Result<_, LexiconError>>()?,
            neighbours: self.neighbours,
            earlier: self.earlier,
            known: self.known,
        })
    }
}

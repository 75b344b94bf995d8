//! Triples that were read and wait to be staged.

use std::{collections::BTreeSet, io::BufRead};

use super::{Change, Staged};
use crate::{
    codec,
    fact::{
        read::{Format, Position, Problem, ReadError, read_parts},
        term::Iri,
        triple::{Fact, FactKey},
        words,
    },
};

/// Triples that were read and wait to be staged: words, and facts as bytes, which are a fraction of what
/// the facts themselves need.
#[derive(Debug, Default)]
pub struct Intake {
    /// [`Staged`] changes, one behind the other, encoded.
    pub(super) bytes: Vec<u8>,
    /// Of each fact, its question, that is the key it has where it is the only answer, and where it
    /// begins and ends.
    pub(super) facts: Vec<(FactKey, usize, usize)>,
    /// The predicates of the facts.
    pub(super) predicates: BTreeSet<Iri>,
    /// Triples of the vocabulary.
    pub(super) words: Vec<(Fact, Position)>,
}

impl Intake {
    /// Takes in `triples` up to the first error.
    ///
    /// # Errors
    /// That error.
    pub fn of(
        triples: impl IntoIterator<Item = Result<(Fact, Position), ReadError>>,
    ) -> Result<Self, ReadError> {
        let mut intake = Self::default();
        for triple in triples {
            let (fact, position) = triple?;
            if let Some((role, bytes)) = fact.too_long() {
                return Err(ReadError { position, problem: Problem::TooLong { role, bytes } });
            }
            intake.take(fact, position);
        }
        Ok(intake)
    }

    /// Takes in all that [`read_triples`](crate::fact::read::read_triples) gives.
    ///
    /// # Errors
    /// When a triple cannot be read.
    pub fn read<R: BufRead + Send>(
        reader: R,
        format: Format,
        source: &str,
    ) -> Result<Self, ReadError> {
        let mut all = Self::default();
        let gather = |triples: &mut dyn Iterator<Item = _>| Self::of(triples);
        read_parts(reader, format, source, gather, |part| {
            all.append(part?);
            Ok(())
        })?;
        Ok(all)
    }

    fn take(&mut self, fact: Fact, position: Position) {
        if words::is_term(&fact.predicate) {
            self.words.push((fact, position));
            return;
        }
        if !self.predicates.contains(&fact.predicate) {
            self.predicates.insert(fact.predicate.clone());
        }
        let question = fact.key(false);
        let start = self.bytes.len();
        let staged = Staged { change: Change::Set(fact), source: position.to_string() };
        codec::append(&staged, &mut self.bytes);
        self.facts.push((question, start, self.bytes.len()));
    }

    /// Takes in `others` after these.
    pub fn append(&mut self, others: Self) {
        if self.bytes.is_empty() && self.words.is_empty() {
            // The first file's triples are most often all there are: they are not copied.
            *self = others;
            return;
        }
        let before = self.bytes.len();
        self.bytes.extend(others.bytes);
        let facts = others.facts.into_iter();
        self.facts.extend(facts.map(|(key, start, end)| (key, before + start, before + end)));
        self.predicates.extend(others.predicates);
        self.words.extend(others.words);
    }
}

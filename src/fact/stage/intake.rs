//! Triples that were read and wait to be staged.

use std::{collections::BTreeSet, io::BufRead};

use super::{Staged, StagedChange};
use crate::{
    codec,
    fact::{
        read::{Choice, Format, LeftOut, Position, ReadError, read_parts},
        term::Iri,
        triple::{Fact, FactKey},
        vocabulary,
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
    /// Triples that were left out.
    left_out: LeftOut,
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
            intake.take(fact, position);
        }
        Ok(intake)
    }

    /// Takes in all triples of `reader`, which is `format`, that are in `choice`; `source` names it in positions.
    ///
    /// # Errors
    /// When a triple cannot be read, or there is none.
    pub fn read<R: BufRead + Send>(
        reader: R,
        format: Format,
        source: &str,
        choice: &Choice,
    ) -> Result<Self, ReadError> {
        let mut all = Self::default();
        let gather = |triples: &mut dyn Iterator<Item = _>| Self::of(triples);
        all.left_out = read_parts(reader, format, (source, choice), gather, |part| {
            all.append(part?);
            Ok::<_, ReadError>(())
        })?;
        if all.facts.is_empty() && all.words.is_empty() {
            return Err(ReadError::no_triples(source, all.left_out));
        }
        Ok(all)
    }

    /// How many triples were left out by choice.
    #[must_use]
    pub const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    fn take(&mut self, fact: Fact, position: Position) {
        if vocabulary::is_term(&fact.predicate) {
            self.words.push((fact, position));
            return;
        }
        if !self.predicates.contains(&fact.predicate) {
            self.predicates.insert(fact.predicate.clone());
        }
        let question = fact.key(false);
        let start = self.bytes.len();
        let staged = Staged { change: StagedChange::Set(fact), source: position.to_string() };
        codec::append(&staged, &mut self.bytes);
        self.facts.push((question, start, self.bytes.len()));
    }

    /// Takes in `others` after these.
    pub fn append(&mut self, others: Self) {
        let mut left_out = self.left_out;
        left_out.add(others.left_out);
        if self.bytes.is_empty() && self.words.is_empty() {
            // The first file's triples are most often all there are: they are not copied.
            *self = Self { left_out, ..others };
            return;
        }
        self.left_out = left_out;
        let before = self.bytes.len();
        self.bytes.extend(others.bytes);
        let facts = others.facts.into_iter();
        self.facts.extend(facts.map(|(key, start, end)| (key, before + start, before + end)));
        self.predicates.extend(others.predicates);
        self.words.extend(others.words);
    }
}

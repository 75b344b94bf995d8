//! Triples that were read and wait to be staged.

#[cfg(feature = "sql")]
use std::sync::Arc;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
    mem,
};

use super::{Staged, StagedChange, call::read, gathered::Pieces, sayings::Sayings};
#[cfg(feature = "sql")]
use crate::fact::read::Quads;
use crate::fact::{
    citation::Attribution,
    read::{
        Choice, Format, Item, LeftOut, Mistakes, Position, Problem, ReadError, Table, read_parts,
        read_rows,
    },
    term::Iri,
    triple::{Fact, FactKey},
    vocabulary::{self, Words},
};

/// Triples that were read and wait to be staged: words, and facts as bytes, which are a fraction of what
/// the facts themselves need.
#[derive(Debug, Default)]
pub struct Intake {
    /// [`Staged`] changes, one behind the other, encoded.
    pub(super) bytes: Pieces,
    /// Of each fact, its question, that is the key it has where it is the only answer, and where it
    /// begins and ends.
    pub(super) facts: Vec<(FactKey, usize, usize)>,
    /// The predicates of the facts, and how many facts each has.
    pub(super) predicates: BTreeMap<Iri, u64>,
    /// What triples of the vocabulary say.
    pub(super) words: Sayings,
    /// Triples that were left out.
    pub(super) left_out: LeftOut,
    /// What is known of where facts come from, by where the bytes of the last one end.
    pub(super) attributed: Vec<(usize, Attribution)>,
}

impl Intake {
    /// Takes in `triples` up to the first error.
    ///
    /// # Errors
    /// That error.
    pub fn of(
        triples: impl IntoIterator<Item = Result<(Fact, Position), ReadError>>,
    ) -> Result<Self, ReadError> {
        let (mut intake, choice) = (Self::default(), Choice::default());
        for triple in triples {
            let (fact, position) = triple?;
            intake.take(fact, position, &choice)?;
        }
        Ok(intake)
    }

    /// Takes in all triples of `reader`, which is `format`, that are in `choice`; `source` names it in positions.
    ///
    /// # Errors
    /// When triples cannot be read, all of them as far as the parser can go on after the first, or there is none that
    /// could have been in `choice`.
    pub fn read<R: BufRead + Send>(
        reader: R,
        format: Format,
        source: &str,
        choice: &Choice,
    ) -> Result<Self, Mistakes> {
        let mut gathered = Gathered::default();
        let gather = |triples: &mut dyn Iterator<Item = _>| Gathered::of(triples, choice);
        let take = |part| {
            gathered.append(part);
            Ok::<_, ReadError>(())
        };
        let left_out = read_parts(reader, format, (source, choice), gather, take)?;
        gathered.whole(source, left_out)
    }

    /// [`Intake::read`] of the rows of a table.
    ///
    /// # Errors
    /// When rows make no sense, all of them as far as the parser can go on after the first, or there is none.
    pub fn read_table<R: BufRead + Send>(
        reader: R,
        table: &Table,
        source: &str,
        choice: &Choice,
    ) -> Result<Self, Mistakes> {
        let mut gathered = Gathered::default();
        let gather = |triples: &mut dyn Iterator<Item = _>| Gathered::of(triples, choice);
        let take = |part| {
            gathered.append(part);
            Ok::<_, ReadError>(())
        };
        let left_out = read_rows(reader, table, (source, choice), gather, take)?;
        gathered.whole(source, left_out)
    }

    /// How many triples were left out by choice.
    #[must_use]
    pub const fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Whether nothing is to be staged.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.words.is_empty()
    }

    /// How many facts there are of each predicate.
    pub fn predicates(&self) -> impl Iterator<Item = (&Iri, u64)> {
        self.predicates.iter().map(|(predicate, count)| (predicate, *count))
    }

    /// Leaves out what is said of words that is known already; `known` has the words for an IRI.
    ///
    /// # Errors
    /// Those of `known`.
    pub(crate) fn leave_out_known<E>(
        &mut self,
        known: impl FnMut(&Iri) -> Result<Words, E>,
    ) -> Result<(), E> {
        self.words.leave_out_known(known)
    }

    /// The facts, each under a key of all of it.
    ///
    /// # Panics
    /// Never.
    pub(crate) fn whole_keys(&self) -> BTreeSet<FactKey> {
        let fact = |(_, start, end): &(FactKey, usize, usize)| {
            read(self.bytes.get(*start, *end)).change.fact().key(true)
        };
        self.facts.iter().map(fact).collect()
    }

    fn take(&mut self, fact: Fact, position: Position, choice: &Choice) -> Result<(), ReadError> {
        if vocabulary::is_term(&fact.predicate) {
            return match vocabulary::saying(&fact) {
                Ok(words) => {
                    self.words.take(&words, position);
                    Ok(())
                }
                Err(problem) => {
                    Err(ReadError { position, problem: Problem::Words(Box::new(problem)) })
                }
            };
        }
        if !choice.takes(&fact.predicate) {
            self.left_out.other_predicate.count(fact.predicate.as_str());
            return Ok(());
        }
        match self.predicates.get_mut(&fact.predicate) {
            Some(count) => *count += 1,
            None => {
                self.predicates.insert(fact.predicate.clone(), 1);
            }
        }
        let question = fact.key(false);
        let staged = Staged { change: StagedChange::Set(fact), source: position.to_string() };
        let (start, end) = self.bytes.put(&staged);
        self.facts.push((question, start, end));
        Ok(())
    }

    /// Takes in `others` after these.
    pub fn append(&mut self, others: Self) {
        let mut left_out = mem::take(&mut self.left_out);
        if self.bytes.is_empty() && self.words.is_empty() {
            // The first file's triples are most often all there are: they are not copied.
            *self = others;
            left_out.add(mem::take(&mut self.left_out));
            self.left_out = left_out;
            return;
        }
        left_out.add(others.left_out);
        self.left_out = left_out;
        if !others.attributed.is_empty() {
            self.attribute(Attribution::default());
        }
        let before = self.bytes.len();
        let attributed = others.attributed.into_iter();
        self.attributed.extend(attributed.map(|(end, attribution)| (before + end, attribution)));
        self.bytes.append(others.bytes);
        let facts = others.facts.into_iter();
        self.facts.extend(facts.map(|(key, start, end)| (key, before + start, before + end)));
        for (predicate, count) in others.predicates {
            *self.predicates.entry(predicate).or_default() += count;
        }
        self.words.append(others.words);
    }
}

/// Takes in quads as they are made.
#[cfg(feature = "sql")]
pub(crate) struct Taking<'c> {
    quads: Quads,
    choice: &'c Choice,
    gathered: Gathered,
}

#[cfg(feature = "sql")]
impl<'c> Taking<'c> {
    /// Of what comes from `source` what is in `choice`.
    pub(crate) fn new(source: &str, choice: &'c Choice) -> Self {
        Self { quads: Quads::new(source, choice), choice, gathered: Gathered::default() }
    }

    /// Takes in a quad that comes from `place`.
    pub(crate) fn quad(&mut self, quad: oxrdf::Quad, place: &Arc<str>) {
        let Some(item) = self.quads.item(quad, place) else { return };
        self.gathered.take(item, self.choice);
    }

    /// Notes what is wrong at a place.
    pub(crate) fn mistake(&mut self, error: ReadError) {
        self.gathered.mistake(error.into());
    }

    /// What was taken in, if nothing is wrong with it. It may be nothing.
    ///
    /// # Errors
    /// All that is wrong.
    pub(crate) fn finish(self) -> Result<Intake, Mistakes> {
        let left_out = self.quads.left_out();
        let Gathered { mut intake, mistakes } = self.gathered;
        if let Some(mistakes) = mistakes {
            return Err(mistakes);
        }
        intake.left_out.add(left_out);
        Ok(intake)
    }
}

/// What was read of a file, and what is wrong with it.
#[derive(Default)]
struct Gathered {
    intake: Intake,
    mistakes: Option<Mistakes>,
}

impl Gathered {
    fn of(triples: &mut dyn Iterator<Item = Item>, choice: &Choice) -> Self {
        let mut gathered = Self::default();
        for triple in triples {
            gathered.take(triple, choice);
        }
        gathered
    }

    fn take(&mut self, item: Item, choice: &Choice) {
        let taken = item.and_then(|(fact, position)| self.intake.take(fact, position, choice));
        if let Err(error) = taken {
            self.mistake(error.into());
        }
    }

    fn mistake(&mut self, more: Mistakes) {
        match &mut self.mistakes {
            Some(mistakes) => mistakes.append(more),
            None => self.mistakes = Some(more),
        }
    }

    /// Takes in what comes after it.
    fn append(&mut self, others: Self) {
        if let Some(more) = others.mistakes {
            self.mistake(more);
        }
        if self.mistakes.is_none() {
            self.intake.append(others.intake);
        }
    }

    /// What was read, if nothing is wrong with it and it is something.
    fn whole(self, source: &str, left_out: LeftOut) -> Result<Intake, Mistakes> {
        let Self { mut intake, mistakes } = self;
        if let Some(mistakes) = mistakes {
            return Err(mistakes);
        }
        intake.left_out.add(left_out);
        // Another file may have the predicates that are asked for.
        if intake.is_empty() && intake.left_out.other_predicate.total == 0 {
            return Err(ReadError::no_triples(source, intake.left_out).into());
        }
        Ok(intake)
    }
}

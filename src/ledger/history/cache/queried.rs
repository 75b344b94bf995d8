//! An index of the facts of one version and of what their things are called, cached: so that a query need not read all of
//! them.
//!
//! It is made where that takes long. A version near the one that is indexed is asked by it too, with what differs
//! beside it.

use std::fs;

use super::QUERIED;
use crate::{
    codec::ObjectError,
    commit::Commit,
    fact::{Fact, FactTree, Iri, LABEL, LexiconTree, Words, tree},
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
    query::{Building, Encoded, Index},
};

/// Fewer facts are read anew for each query.
const FEW: u64 = 8192;
/// A version that differs in more facts or words is indexed anew.
const MANY: usize = 4096;

/// What is indexed: the trees of facts and of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) facts: Id<FactTree>,
    pub(crate) words: Id<LexiconTree>,
}

impl Content {
    pub(crate) const fn of(commit: &Commit) -> Self {
        Self { facts: commit.facts, words: commit.lexicon }
    }

    fn name(self) -> [u8; 64] {
        let mut name = [0; 64];
        name[..32].copy_from_slice(self.facts.as_bytes());
        name[32..].copy_from_slice(self.words.as_bytes());
        name
    }

    fn named(name: &[u8; 64]) -> Self {
        let (facts, words) = name.split_first_chunk().expect("because it has 64 bytes");
        let words = words.first_chunk().expect("because it has 64 bytes");
        Self { facts: Id::from_bytes(*facts), words: Id::from_bytes(*words) }
    }
}

/// The predicate of names.
pub(crate) fn label() -> Iri {
    Iri::new(LABEL).expect("because the vocabulary's names are IRIs")
}

impl Ledger<'_> {
    /// An index of what a commit says or of what is near it, and what it is of.
    pub(crate) fn queried(&self, commit: &Commit) -> Result<(Index, Content), LedgerError> {
        let (wanted, path) = (Content::of(commit), self.session.dir().join(QUERIED));
        if let Some(known) = Index::open(&path) {
            let content = Content::named(&known.name());
            if content == wanted || self.is_near(content, wanted) {
                return Ok((known, content));
            }
        }
        let index = self.index(wanted)?;
        if tree::len(self, commit.facts)? >= FEW {
            // What cannot be written is made again the next time.
            let _ignored = index.write(&path);
        }
        Ok((index, wanted))
    }

    /// Takes the cached index away.
    pub(crate) fn drop_queried(&self) {
        // It is not there, or the next query finds out the same.
        let _ignored = fs::remove_file(self.session.dir().join(QUERIED));
    }

    /// Whether few things differ, and what was indexed is still there to be compared with.
    fn is_near(&self, known: Content, wanted: Content) -> bool {
        let facts = tree::diff(self, known.facts, wanted.facts).map(|found| found.is_ok());
        let words = tree::diff(self, known.words, wanted.words).map(|found| found.is_ok());
        let mut count = 0;
        facts.chain(words).take(MANY + 1).all(|found| {
            count += 1;
            found && count <= MANY
        })
    }

    fn index(&self, content: Content) -> Result<Index, LedgerError> {
        let mut building = Building::default();
        let encode = |_, fact: Fact| Ok::<_, ObjectError>(Some(Encoded::fact(&fact)));
        for triple in tree::filter_map(self, content.facts, &encode)? {
            building.add(&triple);
        }
        let label = label();
        let named = |_, words: Words| {
            if words.labels.is_empty() || !building.mentions(&words.iri) {
                return Ok(None);
            }
            let labels = words.labels.iter().map(|text| Encoded::label(&words.iri, text, &label));
            Ok::<_, ObjectError>(Some(labels.collect::<Vec<_>>()))
        };
        for triple in tree::filter_map(self, content.words, &named)?.iter().flatten() {
            building.add(triple);
        }
        Ok(building.finish(content.name()))
    }
}

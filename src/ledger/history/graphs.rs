//! Versions as graphs of one dataset.

use std::collections::BTreeSet;

use super::cache::queried::{Content, label};
use crate::{
    commit::Commit,
    fact::{Fact, Iri, NAMESPACE, Words, tree},
    ledger::{error::LedgerError, state::open::Ledger},
    query::{Dataset, Departure, Encoded},
};

/// What the names of versions begin with.
pub(crate) const VERSION: &str = "kledger:";

/// The graphs that are not versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// The commits.
    Log,
    /// Templates and names.
    Words,
    /// Where facts were read.
    Citations,
    /// Facts that one version has and the other has not.
    Added,
    /// The other way round.
    Removed,
}

impl Special {
    pub(crate) const ALL: [Self; 5] =
        [Self::Log, Self::Words, Self::Citations, Self::Added, Self::Removed];

    pub(crate) fn iri(self) -> String {
        let name = match self {
            Self::Log => "log",
            Self::Words => "words",
            Self::Citations => "citations",
            Self::Added => "added",
            Self::Removed => "removed",
        };
        format!("{NAMESPACE}{name}")
    }
}

/// A dataset that is put together.
pub(crate) struct Graphs<'a> {
    ledger: &'a Ledger<'a>,
    /// What is indexed.
    content: Content,
    pub(crate) dataset: Dataset,
}

impl<'a> Graphs<'a> {
    /// A dataset whose default graph is what a commit says: its facts and what the things in them are called.
    pub(crate) fn of(ledger: &'a Ledger<'a>, commit: &Commit) -> Result<Self, LedgerError> {
        let (index, content) = ledger.queried(commit)?;
        let mut graphs = Self { ledger, content, dataset: Dataset::new(index) };
        if content != Content::of(commit) {
            let change = graphs.differs(commit)?;
            graphs.dataset.change_default(change);
        }
        Ok(graphs)
    }

    /// Has the default graph be what a commit says with facts that come, or go.
    pub(crate) fn change<'f>(
        &mut self,
        commit: &Commit,
        facts: impl IntoIterator<Item = (&'f Fact, &'f bool)>,
    ) -> Result<(), LedgerError> {
        let mut change = self.differs(commit)?;
        for (fact, is_there) in facts {
            let triple = self.dataset.intern_fact(fact)?;
            let held = !self.dataset.changed(&change, triple.map(Some))?.is_empty();
            match (held, is_there) {
                (false, true) => change.add(triple),
                (true, false) => change.remove(triple),
                _ => {}
            }
        }
        self.dataset.change_default(change);
        Ok(())
    }

    /// Adds what a commit says under a name.
    pub(crate) fn version(&mut self, name: &str, commit: &Commit) -> Result<(), LedgerError> {
        let change = self.differs(commit)?;
        Ok(self.dataset.add_graph(name, &change, true)?)
    }

    /// Adds facts under a name.
    pub(crate) fn facts(&mut self, name: &str, facts: &[Fact]) -> Result<(), LedgerError> {
        let mut change = Departure::default();
        for fact in facts {
            change.add(self.dataset.intern_fact(fact)?);
        }
        Ok(self.dataset.add_graph(name, &change, false)?)
    }

    /// What a commit says that the index does not, and the other way round.
    fn differs(&mut self, commit: &Commit) -> Result<Departure, LedgerError> {
        let (mut change, mut touched) = (Departure::default(), BTreeSet::new());
        for difference in tree::diff(self.ledger, self.content.facts, commit.facts) {
            let (_, before, after) = difference?;
            for (fact, is_new) in [(before, false), (after, true)] {
                let Some(fact) = fact else { continue };
                let triple = self.dataset.intern_fact(&fact)?;
                if is_new {
                    change.add(triple);
                } else {
                    change.remove(triple);
                }
                touched.extend(fact.iris().cloned());
            }
        }
        for difference in tree::diff(self.ledger, self.content.words, commit.lexicon) {
            let (_, before, after) = difference?;
            touched.extend(after.or(before).map(|words| words.iri));
        }
        for iri in touched {
            self.rename(&mut change, commit, &iri)?;
        }
        Ok(change)
    }

    /// Has what a thing is called be what a commit says, if its facts name the thing.
    fn rename(
        &mut self,
        change: &mut Departure,
        commit: &Commit,
        iri: &Iri,
    ) -> Result<(), LedgerError> {
        let Some(number) = self.dataset.number_of(iri)? else { return Ok(()) };
        let label = label();
        let is_called = self.dataset.number_of(&label)?;
        let about = self.dataset.changed(change, [Some(number), None, None])?;
        let mut names: BTreeSet<_> = BTreeSet::new();
        let mut is_named = false;
        for triple in about {
            if Some(triple[1]) == is_called {
                names.insert(triple);
            } else {
                is_named = true;
            }
        }
        for pattern in [[None, Some(number), None], [None, None, Some(number)]] {
            is_named = is_named || !self.dataset.changed(change, pattern)?.is_empty();
        }
        let mut wanted = BTreeSet::new();
        if is_named && let Some(words) = tree::get(self.ledger, commit.lexicon, Words::key(iri))? {
            for text in &words.labels {
                wanted.insert(self.dataset.intern(&Encoded::label(iri, text, &label))?);
            }
        }
        names.difference(&wanted).for_each(|triple| change.remove(*triple));
        wanted.difference(&names).for_each(|triple| change.add(*triple));
        Ok(())
    }

    /// Adds the facts in which two commits differ.
    pub(crate) fn differences(&mut self, from: &Commit, to: &Commit) -> Result<(), LedgerError> {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for difference in tree::diff(self.ledger, from.facts, to.facts) {
            let (_, before, after) = difference?;
            removed.extend(before);
            added.extend(after);
        }
        self.facts(&Special::Added.iri(), &added)?;
        self.facts(&Special::Removed.iri(), &removed)
    }

    /// Adds the words of a commit, shipped ones too.
    pub(crate) fn words(&mut self, commit: &Commit) -> Result<(), LedgerError> {
        let mut facts = Vec::new();
        for entry in tree::iter(self.ledger, commit.lexicon) {
            facts.extend(Words { shipped: false, ..entry?.1 }.triples());
        }
        self.facts(&Special::Words.iri(), &facts)
    }
}

//! Which triples of a file are taken.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Position;
use crate::fact::term::{Iri, IriError};

/// Which triples of a file are taken. By default all, which must all be in the default graph and have no blank node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Those of which graphs.
    pub graphs: Graphs,
    /// Whether triples with blank nodes are left out, rather than being errors.
    pub skip_blank: bool,
    /// Facts of which predicates; of all where there are none. Words are taken whatever this is.
    pub predicates: BTreeSet<Iri>,
}

impl Choice {
    /// Whether facts with this predicate are taken.
    #[must_use]
    pub fn takes(&self, predicate: &Iri) -> bool {
        self.predicates.is_empty() || self.predicates.contains(predicate)
    }
}

/// Graphs of N-Quads, TriG or JSON-LD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Graphs {
    /// The default graph; a triple in another is an error.
    #[default]
    Default,
    /// The graph with this name; triples of others are left out.
    Named(Iri),
    /// All of them, named or not.
    All,
}

impl FromStr for Graphs {
    type Err = IriError;

    /// Reads `all`, or an IRI with or without angle brackets.
    fn from_str(text: &str) -> Result<Self, IriError> {
        if text == "all" {
            return Ok(Self::All);
        }
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        Iri::new(bare.unwrap_or(text)).map(Self::Named)
    }
}

/// How many triples were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Because of a blank node.
    pub blank: Tally,
    /// Because they are in another graph.
    pub other_graph: u64,
    /// Because another predicate was asked for.
    pub other_predicate: Tally,
    /// Because their predicate has no template.
    pub no_template: Tally,
    /// Because no rule puts their object into words.
    pub no_rule: Tally,
    /// The first columns of a table from which nothing was taken.
    pub columns: BTreeSet<String>,
}

impl LeftOut {
    /// These and `others`.
    pub fn add(&mut self, others: Self) {
        self.blank.add(&others.blank);
        self.other_graph += others.other_graph;
        self.other_predicate.add(&others.other_predicate);
        self.no_template.add(&others.no_template);
        self.no_rule.add(&others.no_rule);
        self.columns.extend(others.columns);
    }
}

/// Triples, counted by their predicate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub total: u64,
    /// By predicate, as many as are [kept apart](Tally::APART).
    pub by_predicate: BTreeMap<String, u64>,
}

impl Tally {
    /// Predicates that are counted apart. A file may have a new one in each line.
    pub const APART: usize = 1000;

    /// Counts one with this predicate.
    pub fn count(&mut self, predicate: &str) {
        self.count_many(predicate, 1);
    }

    fn count_many(&mut self, predicate: &str, many: u64) {
        self.total += many;
        if let Some(count) = self.by_predicate.get_mut(predicate) {
            *count += many;
        } else if self.by_predicate.len() < Self::APART {
            self.by_predicate.insert(predicate.to_owned(), many);
        }
    }

    fn add(&mut self, others: &Self) {
        let apart: u64 = others.by_predicate.values().sum();
        for (predicate, count) in &others.by_predicate {
            self.count_many(predicate, *count);
        }
        self.total += others.total - apart;
    }
}

/// Counts triples that are left out, by many threads.
#[derive(Default)]
pub(super) struct Counts {
    blank: Mutex<Tally>,
    other_graph: AtomicU64,
    columns: Mutex<BTreeSet<String>>,
}

impl Counts {
    pub(super) fn so_far(&self) -> LeftOut {
        LeftOut {
            blank: locked(&self.blank).clone(),
            columns: locked(&self.columns).clone(),
            other_graph: self.other_graph.load(Ordering::Relaxed),
            ..LeftOut::default()
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Columns that are named of those from which nothing is taken, and characters of each.
const UNUSED: (usize, usize) = (20, 100);

/// A file that is read: its name, and what is taken of it.
#[derive(Clone)]
pub(super) struct Source {
    name: Arc<str>,
    pub(super) choice: Arc<Choice>,
    pub(super) left: Arc<Counts>,
}

impl Source {
    pub(super) fn new(name: &str, choice: &Choice) -> Self {
        Self {
            name: Arc::from(name),
            choice: Arc::new(choice.clone()),
            left: Arc::new(Counts::default()),
        }
    }

    /// The same with a name of its own: counting who shares it would make threads wait for each other.
    pub(super) fn apart(&self) -> Self {
        Self { name: Arc::from(&*self.name), ..self.clone() }
    }

    /// Counts a triple with a blank node that is left out.
    pub(super) fn left_blank(&self, predicate: &str) {
        locked(&self.left.blank).count(predicate);
    }

    /// Notes a column of a table from which nothing is taken.
    pub(super) fn unused(&self, column: &str) {
        let mut columns = locked(&self.left.columns);
        if columns.len() < UNUSED.0 && !column.is_empty() {
            columns.insert(column.chars().take(UNUSED.1).collect());
        }
    }

    /// Counts a triple in another graph.
    pub(super) fn left_in_graph(&self) {
        self.left.other_graph.fetch_add(1, Ordering::Relaxed);
    }

    /// A line of it.
    pub(super) fn at(&self, line: u64) -> Position {
        Position { source: Arc::clone(&self.name), line: line.max(1), column: None }
    }
}

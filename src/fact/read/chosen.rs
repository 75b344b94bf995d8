//! Which triples of a file are taken.

use std::{
    str::FromStr,
    sync::{
        Arc,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Because of a blank node.
    pub blank: u64,
    /// Because they are in another graph.
    pub other_graph: u64,
}

impl LeftOut {
    /// These and `others`.
    pub const fn add(&mut self, others: Self) {
        self.blank += others.blank;
        self.other_graph += others.other_graph;
    }
}

/// Why a triple is left out.
#[derive(Clone, Copy)]
pub(super) enum Left {
    Blank,
    OtherGraph,
}

/// Counts triples that are left out, by many threads.
#[derive(Default)]
pub(super) struct Counts {
    blank: AtomicU64,
    other_graph: AtomicU64,
}

impl Counts {
    pub(super) fn count(&self, left: Left) {
        let counter = match left {
            Left::Blank => &self.blank,
            Left::OtherGraph => &self.other_graph,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn so_far(&self) -> LeftOut {
        LeftOut {
            blank: self.blank.load(Ordering::Relaxed),
            other_graph: self.other_graph.load(Ordering::Relaxed),
        }
    }
}

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

    /// A line of it.
    pub(super) fn at(&self, line: u64) -> Position {
        Position { source: Arc::clone(&self.name), line: line.max(1), column: None }
    }
}

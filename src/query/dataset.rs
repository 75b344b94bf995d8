//! A default graph and named ones over one index.

use std::{collections::BTreeSet, iter, sync::Arc};

use oxrdf::{NamedNode, Quad, Term};
use spareval::{InternalQuad, QueryableDataset};

use super::{
    QueryError,
    index::{Building, Encoded, Index, Order},
    terms::{self, Held, Terms},
};
use crate::fact::{Fact, Iri};

/// The numbers of subject, predicate and object.
pub type Triple = [u32; 3];
/// What triples are asked for by: the parts that are known.
type Pattern = [Option<u32>; 3];

/// How a graph departs from the index: what it has that the index has not, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Departure {
    /// Triples of the index that the graph lacks.
    pub removed: BTreeSet<Triple>,
    /// Triples of the graph that the index lacks.
    pub added: BTreeSet<Triple>,
}

impl Departure {
    /// Takes a triple out.
    pub fn remove(&mut self, triple: Triple) {
        if !self.added.remove(&triple) {
            self.removed.insert(triple);
        }
    }

    /// Takes a triple in.
    pub fn add(&mut self, triple: Triple) {
        if !self.removed.remove(&triple) {
            self.added.insert(triple);
        }
    }
}

/// Triples in the order of each part.
#[derive(Default)]
struct Sorted([Vec<Triple>; 3]);

impl Sorted {
    fn of(triples: &BTreeSet<Triple>) -> Self {
        Self(Order::ALL.map(|order| {
            let mut sorted: Vec<Triple> =
                triples.iter().map(|triple| order.arrange(*triple)).collect();
            sorted.sort_unstable();
            sorted
        }))
    }

    fn find(&self, pattern: Pattern) -> impl Iterator<Item = Triple> + '_ {
        let (order, bound) = Order::of(pattern);
        let wanted = order.arrange(pattern).map(Option::unwrap_or_default);
        let [subject, predicate, object] = &self.0;
        let sorted = match order {
            Order::Subject => subject,
            Order::Predicate => predicate,
            Order::Object => object,
        };
        let from = sorted.partition_point(|row| row[..bound] < wanted[..bound]);
        let to = sorted.partition_point(|row| row[..bound] <= wanted[..bound]);
        sorted[from..to].iter().map(move |row| order.restore(*row))
    }
}

/// One graph.
#[derive(Default)]
struct Graph {
    /// Whether what the index has is in it, but for what is removed.
    over_index: bool,
    removed: BTreeSet<Triple>,
    added: Sorted,
}

/// A default graph and named ones. Graphs over the index share it.
pub struct Dataset {
    index: Index,
    /// Terms that the index has not; their numbers follow its own.
    more: Terms,
    default: Graph,
    named: Vec<(u32, Graph)>,
    /// A predicate whose triples are left out of graphs over the index.
    hidden: Option<u32>,
}

impl Dataset {
    /// A dataset whose default graph is what the index has.
    #[must_use]
    pub fn new(index: Index) -> Self {
        let default = Graph { over_index: true, ..Graph::default() };
        Self { index, more: Terms::default(), default, named: Vec::new(), hidden: None }
    }

    /// A dataset of any quads: the default graph becomes the index.
    ///
    /// # Errors
    /// None.
    pub fn of_quads(quads: &[Quad]) -> Result<Self, QueryError> {
        let mut building = Building::default();
        for quad in quads.iter().filter(|quad| quad.graph_name.is_default_graph()) {
            building.add(&Encoded::triple(quad.as_ref().into()));
        }
        let mut dataset = Self::new(building.finish([0; 64]));
        let names = quads.iter().filter_map(|quad| match &quad.graph_name {
            oxrdf::GraphName::NamedNode(name) => Some(Term::from(name.clone())),
            oxrdf::GraphName::BlankNode(name) => Some(Term::from(name.clone())),
            oxrdf::GraphName::DefaultGraph => None,
        });
        let mut names: Vec<Term> = names.collect();
        names.sort_by_key(ToString::to_string);
        names.dedup();
        for name in names {
            let mut change = Departure::default();
            for quad in quads {
                if Term::from_graph(&quad.graph_name).as_ref() == Some(&name) {
                    let triple = dataset.intern(&Encoded::triple(quad.as_ref().into()))?;
                    change.add(triple);
                }
            }
            dataset.add_named(&name, &change, false)?;
        }
        Ok(dataset)
    }

    /// The numbers of a triple's terms, which get some where they have none.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn intern(&mut self, triple: &Encoded) -> Result<Triple, QueryError> {
        let mut numbers = [0; 3];
        for (number, (term, hash)) in numbers.iter_mut().zip(triple.terms()) {
            *number = self.number_or_new(term, hash)?;
        }
        Ok(numbers)
    }

    /// The numbers of a fact's terms, which get some where they have none.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn intern_fact(&mut self, fact: &Fact) -> Result<Triple, QueryError> {
        self.intern(&Encoded::fact(fact))
    }

    fn number_or_new(&mut self, term: &[u8], hash: u64) -> Result<u32, QueryError> {
        if let Some(number) = self.index.find(term, hash)? {
            return Ok(number);
        }
        let known = self.known_of_index();
        Ok(known + self.more.intern(term, hash))
    }

    fn known_of_index(&self) -> u32 {
        u32::try_from(self.index.terms()).expect("because each has a number")
    }

    /// The number of a term that is in the dataset.
    fn number(&self, term: &[u8]) -> Result<Option<u32>, QueryError> {
        let hash = terms::hash(term);
        if let Some(number) = self.index.find(term, hash)? {
            return Ok(Some(number));
        }
        Ok(self.more.find(term, hash).map(|number| number + self.known_of_index()))
    }

    /// The number of an IRI that is in the dataset.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn number_of(&self, iri: &Iri) -> Result<Option<u32>, QueryError> {
        let mut bytes = Vec::new();
        terms::put_iri(&mut bytes, iri.as_str());
        self.number(&bytes)
    }

    fn term(&self, number: u32) -> Result<Term, QueryError> {
        let bytes = match number.checked_sub(self.known_of_index()) {
            None => self.index.term(number)?,
            Some(more) => self.more.get(more).ok_or(QueryError::Damaged)?,
        };
        terms::decoded(bytes).ok_or(QueryError::Damaged)
    }

    /// The triples of the index that match, after a change. Parts that are not given may be anything.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn changed(&self, change: &Departure, pattern: Pattern) -> Result<Vec<Triple>, QueryError> {
        let matches = |triple: &&Triple| {
            pattern.iter().zip(*triple).all(|(wanted, part)| wanted.is_none_or(|w| w == *part))
        };
        let (order, from, to) = self.index.range(pattern)?;
        let mut found = Vec::new();
        for at in from..to {
            let triple = order.restore(self.index.row(order, at)?);
            if !change.removed.contains(&triple) {
                found.push(triple);
            }
        }
        found.extend(change.added.iter().filter(matches));
        Ok(found)
    }

    /// Has the default graph differ from the index.
    pub fn change_default(&mut self, change: Departure) {
        self.default =
            Graph { over_index: true, added: Sorted::of(&change.added), removed: change.removed };
    }

    /// Adds a graph: what the index has, changed, or without it only what is added.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn add_graph(
        &mut self,
        name: &str,
        change: &Departure,
        over_index: bool,
    ) -> Result<(), QueryError> {
        self.add_named(&NamedNode::new_unchecked(name).into(), change, over_index)
    }

    fn add_named(
        &mut self,
        name: &Term,
        change: &Departure,
        over_index: bool,
    ) -> Result<(), QueryError> {
        let name = terms::encoded(name.as_ref());
        let number = self.number_or_new(&name, terms::hash(&name))?;
        let (removed, added) = (change.removed.clone(), Sorted::of(&change.added));
        self.named.push((number, Graph { over_index, removed, added }));
        Ok(())
    }

    /// Leaves triples with this predicate out of all graphs over the index.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn hide(&mut self, predicate: &Iri) -> Result<(), QueryError> {
        self.hidden = self.number_of(predicate)?;
        Ok(())
    }

    /// The triples of a graph that match.
    fn find<'a>(
        &'a self,
        graph: &'a Graph,
        pattern: Pattern,
    ) -> impl Iterator<Item = Result<Triple, QueryError>> + 'a {
        let (range, failed) = match graph.over_index.then(|| self.index.range(pattern)) {
            None => (None, None),
            Some(Ok(range)) => (Some(range), None),
            Some(Err(error)) => (None, Some(Err(error))),
        };
        let (order, from, to) = range.unwrap_or((Order::Subject, 0, 0));
        let stored = (from..to).map(move |at| Ok(order.restore(self.index.row(order, at)?)));
        let stored = stored.filter(|triple| match triple {
            Ok(triple) => graph.removed.is_empty() || !graph.removed.contains(triple),
            Err(_) => true,
        });
        let hidden = self.hidden.filter(|_| graph.over_index);
        let found = failed.into_iter().chain(stored).chain(graph.added.find(pattern).map(Ok));
        found.filter(move |triple| {
            hidden.is_none()
                || triple.as_ref().map_or(true, |[_, predicate, _]| hidden != Some(*predicate))
        })
    }
}

/// Names of graphs are terms.
trait FromGraph {
    fn from_graph(name: &oxrdf::GraphName) -> Option<Term>;
}

impl FromGraph for Term {
    fn from_graph(name: &oxrdf::GraphName) -> Option<Self> {
        match name {
            oxrdf::GraphName::NamedNode(name) => Some(name.clone().into()),
            oxrdf::GraphName::BlankNode(name) => Some(name.clone().into()),
            oxrdf::GraphName::DefaultGraph => None,
        }
    }
}

/// What an evaluation takes of a dataset.
type Found<'a> = Box<dyn Iterator<Item = Result<InternalQuad<Held>, QueryError>> + 'a>;

impl<'a> QueryableDataset<'a> for &'a Dataset {
    type InternalTerm = Held;
    type Error = QueryError;

    fn internal_quads_for_pattern(
        &self,
        subject: Option<&Held>,
        predicate: Option<&Held>,
        object: Option<&Held>,
        graph_name: Option<Option<&Held>>,
    ) -> impl Iterator<Item = Result<InternalQuad<Held>, QueryError>> + use<'a> {
        let dataset: &'a Dataset = self;
        let mut pattern = [None; 3];
        for (part, wanted) in pattern.iter_mut().zip([subject, predicate, object]) {
            match wanted {
                None => {}
                Some(Held::Known(number)) => *part = Some(*number),
                // No triple has it.
                Some(Held::Other(_)) => return Box::new(iter::empty()) as Found<'a>,
            }
        }
        let quads = move |name: Option<u32>, graph: &'a Graph| {
            dataset.find(graph, pattern).map(move |triple| {
                let [subject, predicate, object] = triple?.map(Held::Known);
                let graph_name = name.map(Held::Known);
                Ok(InternalQuad { subject, predicate, object, graph_name })
            })
        };
        match graph_name {
            Some(None) => Box::new(quads(None, &dataset.default)),
            Some(Some(Held::Known(name))) => {
                let name = *name;
                let graph = dataset.named.iter().find(move |(known, _)| *known == name);
                Box::new(graph.into_iter().flat_map(move |(_, graph)| quads(Some(name), graph)))
            }
            Some(Some(Held::Other(_))) => Box::new(iter::empty()),
            None => {
                let named = dataset.named.iter();
                Box::new(named.flat_map(move |(name, graph)| quads(Some(*name), graph)))
            }
        }
    }

    fn internal_named_graphs(&self) -> impl Iterator<Item = Result<Held, QueryError>> + use<'a> {
        let dataset: &'a Dataset = self;
        dataset.named.iter().map(|(name, _)| Ok(Held::Known(*name)))
    }

    fn contains_internal_graph_name(&self, name: &Held) -> Result<bool, QueryError> {
        let Held::Known(name) = name else { return Ok(false) };
        Ok(self.named.iter().any(|(known, _)| known == name))
    }

    fn internalize_term(&self, term: Term) -> Result<Held, QueryError> {
        Ok(match self.number(&terms::encoded(term.as_ref()))? {
            Some(number) => Held::Known(number),
            None => Held::Other(Arc::new(term)),
        })
    }

    fn externalize_term(&self, term: Held) -> Result<Term, QueryError> {
        match term {
            Held::Known(number) => Dataset::term(self, number),
            Held::Other(term) => Ok(Arc::unwrap_or_clone(term)),
        }
    }
}

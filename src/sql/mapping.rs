//! Mappings: what the rows of a database make. `r2rml` reads one, `direct` makes one of the database's own tables.

use oxrdf::NamedNode;

use super::{names::Name, term::TermMap};

/// The namespace of the vocabulary.
pub(super) const RR: &str = "http://www.w3.org/ns/r2rml#";

/// What rows make: one triples map after the other.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    pub(super) maps: Vec<TriplesMap>,
}

/// What the rows of one table or query make.
#[derive(Debug, Clone)]
pub(super) struct TriplesMap {
    /// What it is called in messages and places.
    pub(super) name: String,
    pub(super) table: Table,
    pub(super) subject: TermMap,
    pub(super) classes: Vec<NamedNode>,
    pub(super) graphs: Vec<TermMap>,
    pub(super) properties: Vec<Property>,
}

/// A logical table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Table {
    /// A table or view, by its name and that of its schema if it has one.
    Named(Vec<Name>),
    Query(String),
}

/// Predicates and objects.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) predicates: Vec<TermMap>,
    pub(super) objects: Vec<Object>,
    pub(super) graphs: Vec<TermMap>,
}

/// An object map.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Term(TermMap),
    /// The subject of another triples map, which is that of the rows whose columns are equal, child and parent.
    Parent {
        map: usize,
        joins: Vec<(Name, Name)>,
    },
}

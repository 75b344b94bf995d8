//! Triples from files.
//!
//! Six formats go through one streaming parser; memory does not grow with the file. Formats of a triple a line
//! are parsed by many threads. Facts are ground
//! and belong to no graph: blank nodes, relative IRIs, named graphs and triples about triples are
//! errors that say where they stand. Nothing is ever loaded from the network: a JSON-LD context has
//! to be in the file. IRIs and literals are brought into Unicode normalisation form C.

mod batches;
mod lines;
mod plain;
mod streamed;

use std::{
    fmt,
    io::{self, BufRead},
    path::Path,
    str::FromStr,
    sync::Arc,
};

use oxrdfio::{JsonLdProfileSet, RdfFormat};

use self::{batches::Batches, streamed::Streamed};
use super::{term::TERM_LIMIT, triple::Fact};

/// How triples are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// N-Triples, `.nt`.
    NTriples,
    /// Turtle, `.ttl`.
    Turtle,
    /// N-Quads, `.nq`.
    NQuads,
    /// TriG, `.trig`.
    TriG,
    /// RDF/XML, `.rdf`, `.xml` or `.owl`.
    RdfXml,
    /// JSON-LD, `.jsonld` or `.json`.
    JsonLd,
}

/// The names of all formats, first the one that is printed.
const NAMES: [(Format, &[&str]); 6] = [
    (Format::NTriples, &["nt", "ntriples", "n-triples"]),
    (Format::Turtle, &["ttl", "turtle"]),
    (Format::NQuads, &["nq", "nquads", "n-quads"]),
    (Format::TriG, &["trig"]),
    (Format::RdfXml, &["rdf", "xml", "owl", "rdfxml", "rdf/xml"]),
    (Format::JsonLd, &["jsonld", "json", "json-ld"]),
];

/// A name that is no format's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format; expected one of nt, ttl, nq, trig, rdf, jsonld")]
pub struct FormatError(
    /// The name.
    pub String,
);

impl Format {
    /// The format that the extension of `path` stands for.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        path.extension()?.to_str()?.parse().ok()
    }

    const fn of_parser(self) -> RdfFormat {
        match self {
            Self::NTriples => RdfFormat::NTriples,
            Self::Turtle => RdfFormat::Turtle,
            Self::NQuads => RdfFormat::NQuads,
            Self::TriG => RdfFormat::TriG,
            Self::RdfXml => RdfFormat::RdfXml,
            Self::JsonLd => RdfFormat::JsonLd { profile: JsonLdProfileSet::empty() },
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let lower = name.to_ascii_lowercase();
        NAMES
            .iter()
            .find(|(_, names)| names.contains(&lower.as_str()))
            .map(|(format, _)| *format)
            .ok_or_else(|| FormatError(name.to_owned()))
    }
}

/// Where something stands in the input. `Display` is `file:line` or `file:line:column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, as the user named it.
    pub source: Arc<str>,
    /// Line, from 1. Of a triple, the line where it ends; in RDF/XML and JSON-LD, where the parser
    /// was when it had read the triple.
    pub line: u64,
    /// Column in characters, from 1, where the parser knows it.
    pub column: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// Why a triple could not be read. Nothing after it is read either.
#[derive(Debug, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct ReadError {
    /// Where.
    pub position: Position,
    /// What.
    pub problem: Problem,
}

/// What is wrong with the input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It does not follow the grammar of its format.
    #[error("{0}")]
    Syntax(String),
    /// A relative IRI.
    #[error("relative IRI: {0}")]
    RelativeIri(String),
    /// A blank node.
    #[error("the {role} is a blank node, {node}")]
    BlankNode {
        /// Subject or object.
        role: &'static str,
        /// Its name.
        node: String,
    },
    /// A triple in a graph with a name.
    #[error("the triple is in the named graph {0}")]
    NamedGraph(String),
    /// A triple about a triple.
    #[error("triples about triples are not supported")]
    TripleTerm,
    /// A term is longer than any model reads.
    #[error("the {role} has {bytes} bytes; a term may have {TERM_LIMIT}")]
    TooLong {
        /// Subject, predicate or object.
        role: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// The input could not be read.
    #[error("cannot read the input: {0}")]
    Read(io::Error),
}

impl ReadError {
    /// How to put it right.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self.problem {
            Problem::Syntax(_) => {
                "if the file is in another format, name it: --format nt|ttl|nq|trig|rdf|jsonld"
            }
            Problem::RelativeIri(_) => {
                "write the IRI in full, or give the file a base (@base in Turtle and TriG, xml:base \
                 in RDF/XML, \"@base\" in a JSON-LD context)"
            }
            Problem::BlankNode { .. } => {
                "a fact must outlive its file: give the thing an IRI of its own"
            }
            Problem::NamedGraph(_) => "put the triples into the default graph",
            Problem::TooLong { .. } => {
                "name things by short IRIs, and say what a model could say: a text of some words"
            }
            Problem::TripleTerm => "state the inner triple as a fact of its own",
            Problem::Read(_) => "check that the file exists and can be read",
        }
    }
}

/// A triple and where it stands.
pub(super) type Item = Result<(Fact, Position), ReadError>;

/// The triples of `reader`, which is `format`, in order; `source` names it in positions. The first
/// error is the last item.
pub fn read_triples<R: BufRead>(reader: R, format: Format, source: &str) -> Triples<R> {
    let source = Arc::from(source);
    Triples(match format {
        Format::NTriples | Format::NQuads => Way::Batches(Batches::new(reader, format, source)),
        _ => Way::Streamed(Box::new(Streamed::new(reader, format, source, 0))),
    })
}

/// Has `take` take what `gather` makes of the triples of `reader`, as [`read_triples`] gives them, part by part,
/// in their order. Several threads gather parts of formats of a triple a line; another format is one part.
///
/// # Errors
/// The first of `take`.
pub(super) fn read_parts<R: BufRead + Send, T: Send, E: Send>(
    reader: R,
    format: Format,
    source: &str,
    gather: impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<(), E> {
    match read_triples(reader, format, source).0 {
        Way::Batches(batches) => batches.each(&gather, take),
        Way::Streamed(mut triples) => take(gather(&mut triples)),
    }
}

/// See [`read_triples`].
pub struct Triples<R: BufRead>(Way<R>);

enum Way<R: BufRead> {
    Batches(Batches<R>),
    Streamed(Box<Streamed<R>>),
}

impl<R: BufRead> Iterator for Triples<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Way::Batches(triples) => triples.next(),
            Way::Streamed(triples) => triples.next(),
        }
    }
}

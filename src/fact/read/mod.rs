//! Triples from files.
//!
//! Six formats go through one streaming parser; memory does not grow with the file. Formats of a triple a line
//! are parsed by many threads. Facts are ground
//! and belong to no graph: blank nodes, relative IRIs, named graphs and triples about triples are
//! errors that say where they stand. Nothing is ever loaded from the network: a JSON-LD context has
//! to be in the file. IRIs and literals are brought into Unicode normalisation form C.

mod batches;

use std::{
    cell::Cell,
    fmt,
    io::{self, BufRead, Read},
    iter,
    path::Path,
    rc::Rc,
    str::FromStr,
    sync::Arc,
};

use oxrdfio::{JsonLdProfileSet, RdfFormat, RdfParseError, RdfParser, ReaderQuadParser};

use self::batches::Batches;
use super::{
    term::{Iri, Literal, Term},
    triple::Fact,
};

/// Base against which JSON-LD resolves relative IRIs, which it would otherwise leave out in silence.
const NO_BASE: &str = "relative-iri:/";

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

/// What `gather` makes of the triples of `reader`, as [`read_triples`] gives them, part by part. Several
/// threads gather parts of formats of a triple a line; another format is one part.
pub(super) fn read_parts<R: BufRead, T: Send>(
    reader: R,
    format: Format,
    source: &str,
    gather: impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync,
) -> impl Iterator<Item = T> {
    let mut whole = Some(read_triples(reader, format, source));
    iter::from_fn(move || match whole.as_mut()? {
        Triples(Way::Batches(batches)) => batches.gather(&gather),
        Triples(Way::Streamed(triples)) => {
            let gathered = gather(triples);
            whole = None;
            Some(vec![gathered])
        }
    })
    .flatten()
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

/// The triples of a reader, one by one.
struct Streamed<R: BufRead> {
    parser: Option<ReaderQuadParser<Lines<R>>>,
    line: Rc<Cell<u64>>,
    /// Lines of the source before those of the reader.
    lines_before: u64,
    source: Arc<str>,
}

impl<R: BufRead> Streamed<R> {
    fn new(reader: R, format: Format, source: Arc<str>, lines_before: u64) -> Self {
        let line = Rc::new(Cell::new(lines_before));
        let lines = Lines { reader, line: Rc::clone(&line), at_start: true };
        let mut parser = RdfParser::from_format(format.of_parser());
        if format == Format::JsonLd {
            parser = parser.with_base_iri(NO_BASE).expect("because it is an absolute IRI");
        }
        Self { parser: Some(parser.for_reader(lines)), line, lines_before, source }
    }
}

impl<R: BufRead> Iterator for Streamed<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        let quad = self.parser.as_mut()?.next();
        let mut position = Position {
            source: Arc::clone(&self.source),
            line: self.line.get().max(1),
            column: None,
        };
        let read = match quad {
            None => {
                self.parser = None;
                return None;
            }
            Some(Ok(quad)) => fact(quad),
            Some(Err(error)) => {
                if let RdfParseError::Syntax(error) = &error
                    && let Some(range) = error.location()
                {
                    position.line = self.lines_before + range.start.line + 1;
                    position.column = Some(range.start.column + 1);
                }
                Err(problem(error))
            }
        };
        Some(match read {
            Ok(fact) => Ok((fact, position)),
            Err(problem) => {
                self.parser = None;
                Err(ReadError { position, problem })
            }
        })
    }
}

fn problem(error: RdfParseError) -> Problem {
    let text = match error {
        RdfParseError::Io(error) => return Problem::Read(error),
        RdfParseError::Syntax(error) => error.to_string(),
    };
    // The parser puts the position into its text; ours says it already.
    let text = match text.split_once(": ") {
        Some((place, rest)) if place.starts_with("Parser error ") => rest.to_owned(),
        _ => text,
    };
    if text.contains("No scheme found") {
        Problem::RelativeIri(text)
    } else if text.contains("<<") {
        Problem::TripleTerm
    } else {
        Problem::Syntax(text)
    }
}

fn fact(quad: oxrdf::Quad) -> Result<Fact, Problem> {
    let blank = |role, node: oxrdf::BlankNode| Problem::BlankNode { role, node: node.to_string() };
    if !quad.graph_name.is_default_graph() {
        return Err(Problem::NamedGraph(quad.graph_name.to_string()));
    }
    let subject = match quad.subject {
        oxrdf::NamedOrBlankNode::NamedNode(node) => iri(node)?,
        oxrdf::NamedOrBlankNode::BlankNode(node) => return Err(blank("subject", node)),
    };
    let object = match quad.object {
        oxrdf::Term::NamedNode(node) => Term::Iri(iri(node)?),
        oxrdf::Term::Literal(literal) => Term::Literal(Literal::parsed(literal)),
        oxrdf::Term::BlankNode(node) => return Err(blank("object", node)),
    };
    Ok(Fact { subject, predicate: iri(quad.predicate)?, object })
}

fn iri(node: oxrdf::NamedNode) -> Result<Iri, Problem> {
    match node.as_str().strip_prefix(NO_BASE) {
        Some(relative) => Err(Problem::RelativeIri(format!("{relative:?}"))),
        None => Ok(Iri::parsed(node)),
    }
}

/// Hands its input on at most a line at a time. The parsers ask for more only when they have used up
/// what they have, so the line last handed out is the one a triple ends on.
struct Lines<R> {
    reader: R,
    /// Number of the line last handed out, from 1.
    line: Rc<Cell<u64>>,
    at_start: bool,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.reader.fill_buf()?;
        let end = ready.iter().position(|byte| *byte == b'\n').map_or(ready.len(), |at| at + 1);
        let taken = end.min(out.len());
        out[..taken].copy_from_slice(&ready[..taken]);
        if taken > 0 {
            if self.at_start {
                self.line.set(self.line.get() + 1);
            }
            self.at_start = ready[taken - 1] == b'\n';
        }
        self.reader.consume(taken);
        Ok(taken)
    }
}

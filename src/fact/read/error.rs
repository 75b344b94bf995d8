//! What is wrong with a file of triples, and where.

use std::{fmt, io, sync::Arc};

use super::chosen::LeftOut;
use crate::fact::{triple::Fact, vocabulary::WordsError};

/// Where something stands in the input. `Display` is `file:line` or `file:line:column`, and only the first where there
/// are no lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, as the user named it.
    pub source: Arc<str>,
    /// Line, from 1; 0 where the source is no text. Of a triple, the line where it ends; in RDF/XML and JSON-LD, where the parser
    /// was when it had read the triple.
    pub line: u64,
    /// Column in characters, from 1, where the parser knows it.
    pub column: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line == 0 {
            return Ok(());
        }
        write!(f, ":{}", self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// Why a triple could not be read.
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
    /// Something that is new in RDF 1.2.
    #[error("{0}")]
    Rdf12(String),
    /// Text that is not UTF-8.
    #[error("{0}")]
    Encoding(String),
    /// A context that is elsewhere.
    #[error("the JSON-LD context is not in the file, and nothing is loaded from the network")]
    RemoteContext,
    /// A file that is no text of triples, by how it begins.
    #[error("the file is {what}")]
    NotText {
        /// What it is.
        what: &'static str,
        /// What makes triples of it.
        remedy: &'static str,
    },
    /// A file without a byte.
    #[error("the file is empty")]
    Empty,
    /// A file that follows its grammar and says nothing.
    #[error("the file holds no triple{}", left_out(.0))]
    NoTriples(Box<LeftOut>),
    /// JSON without a triple.
    #[error("the file is JSON, but no JSON-LD with a triple: {}", fields(.0))]
    NoJsonLd(
        /// The fields of its first object.
        Vec<String>,
    ),
    /// Several JSON values one after another.
    #[error("the file has several JSON values, and JSON-LD is one: {}", fields(.0))]
    JsonLines(
        /// The fields of its first object.
        Vec<String>,
    ),
    /// Something that would have to be held as a whole.
    #[error("{what} is longer than {}", size(*limit))]
    TooLong {
        /// What.
        what: &'static str,
        /// Bytes that it may have.
        limit: u64,
    },
    /// Something within something within something.
    #[error("more than {limit} {what} are within one another")]
    TooDeep {
        /// What.
        what: &'static str,
        /// How many may be.
        limit: u64,
    },
    /// More of something than a parser can deal with.
    #[error("there are more than {limit} {what}")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// An entity of XML that stands for too much.
    #[error("the entity &{name}; stands for more than {}", size(*limit))]
    Entity {
        /// Its name.
        name: String,
        /// Bytes that it may stand for.
        limit: u64,
    },
    /// Names that are written once and repeated in each triple.
    #[error("the triples are more than {times} times as long as the file")]
    Expansion {
        /// How many times they may be.
        times: u64,
    },
    /// Much of a file and no triple.
    #[error("there is no triple in {}", size(*bytes))]
    Silence {
        /// How much that is.
        bytes: u64,
    },
    /// JSON-LD that cannot be held as a whole.
    #[error("the file is too large for JSON-LD: {why} (more than {limit})")]
    JsonTooLarge {
        /// What is too much.
        why: &'static str,
        /// How much may be.
        limit: u64,
    },
    /// Columns of a table that do not say what is in them.
    #[error("the table has the columns {}, of which {why}", some(names))]
    Columns {
        /// What is wrong.
        why: String,
        /// Their names.
        names: Vec<String>,
    },
    /// A cell of a table that makes no sense.
    #[error("{place} {why}")]
    Cell {
        /// Which it is.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A name in a table where there is nothing to make its IRI under.
    #[error("{place} has {name:?}, which is no IRI, and there is no base to make one under")]
    NoBase {
        /// Which cell it is in.
        place: String,
        /// The name.
        name: String,
    },
    /// A row of a table with more or fewer cells than the first.
    #[error("the row has {found} cells, and the first one {wanted}")]
    Width {
        /// How many it has.
        found: u64,
        /// How many the first one has.
        wanted: u64,
    },
    /// A quote in a table that goes on to the end of the file.
    #[error("a quote that opens in this row is never closed")]
    OpenQuote,
    /// A line that is no JSON object of cells.
    #[error("{0}")]
    Row(String),
    /// A row of a database of which no triple can be made.
    #[error("{0}")]
    Made(String),
    /// A triple of the vocabulary makes no sense.
    #[error(transparent)]
    Words(Box<WordsError>),
    /// The input could not be read.
    #[error("cannot read the input: {0}")]
    Read(io::Error),
}

/// What is wrong with a file, all of it as far as the parser could go on.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(first, *total))]
pub struct Mistakes {
    /// The first of them, [`Mistakes::LISTED`] at most; one at least.
    pub first: Vec<ReadError>,
    /// How many there are.
    pub total: u64,
}

impl Mistakes {
    /// How many are listed.
    pub const LISTED: usize = 20;
    /// Characters of each in a list.
    const SHOWN: usize = 300;

    /// These and `others`, which come after them.
    pub(in crate::fact) fn append(&mut self, others: Self) {
        let more = Self::LISTED.saturating_sub(self.first.len());
        self.first.extend(others.first.into_iter().take(more));
        self.total += others.total;
    }
}

impl From<ReadError> for Mistakes {
    fn from(error: ReadError) -> Self {
        Self { first: vec![error], total: 1 }
    }
}

fn listed(first: &[ReadError], total: u64) -> String {
    if let ([one], 1) = (first, total) {
        return one.to_string();
    }
    let mut text = format!("{total} mistakes, and nothing was staged");
    for error in first {
        let whole = error.to_string();
        let end = whole.char_indices().nth(Mistakes::SHOWN).map(|(end, _)| end);
        let cut = if end.is_some() { "..." } else { "" };
        text.push_str("\n  ");
        text.push_str(&whole[..end.unwrap_or(whole.len())]);
        text.push_str(cut);
    }
    match total - first.len() as u64 {
        0 => text,
        more => format!("{text}\n  and {more} more"),
    }
}

fn left_out(left: &LeftOut) -> String {
    let LeftOut { blank, other_graph, other_predicate, .. } = left;
    match (blank.total, other_graph) {
        _ if other_predicate.total > 0 => {
            format!(
                " with a predicate that was asked for, and {} with others",
                other_predicate.total
            )
        }
        (0, 0) => String::new(),
        (blank, 0) => format!(" without a blank node, and {blank} with one"),
        (0, _) => format!(" of that graph, and {other_graph} of others"),
        (blank, _) => format!(
            " of that graph without a blank node, {blank} with one and {other_graph} of others"
        ),
    }
}

fn fields(fields: &[String]) -> String {
    match fields {
        [] => "it has no object with fields".to_owned(),
        fields => {
            let more = if fields.len() > 8 { ", ..." } else { "" };
            format!("its fields are {}{more}", fields[..fields.len().min(8)].join(", "))
        }
    }
}

/// The first of some names.
fn some(names: &[String]) -> String {
    let short = |name: &String| name.chars().take(100).collect::<String>();
    let first: Vec<String> = names.iter().take(10).map(short).collect();
    let more = if names.len() > first.len() { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

impl Problem {
    pub(super) const fn too_long(what: &'static str, limit: usize) -> Self {
        Self::TooLong { what, limit: limit as u64 }
    }

    pub(super) const fn too_deep(what: &'static str, limit: usize) -> Self {
        Self::TooDeep { what, limit: limit as u64 }
    }

    /// What a parser's message says.
    pub(super) fn of_syntax(text: &str) -> Self {
        let has = |part: &str| text.contains(part);
        if has("No scheme found") {
            Self::RelativeIri(text.to_owned())
        } else if has("<<") {
            Self::TripleTerm
        } else if has("RDF 1.2") || text.starts_with("VERSION") {
            Self::Rdf12(text.to_owned())
        } else if has("UTF-8") || has("unicode code point") {
            Self::Encoding(text.to_owned())
        } else if has("remote context") {
            Self::RemoteContext
        } else {
            Self::Syntax(text.to_owned())
        }
    }
}

impl ReadError {
    /// Says that there is none in the file `source`, which could be read.
    #[must_use]
    pub fn no_triples(source: &str, left: LeftOut) -> Self {
        let position = Position { source: source.into(), line: 1, column: None };
        Self { position, problem: Problem::NoTriples(Box::new(left)) }
    }

    /// How to put it right.
    #[must_use]
    pub fn hint(&self) -> String {
        let text = match &self.problem {
            Problem::Syntax(_) => {
                "if the file is in another format, name it: --format nt|ttl|nq|trig|rdf|jsonld, or \
                 for tables --from csv|tsv|jsonl"
            }
            Problem::RelativeIri(_) => {
                "write the IRI in full, or give the file a base (@base in Turtle and TriG, xml:base \
                 in RDF/XML, \"@base\" in a JSON-LD context)"
            }
            Problem::BlankNode { .. } => {
                "a fact must outlive its file: give the thing an IRI of its own; --skip-blank leaves \
                 such triples out"
            }
            Problem::NamedGraph(_) => {
                "--graph all takes the triples of all graphs, --graph IRI those of one"
            }
            Problem::TripleTerm => {
                "state the inner triple as a fact of its own: there is no room for one about another"
            }
            Problem::Rdf12(_) => {
                "write it as in RDF 1.1: without the version, and a text with its language alone"
            }
            Problem::Encoding(_) => {
                "convert it to UTF-8: iconv -f ENCODING -t UTF-8 FILE > NEW, and in XML take the old \
                 encoding out of the first line"
            }
            Problem::RemoteContext => {
                "put the context itself in the place of its address, or convert the file to N-Quads \
                 with a tool that loads it, such as jsonld or riot"
            }
            Problem::NotText { remedy, .. } => *remedy,
            Problem::Empty => "if a command was to write it, see what that said",
            Problem::NoTriples(left) if left.other_predicate.total > 0 => {
                "name a predicate as the file writes it, in full: --predicate IRI"
            }
            Problem::NoTriples(left) if left.other_graph > 0 => {
                "--graph all takes the triples of all graphs"
            }
            Problem::NoTriples(_) => {
                "prefixes, comments and empty elements say nothing: name a file with triples"
            }
            Problem::NoJsonLd(_) => {
                "JSON-LD has keys that are IRIs, or a @context that makes IRIs of them"
            }
            Problem::JsonLines(_) => {
                "JSON-LD of several parts is an array: jq -s . FILE > NEW makes one of them"
            }
            Problem::TooLong { .. } => {
                "see whether a quote or a bracket is missing: what an edit can use is far shorter"
            }
            Problem::TooDeep { .. } | Problem::TooMany { .. } | Problem::Silence { .. } => {
                "write the triples one by one, as N-Triples: rapper and riot convert to them"
            }
            Problem::Entity { .. } => {
                "entities are for the beginnings of IRIs; write out what it stands for"
            }
            Problem::Expansion { .. } => {
                "shorten the prefix, base or subject that is repeated; kledger help facts has the limits"
            }
            Problem::JsonTooLarge { .. } => {
                "convert it to N-Quads, which are read line by line, with a tool such as jsonld or riot; \
                 or divide it"
            }
            Problem::Read(error) => match error.kind() {
                io::ErrorKind::InvalidData => "get the file again: it did not arrive whole",
                io::ErrorKind::FileTooLarge => {
                    "if it is to be so, unpack it first and name the unpacked file"
                }
                _ => "check that the file exists and can be read",
            },
            Problem::Columns { .. } => {
                "say what is in which: --column subject=NAME --column predicate=NAME --column object=NAME, or \
                 --column IRI=NAME for objects of a predicate; or name the columns so in the first row"
            }
            Problem::Cell { .. } => "correct the row, or take it out",
            Problem::NoBase { .. } => "say where names belong: --base https://example.org/",
            Problem::Width { .. } => {
                "see whether a quote is missing, or around a cell with a comma in it; --delimiter says what \
                 stands between cells"
            }
            Problem::OpenQuote => "close it; a quote within quotes is written twice",
            Problem::Row(_) => {
                "a line is one object, with a text or a number in each field: jq -c '.[]' FILE > NEW writes the \
                 elements of an array so"
            }
            Problem::Made(_) => {
                "correct the row in the database, or have the mapping leave it out: rr:sqlQuery \"SELECT ... WHERE ...\"; a \
                 column that holds no IRIs goes into an rr:template"
            }
            Problem::Words(problem) => return problem.hint(),
        };
        text.to_owned()
    }
}

/// A triple and where it stands.
pub(in crate::fact) type Item = Result<(Fact, Position), ReadError>;

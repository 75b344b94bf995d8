//! Triples from files.
//!
//! Memory does not grow with the file, but for JSON-LD, whose size is limited; formats of a triple a line
//! are parsed by many threads. What a file can make a parser hold or repeat is limited (`limits.rs`). Facts are ground
//! and belong to no graph: relative IRIs and triples about triples are errors that say where they stand, and so are
//! blank nodes and named graphs, unless a [`Choice`] says otherwise. Nothing is ever loaded from the network: a
//! JSON-LD context has to be in the file. IRIs and literals are brought into Unicode normalisation form C.

mod batches;
mod chosen;
mod error;
mod format;
mod handed;
mod json;
mod limits;
mod lines;
mod parsed;
mod pieces;
mod plain;
#[cfg(feature = "sql")]
mod quads;
mod start;
mod streamed;
mod table;
mod terse;
mod xml;

use std::io::BufRead;

pub(super) use self::error::Item;
#[cfg(feature = "sql")]
pub(super) use self::quads::Quads;
use self::{
    batches::Batches,
    chosen::Source,
    start::{Begun, begun},
    streamed::Streamed,
    table::{Layout, Records},
};
pub use self::{
    chosen::{Choice, Graphs, LeftOut, Tally},
    error::{Mistakes, Position, Problem, ReadError},
    format::{Format, FormatError},
    table::{Base, BaseError, Column, ColumnError, Table, TableKind, predicate},
};
#[cfg(feature = "sql")]
pub(crate) use self::{
    parsed::NO_BASE,
    quads::{LONGEST, read_graph},
};

/// The triples of `reader`, which is `format`, in order; `source` names it in positions. The first
/// error is the last item. That there is no triple is none, but in JSON, of which most is no JSON-LD.
///
/// ```
/// use kledger::fact::read::{Format, read_triples};
///
/// let text = "<https://example.org/Anna> <https://example.org/likes> \"Rome\" .\nnonsense\n";
/// let mut triples = read_triples(text.as_bytes(), Format::NTriples, "facts.nt");
/// let (fact, position) = triples.next().unwrap()?;
/// assert_eq!(fact.subject.to_string(), "<https://example.org/Anna>");
/// assert_eq!(position.to_string(), "facts.nt:1");
/// let error = triples.next().unwrap().unwrap_err();
/// assert!(error.to_string().starts_with("facts.nt:2"));
/// # Ok::<(), kledger::fact::read::ReadError>(())
/// ```
pub fn read_triples<R: BufRead>(reader: R, format: Format, source: &str) -> Triples<R> {
    let source = Source::new(source, &Choice::default());
    Triples(match Way::new(reader, format, &source) {
        Err(ReadError { problem: Problem::Empty, .. }) => None,
        way => Some(way.map_err(Box::new)),
    })
}

/// Has `take` take what `gather` makes of the triples of `reader` that are in `choice`, part by part, in their order.
/// Behind what is wrong more may come: what could be read after it, and what else is wrong.
/// Several threads gather parts of formats of a triple a line; another format is one part. Returns how many
/// triples were left out. As for [`read_triples`] there may be none, but not an empty file.
///
/// # Errors
/// The first of `take`, and those of how the file begins.
pub(super) fn read_parts<R: BufRead + Send, T: Send, E: Send + From<ReadError>>(
    reader: R,
    format: Format,
    (source, choice): (&str, &Choice),
    gather: impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<LeftOut, E> {
    let source = Source::new(source, choice);
    match Way::new(reader, format, &source)? {
        Way::Batches(batches) => batches.each(&gather, take)?,
        Way::Streamed(mut triples) => take(gather(&mut triples))?,
    }
    Ok(source.left.so_far())
}

/// [`read_parts`] of the rows of a table.
///
/// # Errors
/// The first of `take`, and those of how the file begins.
pub(super) fn read_rows<R: BufRead + Send, T: Send, E: Send + From<ReadError>>(
    reader: R,
    table: &Table,
    (source, choice): (&str, &Choice),
    gather: impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync,
    take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<LeftOut, E> {
    let source = Source::new(source, choice);
    let wrong = |problem| ReadError { position: source.at(1), problem };
    let reader = begun(reader).map_err(wrong)?;
    match table.kind {
        TableKind::JsonLines => {
            let layout = Layout::of_objects(table, &source).map_err(wrong)?;
            Batches::rows(reader, layout, source.clone()).each(&gather, take)?;
        }
        TableKind::Csv | TableKind::Tsv => {
            Records::new(reader, table, &source)?.each(&gather, take)?;
        }
    }
    Ok(source.left.so_far())
}

/// See [`read_triples`].
pub struct Triples<R: BufRead>(
    /// None after the end.
    Option<Result<Way<R>, Box<ReadError>>>,
);

enum Way<R: BufRead> {
    Batches(Box<Batches<Begun<R>>>),
    Streamed(Box<Streamed<Begun<R>>>),
}

impl<R: BufRead> Way<R> {
    fn new(reader: R, format: Format, source: &Source) -> Result<Self, ReadError> {
        let reader =
            begun(reader).map_err(|problem| ReadError { position: source.at(1), problem })?;
        let source = source.clone();
        Ok(match format {
            Format::NTriples | Format::NQuads => {
                Self::Batches(Box::new(Batches::new(reader, format, source)))
            }
            _ => Self::Streamed(Box::new(Streamed::new(reader, format, source, 0))),
        })
    }
}

impl<R: BufRead> Iterator for Triples<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.as_mut()? {
            Ok(way) => {
                let item = match way {
                    Way::Batches(triples) => triples.next(),
                    Way::Streamed(triples) => triples.next(),
                };
                if matches!(item, Some(Err(_))) {
                    self.0 = None;
                }
                item
            }
            Err(_) => self.0.take()?.err().map(|error| Err(*error)),
        }
    }
}

//! Any format, parsed by one thread.

use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    rc::Rc,
    sync::Arc,
};

use oxrdfio::{RdfParseError, RdfParser, ReaderQuadParser};

use super::{Format, Item, Position, Problem, ReadError};
use crate::fact::{
    term::{Iri, Literal, Term},
    triple::Fact,
};

/// Base against which JSON-LD resolves relative IRIs, which it would otherwise leave out in silence.
const NO_BASE: &str = "relative-iri:/";

/// The triples of a reader, one by one.
pub(super) struct Streamed<R: BufRead> {
    parser: Option<ReaderQuadParser<Lines<R>>>,
    line: Rc<Cell<u64>>,
    /// Lines of the source before those of the reader.
    lines_before: u64,
    source: Arc<str>,
}

impl<R: BufRead> Streamed<R> {
    pub(super) fn new(reader: R, format: Format, source: Arc<str>, lines_before: u64) -> Self {
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

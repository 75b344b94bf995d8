//! N-Triples, N-Quads, Turtle and TriG.

use std::io::BufRead;

use oxrdf::{GraphName, Quad};
use oxttl::{
    NQuadsParser, NTriplesParser, TriGParser, TurtleParser, TurtleSyntaxError,
    nquads::LowLevelNQuadsParser, ntriples::LowLevelNTriplesParser, trig::LowLevelTriGParser,
    turtle::LowLevelTurtleParser,
};

use super::{
    Format, Problem,
    parsed::{Parsed, Wrong},
    pieces::Pieces,
};

/// The triples of a reader, piece by piece.
pub(super) struct Terse<R> {
    pieces: Pieces<R>,
    parser: Parser,
    lines_before: u64,
    bytes: u64,
    ended: bool,
}

enum Parser {
    NTriples(LowLevelNTriplesParser),
    NQuads(LowLevelNQuadsParser),
    Turtle(LowLevelTurtleParser),
    TriG(LowLevelTriGParser),
}

impl Parser {
    fn new(format: Format) -> Self {
        match format {
            Format::NTriples => Self::NTriples(NTriplesParser::new().low_level()),
            Format::NQuads => Self::NQuads(NQuadsParser::new().low_level()),
            Format::TriG => Self::TriG(TriGParser::new().low_level()),
            _ => Self::Turtle(TurtleParser::new().low_level()),
        }
    }

    fn push(&mut self, piece: &[u8]) {
        match self {
            Self::NTriples(parser) => parser.extend_from_slice(piece),
            Self::NQuads(parser) => parser.extend_from_slice(piece),
            Self::Turtle(parser) => parser.extend_from_slice(piece),
            Self::TriG(parser) => parser.extend_from_slice(piece),
        }
    }

    fn end(&mut self) {
        match self {
            Self::NTriples(parser) => parser.end(),
            Self::NQuads(parser) => parser.end(),
            Self::Turtle(parser) => parser.end(),
            Self::TriG(parser) => parser.end(),
        }
    }

    /// The next triple of what was pushed.
    fn next(&mut self) -> Option<Result<Quad, TurtleSyntaxError>> {
        let in_default = |triple: oxrdf::Triple| triple.in_graph(GraphName::DefaultGraph);
        match self {
            Self::NTriples(parser) => parser.parse_next().map(|triple| triple.map(in_default)),
            Self::NQuads(parser) => parser.parse_next(),
            Self::Turtle(parser) => parser.parse_next().map(|triple| triple.map(in_default)),
            Self::TriG(parser) => parser.parse_next(),
        }
    }
}

impl<R: BufRead> Terse<R> {
    pub(super) fn new(reader: R, format: Format, lines_before: u64) -> Self {
        let (pieces, parser) = (Pieces::new(reader, lines_before), Parser::new(format));
        Self { pieces, parser, lines_before, bytes: 0, ended: false }
    }

    /// Turtle whose relative IRIs are under `base`.
    ///
    /// # Panics
    /// When `base` is no IRI.
    #[cfg(feature = "sql")]
    pub(super) fn under(reader: R, base: &str) -> Self {
        let parser = TurtleParser::new().with_base_iri(base);
        let parser = parser.expect("because the base is an IRI").low_level();
        let (pieces, parser) = (Pieces::new(reader, 0), Parser::Turtle(parser));
        Self { pieces, parser, lines_before: 0, bytes: 0, ended: false }
    }

    /// Bytes that were read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn next(&mut self) -> Option<Parsed> {
        loop {
            match self.parser.next() {
                Some(Ok(quad)) => return Some(Ok((quad, self.pieces.line()))),
                Some(Err(error)) => {
                    let start = error.location().start;
                    let mut problem = Problem::of_syntax(error.message());
                    if matches!(problem, Problem::Syntax(_)) && self.pieces.has_triple_term() {
                        problem = Problem::TripleTerm;
                    }
                    return Some(Err(Wrong {
                        problem,
                        line: self.lines_before + start.line + 1,
                        column: Some(start.column + 1),
                        goes_on: true,
                    }));
                }
                None if self.ended => return None,
                None => {}
            }
            match self.pieces.next() {
                Ok([]) => {
                    self.parser.end();
                    self.ended = true;
                }
                Ok(piece) => {
                    self.bytes += piece.len() as u64;
                    self.parser.push(piece);
                }
                Err(problem) => return Some(Err(Wrong::at(self.pieces.line(), problem))),
            }
        }
    }
}

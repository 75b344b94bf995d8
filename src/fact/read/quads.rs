//! Quads that no file has: those that are made of the rows of a database, and the graph that says how.

use std::{io::BufRead, sync::Arc};

use oxrdf::{Quad, Triple};

use super::{
    Choice, Item, LeftOut, Mistakes, Position, ReadError, chosen::Source, limits, streamed::fact,
    terse::Terse,
};
use crate::fact::read::parsed::Wrong;

/// Makes facts of quads.
pub(in crate::fact) struct Quads(Source);

impl Quads {
    /// Of those quads, which are from `source`, what is in `choice`.
    pub(in crate::fact) fn new(source: &str, choice: &Choice) -> Self {
        Self(Source::new(source, choice))
    }

    /// What a quad says that comes from `place`; nothing where it is left out.
    pub(in crate::fact) fn item(&self, quad: Quad, place: &Arc<str>) -> Option<Item> {
        let position = Position { source: Arc::clone(place), line: 0, column: None };
        match fact(quad, &self.0) {
            Ok(Some(fact)) => Some(Ok((fact, position))),
            Ok(None) => None,
            Err(problem) => Some(Err(ReadError { position, problem })),
        }
    }

    /// How many were left out.
    pub(in crate::fact) fn left_out(&self) -> LeftOut {
        self.0.left.so_far()
    }
}

/// The triples of a Turtle document, blank nodes and all, with the lines where they end. Relative IRIs are under `base`.
///
/// # Errors
/// All that is wrong with it, as far as the parser goes on.
pub(crate) fn read_graph<R: BufRead>(
    reader: R,
    (source, base): (&str, &str),
) -> Result<Vec<(Triple, u64)>, Mistakes> {
    let source = Source::new(source, &Choice::default());
    let mut parser = Terse::under(reader, base);
    let (mut triples, mut mistakes) = (Vec::new(), None::<Mistakes>);
    while let Some(parsed) = parser.next() {
        match parsed {
            Ok((Quad { subject, predicate, object, .. }, line)) => {
                triples.push((Triple { subject, predicate, object }, line));
            }
            Err(Wrong { problem, line, column, goes_on }) => {
                let position = Position { column, ..source.at(line) };
                let error = Mistakes::from(ReadError { position, problem });
                match &mut mistakes {
                    Some(mistakes) => mistakes.append(error),
                    None => mistakes = Some(error),
                }
                if !goes_on {
                    break;
                }
            }
        }
    }
    mistakes.map_or(Ok(triples), Err)
}

/// Bytes of a literal that is taken.
pub(crate) const LONGEST: usize = limits::LITERAL;

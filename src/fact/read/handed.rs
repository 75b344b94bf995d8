//! Text on its way to a parser that asks for it.

use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    rc::Rc,
};

use super::{Problem, limits::LITERAL};

/// Where a parser is, told from what it asked for: it asks for more only when it has used up what it has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Number of the line last handed out, from 1.
    pub(super) line: u64,
    /// Bytes handed out.
    pub(super) bytes: u64,
    /// Of those, when a triple last came out.
    pub(super) at_triple: u64,
}

/// Looks at text before it is handed on.
pub(super) trait Guard {
    /// Looks at a line, or a part of one.
    ///
    /// # Errors
    /// When the parser must not see it.
    fn see(&mut self, text: &[u8], place: Place) -> Result<(), Problem>;

    /// Looks at the end.
    ///
    /// # Errors
    /// When that is not where it may be.
    fn end(&mut self) -> Result<(), Problem>;
}

/// Hands its input on at most a line at a time.
pub(super) struct Handed<R, G> {
    reader: R,
    guard: G,
    place: Rc<Cell<Place>>,
    at_start: bool,
}

impl<R: BufRead, G: Guard> Handed<R, G> {
    pub(super) fn new(reader: R, guard: G) -> (Self, Rc<Cell<Place>>) {
        let place = Rc::new(Cell::new(Place::default()));
        (Self { reader, guard, place: Rc::clone(&place), at_start: true }, place)
    }
}

impl<R: BufRead, G: Guard> Read for Handed<R, G> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.reader.fill_buf()?;
        let ready = &ready[..ready.len().min(out.len())];
        let end = ready.iter().position(|byte| *byte == b'\n').map_or(ready.len(), |at| at + 1);
        let taken = &ready[..end];
        let mut place = self.place.get();
        let seen = if let Some(last) = taken.last() {
            place.line += u64::from(self.at_start);
            place.bytes += taken.len() as u64;
            self.at_start = *last == b'\n';
            self.guard.see(taken, place)
        } else {
            self.guard.end()
        };
        self.place.set(place);
        seen.map_err(io::Error::other)?;
        out[..taken.len()].copy_from_slice(taken);
        let taken = taken.len();
        self.reader.consume(taken);
        Ok(taken)
    }
}

/// What is wrong, where a reader failed: its guard's problem, if that is it, or a text that is too long for the parser.
pub(super) fn problem(error: io::Error) -> Problem {
    match error.downcast::<Problem>() {
        Ok(problem) => problem,
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            Problem::too_long("a text", LITERAL)
        }
        Err(error) => Problem::Read(error),
    }
}

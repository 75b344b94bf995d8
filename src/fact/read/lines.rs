//! Lines of a format of a triple a line, read by one thread.

use memchr::memchr;

use super::{Format, Graphs, Item, Problem, ReadError, chosen::Source, plain, streamed::Streamed};
use crate::fact::triple::Fact;

/// What the parser says where its lines end within something, as if it were the file that did.
const PARSERS_END: &str = "Unexpected end of file";
const END: &str = "the line ends within a literal or an IRI";

/// The triples of some whole lines, one by one, and what is wrong with other lines.
pub(super) struct Lines<'t> {
    /// What is left of the lines.
    text: &'t [u8],
    format: Format,
    source: Source,
    /// Lines of the source before those.
    before: u64,
    /// Lines that are not plain and are being parsed.
    parsed: Option<Parsed<'t>>,
    /// How many lines are given to a parser at most.
    reach: u64,
    /// Items that came already of the next line.
    known: u64,
}

/// Lines in the hands of a parser.
struct Parsed<'t> {
    triples: Streamed<&'t [u8]>,
    /// These lines, and all that are behind them.
    text: &'t [u8],
    /// Lines of the source before those.
    before: u64,
    /// How many are in the parser's hands.
    lines: u64,
    /// The line of the item that came last, and how many came of that line.
    last: (u64, u64),
}

impl<'t> Lines<'t> {
    pub(super) const fn new(text: &'t [u8], format: Format, source: Source, before: u64) -> Self {
        Self { text, format, source, before, parsed: None, reach: u64::MAX, known: 0 }
    }

    /// The fact on a line that needs no parser.
    fn plain(&self, line: &[u8]) -> Option<Fact> {
        // Such a fact is in no graph.
        let wanted = !matches!(self.source.choice.graphs, Graphs::Named(_));
        if wanted { plain::fact(line) } else { None }
    }

    /// Takes the first `length` bytes, which are `lines` lines.
    fn take(&mut self, length: usize, lines: u64) -> &'t [u8] {
        let (taken, rest) = self.text.split_at(length);
        self.text = rest;
        self.before += lines;
        taken
    }

    /// What the parser has next; none where the lines go to another one.
    fn of_parser(&mut self) -> Option<Item> {
        let parsed = self.parsed.as_mut()?;
        let item = parsed.triples.next();
        match item {
            // Where a line does not follow the grammar, the parser takes of the next ones for a part of it, or it for
            // a part of them.
            Some(Err(error)) if error.position.column.is_some() => {
                let parsed = self.parsed.take()?;
                if parsed.lines == 1 {
                    return Some(Err(on_line(error, parsed.before + 1)));
                }
                self.singly(&parsed);
                None
            }
            Some(item) => {
                let line = match &item {
                    Ok((_, position)) => position.line,
                    Err(error) => error.position.line,
                };
                let of_line = if parsed.last.0 == line { parsed.last.1 + 1 } else { 1 };
                parsed.last = (line, of_line);
                Some(item)
            }
            None => {
                self.parsed = None;
                self.reach = self.reach.saturating_mul(2);
                None
            }
        }
    }

    /// Has lines parsed again, from the one on of which something came last: at first one by one.
    fn singly(&mut self, parsed: &Parsed<'t>) {
        let (last, of_last) = parsed.last;
        let passed = last.saturating_sub(parsed.before + 1);
        let lines = parsed.text.split_inclusive(|byte| *byte == b'\n');
        let length: usize = lines.zip(0..passed).map(|(line, _)| line.len()).sum();
        self.text = &parsed.text[length..];
        (self.before, self.reach, self.known) = (parsed.before + passed, 1, of_last);
    }
}

/// What is wrong with a line that was parsed alone.
fn on_line(mut error: ReadError, line: u64) -> ReadError {
    if error.position.line > line {
        (error.position.line, error.position.column) = (line, None);
    }
    if matches!(&error.problem, Problem::Syntax(text) if text == PARSERS_END) {
        error.problem = Problem::Syntax(END.to_owned());
    }
    error
}

impl Iterator for Lines<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.of_parser() {
                if self.known == 0 {
                    return Some(item);
                }
                self.known -= 1;
                continue;
            }
            if self.text.is_empty() {
                return None;
            }
            let end = memchr(b'\n', self.text).map_or(self.text.len(), |at| at + 1);
            let (first, rest) = self.text.split_at(end);
            if let Some(fact) = self.plain(first) {
                self.take(first.len(), 1);
                return Some(Ok((fact, self.source.at(self.before))));
            }
            let lines = rest.split_inclusive(|byte| *byte == b'\n');
            let others = lines.zip(1..self.reach).map(|(line, _)| line);
            let others = others.take_while(|line| self.plain(line).is_none());
            let (length, lines) = others
                .fold((first.len(), 1), |(length, count), line| (length + line.len(), count + 1));
            let (source, before, text) = (self.source.clone(), self.before, self.text);
            let others = self.take(length, lines);
            let triples = Streamed::new(others, self.format, source, before);
            self.parsed = Some(Parsed { triples, text, before, lines, last: (0, 0) });
        }
    }
}

//! Lines of a format of a triple a line, read by one thread.

use super::{Format, Graphs, Item, chosen::Source, plain, streamed::Streamed};
use crate::fact::triple::Fact;

/// The triples of some whole lines, one by one.
pub(super) struct Lines<'t> {
    /// What is left of the lines.
    text: &'t [u8],
    format: Format,
    source: Source,
    /// Lines of the source before those.
    before: u64,
    /// Lines that are not plain and are being parsed.
    parsed: Option<Streamed<&'t [u8]>>,
}

impl<'t> Lines<'t> {
    pub(super) const fn new(text: &'t [u8], format: Format, source: Source, before: u64) -> Self {
        Self { text, format, source, before, parsed: None }
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
}

impl Iterator for Lines<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.parsed.as_mut().and_then(Streamed::next) {
                if item.is_err() {
                    self.text = &[];
                }
                return Some(item);
            }
            let mut lines = self.text.split_inclusive(|byte| *byte == b'\n');
            let first = lines.next()?;
            if let Some(fact) = self.plain(first) {
                self.parsed = None;
                self.take(first.len(), 1);
                return Some(Ok((fact, self.source.at(self.before))));
            }
            let others = lines.take_while(|line| self.plain(line).is_none());
            let (length, count) = others
                .fold((first.len(), 1), |(length, count), line| (length + line.len(), count + 1));
            let (source, before) = (self.source.clone(), self.before);
            let others = self.take(length, count);
            self.parsed = Some(Streamed::new(others, self.format, source, before));
        }
    }
}

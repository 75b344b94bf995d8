//! Lines of a format of a triple a line, read by one thread.

use std::sync::Arc;

use super::{Format, Item, Position, plain, streamed::Streamed};

/// The triples of some whole lines, one by one.
pub(super) struct Lines<'t> {
    /// What is left of the lines.
    text: &'t [u8],
    format: Format,
    source: Arc<str>,
    /// Lines of the source before those.
    before: u64,
    /// Lines that are not plain and are being parsed.
    parsed: Option<Streamed<&'t [u8]>>,
}

impl<'t> Lines<'t> {
    pub(super) const fn new(text: &'t [u8], format: Format, source: Arc<str>, before: u64) -> Self {
        Self { text, format, source, before, parsed: None }
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
            if let Some(fact) = plain::fact(first) {
                self.parsed = None;
                self.take(first.len(), 1);
                let source = Arc::clone(&self.source);
                return Some(Ok((fact, Position { source, line: self.before, column: None })));
            }
            let others = lines.take_while(|line| plain::fact(line).is_none());
            let (length, count) = others
                .fold((first.len(), 1), |(length, count), line| (length + line.len(), count + 1));
            let (source, before) = (Arc::clone(&self.source), self.before);
            let others = self.take(length, count);
            self.parsed = Some(Streamed::new(others, self.format, source, before));
        }
    }
}

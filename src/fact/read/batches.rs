//! Formats of a triple a line, read by many threads.

use std::{
    io::{self, BufRead, Read as _},
    iter,
    sync::Arc,
};

use rayon::prelude::*;

use super::{Format, Item, Position, Problem, ReadError, Streamed};

/// Bytes that are read before they are parsed.
const BATCH: u64 = 4 << 20;
/// Bytes of a batch that one thread parses at a time.
const PART: usize = 256 << 10;

/// The triples of a reader, a batch of lines at a time.
pub(super) struct Batches<R> {
    reader: R,
    format: Format,
    source: Arc<str>,
    /// Lines of the batches before.
    lines: u64,
    ready: std::vec::IntoIter<Item>,
    at_end: bool,
}

impl<R: BufRead> Batches<R> {
    pub(super) fn new(reader: R, format: Format, source: Arc<str>) -> Self {
        let ready = Vec::new().into_iter();
        Self { reader, format, source, lines: 0, ready, at_end: false }
    }

    /// Whole lines, as many as a batch has; what came before an error is read all the same.
    fn read(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        self.reader.by_ref().take(BATCH).read_to_end(text)?;
        self.reader.read_until(b'\n', text)?;
        Ok(())
    }

    /// What `gather` makes of the parts of the next batch, in their order, each by one of many threads.
    pub(super) fn gather<T: Send>(
        &mut self,
        gather: &(impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync),
    ) -> Option<Vec<T>> {
        if self.at_end {
            return None;
        }
        let mut text = Vec::new();
        let read = self.read(&mut text);
        self.at_end = read.is_err() || text.is_empty();
        let streamed = |(part, lines)| {
            gather(&mut Streamed::new(part, self.format, Arc::clone(&self.source), lines))
        };
        let mut gathered: Vec<T> = parts(&text, self.lines).into_par_iter().map(streamed).collect();
        self.lines += lines(&text);
        if let Err(error) = read {
            let source = Arc::clone(&self.source);
            let position = Position { source, line: self.lines.max(1), column: None };
            let error = ReadError { position, problem: Problem::Read(error) };
            gathered.push(gather(&mut iter::once(Err(error))));
        }
        Some(gathered)
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.next() {
                if item.is_err() {
                    (self.ready, self.at_end) = (Vec::new().into_iter(), true);
                }
                return Some(item);
            }
            let batch = self.gather(&|items| items.collect::<Vec<Item>>())?;
            self.ready = batch.into_iter().flatten().collect::<Vec<Item>>().into_iter();
        }
    }
}

/// `text` in parts of whole lines, each with how many lines come before it.
fn parts(mut text: &[u8], mut before: u64) -> Vec<(&[u8], u64)> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let least = PART.min(text.len());
        let end = text[least..].iter().position(|byte| *byte == b'\n');
        let (part, rest) = text.split_at(end.map_or(text.len(), |end| least + end + 1));
        parts.push((part, before));
        before += lines(part);
        text = rest;
    }
    parts
}

fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

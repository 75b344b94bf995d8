//! Formats of a triple a line, read by many threads.

use std::{
    io::{self, BufRead, Read as _},
    sync::Arc,
};

use rayon::prelude::*;

use super::{Format, Position, Problem, ReadError, Streamed};
use crate::fact::triple::Fact;

/// Bytes that are read before they are parsed.
const BATCH: u64 = 4 << 20;
/// Bytes of a batch that one thread parses at a time.
const PART: usize = 256 << 10;

type Item = Result<(Fact, Position), ReadError>;

/// The triples of a reader, a batch of lines at a time.
pub(super) struct Batches<R> {
    reader: R,
    format: Format,
    source: Arc<str>,
    /// Lines and triples of the batches before.
    lines: u64,
    triples: u64,
    ready: std::vec::IntoIter<Item>,
    at_end: bool,
}

impl<R: BufRead> Batches<R> {
    pub(super) fn new(reader: R, format: Format, source: Arc<str>) -> Self {
        let ready = Vec::new().into_iter();
        Self { reader, format, source, lines: 0, triples: 0, ready, at_end: false }
    }

    /// Whole lines, as many as a batch has; what came before an error is read all the same.
    fn read(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        self.reader.by_ref().take(BATCH).read_to_end(text)?;
        self.reader.read_until(b'\n', text)?;
        Ok(())
    }

    fn parse(&mut self) -> Vec<Item> {
        let mut text = Vec::new();
        let read = self.read(&mut text);
        self.at_end = read.is_err() || text.is_empty();
        let parts = parts(&text, self.lines);
        let parsed: Vec<Vec<Item>> = parts
            .into_par_iter()
            .map(|(part, lines)| {
                Streamed::new(part, self.format, Arc::clone(&self.source), lines).collect()
            })
            .collect();
        self.lines += lines(&text);
        let mut items = Vec::new();
        for mut item in parsed.into_iter().flatten() {
            match &mut item {
                Ok((_, position)) => position.before = self.triples,
                Err(error) => {
                    error.position.before = self.triples;
                    self.at_end = true;
                    items.push(item);
                    return items;
                }
            }
            self.triples += 1;
            items.push(item);
        }
        if let Err(error) = read {
            let (source, before) = (Arc::clone(&self.source), self.triples);
            let position = Position { source, line: self.lines.max(1), column: None, before };
            items.push(Err(ReadError { position, problem: Problem::Read(error) }));
        }
        items
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.next() {
                return Some(item);
            }
            if self.at_end {
                return None;
            }
            self.ready = self.parse().into_iter();
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

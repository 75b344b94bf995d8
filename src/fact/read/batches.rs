//! Formats of lines that can be read by themselves, read by many threads.

use std::{
    io::{BufRead, Read as _},
    iter, mem,
};

use memchr::memchr_iter;
use rayon::prelude::*;

use super::{
    Format, Item, Problem, ReadError,
    chosen::Source,
    limits::TOKEN,
    lines::Lines,
    table::{Layout, Objects},
};

/// Bytes that are read before they are parsed.
const BATCH: usize = 4 << 20;
/// Bytes of a batch that one thread parses at a time.
const PART: usize = 256 << 10;

/// The triples of a reader, a batch of lines at a time.
pub(super) struct Batches<R> {
    lines: Reader<R>,
    kind: Kind,
    source: Source,
    ready: std::vec::IntoIter<Item>,
}

/// What the lines are.
enum Kind {
    Triples(Format),
    /// JSON objects that are rows of a table.
    Objects(Layout),
}

/// Lines on their way to the parser.
struct Reader<R> {
    reader: R,
    /// Lines of the batches before.
    before: u64,
    at_end: bool,
}

/// Some of the lines.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    /// Where its parts end, and how many lines come before each.
    parts: Vec<(usize, u64)>,
    /// What came after them, and the line.
    failed: Option<(Problem, u64)>,
}

impl<R: BufRead> Reader<R> {
    /// Whole lines, as many as a batch has; what came before an error is read all the same.
    fn batch(&mut self) -> Option<Batch> {
        if self.at_end {
            return None;
        }
        // Some room more, for the end of the last line.
        let text = Vec::with_capacity(BATCH + PART);
        let mut batch = Batch { text, ..Batch::default() };
        let read = self.read(&mut batch.text);
        self.at_end = read.is_err() || batch.text.is_empty();
        let mut done = 0;
        while done < batch.text.len() {
            let part = part(&batch.text[done..]);
            done += part.len();
            batch.parts.push((done, self.before));
            self.before += memchr_iter(b'\n', part).count() as u64;
        }
        batch.failed = read.err().map(|problem| match problem {
            Problem::TooLong { .. } => (problem, self.before + 1),
            _ => (problem, self.before.max(1)),
        });
        Some(batch)
    }

    fn read(&mut self, text: &mut Vec<u8>) -> Result<(), Problem> {
        self.reader.by_ref().take(BATCH as u64).read_to_end(text).map_err(Problem::Read)?;
        let mut rest = self.reader.by_ref().take(TOKEN as u64);
        let read = rest.read_until(b'\n', text).map_err(Problem::Read)?;
        if read == TOKEN && !text.ends_with(b"\n") {
            let lines = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            text.truncate(lines);
            return Err(Problem::too_long("a line", TOKEN));
        }
        Ok(())
    }
}

impl<R: BufRead> Batches<R> {
    pub(super) fn new(reader: R, format: Format, source: Source) -> Self {
        Self::of(reader, Kind::Triples(format), source)
    }

    /// The rows of a table.
    pub(super) fn rows(reader: R, layout: Layout, source: Source) -> Self {
        Self::of(reader, Kind::Objects(layout), source)
    }

    fn of(reader: R, kind: Kind, source: Source) -> Self {
        let lines = Reader { reader, before: 0, at_end: false };
        Self { lines, kind, source, ready: Vec::new().into_iter() }
    }
}

/// What `gather` makes of the parts of `batch`, in their order, each by one of many threads.
fn gathered<T: Send>(
    batch: Batch,
    kind: &Kind,
    source: &Source,
    gather: &(impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync),
) -> Vec<T> {
    let Batch { text, parts, failed } = batch;
    let starts = iter::once(0).chain(parts.iter().map(|(end, _)| *end));
    let parts: Vec<_> =
        starts.zip(&parts).map(|(start, (end, before))| (&text[start..*end], *before)).collect();
    let lines = |(part, before)| match kind {
        Kind::Triples(format) => gather(&mut Lines::new(part, *format, source.apart(), before)),
        Kind::Objects(layout) => gather(&mut Objects::new(part, layout, source.apart(), before)),
    };
    let mut gathered: Vec<T> = parts.into_par_iter().map(lines).collect();
    if let Some((problem, line)) = failed {
        let error = ReadError { position: source.at(line), problem };
        gathered.push(gather(&mut iter::once(Err(error))));
    }
    gathered
}

impl<R: BufRead + Send> Batches<R> {
    /// Has `take` take what `gather` makes of all parts, in their order.
    ///
    /// # Errors
    /// The first of `take`.
    pub(super) fn each<T: Send, E: Send>(
        self,
        gather: &(impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync),
        take: impl FnMut(T) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let Self { mut lines, kind, source, .. } = self;
        in_turn(|| lines.batch(), |batch| gathered(batch, &kind, &source, gather), take)
    }
}

/// Has `take` take what `gathered` makes of each batch. While one is gathered the `next` is read, and what came of the
/// one before is taken.
///
/// # Errors
/// The first of `take`.
pub(super) fn in_turn<B: Send, T: Send, E: Send>(
    mut next: impl FnMut() -> Option<B> + Send,
    gathered: impl Fn(B) -> Vec<T> + Sync,
    mut take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<(), E> {
    let (mut ahead, mut done) = (next(), Vec::new());
    while let Some(batch) = ahead {
        let gathered = || gathered(batch);
        let others = || (mem::take(&mut done).into_iter().try_for_each(&mut take), next());
        let (gathered, (taken, read)) = rayon::join(gathered, others);
        taken?;
        (ahead, done) = (read, gathered);
    }
    done.into_iter().try_for_each(take)
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.next() {
                return Some(item);
            }
            let batch = self.lines.batch()?;
            let items =
                gathered(batch, &self.kind, &self.source, &|items| items.collect::<Vec<Item>>());
            self.ready = items.into_iter().flatten().collect::<Vec<Item>>().into_iter();
        }
    }
}

/// Whole lines from the beginning of `text`, as many as a part has.
fn part(text: &[u8]) -> &[u8] {
    let least = PART.min(text.len());
    let end = text[least..].iter().position(|byte| *byte == b'\n');
    &text[..end.map_or(text.len(), |end| least + end + 1)]
}

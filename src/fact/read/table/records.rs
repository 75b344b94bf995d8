//! CSV and TSV.
//!
//! The parser takes a quote that is never closed for the rest of the file, and holds a row as a whole. So a row behind
//! the last one tells whether all quotes are closed, and what is read for a row has a limit.

use std::{
    borrow::Cow,
    io::{self, Cursor, Read},
    iter, mem,
    ops::Range,
    str,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use csv::{ByteRecord, ReaderBuilder, Terminator};
use memchr::memchr_iter;
use rayon::prelude::*;

use super::{
    Layout, Table, TableKind,
    layout::{Rows, Value, placed},
};
use crate::fact::read::{
    Item, Problem, ReadError,
    batches::in_turn,
    chosen::Source,
    handed::problem,
    limits::{COLUMNS, ROW},
};

/// The row behind the last one.
const END: &str = "\u{1}the end of the table\u{1}";
/// Bytes that the parser reads at a time.
const BUFFER: usize = 64 << 10;
/// Bytes of rows that are read before they are taken apart.
const BATCH: usize = 4 << 20;
/// Rows that one thread takes apart at a time.
const PART: usize = 2048;

/// The rows of a table, and what is in their columns.
pub(in crate::fact::read) struct Records<R> {
    rows: Reader<R>,
    layout: Layout,
    source: Source,
}

/// Rows as the parser gives them.
struct Reader<R> {
    parser: csv::Reader<Metered<R>>,
    left: Arc<AtomicUsize>,
    /// The row that was read last, if there was one: whether it is the end is known when there is none behind it.
    ahead: Row,
    is_ahead: bool,
    /// The row before it.
    row: Row,
    at_end: bool,
}

/// A row.
#[derive(Clone, Default)]
struct Row {
    record: ByteRecord,
    /// Number of the line behind the one in which it begins, from 1; of the last row of an open quote, of that line.
    end: u64,
}

impl Row {
    fn line(&self) -> u64 {
        self.end.saturating_sub(1).max(1)
    }

    /// Whether it is the one behind the last.
    fn is_end(&self) -> bool {
        self.record.len() == 1 && self.record.get(0) == Some(END.as_bytes())
    }

    /// Whether there is nothing on its line but white space.
    fn is_empty(&self) -> bool {
        self.record.len() == 1 && self.record.as_slice().trim_ascii().is_empty()
    }
}

/// Some rows, and what came behind them.
#[derive(Default)]
struct Batch {
    /// What is in their cells, one behind the other.
    bytes: Vec<u8>,
    /// Where each cell ends.
    ends: Vec<usize>,
    /// Where the cells of each row end, and its line.
    rows: Vec<(usize, u64)>,
    failed: Option<(Problem, u64)>,
}

impl Batch {
    fn push(&mut self, row: &Row) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(row.record.as_slice());
        let cells = (0..row.record.len()).filter_map(|at| row.record.range(at));
        self.ends.extend(cells.map(|cell| before + cell.end));
        self.rows.push((self.ends.len(), row.line()));
    }

    /// The numbers of the cells of a row, and its line.
    fn row(&self, number: usize) -> (Range<usize>, u64) {
        let (end, line) = self.rows[number];
        (number.checked_sub(1).map_or(0, |before| self.rows[before].0)..end, line)
    }

    fn cell(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }
}

impl<R: Read> Records<R> {
    /// Those of `reader`; its first row may say what is in the columns.
    pub(in crate::fact::read) fn new(
        reader: R,
        table: &Table,
        source: &Source,
    ) -> Result<Self, ReadError> {
        let mut rows = Reader::new(reader, table);
        let wrong = |(problem, line)| ReadError { position: source.at(line), problem };
        rows.read().map_err(wrong)?;
        let first = if table.header {
            rows.next().map_err(wrong)?.cloned()
        } else {
            rows.is_ahead.then(|| rows.ahead.clone())
        };
        let first = first.filter(|first| !first.is_end());
        let first = first.ok_or_else(|| wrong((Problem::Empty, 1)))?;
        let layout =
            names(&first.record, table.header).and_then(|names| Layout::of(table, names, source));
        let layout = layout.map_err(|problem| wrong((problem, first.line())))?;
        Ok(Self { rows, layout, source: source.clone() })
    }
}

impl<R: Read> Reader<R> {
    fn new(reader: R, table: &Table) -> Self {
        let left = Arc::new(AtomicUsize::new(0));
        let tail = Cursor::new(format!("\n{END}\n").into_bytes());
        let metered = Metered { reader, tail, left: Arc::clone(&left) };
        let (delimiter, quoting) = match table.kind {
            TableKind::Tsv => (b'\t', false),
            TableKind::Csv | TableKind::JsonLines => (b',', true),
        };
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).quoting(quoting).buffer_capacity(BUFFER);
        // A carriage return before it is white space around a cell: so each line is one.
        builder.terminator(Terminator::Any(b'\n'));
        let parser = builder.delimiter(table.delimiter.unwrap_or(delimiter)).from_reader(metered);
        let (ahead, row) = (Row::default(), Row::default());
        Self { parser, left, ahead, is_ahead: false, row, at_end: false }
    }

    /// Reads the row that is ahead, as the parser gives it.
    fn read(&mut self) -> Result<(), (Problem, u64)> {
        self.left.store(ROW + BUFFER, Ordering::Relaxed);
        self.is_ahead = false;
        match self.parser.read_byte_record(&mut self.ahead.record) {
            Ok(true) => {
                // The parser says where it was before it passed over empty lines.
                let within = memchr_iter(b'\n', self.ahead.record.as_slice()).count();
                let after = self.parser.position().line();
                self.ahead.end = after.saturating_sub(within as u64);
                self.is_ahead = true;
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(error) => {
                let line = self.parser.position().line();
                let text = error.to_string();
                Err(match error.into_kind() {
                    csv::ErrorKind::Io(error) => (problem(error), line),
                    _ => (Problem::Syntax(text), line),
                })
            }
        }
    }

    /// The next row of the table.
    fn next(&mut self) -> Result<Option<&Row>, (Problem, u64)> {
        if !self.is_ahead {
            return Ok(None);
        }
        mem::swap(&mut self.row, &mut self.ahead);
        self.read()?;
        if self.is_ahead {
            return Ok(Some(&self.row));
        }
        if self.row.is_end() { Ok(None) } else { Err((Problem::OpenQuote, self.row.end.max(1))) }
    }

    fn batch(&mut self) -> Option<Batch> {
        if self.at_end {
            return None;
        }
        let mut batch = Batch { bytes: Vec::with_capacity(BATCH + BUFFER), ..Batch::default() };
        while batch.bytes.len() + size_of::<usize>() * batch.ends.len() < BATCH {
            match self.next() {
                Ok(Some(row)) if row.is_empty() => {}
                Ok(Some(row)) => batch.push(row),
                Ok(None) => {
                    self.at_end = true;
                    break;
                }
                Err(wrong) => {
                    self.at_end = true;
                    batch.failed = Some(wrong);
                    break;
                }
            }
        }
        Some(batch)
    }
}

impl<R: Read + Send> Records<R> {
    /// Has `take` take what `gather` makes of the rows, part by part, in their order.
    ///
    /// # Errors
    /// The first of `take`.
    pub(in crate::fact::read) fn each<T: Send, E: Send>(
        self,
        gather: &(impl Fn(&mut dyn Iterator<Item = Item>) -> T + Sync),
        take: impl FnMut(T) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let Self { mut rows, layout, source } = self;
        let gathered = |batch: Batch| {
            let count = batch.rows.len();
            let facts = |part: usize| {
                let rows = PART * part..count.min(PART * (part + 1));
                gather(&mut Facts::new(&batch, rows, &layout, source.apart()))
            };
            let parts = (0..count.div_ceil(PART)).into_par_iter();
            let mut gathered: Vec<T> = parts.map(facts).collect();
            if let Some((problem, line)) = batch.failed {
                let error = ReadError { position: source.at(line), problem };
                gathered.push(gather(&mut iter::once(Err(error))));
            }
            gathered
        };
        in_turn(|| rows.batch(), gathered, take)
    }
}

/// What some rows say.
struct Facts<'r> {
    batch: &'r Batch,
    /// The numbers of those that are left.
    rows: Range<usize>,
    layout: &'r Layout,
    said: Rows<'r>,
    line: u64,
    source: Source,
}

impl<'r> Facts<'r> {
    fn new(batch: &'r Batch, rows: Range<usize>, layout: &'r Layout, source: Source) -> Self {
        Self { batch, rows, layout, said: Rows::new(layout), line: 1, source }
    }
}

impl Iterator for Facts<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(fact) = self.said.next() {
                return Some(placed(Ok(fact), &self.source, self.line));
            }
            let cells;
            (cells, self.line) = self.batch.row(self.rows.next()?);
            let (found, wanted) = (cells.len() as u64, self.layout.names().len() as u64);
            let said = if found == wanted {
                self.said.say(|at| cell(self.batch.cell(cells.start + at), at, self.layout))
            } else {
                Err(Problem::Width { found, wanted })
            };
            if let Err(problem) = said {
                return Some(placed(Err(problem), &self.source, self.line));
            }
        }
    }
}

fn cell<'r>(bytes: &'r [u8], at: usize, layout: &Layout) -> Result<Option<Value<'r>>, Problem> {
    let Ok(text) = str::from_utf8(bytes) else {
        let text = "is not UTF-8: convert the file with iconv";
        return Err(layout.wrong(at, text));
    };
    if text.contains('\0') {
        return Err(layout.wrong(at, "has a NUL byte in it"));
    }
    Ok((!text.trim().is_empty()).then_some(Value::Text(Cow::Borrowed(text))))
}

/// The names of columns: in the first row, or their numbers.
fn names(first: &ByteRecord, header: bool) -> Result<Vec<String>, Problem> {
    if first.len() > COLUMNS {
        return Err(Problem::TooMany { what: "columns", limit: COLUMNS as u64 });
    }
    if !header {
        return Ok((1..=first.len()).map(|number| number.to_string()).collect());
    }
    let mut names: Vec<String> = Vec::with_capacity(first.len());
    for name in first {
        let name = str::from_utf8(name).map_err(|error| {
            Problem::Encoding(format!("the names of the columns are not UTF-8: {error}"))
        })?;
        let name = name.trim();
        if !name.is_empty() && names.iter().any(|other| other == name) {
            let why = format!("two columns are called {name:?}");
            let names = first.iter().map(|name| String::from_utf8_lossy(name).into_owned());
            return Err(Problem::Columns { why, names: names.collect() });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Reads no more than is left for a row, and has [`END`] behind the end.
struct Metered<R> {
    reader: R,
    tail: Cursor<Vec<u8>>,
    left: Arc<AtomicUsize>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match self.reader.read(out)? {
            0 => return self.tail.read(out),
            read => read,
        };
        let left = self.left.load(Ordering::Relaxed);
        if read > left {
            return Err(io::Error::other(Problem::too_long("a row", ROW)));
        }
        self.left.store(left - read, Ordering::Relaxed);
        Ok(read)
    }
}

//! Triples in three orders, with their terms, as one piece of bytes that can be mapped from a file.
//!
//! The bytes are a head, the hashes of the blocks that follow, and these: where each term ends, the table by which
//! terms are found, the triples by subject, by predicate and by object, and the terms. A block is compared with its
//! hash when it is first looked at.

use std::{
    fs::File,
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use memmap2::Mmap;
use rayon::prelude::*;

use super::{
    QueryError,
    dataset::Triple,
    terms::{self, MOST, Terms, probes},
};
use crate::{
    durable,
    fact::{Fact, Iri, Label, Literal, Term},
    id::{Id, Kind},
};

/// What each index begins with; another number for another layout.
const MAGIC: &[u8; 16] = b"kledger index 1\n";
/// Bytes that are compared with one hash.
const BLOCK: usize = 1 << 16;
/// Magic, name, four lengths, and the hash of all before it and of the table of hashes.
const HEAD: usize = LENGTHS + 4 * 8 + 32;
/// Where the lengths begin.
const LENGTHS: usize = 16 + 64;
/// Bytes of a triple.
const ROW: usize = 12;
/// Marks the hashes of blocks.
struct Block;
/// Marks the hash of a head.
struct Head;

impl Kind for Block {
    const NAME: &'static str = "query block";
}

impl Kind for Head {
    const NAME: &'static str = "query head";
}

/// An order of triples: which part of them comes first, second and third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Subject,
    Predicate,
    Object,
}

impl Order {
    pub(super) const ALL: [Self; 3] = [Self::Subject, Self::Predicate, Self::Object];

    /// The order in which the triples of a pattern stand together, and with how many parts they begin alike.
    pub(super) const fn of(pattern: [Option<u32>; 3]) -> (Self, usize) {
        match pattern {
            [None, None, None] => (Self::Subject, 0),
            [Some(_), None, None] => (Self::Subject, 1),
            [Some(_), Some(_), None] => (Self::Subject, 2),
            [Some(_), Some(_), Some(_)] => (Self::Subject, 3),
            [None, Some(_), None] => (Self::Predicate, 1),
            [None, Some(_), Some(_)] => (Self::Predicate, 2),
            [None, None, Some(_)] => (Self::Object, 1),
            [Some(_), None, Some(_)] => (Self::Object, 2),
        }
    }

    const fn number(self) -> usize {
        match self {
            Self::Subject => 0,
            Self::Predicate => 1,
            Self::Object => 2,
        }
    }

    pub(super) fn arrange<T>(self, [subject, predicate, object]: [T; 3]) -> [T; 3] {
        match self {
            Self::Subject => [subject, predicate, object],
            Self::Predicate => [predicate, object, subject],
            Self::Object => [object, subject, predicate],
        }
    }

    pub(super) fn restore<T>(self, [first, second, third]: [T; 3]) -> [T; 3] {
        match self {
            Self::Subject => [first, second, third],
            Self::Predicate => [third, first, second],
            Self::Object => [second, third, first],
        }
    }
}

/// The three terms of a triple as bytes, with their hashes: what can be made by many threads.
pub struct Encoded {
    bytes: Box<[u8]>,
    /// Where subject and predicate end.
    ends: [usize; 2],
    hashes: [u64; 3],
}

impl Encoded {
    /// Of a fact.
    #[must_use]
    pub fn fact(fact: &Fact) -> Self {
        Self::of(
            |bytes| terms::put_iri(bytes, fact.subject.as_str()),
            &fact.predicate,
            &fact.object,
        )
    }

    /// Of what a thing is called.
    #[must_use]
    pub fn label(iri: &Iri, label: &Label, predicate: &Iri) -> Self {
        let object = match &label.language {
            Some(language) => Literal::in_language(&label.text, language),
            None => Literal::text(&label.text),
        };
        Self::of(|bytes| terms::put_iri(bytes, iri.as_str()), predicate, &Term::Literal(object))
    }

    fn of(subject: impl FnOnce(&mut Vec<u8>), predicate: &Iri, object: &Term) -> Self {
        let mut bytes = Vec::with_capacity(128);
        subject(&mut bytes);
        let first = bytes.len();
        terms::put_iri(&mut bytes, predicate.as_str());
        let second = bytes.len();
        terms::put_object(&mut bytes, object);
        Self::cut(bytes, [first, second])
    }

    pub(super) fn triple(triple: oxrdf::TripleRef<'_>) -> Self {
        let mut bytes = terms::encoded(triple.subject.into());
        let first = bytes.len();
        bytes.extend(terms::encoded(triple.predicate.into()));
        let second = bytes.len();
        bytes.extend(terms::encoded(triple.object));
        Self::cut(bytes, [first, second])
    }

    fn cut(bytes: Vec<u8>, ends: [usize; 2]) -> Self {
        let mut encoded = Self { bytes: bytes.into(), ends, hashes: [0; 3] };
        encoded.hashes = encoded.parts().map(terms::hash);
        encoded
    }

    fn parts(&self) -> [&[u8]; 3] {
        let [first, second] = self.ends;
        [&self.bytes[..first], &self.bytes[first..second], &self.bytes[second..]]
    }

    /// Its terms and their hashes.
    pub(super) fn terms(&self) -> [(&[u8], u64); 3] {
        let ([a, b, c], [x, y, z]) = (self.parts(), self.hashes);
        [(a, x), (b, y), (c, z)]
    }
}

/// An index that is being made.
#[derive(Default)]
pub struct Building {
    terms: Terms,
    triples: Vec<Triple>,
}

impl Building {
    /// Takes a triple in.
    pub fn add(&mut self, triple: &Encoded) {
        let triple = triple.terms().map(|(term, hash)| self.terms.intern(term, hash));
        self.triples.push(triple);
    }

    /// Whether any triple has this IRI.
    #[must_use]
    pub fn mentions(&self, iri: &Iri) -> bool {
        let mut bytes = Vec::new();
        terms::put_iri(&mut bytes, iri.as_str());
        self.terms.find(&bytes, terms::hash(&bytes)).is_some()
    }

    /// The index, under a name that says what is in it.
    #[must_use]
    pub fn finish(self, name: [u8; 64]) -> Index {
        let Self { terms, mut triples } = self;
        let mut bytes = vec![0; HEAD];
        let (count, slots) = (terms.len(), terms.slots.len());
        let mut data =
            Vec::with_capacity(8 * count + 4 * slots + 3 * ROW * triples.len() + terms.blob.len());
        terms.ends.iter().for_each(|end| data.extend(end.to_le_bytes()));
        terms.slots.iter().for_each(|slot| data.extend(slot.to_le_bytes()));
        triples.par_sort_unstable();
        triples.dedup();
        let rows = triples.len();
        for order in Order::ALL {
            if order != Order::Subject {
                // From one order to the next: each is the one before, turned by one place.
                triples.par_iter_mut().for_each(|triple| triple.rotate_left(1));
                triples.par_sort_unstable();
            }
            triples.iter().flatten().for_each(|part| data.extend(part.to_le_bytes()));
        }
        data.extend(&terms.blob);
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..LENGTHS].copy_from_slice(&name);
        let lengths = [count, slots, rows, terms.blob.len()];
        for (at, length) in lengths.into_iter().enumerate() {
            bytes[LENGTHS + 8 * at..][..8].copy_from_slice(&(length as u64).to_le_bytes());
        }
        let hashes: Vec<[u8; 32]> =
            data.par_chunks(BLOCK).map(|block| *Id::<Block>::of(block).as_bytes()).collect();
        let sealed = Id::<Head>::from_parts([&bytes[..HEAD - 32], hashes.as_flattened()]);
        bytes[HEAD - 32..].copy_from_slice(sealed.as_bytes());
        bytes.extend(hashes.as_flattened());
        bytes.extend(data);
        Index::over(Bytes::Owned(bytes)).expect("because it was just made")
    }
}

/// Triples that can be looked up by any of their parts.
pub struct Index {
    bytes: Bytes,
    layout: Layout,
    /// Which blocks are as they were written.
    sound: Vec<AtomicBool>,
}

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// How many there are of everything, and where it begins.
#[derive(Debug, Clone, Copy)]
struct Layout {
    terms: usize,
    slots: usize,
    rows: usize,
    data: usize,
    table: usize,
    orders: usize,
    blob: usize,
    end: usize,
}

impl Layout {
    fn read(bytes: &[u8]) -> Option<Self> {
        let length = |at: usize| {
            let bytes = bytes.get(LENGTHS + 8 * at..)?.first_chunk()?;
            usize::try_from(u64::from_le_bytes(*bytes)).ok().filter(|length| *length < 1 << 48)
        };
        let [terms, slots, rows, blob] = [length(0)?, length(1)?, length(2)?, length(3)?];
        if terms > MOST || !(slots == 0 || slots.is_power_of_two()) || slots < 2 * terms {
            return None;
        }
        let data_length = 8 * terms + 4 * slots + 3 * ROW * rows + blob;
        let data = HEAD + 32 * data_length.div_ceil(BLOCK);
        let table = data + 8 * terms;
        let orders = table + 4 * slots;
        let blob_start = orders + 3 * ROW * rows;
        let end = blob_start + blob;
        Some(Self { terms, slots, rows, data, table, orders, blob: blob_start, end })
    }
}

impl Index {
    /// The index in a file that [`Index::write`] wrote; nothing where it is not there or does not begin as it was
    /// written.
    #[must_use]
    pub fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        Self::over(Bytes::Mapped(map(&file).ok()?))
    }

    fn over(bytes: Bytes) -> Option<Self> {
        let all = bytes.as_ref();
        if all.get(..16)? != MAGIC {
            return None;
        }
        let layout = Layout::read(all)?;
        if all.len() != layout.end {
            return None;
        }
        let hashes = all.get(HEAD..layout.data)?;
        let sealed = Id::<Head>::from_parts([&all[..HEAD - 32], hashes]);
        if all[HEAD - 32..HEAD] != *sealed.as_bytes() {
            return None;
        }
        let sound = (0..hashes.len() / 32).map(|_| AtomicBool::new(false)).collect();
        Some(Self { bytes, layout, sound })
    }

    /// Writes it to a file, whole or not at all.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), durable::WriteError> {
        durable::write(path, self.bytes.as_ref())
    }

    /// What it was made under.
    #[must_use]
    pub fn name(&self) -> [u8; 64] {
        *self.bytes.as_ref()[16..].first_chunk().expect("because the head is there")
    }

    /// How many triples it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.layout.rows
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.layout.rows == 0
    }

    /// How many bytes it takes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.layout.end
    }

    pub(super) const fn terms(&self) -> usize {
        self.layout.terms
    }

    /// Bytes of it, if they are as they were written.
    fn part(&self, start: usize, length: usize) -> Result<&[u8], QueryError> {
        let all = self.bytes.as_ref();
        let part = all.get(start..start + length).ok_or(QueryError::Damaged)?;
        if length == 0 {
            return Ok(part);
        }
        let from = start - self.layout.data;
        for block in from / BLOCK..=(from + length - 1) / BLOCK {
            if self.sound[block].load(Ordering::Relaxed) {
                continue;
            }
            let begin = self.layout.data + block * BLOCK;
            let bytes = &all[begin..(begin + BLOCK).min(all.len())];
            let hash = &all[HEAD + 32 * block..HEAD + 32 * (block + 1)];
            if Id::<Block>::of(bytes).as_bytes()[..] != *hash {
                return Err(QueryError::Damaged);
            }
            self.sound[block].store(true, Ordering::Relaxed);
        }
        Ok(part)
    }

    fn number(&self, start: usize) -> Result<u32, QueryError> {
        let bytes = self.part(start, 4)?.first_chunk().ok_or(QueryError::Damaged)?;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn end_of(&self, term: usize) -> Result<usize, QueryError> {
        let bytes = self.part(self.layout.data + 8 * term, 8)?;
        let bytes = bytes.first_chunk().ok_or(QueryError::Damaged)?;
        usize::try_from(u64::from_le_bytes(*bytes)).map_err(|_| QueryError::Damaged)
    }

    /// The bytes of a term.
    pub(super) fn term(&self, number: u32) -> Result<&[u8], QueryError> {
        let number = usize::try_from(number).map_err(|_| QueryError::Damaged)?;
        if number >= self.layout.terms {
            return Err(QueryError::Damaged);
        }
        let start = number.checked_sub(1).map_or(Ok(0), |before| self.end_of(before))?;
        let end = self.end_of(number)?;
        let length = end.checked_sub(start).ok_or(QueryError::Damaged)?;
        self.part(self.layout.blob + start, length)
    }

    /// The number of a term.
    pub(super) fn find(&self, term: &[u8], hash: u64) -> Result<Option<u32>, QueryError> {
        for slot in probes(hash, self.layout.slots) {
            let used = self.number(self.layout.table + 4 * slot)?;
            let Some(number) = used.checked_sub(1) else { return Ok(None) };
            if self.term(number)? == term {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// A triple by its place in an order.
    pub(super) fn row(&self, order: Order, at: usize) -> Result<Triple, QueryError> {
        let start = self.layout.orders + ROW * (self.layout.rows * order.number() + at);
        let row = self.part(start, ROW)?;
        let part = |at: usize| {
            let bytes = row[4 * at..].first_chunk().expect("because a row has three numbers");
            u32::from_le_bytes(*bytes)
        };
        Ok([part(0), part(1), part(2)])
    }

    /// Where the triples of a pattern stand in their order.
    pub(super) fn range(
        &self,
        pattern: [Option<u32>; 3],
    ) -> Result<(Order, usize, usize), QueryError> {
        let (order, bound) = Order::of(pattern);
        let wanted = order.arrange(pattern).map(Option::unwrap_or_default);
        let first = |past: bool| {
            let (mut low, mut high) = (0, self.layout.rows);
            while low < high {
                let middle = low.midpoint(high);
                let row = self.row(order, middle)?;
                let before = row[..bound].cmp(&wanted[..bound]);
                if before.is_lt() || past && before.is_eq() {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            Ok::<_, QueryError>(low)
        };
        Ok((order, first(false)?, first(true)?))
    }
}

#[expect(unsafe_code, reason = "mapping is the only way to read part of a large file in place")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the file is only ever replaced by another, never written in place; each block is compared with its hash.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(count: u32) -> Index {
        let mut building = Building::default();
        let iri = |name: String| Iri::new(&format!("http://example.org/{name}")).unwrap();
        for number in 0..count {
            let object = Term::Iri(iri(format!("o{}", number % 7)));
            let (subject, predicate) = (iri(format!("s{number}")), iri(format!("p{}", number % 3)));
            building.add(&Encoded::fact(&Fact { subject, predicate, object }));
        }
        building.finish([7; 64])
    }

    fn find(index: &Index, name: &str) -> Option<u32> {
        let term = format!("<http://example.org/{name}");
        index.find(term.as_bytes(), terms::hash(term.as_bytes())).unwrap()
    }

    #[test]
    fn every_pattern_finds_its_triples() {
        let index = index(1000);
        let all: Vec<Triple> = (0..1000).map(|at| index.row(Order::Subject, at).unwrap()).collect();
        assert_eq!(index.len(), 1000);
        let known = [find(&index, "s4"), find(&index, "p1"), find(&index, "o4")];
        for bound in 0..8 {
            let pattern = [0, 1, 2].map(|part| known[part].filter(|_| bound >> part & 1 == 1));
            let (order, from, to) = index.range(pattern).unwrap();
            let rows = (from..to).map(|at| order.restore(index.row(order, at).unwrap()));
            let mut found: Vec<Triple> = rows.collect();
            let meant = |triple: &&Triple| {
                pattern.iter().zip(*triple).all(|(wanted, part)| wanted.is_none_or(|w| w == *part))
            };
            let mut wanted: Vec<Triple> = all.iter().filter(meant).copied().collect();
            found.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{pattern:?}");
            assert!(!found.is_empty(), "{pattern:?}");
        }
        assert_eq!(find(&index, "nobody"), None);
    }

    #[test]
    fn what_is_damaged_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let index = index(5000);
        index.write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let read = |index: &Index| {
            (0..index.len()).try_for_each(|at| {
                let row = index.row(Order::Object, at)?;
                row.into_iter().try_for_each(|part| index.term(part).map(drop))
            })
        };
        assert!(read(&Index::open(&path).unwrap()).is_ok());
        let mut noticed = 0;
        for at in (0..whole.len()).step_by(997) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            match Index::open(&path) {
                None => noticed += 1,
                Some(index) => noticed += usize::from(read(&index).is_err()),
            }
        }
        // Some of it is only looked at by who looks for a term, or for a triple by other parts.
        assert!(noticed * 997 > whole.len() / 2, "{noticed}");
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(Index::open(&path).is_none());
        std::fs::write(&path, b"").unwrap();
        assert!(Index::open(&path).is_none());
    }

    #[test]
    fn nothing_is_an_index_too() {
        let index = Building::default().finish([0; 64]);
        assert!(index.is_empty());
        assert_eq!(find(&index, "x"), None);
        assert_eq!(index.range([None, None, None]).unwrap(), (Order::Subject, 0, 0));
    }
}

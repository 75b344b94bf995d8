//! Staged changes that wait, encoded.

use super::Staged;
use crate::codec;

/// A piece has no further change once it is as long.
const FULL: usize = 1 << 20;

/// The bytes of [`Staged`] changes, in pieces that are not moved any more: what was read in parts is put together without
/// being copied. A change is named by where it begins and ends among all bytes.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: Vec<Vec<u8>>,
    /// Where each piece begins.
    starts: Vec<usize>,
    length: usize,
}

impl Pieces {
    /// How many bytes there are.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a change, and says where it begins and ends.
    pub(super) fn put(&mut self, staged: &Staged) -> (usize, usize) {
        if self.pieces.last().is_none_or(|last| last.len() >= FULL) {
            self.pieces.push(Vec::new());
            self.starts.push(self.length);
        }
        let start = self.length;
        if let (Some(last), Some(from)) = (self.pieces.last_mut(), self.starts.last()) {
            codec::append(staged, last);
            self.length = from + last.len();
        }
        (start, self.length)
    }

    /// Adds `others` behind these.
    pub(super) fn append(&mut self, others: Self) {
        // What it would have grown by is left to others.
        let others_pieces = others.pieces.into_iter().map(|mut piece| {
            piece.shrink_to_fit();
            piece
        });
        self.pieces.extend(others_pieces);
        self.starts.extend(others.starts.into_iter().map(|start| self.length + start));
        self.length += others.length;
    }

    /// The change that begins and ends there.
    pub(super) fn get(&self, start: usize, end: usize) -> &[u8] {
        let piece = self.starts.partition_point(|from| *from <= start) - 1;
        let from = self.starts[piece];
        &self.pieces[piece][start - from..end - from]
    }

    /// Says of changes that are among these where they begin.
    pub(super) fn order(&self) -> Order {
        let pieces = self.pieces.iter().zip(&self.starts);
        let mut order: Vec<_> =
            pieces.map(|(piece, start)| (piece.as_ptr().addr(), *start)).collect();
        order.sort_unstable();
        Order(order)
    }
}

/// Where pieces are in memory, and where each begins among all bytes.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<(usize, usize)>);

impl Order {
    /// Where `change` begins, which is one of those pieces' changes.
    pub(super) fn of(&self, change: &[u8]) -> usize {
        let at = change.as_ptr().addr();
        let piece = self.0.partition_point(|(from, _)| *from <= at) - 1;
        let (from, start) = self.0[piece];
        start + (at - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Fact, Iri, StagedChange, Term};

    fn staged(number: usize) -> Staged {
        let iri = |name: &str| Iri::new(&format!("https://example.org/{name}")).unwrap();
        let (subject, object) = (iri(&number.to_string()), Term::Iri(iri("o")));
        let fact = Fact { subject, predicate: iri("p"), object };
        Staged { change: StagedChange::Set(fact), source: format!("facts.nt:{number}") }
    }

    #[test]
    fn changes_are_where_they_are_said_to_be_however_they_came_together() {
        let mut all = Pieces::default();
        let mut places = Vec::new();
        for part in 0..40 {
            let mut own = Pieces::default();
            let before = all.len();
            for number in 0..part * 500 {
                let (start, end) = own.put(&staged(number));
                places.push((before + start, before + end, number));
            }
            assert_eq!(own.is_empty(), part == 0);
            all.append(own);
        }
        assert!(all.pieces.len() > 40);
        let order = all.order();
        assert_eq!(places.last().map(|(_, end, _)| *end), Some(all.len()));
        for (start, end, number) in places {
            let mut expected = Vec::new();
            codec::append(&staged(number), &mut expected);
            let found = all.get(start, end);
            assert_eq!(found, expected);
            assert_eq!(order.of(found), start);
        }
    }
}

//! What waits to be staged, encoded.

use bincode::Encode;

use crate::codec;

/// Room that a piece has: so much that the system lends it, and takes it back, by itself.
const ROOM: usize = 16 << 20;
/// The first piece has less: mostly there is only it, and it has a few changes.
const FIRST: usize = 1 << 20;
/// A piece has no further change where less room is left.
const LEFT: usize = 4 << 10;
/// Pieces of as many bytes stay as they are where they are put together with others.
const LONG: usize = 64 << 10;

/// The bytes of changes, in pieces that do not grow into others: one vector of all would be moved again and again, and be
/// there twice where files are put together. A change is named by where it begins and ends among all bytes.
#[derive(Debug, Clone, Default)]
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
    pub(super) fn put(&mut self, change: &impl Encode) -> (usize, usize) {
        match self.pieces.last() {
            None => self.begin(Vec::new()),
            Some(last) if last.capacity().max(FIRST) - last.len() < LEFT => {
                self.begin(Vec::with_capacity(ROOM));
            }
            Some(_) => {}
        }
        let start = self.length;
        if let (Some(last), Some(from)) = (self.pieces.last_mut(), self.starts.last()) {
            codec::append(change, last);
            self.length = from + last.len();
        }
        (start, self.length)
    }

    fn begin(&mut self, piece: Vec<u8>) {
        self.starts.push(self.length);
        self.length += piece.len();
        self.pieces.push(piece);
    }

    /// Adds `others` behind these. Short pieces are put together, long ones stay.
    pub(super) fn append(&mut self, others: Self) {
        for mut piece in others.pieces {
            let room = self.pieces.last().map_or(0, |last| last.capacity() - last.len());
            if piece.len() >= LONG {
                piece.shrink_to_fit();
                self.begin(piece);
                continue;
            }
            if piece.len() > room {
                self.begin(Vec::with_capacity(ROOM));
            }
            if let Some(last) = self.pieces.last_mut() {
                last.extend_from_slice(&piece);
                self.length += piece.len();
            }
        }
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
    use crate::fact::{Fact, Iri, Staged, StagedChange, Term};

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
            for number in 0..part * 50 {
                let (start, end) = own.put(&staged(number));
                places.push((before + start, before + end, number));
            }
            assert_eq!(own.is_empty(), part == 0);
            all.append(own);
        }
        assert!((2..40).contains(&all.pieces.len()));
        assert!(all.pieces.iter().all(|piece| piece.capacity() <= ROOM));
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

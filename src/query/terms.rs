//! Terms as bytes, and numbers for them.

use std::sync::Arc;

use oxrdf::{BlankNode, Literal, NamedNode, Term, TermRef};

use crate::{
    fact,
    id::{Id, Kind},
};

/// Marks the hashes of terms.
struct TermBytes;

impl Kind for TermBytes {
    const NAME: &'static str = "query term";
}

/// By what terms are looked up. Nobody can make many terms of one hash.
pub(super) fn hash(term: &[u8]) -> u64 {
    let id = Id::<TermBytes>::of(term);
    u64::from_le_bytes(*id.as_bytes().first_chunk().expect("because a hash has 32 bytes"))
}

/// First byte of an IRI; the others follow the same way.
const IRI: u8 = b'<';
const BLANK: u8 = b'_';
const TEXT: u8 = b'"';
/// The language, NUL, the text.
const IN_LANGUAGE: u8 = b'@';
/// The datatype, NUL, the value.
const TYPED: u8 = b'^';

/// Adds the bytes of an IRI.
pub(super) fn put_iri(bytes: &mut Vec<u8>, iri: &str) {
    bytes.push(IRI);
    bytes.extend_from_slice(iri.as_bytes());
}

fn put_literal(bytes: &mut Vec<u8>, value: &str, datatype: &str, language: Option<&str>) {
    match language {
        Some(language) => {
            bytes.push(IN_LANGUAGE);
            bytes.extend_from_slice(language.as_bytes());
            bytes.push(0);
        }
        None if datatype == oxrdf::vocab::xsd::STRING.as_str() => bytes.push(TEXT),
        None => {
            bytes.push(TYPED);
            bytes.extend_from_slice(datatype.as_bytes());
            bytes.push(0);
        }
    }
    bytes.extend_from_slice(value.as_bytes());
}

/// Adds the bytes of a fact's object.
pub(super) fn put_object(bytes: &mut Vec<u8>, object: &fact::Term) {
    match object {
        fact::Term::Iri(iri) => put_iri(bytes, iri.as_str()),
        fact::Term::Literal(literal) => {
            let language = literal.language.as_deref();
            put_literal(bytes, &literal.lexical, literal.datatype.as_str(), language);
        }
    }
}

/// The bytes of a term.
pub(super) fn encoded(term: TermRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match term {
        TermRef::NamedNode(iri) => put_iri(&mut bytes, iri.as_str()),
        TermRef::BlankNode(node) => {
            bytes.push(BLANK);
            bytes.extend_from_slice(node.as_str().as_bytes());
        }
        TermRef::Literal(literal) => {
            put_literal(
                &mut bytes,
                literal.value(),
                literal.datatype().as_str(),
                literal.language(),
            );
        }
    }
    bytes
}

/// The term of these bytes; nothing where no term has them.
pub(super) fn decoded(bytes: &[u8]) -> Option<Term> {
    let (kind, rest) = bytes.split_first()?;
    let text = std::str::from_utf8(rest).ok()?;
    Some(match *kind {
        IRI => NamedNode::new_unchecked(text).into(),
        BLANK => BlankNode::new_unchecked(text).into(),
        TEXT => Literal::new_simple_literal(text).into(),
        IN_LANGUAGE => {
            let (language, text) = text.split_once('\0')?;
            Literal::new_language_tagged_literal_unchecked(text, language).into()
        }
        TYPED => {
            let (datatype, text) = text.split_once('\0')?;
            Literal::new_typed_literal(text, NamedNode::new_unchecked(datatype)).into()
        }
        _ => return None,
    })
}

/// Terms and their numbers, in memory.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// The bytes of all, one after the other.
    pub(super) blob: Vec<u8>,
    /// Where each ends.
    pub(super) ends: Vec<u64>,
    hashes: Vec<u64>,
    /// Open addressing by hash: 0, or one more than a number. As many as a power of two, at most half of them used.
    pub(super) slots: Vec<u32>,
}

/// More terms than can have numbers.
pub(super) const MOST: usize = u32::MAX as usize / 4;

impl Terms {
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, number: u32) -> Option<&[u8]> {
        let number = usize::try_from(number).ok()?;
        let end = usize::try_from(*self.ends.get(number)?).ok()?;
        let start = match number.checked_sub(1) {
            Some(before) => usize::try_from(self.ends[before]).ok()?,
            None => 0,
        };
        self.blob.get(start..end)
    }

    /// The number of a term that is there.
    pub(super) fn find(&self, term: &[u8], hash: u64) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        for slot in probes(hash, self.slots.len()) {
            match self.slots[slot] {
                0 => return None,
                used => {
                    let number = used - 1;
                    let at = usize::try_from(number).ok()?;
                    if self.hashes[at] == hash && self.get(number) == Some(term) {
                        return Some(number);
                    }
                }
            }
        }
        None
    }

    /// The number of a term, which it gets if it has none.
    pub(super) fn intern(&mut self, term: &[u8], hash: u64) -> u32 {
        if let Some(number) = self.find(term, hash) {
            return number;
        }
        if 2 * (self.len() + 1) > self.slots.len() {
            self.grow();
        }
        let number =
            u32::try_from(self.len()).expect("because so many terms fill all memory first");
        self.blob.extend_from_slice(term);
        self.ends.push(self.blob.len() as u64);
        self.hashes.push(hash);
        self.place(number, hash);
        number
    }

    fn grow(&mut self) {
        let length = (2 * self.slots.len()).max(64);
        self.slots = vec![0; length];
        for number in 0..self.len() {
            let hash = self.hashes[number];
            self.place(u32::try_from(number).expect("because it had a number"), hash);
        }
    }

    fn place(&mut self, number: u32, hash: u64) {
        let slots = &self.slots;
        let free = probes(hash, slots.len()).find(|slot| slots[*slot] == 0);
        self.slots[free.expect("because half of the slots are free")] = number + 1;
    }
}

/// The slots in which a term of that hash can be, in the order in which they are tried.
pub(super) fn probes(hash: u64, slots: usize) -> impl Iterator<Item = usize> {
    let mask = slots.saturating_sub(1);
    // Hashes are cut to what fits: any part of them is as good as another.
    let first = usize::try_from(hash & (mask as u64)).unwrap_or_default();
    (0..slots).map(move |step| (first + step) & mask)
}

/// A term as an evaluation holds it: terms of the dataset have numbers, and one that it computes is none of them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Held {
    /// A term of the dataset.
    Known(u32),
    /// Another.
    Other(Arc<Term>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_come_back() {
        let date = NamedNode::new_unchecked("http://www.w3.org/2001/XMLSchema#date");
        let all: [Term; 6] = [
            NamedNode::new_unchecked("http://a.b/c").into(),
            BlankNode::new_unchecked("x").into(),
            Literal::new_simple_literal("").into(),
            Literal::new_simple_literal("a\0b").into(),
            Literal::new_language_tagged_literal_unchecked("a\0b", "de").into(),
            Literal::new_typed_literal("2001-01-01", date).into(),
        ];
        let mut terms = Terms::default();
        for (number, term) in (0..).zip(&all) {
            let bytes = encoded(term.as_ref());
            assert_eq!(decoded(&bytes).as_ref(), Some(term));
            assert_eq!(terms.find(&bytes, hash(&bytes)), None);
            assert_eq!(terms.intern(&bytes, hash(&bytes)), number);
            assert_eq!(terms.intern(&bytes, hash(&bytes)), number);
        }
        assert_eq!(terms.len(), all.len());
        assert_eq!(decoded(b"?"), None);
        assert_eq!(decoded(b"@de"), None);
    }

    #[test]
    fn terms_of_one_hash_are_told_apart() {
        let mut terms = Terms::default();
        let numbers: Vec<u32> = (0..200u32).map(|n| terms.intern(&n.to_le_bytes(), 7)).collect();
        assert_eq!(numbers, (0..200).collect::<Vec<_>>());
        assert_eq!(terms.find(&5u32.to_le_bytes(), 7), Some(5));
    }
}

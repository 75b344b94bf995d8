//! Facts and the keys under which they are kept.
//!
//! A fact is a ground triple. Its key says which question it answers: "the capital of France" for a
//! predicate with one value, the whole triple for a predicate with many.

use std::fmt;

use bincode::{Decode, Encode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::term::{Iri, Term};
use crate::id::{Id, Kind};

/// What the IRI of a question begins with.
const QUESTION: &str = "https://kledger.dev/question?";

/// A ground triple. `Display` is its N-Triples line, without the newline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize)]
pub struct Fact {
    /// What the fact is about.
    pub subject: Iri,
    /// Which of its properties.
    pub predicate: Iri,
    /// The value of that property.
    pub object: Term,
}

/// What a fact answers: one fact at a time can hold under a key.
pub type FactKey = Id<Fact>;

impl Kind for Fact {
    const NAME: &'static str = "fact";
}

impl Fact {
    /// The IRIs in it.
    pub fn iris(&self) -> impl Iterator<Item = &Iri> {
        let object = match &self.object {
            Term::Iri(iri) => Some(iri),
            Term::Literal(_) => None,
        };
        [&self.subject, &self.predicate].into_iter().chain(object)
    }

    /// The IRI of the question that the fact answers, which names subject and predicate. Words for it
    /// are for this question alone.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn question(&self) -> Iri {
        let part = |iri: &Iri| utf8_percent_encode(iri.as_str(), NON_ALPHANUMERIC).to_string();
        let (subject, predicate) = (part(&self.subject), part(&self.predicate));
        Iri::new(&format!("{QUESTION}subject={subject}&predicate={predicate}"))
            .expect("because an absolute IRI with a query of ASCII is one")
    }

    /// Whether an IRI is that of a question.
    pub(super) fn is_question(iri: &Iri) -> bool {
        iri.as_str().starts_with(QUESTION)
    }

    /// The key of this fact: the hash of subject and predicate, and of the object too where the
    /// predicate is `multi_valued`.
    #[must_use]
    pub fn key(&self, multi_valued: bool) -> FactKey {
        let mut hasher = FactKey::hasher();
        let mut part = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        part(self.subject.as_str());
        part(self.predicate.as_str());
        if multi_valued {
            match &self.object {
                Term::Iri(iri) => {
                    part("iri");
                    part(iri.as_str());
                }
                Term::Literal(literal) => {
                    part("literal");
                    part(&literal.lexical);
                    part(literal.datatype.as_str());
                    part(literal.language.as_deref().unwrap_or(""));
                }
            }
        }
        FactKey::from_bytes(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} .", self.subject, self.predicate, self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::super::term::Literal;
    use super::*;

    fn fact(object: Term) -> Fact {
        let iri = |name| Iri::new(&format!("http://example.org/{name}")).unwrap();
        Fact { subject: iri("s"), predicate: iri("p"), object }
    }

    #[test]
    fn a_question_is_about_subject_and_predicate() {
        let fact = fact(Term::Literal(Literal::text("o")));
        let expected = "https://kledger.dev/question?subject=http%3A%2F%2Fexample%2Eorg%2Fs\
                        &predicate=http%3A%2F%2Fexample%2Eorg%2Fp";
        assert_eq!(fact.question().as_str(), expected);
    }

    #[test]
    fn the_object_counts_only_where_there_may_be_many() {
        let thing = Term::Iri(Iri::new("http://example.org/o").unwrap());
        let text = Term::Literal(Literal::text("http://example.org/o"));
        assert_eq!(fact(thing.clone()).key(false), fact(text.clone()).key(false));
        assert_ne!(fact(thing.clone()).key(true), fact(text.clone()).key(true));
        assert_ne!(fact(thing.clone()).key(true), fact(thing).key(false));
        assert_ne!(
            fact(text).key(true),
            fact(Term::Literal(Literal::in_language("http://example.org/o", "en"))).key(true)
        );
    }
}

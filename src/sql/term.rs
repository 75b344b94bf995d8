//! Term maps: how a term is made of a row.

use oxrdf::{BlankNode, Literal, NamedNode, Term};

use super::{names::Name, natural::Natural};
use crate::fact::read::NO_BASE;

/// What a term map makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Iri,
    Blank,
    Literal,
}

/// How a term is made. Columns are named by `C`: as the mapping does, or by where they are in a row.
#[derive(Debug, Clone)]
pub(super) struct TermMap<C = Name> {
    pub(super) value: Value<C>,
    pub(super) kind: Kind,
    pub(super) language: Option<String>,
    pub(super) datatype: Option<NamedNode>,
}

/// What it is made of.
#[derive(Debug, Clone)]
pub(super) enum Value<C> {
    Constant(Term),
    Column(C),
    Template(Vec<Part<C>>),
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<C> {
    Text(String),
    Column(C),
}

/// The values of a row, in an order that the reader chose; nothing where they are NULL.
pub(super) type Row = [Option<Natural>];

impl<C> TermMap<C> {
    /// That of one term whatever the row is.
    pub(super) const fn constant(term: NamedNode) -> Self {
        let value = Value::Constant(Term::NamedNode(term));
        Self { value, kind: Kind::Iri, language: None, datatype: None }
    }

    /// What is in a column, as a value of its type.
    pub(super) const fn column(column: C) -> Self {
        Self { value: Value::Column(column), kind: Kind::Literal, language: None, datatype: None }
    }

    /// What a template makes.
    pub(super) const fn template(parts: Vec<Part<C>>, kind: Kind) -> Self {
        Self { value: Value::Template(parts), kind, language: None, datatype: None }
    }

    /// Its columns found by `find`.
    pub(super) fn bind<E>(
        &self,
        find: &mut dyn FnMut(&C) -> Result<usize, E>,
    ) -> Result<TermMap<usize>, E> {
        let value = match &self.value {
            Value::Constant(term) => Value::Constant(term.clone()),
            Value::Column(column) => Value::Column(find(column)?),
            Value::Template(parts) => {
                let mut bound = Vec::with_capacity(parts.len());
                for part in parts {
                    bound.push(match part {
                        Part::Text(text) => Part::Text(text.clone()),
                        Part::Column(column) => Part::Column(find(column)?),
                    });
                }
                Value::Template(bound)
            }
        };
        let (language, datatype) = (self.language.clone(), self.datatype.clone());
        Ok(TermMap { value, kind: self.kind, language, datatype })
    }
}

impl TermMap<usize> {
    /// The term that a row makes; nothing where a value is NULL. Relative IRIs go under `base`.
    ///
    /// # Errors
    /// When what is to be an IRI is none, in words.
    pub(super) fn of_row(&self, row: &Row, base: &str) -> Result<Option<Term>, String> {
        let (text, datatype) = match &self.value {
            Value::Constant(term) => return Ok(Some(term.clone())),
            Value::Column(column) => match &row[*column] {
                Some(natural) => (natural.lexical.clone(), natural.datatype),
                None => return Ok(None),
            },
            Value::Template(parts) => match self.filled(parts, row) {
                Some(text) => (text, None),
                None => return Ok(None),
            },
        };
        Ok(Some(match self.kind {
            Kind::Iri => Term::NamedNode(iri(&text, base)?),
            Kind::Blank => Term::BlankNode(blank(&text)),
            Kind::Literal => Term::Literal(match (&self.language, &self.datatype, datatype) {
                (Some(language), ..) => {
                    let language = language.to_ascii_lowercase();
                    Literal::new_language_tagged_literal_unchecked(text, language)
                }
                (None, Some(datatype), _) => Literal::new_typed_literal(text, datatype.clone()),
                (None, None, Some(datatype)) => {
                    let datatype = NamedNode::new_unchecked(datatype);
                    Literal::new_typed_literal(text, datatype)
                }
                (None, None, None) => Literal::new_simple_literal(text),
            }),
        }))
    }

    fn filled(&self, parts: &[Part<usize>], row: &Row) -> Option<String> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Column(column) => {
                    let value = &row[*column].as_ref()?.lexical;
                    match self.kind {
                        Kind::Iri => encode(value, &mut text),
                        Kind::Blank | Kind::Literal => text.push_str(value),
                    }
                }
            }
        }
        Some(text)
    }
}

/// Characters of a value that a message shows.
const SHOWN: usize = 100;

/// The IRI that `text` is, by itself or behind `base`.
fn iri(text: &str, base: &str) -> Result<NamedNode, String> {
    if let Ok(iri) = NamedNode::new(text) {
        return Ok(iri);
    }
    NamedNode::new(format!("{base}{text}")).map_err(|error| {
        let shown: String = text.chars().take(SHOWN).collect();
        let under = if base == NO_BASE { String::new() } else { format!(" under <{base}>") };
        format!("{shown:?} is no IRI{under}: {error}")
    })
}

/// The blank node that is known by any text: others have another name.
fn blank(text: &str) -> BlankNode {
    let mut name = String::from("b");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() && byte != b'x' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("x{byte:02X}"));
        }
    }
    BlankNode::new_unchecked(name)
}

/// Adds `text` as R2RML puts it into IRIs: all but letters, digits, `-._~` and what is not ASCII is percent-encoded.
pub(super) fn encode(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || is_ucs(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
}

/// Whether IRIs have the character as it is (`ucschar` of RFC 3987).
fn is_ucs(c: char) -> bool {
    matches!(c,
        '\u{a0}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{ffef}')
        || (u32::from(c) >= 0x1_0000
            && u32::from(c) & 0xffff <= 0xfffd
            && !matches!(c, '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_the_recommendation_says() {
        let encoded = |text: &str| {
            let mut out = String::new();
            encode(text, &mut out);
            out
        };
        // Its own examples.
        assert_eq!(encoded("42"), "42");
        assert_eq!(encoded("Hello World!"), "Hello%20World%21");
        assert_eq!(encoded("2011-08-23T22:17:00Z"), "2011-08-23T22%3A17%3A00Z");
        assert_eq!(encoded("~A_17.1-2"), "~A_17.1-2");
        assert_eq!(encoded("葉篠"), "葉篠");
        assert_eq!(encoded("a/b{}\u{e000}"), "a%2Fb%7B%7D%EE%80%80");
    }

    #[test]
    fn blank_nodes_of_different_texts_are_different() {
        let names =
            ["", "a", "ax", "a x", "a20", "é", "x", "x78"].map(|text| blank(text).into_string());
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
        assert!(names.iter().all(|name| BlankNode::new(name.clone()).is_ok()), "{names:?}");
    }

    #[test]
    fn what_is_null_makes_no_term() {
        let row = [Some(Natural { lexical: "a b".to_owned(), datatype: None }), None];
        let parts = |column| vec![Part::Text("http://e.org/".to_owned()), Part::Column(column)];
        let made = |map: &TermMap<usize>| map.of_row(&row, "http://b.org/").unwrap();
        let term = made(&TermMap::template(parts(0), Kind::Iri)).unwrap();
        assert_eq!(term.to_string(), "<http://e.org/a%20b>");
        assert_eq!(made(&TermMap::template(parts(1), Kind::Iri)), None);
        assert_eq!(made(&TermMap::column(1)), None);
        let iri = TermMap { kind: Kind::Iri, ..TermMap::column(0) };
        let error = iri.of_row(&row, "http://b.org/").unwrap_err();
        assert!(error.starts_with("\"a b\" is no IRI under <http://b.org/>"), "{error}");
    }
}

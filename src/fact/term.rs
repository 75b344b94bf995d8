//! IRIs, literals and the terms made of them.
//!
//! All text is in Unicode normalisation form C, so that two spellings of one name are one term. Terms
//! are ground: there is no blank node, because no name of one would outlive the file it came from.
//!
//! This module knows nothing of what an IRI is called in words.

use std::fmt;

use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};
use memchr::memchr;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The datatype of literals with a language.
const LANG_STRING: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString";
/// The datatype of literals that name none.
const STRING: &str = "http://www.w3.org/2001/XMLSchema#string";

/// An absolute IRI in normalisation form C.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Iri(String);

/// Why a string is not an [`Iri`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an absolute IRI: {why}")]
pub struct IriError {
    /// The string.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Iri {
    /// Checks `text` and brings it into normalisation form C.
    ///
    /// # Errors
    /// When it is no IRI or a relative one.
    pub fn new(text: &str) -> Result<Self, IriError> {
        Self::checked(normalised(text))
    }

    fn checked(text: String) -> Result<Self, IriError> {
        if is_plain(&text) {
            return Ok(Self(text));
        }
        match oxrdf::NamedNodeRef::new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(IriError { why: error.to_string(), text }),
        }
    }

    /// The IRI under `base` of what is only known by a name: each name has one, whatever its spaces are.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn of_name(base: &Self, name: &str) -> Self {
        let name = normalised(name).split_whitespace().collect::<Vec<_>>().join(" ");
        let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC).to_string();
        Self(format!("{}{}", base.0, encoded.replace("%20", "_")))
    }

    /// `text`, if it is of the form that most IRIs have; of any other text this says nothing.
    pub(super) fn plain(text: &str) -> Option<Self> {
        is_plain(text).then(|| Self(text.to_owned()))
    }

    /// An IRI that a parser has already found to be absolute.
    pub(super) fn parsed(node: oxrdf::NamedNode) -> Self {
        Self(normalised_string(node.into_string()))
    }

    /// The IRI as text, without angle brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Iri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl fmt::Debug for Iri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl std::str::FromStr for Iri {
    type Err = IriError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl Encode for Iri {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.encode(encoder)
    }
}

impl<C> Decode<C> for Iri {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let text = String::decode(decoder)?;
        if !is_normalised(&text) {
            return Err(DecodeError::OtherString(format!("{text:?} is not normalised")));
        }
        Self::checked(text).map_err(|error| DecodeError::OtherString(error.to_string()))
    }
}

bincode::impl_borrow_decode!(Iri);

/// A text, number or other value written out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize)]
pub struct Literal {
    /// The value as written, in normalisation form C. `"01"` and `"1"` differ.
    pub lexical: String,
    /// Its type; `rdf:langString` where there is a language.
    pub datatype: Iri,
    /// Language tag in lower case.
    pub language: Option<String>,
}

impl Literal {
    /// A plain text.
    #[must_use]
    pub fn text(lexical: &str) -> Self {
        Self { lexical: normalised(lexical), datatype: Iri(STRING.to_owned()), language: None }
    }

    /// A text in a language, by its tag.
    #[must_use]
    pub fn in_language(lexical: &str, language: &str) -> Self {
        Self {
            lexical: normalised(lexical),
            datatype: Iri(LANG_STRING.to_owned()),
            language: Some(language.to_ascii_lowercase()),
        }
    }

    /// A value of the type `datatype`.
    #[must_use]
    pub fn typed(lexical: &str, datatype: Iri) -> Self {
        Self { lexical: normalised(lexical), datatype, language: None }
    }

    pub(super) fn parsed(literal: oxrdf::Literal) -> Self {
        let (lexical, datatype, language) = literal.destruct();
        let lexical = normalised_string(lexical);
        match language {
            Some(language) => Self::in_language(&lexical, &language),
            None => Self {
                lexical,
                datatype: datatype.map_or_else(|| Iri(STRING.to_owned()), Iri::parsed),
                language: None,
            },
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lexical = self.lexical.as_str();
        match &self.language {
            Some(language) => {
                oxrdf::LiteralRef::new_language_tagged_literal_unchecked(lexical, language).fmt(f)
            }
            None => oxrdf::LiteralRef::new_typed_literal(
                lexical,
                oxrdf::NamedNodeRef::new_unchecked(self.datatype.as_str()),
            )
            .fmt(f),
        }
    }
}

/// What a fact says of its subject: a thing or a value. `Display` is the N-Triples form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum Term {
    /// A thing, by name.
    Iri(Iri) = 0,
    /// A value.
    Literal(Literal) = 1,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iri(iri) => iri.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
        }
    }
}

fn normalised(text: &str) -> String {
    normalised_string(text.to_owned())
}

fn normalised_string(text: String) -> String {
    if is_normalised(&text) { text } else { text.nfc().collect() }
}

fn is_normalised(text: &str) -> bool {
    text.is_ascii() || is_nfc(text)
}

/// Whether `text` is an absolute IRI of the form that most have: `http` or `https`, a host of letters, digits,
/// dots and hyphens, a path and a fragment of characters that stand for themselves. Of any other text
/// this says nothing; parsing it takes ten times as long.
fn is_plain(text: &str) -> bool {
    let Some(text) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return false;
    };
    let text = text.as_bytes();
    let in_host = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let host = text.iter().take_while(in_host).count();
    let rest = &text[host..];
    let begins_path = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"/");
    let stand_for_themselves =
        |part: &[u8]| part.iter().all(|byte| STANDS_FOR_ITSELF[usize::from(*byte)]);
    let are_sound = match memchr(b'#', rest) {
        None => begins_path(rest) && stand_for_themselves(rest),
        Some(at) => {
            let (path, fragment) = (&rest[..at], &rest[at + 1..]);
            begins_path(path) && stand_for_themselves(path) && stand_for_themselves(fragment)
        }
    };
    host > 0 && are_sound
}

/// By byte, whether it stands for itself in a path and a fragment.
const STANDS_FOR_ITSELF: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let mark =
            matches!(byte, b'!' | b'$' | b'&'..=b'/' | b':' | b';' | b'=' | b'@' | b'_' | b'~');
        table[byte as usize] = mark || byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iris_are_absolute_and_normalised() {
        assert!(Iri::new("Paris").is_err());
        assert!(Iri::new("http://example.org/a b").is_err());
        let decomposed = Iri::new("http://example.org/Cafe\u{301}").unwrap();
        assert_eq!(decomposed.as_str(), "http://example.org/Caf\u{e9}");
    }

    #[test]
    fn what_is_plain_is_an_iri() {
        let mut plain = 0;
        for base in ["http://a-b.org/c:d/@e(f)#g'~", "https://a.b", "http://", "http:/a", "urn:a#b"]
        {
            let inserted = (0..=base.len()).flat_map(|at| (0..128).map(move |byte| (at, byte)));
            for (at, byte) in inserted {
                let text = format!("{}{}{}", &base[..at], char::from(byte), &base[at..]);
                if is_plain(&text) {
                    assert!(oxrdf::NamedNodeRef::new(&text).is_ok(), "{text:?}");
                    plain += 1;
                }
            }
        }
        assert!(plain > 1000, "{plain}");
        assert!(is_plain("http://www.w3.org/2001/XMLSchema#string"));
        for other in ["http:///a", "http://a b", "http://a/%4", "http://a/#b#c", "http://a/é"] {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn terms_print_as_n_triples() {
        let number = Iri::new("http://www.w3.org/2001/XMLSchema#integer").unwrap();
        assert_eq!(Literal::text("a \"b\"\n").to_string(), r#""a \"b\"\n""#);
        assert_eq!(Literal::in_language("Rom", "DE").to_string(), r#""Rom"@de"#);
        assert_eq!(
            Literal::typed("01", number).to_string(),
            r#""01"^^<http://www.w3.org/2001/XMLSchema#integer>"#
        );
    }
}

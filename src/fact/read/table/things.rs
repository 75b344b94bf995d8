//! IRIs as cells write them.

use std::str::FromStr;

use crate::fact::{
    read::{Problem, limits::IRI},
    term::{Iri, IriError},
};

/// Beginnings of IRIs that cells may have in the place of the whole. Others are no prefixes: a name has a colon too.
const PREFIXES: [(&str, &str); 12] = [
    ("wd", ENTITY),
    ("wdt", PROPERTY),
    ("dbr", "http://dbpedia.org/resource/"),
    ("dbo", "http://dbpedia.org/ontology/"),
    ("dbp", "http://dbpedia.org/property/"),
    ("schema", "http://schema.org/"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
    ("kl", "https://kledger.dev/ns#"),
];
const ENTITY: &str = "http://www.wikidata.org/entity/";
const PROPERTY: &str = "http://www.wikidata.org/prop/direct/";

/// The IRI that others are made under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(Iri);

/// Why a text is no base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// It is no IRI.
    #[error(transparent)]
    Iri(#[from] IriError),
    /// Names would run into it.
    #[error("a base ends with /, # or :, as https://example.org/ does; {0} does not")]
    Open(Iri),
}

impl FromStr for Base {
    type Err = BaseError;

    /// Reads an IRI with or without angle brackets.
    fn from_str(text: &str) -> Result<Self, BaseError> {
        let iri = Iri::new(bare(text).unwrap_or(text))?;
        if iri.as_str().ends_with(['/', '#', ':']) {
            Ok(Self(iri))
        } else {
            Err(BaseError::Open(iri))
        }
    }
}

impl Base {
    /// The IRI.
    #[must_use]
    pub const fn iri(&self) -> &Iri {
        &self.0
    }

    pub(super) fn mint(&self, name: &str) -> Result<Iri, Problem> {
        let iri = Iri::of_name(&self.0, name);
        if iri.as_str().len() > IRI { Err(Problem::too_long("an IRI", IRI)) } else { Ok(iri) }
    }
}

/// What is between angle brackets.
fn bare(text: &str) -> Option<&str> {
    text.strip_prefix('<')?.strip_suffix('>')
}

/// The IRI that `text` is, in whole, with a prefix that everybody knows, or as Wikidata's number; `None` where it is a
/// name.
pub(super) fn written(text: &str) -> Option<Result<Iri, IriError>> {
    if let Some(text) = bare(text) {
        return Some(Iri::new(text));
    }
    if ["http://", "https://", "urn:"].iter().any(|scheme| text.starts_with(scheme)) {
        return Some(Iri::new(text));
    }
    if let Some((prefix, rest)) = text.split_once(':')
        && let Some((_, namespace)) = PREFIXES.iter().find(|(known, _)| *known == prefix)
    {
        return Some(Iri::new(&format!("{namespace}{rest}")));
    }
    let number = |letter: char| {
        let digits = text.strip_prefix(letter)?;
        let only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        only.then_some(())
    };
    let namespace = match (number('Q'), number('P')) {
        (Some(()), _) => ENTITY,
        (_, Some(())) => PROPERTY,
        _ => return None,
    };
    Some(Iri::new(&format!("{namespace}{text}")))
}

/// A predicate as cells and options write it: an IRI with or without angle brackets, one with a prefix that everybody
/// knows (`dbo:location`), or a property of Wikidata by its number (`P36`).
///
/// # Errors
/// When it is neither.
pub fn predicate(text: &str) -> Result<Iri, IriError> {
    written(text).unwrap_or_else(|| Iri::new(text))
}

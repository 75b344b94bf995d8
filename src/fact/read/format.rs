//! The formats that triples come in.

use std::{path::Path, str::FromStr};

/// How triples are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// N-Triples, `.nt`.
    NTriples,
    /// Turtle, `.ttl`.
    Turtle,
    /// N-Quads, `.nq`.
    NQuads,
    /// TriG, `.trig`.
    TriG,
    /// RDF/XML, `.rdf`, `.xml` or `.owl`.
    RdfXml,
    /// JSON-LD, `.jsonld` or `.json`.
    JsonLd,
}

/// The names of all formats, first the one that is printed.
const NAMES: [(Format, &[&str]); 6] = [
    (Format::NTriples, &["nt", "ntriples", "n-triples"]),
    (Format::Turtle, &["ttl", "turtle"]),
    (Format::NQuads, &["nq", "nquads", "n-quads"]),
    (Format::TriG, &["trig"]),
    (Format::RdfXml, &["rdf", "xml", "owl", "rdfxml", "rdf/xml"]),
    (Format::JsonLd, &["jsonld", "json", "json-ld"]),
];

/// Extensions of packed files.
const PACKED: [&str; 3] = ["gz", "bz2", "zst"];

/// A name that is no format's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format; expected one of nt, ttl, nq, trig, rdf, jsonld")]
pub struct FormatError(
    /// The name.
    pub String,
);

impl Format {
    /// The format that the extension of `path` stands for, which that of a packed file comes behind.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        if PACKED.iter().any(|packed| packed.eq_ignore_ascii_case(extension)) {
            return Path::new(path.file_stem()?).extension()?.to_str()?.parse().ok();
        }
        extension.parse().ok()
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let lower = name.to_ascii_lowercase();
        NAMES
            .iter()
            .find(|(_, names)| names.contains(&lower.as_str()))
            .map(|(format, _)| *format)
            .ok_or_else(|| FormatError(name.to_owned()))
    }
}

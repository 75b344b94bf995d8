//! What versions are measured in, named so that figures on other material are told apart.

use serde::{Deserialize, Serialize};

/// A file, or the ledger's own facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// What it is called.
    #[serde(rename = "source")]
    pub name: String,
    /// BLAKE3 of a file's bytes in hexadecimal, as `b3sum` prints it; none of facts, and where it was
    /// not noted.
    #[serde(rename = "source_blake3", default)]
    pub blake3: Option<String>,
}

impl Source {
    /// The facts of the versions that are measured.
    #[must_use]
    pub fn facts() -> Self {
        Self { name: "facts".to_owned(), blake3: None }
    }

    /// A file called `name` that holds `bytes`.
    #[must_use]
    pub fn file(name: &str, bytes: &[u8]) -> Self {
        let blake3 = Some(blake3::hash(bytes).to_hex().to_string());
        Self { name: name.to_owned(), blake3 }
    }

    /// Whether these are the facts of the versions that are measured.
    #[must_use]
    pub fn is_facts(&self) -> bool {
        *self == Self::facts()
    }
}

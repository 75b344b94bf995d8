//! Why a dataset could not be read.

use std::io;

use super::{Layout, RecordPlace};
use crate::fact::read::Position;

/// Why a dataset could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The file cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// It is no JSON.
    #[error("{position}: {why}")]
    Syntax {
        /// Where.
        position: Position,
        /// What is wrong there.
        why: String,
    },
    /// It has no record that is a case.
    #[error("{file} has no records")]
    Empty {
        /// The file.
        file: String,
    },
    /// Its records are of no layout that is known.
    #[error("{file} is of no known layout: its first record has {}", list(fields))]
    Layout {
        /// The file.
        file: String,
        /// The fields of its first record.
        fields: Vec<String>,
    },
    /// Its records are of another layout than was said.
    #[error("{file} is laid out as {found}, not as {expected}")]
    Other {
        /// The file.
        file: String,
        /// How it is.
        found: Layout,
        /// How it was said to be.
        expected: Layout,
    },
    /// A field is missing or makes no sense.
    #[error("{place}: {field}: {why}")]
    Field {
        /// The record.
        place: RecordPlace,
        /// The field, such as `requested_rewrite.target_new.str`.
        field: String,
        /// What is wrong with it.
        why: String,
    },
}

impl DatasetError {
    /// How to put it right.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check that the file exists and is text in UTF-8",
            Self::Syntax { .. } => {
                "a dataset is one JSON array of records, or one record in each line; if the file \
                 was cut off, get it again"
            }
            Self::Other { found, .. } => match found {
                Layout::CounterFact => "say --from counterfact",
                Layout::Zsre => "say --from zsre, or --from zsre-alt for its other answers",
                Layout::EasyEdit => "say --from easyedit",
                Layout::Fever => "say --from fever, or --from fever-alt for its other labels",
            },
            Self::Empty { .. } => "give a file with at least one record",
            Self::Layout { .. } => {
                "CounterFact has requested_rewrite, zsRE has src, EasyEdit has target_new, FEVER \
                 has claim"
            }
            Self::Field { .. } => "correct the record, or read fewer with --limit",
        }
    }
}

fn list(fields: &[String]) -> String {
    if fields.is_empty() { "no fields".to_owned() } else { fields.join(", ") }
}

//! The benchmarks' own files.
//!
//! Each layout has a file that says how one of its records becomes a [`Case`]. A file is a JSON array
//! of records or has one record in each line. Errors name the file, the line, the record and the
//! field.

mod counterfact;
mod easyedit;
mod error;
mod fever;
mod record;
mod references;
mod requests;
mod zsre;

use std::{collections::BTreeSet, fmt, path::Path};

pub use error::DatasetError;
pub use fever::Verbaliser;
pub use record::RecordPlace;
pub use references::References;
pub(crate) use requests::asked;
pub use requests::{Requests, requests};
pub use zsre::Answer;

use self::record::Records;
use super::{COUNTERFACT, Case, EASYEDIT, FEVER, Protocol, Source, ZSRE};
use crate::input;

/// How the records of a file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `CounterFact` as ROME and MEMIT have it, with `requested_rewrite`.
    CounterFact,
    /// zsRE as MEND has it, with `src`, `alt` and `answers`.
    Zsre,
    /// `EasyEdit`'s flat records, with `prompt` and `target_new`.
    EasyEdit,
    /// FEVER's, with `claim` and `label`.
    Fever,
}

/// What is to be read of a file.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Cases at most.
    pub limit: Option<usize>,
    /// Which answer of a zsRE record is its target, and which label of a claim.
    pub answer: Answer,
    /// The words for FEVER's labels.
    pub verbaliser: Verbaliser,
}

/// The cases of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The file.
    pub source: Source,
    /// How its records are laid out.
    pub layout: Layout,
    /// Each case, and where its record is.
    pub cases: Vec<(RecordPlace, Case)>,
    /// Records that are no case: claims whose label is neither true nor false.
    pub passed_over: u64,
    /// Cases left out because an earlier one answers the same question.
    pub skipped: u64,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CounterFact => "CounterFact",
            Self::Zsre => "zsRE",
            Self::EasyEdit => "EasyEdit's records",
            Self::Fever => "FEVER",
        })
    }
}

impl Layout {
    /// The protocol that its authors measure with.
    #[must_use]
    pub const fn protocol(self) -> &'static Protocol {
        match self {
            Self::CounterFact => &COUNTERFACT,
            Self::Zsre => &ZSRE,
            Self::EasyEdit => &EASYEDIT,
            Self::Fever => &FEVER,
        }
    }

    /// The layout of a file whose first record has these fields.
    #[must_use]
    pub fn of(fields: &[String]) -> Option<Self> {
        let has = |name: &str| fields.iter().any(|field| field == name);
        [
            (Self::CounterFact, "requested_rewrite"),
            (Self::Zsre, "src"),
            (Self::Fever, "claim"),
            (Self::EasyEdit, "target_new"),
            (Self::EasyEdit, "concept"),
        ]
        .into_iter()
        .find_map(|(layout, field)| has(field).then_some(layout))
    }
}

impl Dataset {
    /// Reads the file at `path`, called `name`.
    ///
    /// # Errors
    /// When it cannot be read, is no JSON, has no records or records of no known layout, or one of
    /// them lacks a field or has one that makes no sense.
    pub fn read(path: &Path, name: &str, reading: &Reading) -> Result<Self, DatasetError> {
        let text = input::text(path)
            .map_err(|source| DatasetError::Read { file: name.to_owned(), source })?;
        Self::parse(name, &text, reading)
    }

    /// Reads the text of a file called `name`.
    ///
    /// # Errors
    /// As [`Dataset::read`], but that the text is there.
    pub fn parse(name: &str, text: &str, reading: &Reading) -> Result<Self, DatasetError> {
        let records = Records::parse(name, text)?;
        let fields = records.fields()?;
        let layout = Layout::of(&fields)
            .ok_or_else(|| DatasetError::Layout { file: name.to_owned(), fields })?;
        let limit = reading.limit.unwrap_or(usize::MAX);
        let source = Source::file(name, text.as_bytes());
        let mut dataset = Self { source, layout, cases: Vec::new(), passed_over: 0, skipped: 0 };
        for record in records.iter() {
            if dataset.cases.len() == limit {
                break;
            }
            let case = match layout {
                Layout::CounterFact => Some(counterfact::case(&record)?),
                Layout::Zsre => Some(zsre::case(&record, reading.answer)?),
                Layout::EasyEdit => Some(easyedit::case(&record)?),
                Layout::Fever => fever::case(&record, &reading.verbaliser, reading.answer)?,
            };
            match case {
                Some(case) => dataset.cases.push((record.place, case)),
                None => dataset.passed_over += 1,
            }
        }
        if dataset.cases.is_empty() {
            return Err(DatasetError::Empty { file: name.to_owned() });
        }
        Ok(dataset)
    }

    /// Makes sure of the layout.
    ///
    /// # Errors
    /// [`DatasetError::Other`].
    pub fn laid_out(self, expected: Layout) -> Result<Self, DatasetError> {
        if self.layout == expected {
            return Ok(self);
        }
        Err(DatasetError::Other { file: self.source.name, found: self.layout, expected })
    }

    /// Keeps, of several cases for one subject and predicate, the first.
    pub fn skip_conflicts(&mut self) {
        let before = self.cases.len();
        let mut asked = BTreeSet::new();
        self.cases.retain(|(_, case)| {
            let predicate = case.relation.as_ref().unwrap_or(&case.prompt);
            asked.insert((case.subject.clone(), predicate.clone()))
        });
        self.skipped += (before - self.cases.len()) as u64;
    }

    /// Gives the cases their reference texts.
    pub fn refer(&mut self, references: &References) {
        for (_, case) in &mut self.cases {
            case.references = references.of(case);
        }
    }
}

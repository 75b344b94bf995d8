//! Records of a JSON file, each with the line it begins in.

use std::{fmt, sync::Arc};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Deserializer, Map, Value};

use super::DatasetError;
use crate::{eval::Case, fact::read::Position};

/// Where a record is: many a dataset is one long line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    /// Where it begins.
    pub position: Position,
    /// How many records of the file come before it.
    pub before: u64,
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: record {}", self.position, self.before + 1)
    }
}

impl RecordPlace {
    /// As the place of triples.
    pub(super) fn in_words(&self) -> Position {
        let Position { source, .. } = &self.position;
        let source = Arc::from(format!("{source}, record {}", self.before + 1));
        Position { source, ..self.position.clone() }
    }
}

/// The records of a file, not yet looked into.
pub(super) struct Records<'a> {
    name: Arc<str>,
    text: &'a str,
    raw: Vec<&'a str>,
}

/// One of them.
pub(super) struct Record<'a> {
    pub(super) place: RecordPlace,
    raw: &'a str,
}

impl<'a> Records<'a> {
    /// Finds the records of `text`: the elements of an array, or its lines.
    pub(super) fn parse(name: &str, text: &'a str) -> Result<Self, DatasetError> {
        let name: Arc<str> = Arc::from(name);
        let raw = split(text).map_err(|(at, why)| {
            let line = text[..at].matches('\n').count() as u64 + 1;
            let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let column = Some(text[start..at].chars().count() as u64 + 1);
            let position = Position { source: Arc::clone(&name), line, column };
            DatasetError::Syntax { position, why }
        })?;
        if raw.is_empty() {
            return Err(DatasetError::Empty { file: name.to_string() });
        }
        Ok(Self { name, text, raw })
    }

    /// The fields of the first record; none where it is no object.
    pub(super) fn fields(&self) -> Result<Vec<String>, DatasetError> {
        let first = self.raw.first().copied().unwrap_or("null");
        let object: Map<String, Value> = serde_json::from_str(first).unwrap_or_default();
        Ok(object.into_iter().map(|(name, _)| name).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Record<'a>> {
        let (mut line, mut seen) = (1, 0);
        self.raw.iter().enumerate().map(move |(number, raw)| {
            // A record is a part of the text it was read from.
            let start = raw.as_ptr() as usize - self.text.as_ptr() as usize;
            line += self.text[seen..start].matches('\n').count() as u64;
            seen = start;
            let source = Arc::clone(&self.name);
            let position = Position { source, line, column: None };
            Record { place: RecordPlace { position, before: number as u64 }, raw }
        })
    }
}

impl Record<'_> {
    /// Its fields, as `T` has them.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, DatasetError> {
        let mut json = Deserializer::from_str(self.raw);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            let field = if field == "." { "the record".to_owned() } else { field };
            self.wrong(&field, &bare(error.inner()))
        })
    }

    /// Says that a field makes no sense.
    pub(super) fn wrong(&self, field: &str, why: &str) -> DatasetError {
        let (field, why) = (field.to_owned(), why.to_owned());
        DatasetError::Field { place: self.place.clone(), field, why }
    }

    /// A text that has to say something.
    pub(super) fn words(&self, field: &str, text: String) -> Result<String, DatasetError> {
        if text.trim().is_empty() {
            return Err(self.wrong(field, "is empty"));
        }
        Ok(text)
    }

    /// What a case is called: its id, else its number.
    pub(super) fn id(&self, id: Option<Value>) -> String {
        match id {
            Some(Value::String(id)) => id,
            Some(Value::Number(id)) => id.to_string(),
            _ => self.place.before.to_string(),
        }
    }

    /// `text` with a place for `subject`, where it names it.
    pub(super) fn template(text: &str, subject: &str) -> String {
        if subject.is_empty() {
            return text.to_owned();
        }
        text.replacen(subject, Case::SUBJECT, 1)
    }
}

/// The elements of an array, or the values that stand one after another; else where it goes wrong, and
/// how.
fn split(text: &str) -> Result<Vec<&str>, (usize, String)> {
    let skip = |at: usize| text.len() - text[at..].trim_start().len();
    let array = text.trim_start().starts_with('[');
    let mut at = skip(0);
    let mut raw = Vec::new();
    if array {
        at = skip(at + 1);
        if text[at..].starts_with(']') {
            return Ok(raw);
        }
    }
    while array || at < text.len() {
        let rest = &text[at..];
        let mut values = Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err((at + offset(rest, &error), bare(&error))),
            None => return Err((text.len(), "the file ends within the array".to_owned())),
        }
        raw.push(&rest[..values.byte_offset()]);
        at = skip(at + values.byte_offset());
        if array {
            match text[at..].chars().next() {
                Some(',') => at = skip(at + 1),
                Some(']') if text[at + 1..].trim().is_empty() => break,
                Some(']') => return Err((at + 1, "something follows the array".to_owned())),
                Some(_) => return Err((at, "expected a comma or the array's end".to_owned())),
                None => return Err((at, "the file ends within the array".to_owned())),
            }
        }
    }
    Ok(raw)
}

/// Where in `text` an error of its parser is.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let at = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What an error of the parser says, without the place that it appends.
fn bare(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

//! JSON objects, one in each line.

use std::{borrow::Cow, collections::BTreeSet, fmt, mem, str};

use serde::de::{self, Deserializer as _, MapAccess, Visitor};

use super::{
    Layout,
    layout::{Rows, Value, placed},
};
use crate::fact::read::{Item, Problem, ReadError, chosen::Source};

/// Whole numbers that a float tells from each other.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Fields that are remembered of those from which nothing is taken.
const UNUSED: usize = 20;

/// What some whole lines say.
pub(in crate::fact::read) struct Objects<'t> {
    text: &'t [u8],
    layout: &'t Layout,
    said: Rows<'t>,
    source: Source,
    /// Lines of the source so far.
    line: u64,
    /// Fields from which nothing is taken.
    unused: BTreeSet<String>,
}

impl<'t> Objects<'t> {
    pub(in crate::fact::read) fn new(
        text: &'t [u8],
        layout: &'t Layout,
        source: Source,
        lines_before: u64,
    ) -> Self {
        Self {
            text,
            layout,
            said: Rows::new(layout),
            source,
            line: lines_before,
            unused: BTreeSet::new(),
        }
    }

    fn say(&mut self, line: &[u8]) -> Result<(), (Problem, Option<u64>)> {
        let text = str::from_utf8(line).map_err(|error| {
            let problem = Problem::Encoding(format!("the line is not UTF-8: {error}"));
            (problem, Some(error.valid_up_to() as u64 + 1))
        })?;
        let mut json = serde_json::Deserializer::from_str(text);
        let row = Row { layout: self.layout, source: &self.source, unused: &mut self.unused };
        let read = json.deserialize_map(row).and_then(|cells| json.end().map(|()| cells));
        let cells = read.map_err(|error| {
            let said = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let said = said.strip_suffix(&place).unwrap_or(&said).to_owned();
            (Problem::Row(said), (error.column() > 0).then_some(error.column() as u64))
        })?;
        let cell = |at: usize| {
            Ok(match cells.get(at).and_then(Option::as_ref) {
                Some(Value::Text(text)) if text.contains('\0') => {
                    return Err(self.layout.wrong(at, "has a NUL byte in it"));
                }
                Some(Value::Text(text)) => {
                    (!text.trim().is_empty()).then_some(Value::Text(Cow::Borrowed(&**text)))
                }
                Some(Value::Typed(text, datatype)) => Some(Value::Typed(text.clone(), datatype)),
                None => None,
            })
        };
        self.said.say(cell).map_err(|problem| (problem, None))
    }
}

impl Iterator for Objects<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(fact) = self.said.next() {
                return Some(placed(Ok(fact), &self.source, self.line));
            }
            if self.text.is_empty() {
                return None;
            }
            let end = self.text.iter().position(|byte| *byte == b'\n');
            let (line, rest) = self.text.split_at(end.map_or(self.text.len(), |end| end + 1));
            self.text = rest;
            self.line += 1;
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if let Err((problem, column)) = self.say(line) {
                let mut position = self.source.at(self.line);
                position.column = column;
                return Some(Err(ReadError { position, problem }));
            }
        }
    }
}

/// An object whose fields are cells.
struct Row<'l> {
    layout: &'l Layout,
    source: &'l Source,
    unused: &'l mut BTreeSet<String>,
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = Vec<Option<Value<'de>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let names = self.layout.names();
        let mut cells: Vec<Option<Value<'de>>> = Vec::new();
        cells.resize_with(names.len(), || None);
        let mut seen = vec![false; names.len()];
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let Some(at) = names.iter().position(|name| *name == *key) else {
                if !self.unused.contains(&*key) && self.unused.len() < UNUSED {
                    self.source.unused(&key);
                    self.unused.insert(key.into_owned());
                }
                map.next_value::<de::IgnoredAny>()?;
                continue;
            };
            if mem::replace(&mut seen[at], true) {
                return Err(de::Error::custom(format!("the field {key:?} is there twice")));
            }
            cells[at] = map.next_value::<Cell<'de>>()?.0;
        }
        Ok(cells)
    }
}

struct Cell<'t>(Option<Value<'t>>);

impl<'de> de::Deserialize<'de> for Cell<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl<'de> Visitor<'de> for Scalar {
            type Value = Cell<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true, false or null: a row for each value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cell<'de>, E> {
                Ok(Cell(Some(Value::Text(Cow::Borrowed(text)))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Cell<'de>, E> {
                Ok(Cell(Some(Value::Text(Cow::Owned(text.to_owned())))))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Cell<'de>, E> {
                Ok(Cell(Some(Value::Typed(value.to_string(), "boolean"))))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Cell<'de>, E> {
                Ok(Cell(Some(Value::Typed(value.to_string(), "integer"))))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Cell<'de>, E> {
                Ok(Cell(Some(Value::Typed(value.to_string(), "integer"))))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Cell<'de>, E> {
                if value.abs() >= EXACT {
                    return Err(E::custom(
                        "the number is too large to be exact: write it as a text",
                    ));
                }
                Ok(Cell(Some(Value::Typed(value.to_string(), "double"))))
            }

            fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
                Ok(Cell(None))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

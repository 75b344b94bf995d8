//! Reports: the checks made after edits, and evaluations, as stored objects.
//!
//! A check has a row for each fact that was edited. One of few facts is one JSON object; where that would be too long for an
//! object, the rows are in objects of their own.

use std::io;

use bincode::{Decode, Encode};
use serde::Serialize;

use super::check::{Check, FactRow};
use crate::{
    codec::{self, Draft, Later, Object, ObjectError, Objects},
    id::{Id, Kind},
};

/// Rows that are kept together are about so long, in bytes.
const PART: usize = 1 << 20;

/// A check made after an edit, or an evaluation, as JSON (see `schema/report.schema.json`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Report {
    /// One JSON object; without the rows that are stored apart.
    pub json: String,
    /// Where they are; version 1 has none.
    rows: Later<Rows>,
}

/// Where the rows of a check are, list by list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
struct Rows {
    facts: Vec<Id<ReportRows>>,
    drift: Vec<Id<ReportRows>>,
    lost: Vec<Id<ReportRows>>,
}

/// Some rows of a check.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ReportRows {
    /// A JSON array of them.
    json: String,
}

impl Report {
    /// What is one JSON object.
    #[must_use]
    pub fn whole(json: String) -> Self {
        Self { json, rows: Later::default() }
    }

    /// Adds a check to `draft`, as one JSON object unless its fields would be longer than `limit`, in bytes.
    pub(crate) fn put(check: &Check, draft: &mut Draft<'_>, limit: usize) -> Id<Self> {
        // The text's length comes before the text.
        let mut text = Bounded { bytes: Vec::new(), room: limit.saturating_sub(8) };
        if serde_json::to_writer(&mut text, check).is_ok() {
            return draft.put(&Self::whole(string(text.bytes)));
        }
        let figures = Check {
            facts: Vec::new(),
            drift: Vec::new(),
            lost: Vec::new(),
            notes: check.notes.clone(),
            growth: check.growth.clone(),
            text: check.text.clone(),
            probes: check.probes.clone(),
            ..*check
        };
        let part = PART.min(limit / 4);
        let rows = Rows {
            facts: put_rows(&check.facts, draft, part),
            drift: put_rows(&check.drift, draft, part),
            lost: put_rows(&check.lost, draft, part),
        };
        draft.put(&Self { json: json(&figures), rows: rows.into() })
    }

    /// The check; `None` when a newer program wrote what this one does not know.
    pub(crate) fn check(&self, objects: &dyn Objects) -> Result<Option<Check>, ObjectError> {
        let Some(mut check) = self.figures() else { return Ok(None) };
        for (ids, list) in [
            (&self.rows.facts, &mut check.facts),
            (&self.rows.drift, &mut check.drift),
            (&self.rows.lost, &mut check.lost),
        ] {
            for id in ids {
                let Some(part) = codec::get(objects, *id)?.read() else { return Ok(None) };
                list.extend(part);
            }
        }
        Ok(Some(check))
    }

    /// The check, perhaps without its rows.
    pub(crate) fn figures(&self) -> Option<Check> {
        serde_json::from_str(&self.json).ok()
    }

    /// The first row of an edited fact that is `wanted`.
    pub(crate) fn edited(
        &self,
        objects: &dyn Objects,
        wanted: impl Fn(&FactRow) -> bool,
    ) -> Result<Option<FactRow>, ObjectError> {
        let own = self.figures().map(|check| check.facts).unwrap_or_default();
        if let Some(found) = own.into_iter().find(&wanted) {
            return Ok(Some(found));
        }
        for id in &self.rows.facts {
            let part = codec::get(objects, *id)?.read().unwrap_or_default();
            if let Some(found) = part.into_iter().find(&wanted) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The objects that rows are in.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Id<ReportRows>> {
        self.rows.facts.iter().chain(&self.rows.drift).chain(&self.rows.lost).copied()
    }
}

impl ReportRows {
    /// The rows; `None` when a newer program wrote what this one does not know.
    fn read(&self) -> Option<Vec<FactRow>> {
        serde_json::from_str(&self.json).ok()
    }
}

/// Adds rows to `draft`, as many together as fit into `part` bytes, and at least one.
fn put_rows(rows: &[FactRow], draft: &mut Draft<'_>, part: usize) -> Vec<Id<ReportRows>> {
    let mut ids = Vec::new();
    let mut text = String::new();
    for row in rows {
        let row = json(row);
        if !text.is_empty() && text.len() + row.len() > part {
            ids.push(draft.put(&ReportRows { json: std::mem::take(&mut text) + "]" }));
        }
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(&row);
    }
    if !text.is_empty() {
        ids.push(draft.put(&ReportRows { json: text + "]" }));
    }
    ids
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("because it is numbers and strings")
}

fn string(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("because JSON is UTF-8")
}

/// Bytes that are not to become too many.
struct Bounded {
    bytes: Vec<u8>,
    room: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.room {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kind for Report {
    const NAME: &'static str = "report";
}

impl Object for Report {
    const TAG: u8 = 0x13;
    // Version 1 is the text alone.
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;

    fn version(&self) -> u8 {
        self.rows.version(2)
    }
}

impl Kind for ReportRows {
    const NAME: &'static str = "report rows";
}

impl Object for ReportRows {
    const TAG: u8 = 0x17;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::Nothing,
        commit::{FactView, Rate},
        engine::Answer,
    };

    fn check(facts: usize) -> Check {
        let answer =
            Answer { text: "x".to_owned(), matches: true, probability: 0.5, confidence: 0.5 };
        let row = |number: usize| FactRow {
            fact: FactView {
                subject: format!("s{number}"),
                predicate: "p".to_owned(),
                object: "o".to_owned(),
                triple: format!("<s{number}> <p> <o> ."),
            },
            prompt: format!("s{number} p"),
            target: "o".to_owned(),
            before: answer.clone(),
            after: answer.clone(),
            paraphrases: Vec::new(),
            trace: None,
        };
        let of = facts as u64;
        Check {
            efficacy: Some(Rate { passed: of, of, rate: 1.0, probability: 0.5 }),
            paraphrase: None,
            neighbourhood: None,
            kept: None,
            facts: (0..facts).map(row).collect(),
            drift: (0..facts / 2).map(row).collect(),
            lost: Vec::new(),
            notes: vec!["a note".to_owned()],
            growth: Vec::new(),
            text: None,
            probes: None,
        }
    }

    #[test]
    fn golden_bytes() {
        let number = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
        let text = [&number(2)[..], b"{}"].concat();
        let old = Report::whole("{}".to_owned());
        let first = [&[0x13, 1][..], &text].concat();
        let id = |n| Id::from_bytes([n; 32]);
        let rows = Rows { facts: vec![id(7), id(8)], drift: vec![], lost: vec![id(9)] };
        let new = Report { json: "{}".to_owned(), rows: rows.into() };
        let second = [
            &[0x13, 2][..],
            &text,
            &number(2),
            &[7; 32],
            &[8; 32],
            &number(0),
            &number(1),
            &[9; 32],
        ];
        let second = second.concat();
        for (report, bytes) in [(old, first), (new, second)] {
            assert_eq!(codec::encode(&report), bytes);
            assert_eq!(codec::decode::<Report>(&bytes).unwrap(), report);
        }
        let rows = ReportRows { json: "[]".to_owned() };
        let bytes = [&[0x17, 1][..], &number(2), b"[]"].concat();
        assert_eq!(codec::encode(&rows), bytes);
        assert_eq!(codec::decode::<ReportRows>(&bytes).unwrap(), rows);
    }

    /// What fits is written as it always was; what does not comes back all the same.
    #[test]
    fn rows_are_apart_only_where_they_must_be() {
        let check = check(40);
        let whole = codec::encode(&Report::whole(json(&check)));
        let mut draft = Draft::new(&Nothing);
        let fits = Report::put(&check, &mut draft, whole.len() - 2);
        assert_eq!(fits, Id::of(&whole));
        let apart = Report::put(&check, &mut draft, whole.len() - 3);
        assert_ne!(apart, fits);
        for (limit, parts) in [(whole.len() - 3, 12), (2000, 60)] {
            let id = Report::put(&check, &mut draft, limit);
            let report = codec::get(&draft, id).unwrap();
            assert!(report.parts().count() <= parts, "{}", report.parts().count());
            assert!(report.parts().count() > 1);
            assert_eq!(report.check(&draft).unwrap().unwrap(), check);
            assert_eq!(report.figures().unwrap().efficacy, check.efficacy);
            let wanted = |row: &FactRow| row.prompt == "s33 p";
            assert_eq!(report.edited(&draft, wanted).unwrap().unwrap(), check.facts[33]);
            assert_eq!(report.edited(&draft, |_| false).unwrap(), None);
        }
        let lengths = draft.into_new();
        assert!(lengths.lengths().all(|(_, length)| length <= whole.len()));
    }
}

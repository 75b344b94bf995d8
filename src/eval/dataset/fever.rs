//! FEVER's claims.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, DatasetError, record::Record};
use crate::eval::Case;

/// The words that stand for a label, without a leading space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verbaliser {
    /// Of a claim that holds.
    pub holds: String,
    /// Of one that does not.
    pub fails: String,
}

impl Default for Verbaliser {
    fn default() -> Self {
        Self { holds: "True".to_owned(), fails: "False".to_owned() }
    }
}

impl Verbaliser {
    /// FEVER's own, as classifiers that are trained on it call their classes.
    #[must_use]
    pub fn labels() -> Self {
        Self { holds: "SUPPORTS".to_owned(), fails: "REFUTES".to_owned() }
    }
}

impl FromStr for Verbaliser {
    type Err = String;

    /// Reads `True,False`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(',').map(|(holds, fails)| (holds.trim(), fails.trim())) {
            Some((holds, fails)) if !holds.is_empty() && !fails.is_empty() && holds != fails => {
                Ok(Self { holds: holds.to_owned(), fails: fails.to_owned() })
            }
            _ => Err("expected two different words with a comma between them".to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct Fields {
    id: Option<Value>,
    claim: String,
    label: Label,
}

#[derive(Deserialize)]
enum Label {
    #[serde(rename = "SUPPORTS")]
    Supports,
    #[serde(rename = "REFUTES")]
    Refutes,
    #[serde(rename = "NOT ENOUGH INFO")]
    Unknown,
}

/// The claim, to go on with the word for its label, or the other one; none where the label is not known.
pub(super) fn case(
    record: &Record<'_>,
    words: &Verbaliser,
    answer: Answer,
) -> Result<Option<Case>, DatasetError> {
    let fields: Fields = record.read()?;
    let (right, wrong) = match fields.label {
        Label::Supports => (&words.holds, &words.fails),
        Label::Refutes => (&words.fails, &words.holds),
        Label::Unknown => return Ok(None),
    };
    let (target, truth) = match answer {
        Answer::True => (right, wrong),
        Answer::Alternative => (wrong, right),
    };
    Ok(Some(Case {
        id: record.id(fields.id),
        // The claim is what is judged, and all that is said of it.
        subject: record.words("claim", fields.claim)?,
        prompt: Case::SUBJECT.to_owned(),
        target: target.clone(),
        truth: Some(truth.clone()),
        ..Case::default()
    }))
}

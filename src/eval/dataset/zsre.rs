//! zsRE's records, as MEND laid them out.

use serde::Deserialize;

use super::{DatasetError, record::Record};
use crate::eval::{Case, PromptTarget};

/// Which answer of a record is the target of its edit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answer {
    /// The first of the true ones, as ROME and MEMIT have it; their unrelated question ends with a
    /// question mark.
    #[default]
    True,
    /// The alternative one, as MEND and EasyEdit have it.
    Alternative,
}

#[derive(Deserialize)]
struct Fields {
    subject: String,
    src: String,
    #[serde(default)]
    rephrase: Option<String>,
    alt: Option<String>,
    answers: Vec<String>,
    loc: Option<String>,
    loc_ans: Option<String>,
    portability: Option<Portability>,
}

#[derive(Deserialize)]
struct Portability {
    #[serde(rename = "New Question")]
    question: String,
    #[serde(rename = "New Answer")]
    answer: String,
}

pub(super) fn case(record: &Record<'_>, answer: Answer) -> Result<Case, DatasetError> {
    let fields: Fields = record.read()?;
    let mut answers = fields.answers.into_iter();
    let Some(truth) = answers.next() else {
        return Err(record.wrong("answers", "is empty"));
    };
    let truth = record.words("answers[0]", truth)?;
    let (target, truth, mark) = match (answer, fields.alt) {
        (Answer::True, _) => (truth, None, "?"),
        (Answer::Alternative, Some(alt)) => (record.words("alt", alt)?, Some(truth), ""),
        (Answer::Alternative, None) => return Err(record.wrong("alt", "is missing")),
    };
    let unrelated = fields.loc.zip(fields.loc_ans).into_iter();
    let portable = fields.portability.into_iter();
    Ok(Case {
        id: record.id(None),
        prompt: Record::template(&fields.src, &fields.subject),
        subject: fields.subject,
        target,
        truth,
        paraphrases: fields.rephrase.into_iter().collect(),
        locality: unrelated
            .map(|(loc, target)| PromptTarget { prompt: format!("{loc}{mark}"), target })
            .collect(),
        portability: portable
            .map(|of| PromptTarget { prompt: of.question, target: of.answer })
            .collect(),
        ..Case::default()
    })
}

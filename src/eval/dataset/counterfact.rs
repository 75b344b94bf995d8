//! CounterFact's records.

use serde::Deserialize;
use serde_json::Value;

use super::{DatasetError, record::Record};
use crate::eval::{Case, PromptTarget};

#[derive(Deserialize)]
struct Fields {
    case_id: Option<Value>,
    requested_rewrite: Rewrite,
    #[serde(default)]
    paraphrase_prompts: Vec<String>,
    #[serde(default)]
    neighborhood_prompts: Vec<String>,
    #[serde(default)]
    generation_prompts: Vec<String>,
}

#[derive(Deserialize)]
struct Rewrite {
    prompt: String,
    subject: String,
    relation_id: Option<String>,
    target_new: Object,
    target_true: Object,
}

#[derive(Deserialize)]
struct Object {
    str: String,
    id: Option<String>,
}

/// The edit says the new object of the subject; neighbours are subjects with the true one.
pub(super) fn case(record: &Record<'_>) -> Result<Case, DatasetError> {
    let fields: Fields = record.read()?;
    let rewrite = fields.requested_rewrite;
    if rewrite.prompt.matches("{}").count() != 1 {
        return Err(record.wrong("requested_rewrite.prompt", "has not exactly one {}"));
    }
    let truth = record.words("requested_rewrite.target_true.str", rewrite.target_true.str)?;
    let known = |prompt| PromptTarget { prompt, target: truth.clone() };
    Ok(Case {
        id: record.id(fields.case_id),
        locality: fields.neighborhood_prompts.into_iter().map(known).collect(),
        subject: record.words("requested_rewrite.subject", rewrite.subject)?,
        prompt: rewrite.prompt.replacen("{}", Case::SUBJECT, 1),
        target: record.words("requested_rewrite.target_new.str", rewrite.target_new.str)?,
        truth: Some(truth),
        relation: rewrite.relation_id,
        target_id: rewrite.target_new.id,
        paraphrases: fields.paraphrase_prompts,
        beginnings: fields.generation_prompts,
        ..Case::default()
    })
}

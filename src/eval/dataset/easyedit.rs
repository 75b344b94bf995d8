//! EasyEdit's flat records, and those of KnowEdit, which name what is asked by kinds. Those of its WikiBio call the
//! same otherwise.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{DatasetError, record::Record};
use crate::eval::{Case, PromptTarget};

#[derive(Deserialize)]
struct Fields {
    #[serde(alias = "id")]
    case_id: Option<Value>,
    #[serde(default, alias = "concept")]
    subject: String,
    #[serde(alias = "text")]
    prompt: String,
    #[serde(alias = "labels")]
    target_new: String,
    ground_truth: Option<Texts>,
    #[serde(default, alias = "rephrase")]
    rephrase_prompt: Texts,
    #[serde(default)]
    locality_prompt: Texts,
    #[serde(default)]
    locality_ground_truth: Texts,
    #[serde(default)]
    locality: Kinds,
    #[serde(default)]
    portability: Kinds,
}

/// What is asked, by kind, such as `Relation_Specificity`.
type Kinds = BTreeMap<String, Option<Vec<Item>>>;

#[derive(Deserialize)]
struct Item {
    prompt: Texts,
    ground_truth: Texts,
}

/// A text, or several in lists.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<Self>),
    #[default]
    None,
}

impl Texts {
    fn all(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts.into_iter().flat_map(Self::all).collect(),
            Self::None => Vec::new(),
        }
    }

    fn first(self) -> Option<String> {
        self.all().into_iter().next()
    }
}

pub(super) fn case(record: &Record<'_>) -> Result<Case, DatasetError> {
    let fields: Fields = record.read()?;
    let (prompts, truths) = (fields.locality_prompt.all(), fields.locality_ground_truth.all());
    if prompts.len() != truths.len() {
        return Err(
            record.wrong("locality_ground_truth", "is not one text for each locality_prompt")
        );
    }
    let flat =
        prompts.into_iter().zip(truths).map(|(prompt, target)| PromptTarget { prompt, target });
    Ok(Case {
        id: record.id(fields.case_id),
        prompt: Record::template(&fields.prompt, &fields.subject),
        subject: fields.subject,
        target: record.words("target_new", fields.target_new)?,
        truth: fields.ground_truth.and_then(Texts::first),
        paraphrases: fields.rephrase_prompt.all(),
        locality: flat.chain(asked(fields.locality)).collect(),
        portability: asked(fields.portability).collect(),
        ..Case::default()
    })
}

/// Each prompt with the first of its answers; those without one are not asked.
fn asked(kinds: Kinds) -> impl Iterator<Item = PromptTarget> {
    let items = kinds.into_values().flatten().flatten();
    items.filter_map(|item| {
        Some(PromptTarget { prompt: item.prompt.first()?, target: item.ground_truth.first()? })
    })
}

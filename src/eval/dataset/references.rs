//! Reference texts: CounterFact's `attribute_snippets.json`, which comes apart from its records.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{DatasetError, LIMIT, record::Records};
use crate::{
    durable::read_regular_text,
    eval::{Case, Weights},
};

#[derive(Deserialize)]
struct Fields {
    relation_id: String,
    target_id: String,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    text: String,
}

/// Texts about things of which a relation to a target holds, by the ids of both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References(BTreeMap<(String, String), Vec<String>>);

impl References {
    /// Reads the file at `path`, called `name`.
    ///
    /// # Errors
    /// When it cannot be read, is no JSON, or a record lacks a field.
    pub fn read(path: &Path, name: &str) -> Result<Self, DatasetError> {
        let text = read_regular_text(path, LIMIT)
            .map_err(|source| DatasetError::Read { file: name.to_owned(), source })?;
        let mut texts: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for record in Records::parse(name, &text)?.iter() {
            let fields: Fields = record.read()?;
            let samples = fields.samples.into_iter().map(|sample| sample.text);
            texts.entry((fields.relation_id, fields.target_id)).or_default().extend(samples);
        }
        Ok(Self(texts))
    }

    /// The texts for a case; none where its ids are not known.
    pub(super) fn of(&self, case: &Case) -> Vec<String> {
        let key = case.relation.clone().zip(case.target_id.clone());
        key.and_then(|key| self.0.get(&key)).cloned().unwrap_or_default()
    }

    /// What words weigh in all the texts.
    #[must_use]
    pub fn weights(&self) -> Weights {
        Weights::of(self.0.values().flatten().map(String::as_str))
    }
}

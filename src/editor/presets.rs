//! What suits a model of which something is known.

use super::settings::{SettingsError, parse, require};
#[cfg(feature = "torch")]
use crate::model::Spec;

/// What settings are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSize {
    /// `model_type` of the checkpoint.
    pub family: String,
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the MLP.
    pub inner: usize,
}

#[cfg(feature = "torch")]
impl From<&Spec> for ModelSize {
    fn from(spec: &Spec) -> Self {
        let (layers, width, inner) = (spec.layers, spec.width, spec.inner);
        Self { family: spec.model_type.to_owned(), layers, width, inner }
    }
}

impl ModelSize {
    /// A model of which nothing is known. Settings that fit it fit some model.
    pub(super) const fn any() -> Self {
        Self { family: String::new(), layers: 12, width: 0, inner: 0 }
    }
}

/// Settings of models in TOML: for families, and over these for a family's models by layers, width and width inside
/// the MLP.
#[derive(Debug)]
pub(super) struct Presets {
    pub(super) families: &'static [(&'static [&'static str], &'static str)],
    pub(super) models: &'static [(&'static str, usize, usize, usize, &'static str)],
}

impl Presets {
    /// Whether the model is one of those by size.
    pub(super) fn knows(&self, model: &ModelSize) -> bool {
        self.of_size(model).is_some()
    }

    fn of_size(&self, model: &ModelSize) -> Option<&'static str> {
        let size = (model.family.as_str(), model.layers, model.width, model.inner);
        let alike = |row: &&(&str, usize, usize, usize, _)| (row.0, row.1, row.2, row.3) == size;
        self.models.iter().find(alike).map(|row| row.4)
    }

    /// Lays what is known of the model over `table`.
    pub(super) fn lay_over(
        &self,
        table: &mut toml::Table,
        model: &ModelSize,
    ) -> Result<(), SettingsError> {
        let family = self.families.iter().find(|(names, _)| names.contains(&model.family.as_str()));
        for preset in family.map(|(_, text)| *text).into_iter().chain(self.of_size(model)) {
            table.extend(parse(preset)?);
        }
        Ok(())
    }
}

/// Models with no more blocks are small. They look facts up from the first block on.
const SMALL: usize = 12;

/// The blocks that facts are edited in where nobody has published any: a fifth of all, five at most. Small models' begin
/// with the first; of the others GPT-2's a quarter of the way up, those of models with rotary positions an eighth to a
/// seventh.
///
/// # Errors
/// When the model has no blocks.
pub(super) fn blocks_by_depth(model: &ModelSize) -> Result<Vec<usize>, SettingsError> {
    require(model.layers > 0, "layers", "at least one block", || "none".to_owned())?;
    let first = match (model.layers, model.family.as_str()) {
        (..=SMALL, _) => 0,
        (layers, "gpt2") => layers / 4,
        (layers, _) => layers / 7,
    };
    Ok((first..first + model.layers.div_ceil(5).min(5)).collect())
}

/// Blocks as TOML has them.
pub(super) fn blocks_value(blocks: &[usize]) -> toml::Value {
    let number = |&block: &usize| i64::try_from(block).unwrap_or(i64::MAX);
    toml::Value::from(blocks.iter().map(number).collect::<Vec<_>>())
}

//! How model families differ, as data.

use super::{
    config::Config,
    error::ModelError,
    spec::{Part, Spec},
};
use crate::tensor::Orientation;

/// What is particular to a family of models.
pub trait Family: Sync {
    /// `model_type` in `config.json`.
    fn model_type(&self) -> &'static str;

    /// The one of `architectures` in `config.json` that it computes, where a model type has several.
    fn architecture(&self) -> Option<&'static str> {
        None
    }

    /// Reads sizes and switches.
    ///
    /// # Errors
    /// When a key is missing or asks for something that the decoder does not do.
    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError>;

    /// The tokenizer class that transformers takes where a checkpoint names none.
    fn tokenizer_class(&self) -> &'static str;

    /// Our parts and their names in a checkpoint. Which of them a model has its [`Spec`] says.
    fn parts(&self) -> &'static [PartName];

    /// Those of the head, where the heads of a model type differ.
    fn head_parts(&self) -> &'static [PartName] {
        &[]
    }

    /// What some checkpoints put before the names of all parts but those of the head.
    fn prefix(&self) -> &'static str;

    /// Whether `name` (without prefix) is something that checkpoints store although it is no weight of
    /// the model, such as a causal mask or a head that it does not use.
    fn is_buffer(&self, name: &str) -> bool;
}

/// Where a checkpoint keeps a part: `<name>.weight` and perhaps `<name>.bias`.
#[derive(Debug, Clone, Copy)]
pub struct PartName {
    /// The part.
    pub part: Part,
    /// Name in the checkpoint, `{}` standing for the layer.
    pub name: &'static str,
    /// How the weight is laid out.
    pub orientation: Orientation,
    /// Whether it is of the head, which has no prefix.
    pub of_head: bool,
}

impl PartName {
    /// A row of a family's table.
    pub(super) const fn new(part: Part, name: &'static str, orientation: Orientation) -> Self {
        Self { part, name, orientation, of_head: false }
    }

    /// A row of a part without a prefix.
    pub(super) const fn head(part: Part, name: &'static str) -> Self {
        Self { part, name, orientation: Orientation::OutIn, of_head: true }
    }
}

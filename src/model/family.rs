//! How model families differ, as data.

use super::{
    config::Config,
    error::ModelError,
    gpt_neox::GptNeox,
    gpt2::Gpt2,
    gptj::GptJ,
    llama,
    spec::{Part, Spec},
};
use crate::delta::Orientation;

/// Every known family: adding one is a file and a line here.
pub const FAMILIES: &[&dyn Family] =
    &[&Gpt2, &GptJ, &GptNeox, &llama::LLAMA, &llama::MISTRAL, &llama::QWEN2, &llama::QWEN3];

/// What is particular to a family of models.
pub trait Family: Sync {
    /// `model_type` in `config.json`.
    fn model_type(&self) -> &'static str;

    /// Reads sizes and switches.
    ///
    /// # Errors
    /// When a key is missing or asks for something that the decoder does not do.
    fn spec(&self, config: Config<'_>) -> Result<Spec, ModelError>;

    /// The tokenizer class that transformers takes where a checkpoint names none.
    fn tokenizer_class(&self) -> &'static str;

    /// Our parts and their names in a checkpoint. Which of them a model has its [`Spec`] says.
    fn parts(&self) -> &'static [PartName];

    /// What some checkpoints put before the names of all parts but the head.
    fn prefix(&self) -> &'static str;

    /// Whether `name` (without prefix) is something that old checkpoints store although it is no
    /// weight, such as a causal mask.
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
}

impl PartName {
    /// A row of a family's table.
    pub(super) const fn new(part: Part, name: &'static str, orientation: Orientation) -> Self {
        Self { part, name, orientation }
    }
}

/// The family of a `model_type`.
///
/// # Errors
/// When there is none.
pub fn family(model_type: &str) -> Result<&'static dyn Family, ModelError> {
    FAMILIES.iter().copied().find(|family| family.model_type() == model_type).ok_or_else(|| {
        let known: Vec<&str> = FAMILIES.iter().map(|family| family.model_type()).collect();
        ModelError::Family { model_type: model_type.to_owned(), known: known.join(", ") }
    })
}

//! Every known family.

use super::{error::ModelError, family::Family, gpt_neox::GptNeox, gpt2::Gpt2, gptj::GptJ, llama};

/// Every known family: adding one is a file and a line here.
pub const FAMILIES: &[&dyn Family] =
    &[&Gpt2, &GptJ, &GptNeox, &llama::LLAMA, &llama::MISTRAL, &llama::QWEN2, &llama::QWEN3];

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

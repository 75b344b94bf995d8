//! Every known family.

use super::{
    bert, error::ModelError, family::Family, gpt_neox::GptNeox, gpt2::Gpt2, gptj::GptJ, llama,
};

/// Every known family: adding one is a file and a line here.
pub const FAMILIES: &[&dyn Family] = &[
    &Gpt2,
    &GptJ,
    &GptNeox,
    &llama::LLAMA,
    &llama::MISTRAL,
    &llama::QWEN2,
    &llama::QWEN3,
    &bert::BERT_MASKED,
    &bert::BERT_CLASSES,
    &bert::DISTILBERT_MASKED,
    &bert::DISTILBERT_CLASSES,
];

/// The family of a `model_type`, and of the one of `architectures`, as `config.json` names them, where a type has several.
///
/// # Errors
/// When there is none.
pub fn family(model_type: &str, architectures: &[&str]) -> Result<&'static dyn Family, ModelError> {
    let mut of_type = FAMILIES.iter().filter(|family| family.model_type() == model_type).copied();
    let fits = |family: &&dyn Family| {
        family.architecture().is_none_or(|architecture| architectures.contains(&architecture))
    };
    if let Some(family) = of_type.clone().find(fits) {
        return Ok(family);
    }
    let known: Vec<&str> = of_type.by_ref().filter_map(Family::architecture).collect();
    if known.is_empty() {
        let mut known: Vec<&str> = FAMILIES.iter().map(|family| family.model_type()).collect();
        known.dedup();
        let (model_type, known) = (model_type.to_owned(), known.join(", "));
        return Err(ModelError::Family { model_type, known });
    }
    let found = if architectures.is_empty() { "missing" } else { &architectures.join(", ") };
    let known = known.join(" or ");
    let why = format!("is {found}; of a {model_type} model wanted is {known}");
    Err(ModelError::Config { key: "architectures".to_owned(), why })
}

//! What can be wrong with a model, its device or its input.

use std::path::PathBuf;

use crate::checkpoint::CheckpointError;

/// Why a model cannot be opened or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The files are missing or damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No family has this `model_type`.
    #[error("models of type {model_type:?} are not supported; known types: {known}")]
    Family {
        /// `model_type` in `config.json`.
        model_type: String,
        /// The supported types.
        known: String,
    },
    /// A key of `config.json` is missing or has a value that is not supported.
    #[error("config.json: {key} {why}")]
    Config {
        /// The key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// Tensors that the architecture needs are not there.
    #[error("the checkpoint lacks {}", listed(names))]
    MissingTensors {
        /// Their names.
        names: Vec<String>,
    },
    /// The checkpoint has tensors that the architecture has no place for.
    #[error(
        "the checkpoint has tensors that a {model_type} model has no place for: {}",
        listed(names)
    )]
    ExtraTensors {
        /// The family.
        model_type: String,
        /// Their names.
        names: Vec<String>,
    },
    /// A tensor has the wrong shape.
    #[error("tensor {name} is {found:?}, but config.json makes it {wanted:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Shape by the configuration.
        wanted: Vec<usize>,
        /// Shape in the file, or of the value to be set.
        found: Vec<usize>,
    },
    /// A tensor has values that are no numbers.
    #[error("tensor {name} has values that are NaN or infinite")]
    NotFinite {
        /// The tensor.
        name: String,
    },
    /// A token has an id that the model has no embedding for.
    #[error(
        "the tokenizer's token {token:?} has id {id}, but config.json says vocab_size {vocabulary}"
    )]
    Vocabulary {
        /// The token.
        token: String,
        /// Its id.
        id: u32,
        /// Number of ids that the model has.
        vocabulary: usize,
    },
    /// No weight has this name.
    #[error("the model has no tensor {name}")]
    NoTensor {
        /// The name.
        name: String,
    },
    /// No block has this number.
    #[error("the model has no layer {layer}; it has layers 0 to {}", layers - 1)]
    NoLayer {
        /// The layer asked for.
        layer: usize,
        /// Number of layers.
        layers: usize,
    },
    /// No feed-forward layer has this unit.
    #[error(
        "the model has no unit {unit}; it has units 0 to {} in each of its layers 0 to {}",
        units - 1, layers - 1
    )]
    NoUnit {
        /// Layer and unit asked for.
        unit: String,
        /// Number of layers.
        layers: usize,
        /// Units of a layer.
        units: usize,
    },
    /// The tokenizer cannot be read or used.
    #[error("cannot use {}: {why}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A stretch of text has no token of its own.
    #[error("{}", if text.is_empty() { "the text is empty, and the model has no token to begin it with".to_owned() } else { format!("{part:?} has no token in {text:?}") })]
    NoToken {
        /// The stretch.
        part: String,
        /// The whole text.
        text: String,
    },
    /// A classifier has no such class.
    #[error("the model has no class {class:?}; it tells apart {classes}")]
    NoClass {
        /// What was to be one.
        class: String,
        /// Those that it has.
        classes: String,
    },
    /// Something that only a decoder can do.
    #[error("{what} needs a model that reads forward, and {model_type} reads both ways")]
    ReadsBothWays {
        /// What it is.
        what: &'static str,
        /// `model_type` of the model.
        model_type: &'static str,
    },
    /// A text is too long for the model.
    #[error("{tokens} tokens are too many: the model takes {context}")]
    TooLong {
        /// Tokens of the text and of what is to follow.
        tokens: usize,
        /// Tokens that the model takes.
        context: usize,
    },
    /// The device is not known or not there.
    #[error("cannot use device {device}: {why}")]
    Device {
        /// As the user named it.
        device: String,
        /// What is wrong.
        why: String,
    },
    /// libtorch refused.
    #[error(transparent)]
    Torch(#[from] tch::TchError),
}

impl ModelError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Checkpoint(error) => error.hint(),
            Self::Device { .. } => Some(
                "use --device cpu, or set LD_LIBRARY_PATH to the lib directory of a CUDA build of \
                 libtorch 2.11"
                    .to_owned(),
            ),
            Self::MissingTensors { .. } | Self::ExtraTensors { .. } | Self::Shape { .. } => {
                Some("config.json and the weights may belong to different models".to_owned())
            }
            Self::Vocabulary { .. } => {
                Some("tokenizer.json and the model may not belong together".to_owned())
            }
            Self::NotFinite { .. } => Some(
                "the checkpoint is broken, or was stored in a format that is too small for its numbers: get it \
                 again, in bf16 or f32"
                    .to_owned(),
            ),
            Self::TooLong { .. } => Some("use a shorter text".to_owned()),
            Self::NoToken { .. } => Some("give a text with words in it".to_owned()),
            Self::NoClass { .. }
            | Self::ReadsBothWays { .. }
            | Self::Family { .. }
            | Self::Config { .. }
            | Self::NoTensor { .. }
            | Self::NoLayer { .. }
            | Self::NoUnit { .. }
            | Self::Tokenizer { .. }
            | Self::Torch(_) => None,
        }
    }
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

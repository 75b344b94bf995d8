//! What goes wrong with checkpoints.

use std::{io, path::PathBuf};

use super::read::{INDEX, SINGLE};
use crate::durable::WriteError;

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file that every checkpoint has is not there.
    #[error("{} has no {missing}", dir.display())]
    Incomplete {
        /// The checkpoint's directory.
        dir: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// Only pickled weights are there.
    #[error("{} has its weights as a pickle ({file}), which can run code when it is read", dir.display())]
    Pickle {
        /// The checkpoint's directory.
        dir: PathBuf,
        /// The pickle.
        file: String,
    },
    /// What should be a directory is not there, or is something else.
    #[error("{} {}", dir.display(), if dir.exists() { "is not a directory" } else { "is not there" })]
    NoDir {
        /// The directory.
        dir: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A link leads out of the checkpoint's directory.
    #[error("{} is a link to {}, which is not in {}", path.display(), target.display(), dir.display())]
    Outside {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
        /// The checkpoint's directory.
        dir: PathBuf,
    },
    /// A JSON file does not parse or lacks something.
    #[error("{} is not as it should be: {why}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A safetensors file is truncated or malformed.
    #[error("{} is not a whole safetensors file: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The index and the shards disagree.
    #[error("{} says that {tensor} is in {shard}, which is not so", index.display())]
    Index {
        /// The index file.
        index: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shard named for it.
        shard: String,
    },
    /// No tensor has this name.
    #[error("{} has no tensor {name}", dir.display())]
    NoTensor {
        /// The checkpoint's directory.
        dir: PathBuf,
        /// The name.
        name: String,
    },
    /// The tensor's element type is not one that is edited.
    #[error("tensor {name} has elements of type {dtype}; F32, F16 and BF16 can be edited")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its element type, as safetensors names it.
        dtype: String,
    },
    /// An element is infinite or not a number.
    #[error("{name} in {} has elements that are infinite or not numbers", path.display())]
    NotFinite {
        /// The file or directory.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor does not have the shape it should have.
    #[error("{name} is {found:?}; expected {wanted}")]
    Unfit {
        /// The tensor.
        name: String,
        /// Its dimensions.
        found: Vec<usize>,
        /// What they should be.
        wanted: String,
    },
    /// The checkpoint is of another model than the base.
    #[error("{} is no checkpoint of the base: {why}", dir.display())]
    Other {
        /// The checkpoint's directory.
        dir: PathBuf,
        /// How that is known.
        why: String,
    },
    /// The adapter is of a kind that does not come to a sum of weights, or malformed.
    #[error("the adapter in {} cannot be taken in: {why}", dir.display())]
    Adapter {
        /// The adapter's directory.
        dir: PathBuf,
        /// What is wrong.
        why: String,
        /// Whether it can be merged into a checkpoint and come in as that.
        mergeable: bool,
    },
    /// A file of a copy cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl CheckpointError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Incomplete { missing, .. } if missing == "tokenizer.json" => Some(
                "write one with AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)".to_owned(),
            ),
            Self::Incomplete { dir, missing } if is_of_adapter(missing) => {
                Some(if dir.join("config.json").is_file() {
                    format!("it holds a checkpoint: --from-checkpoint {}", dir.display())
                } else if dir.join("delta.json").is_file() {
                    format!("it holds a delta: --from-delta {}", dir.display())
                } else {
                    "name a directory as save_pretrained of a PeftModel writes it".to_owned()
                })
            }
            Self::Incomplete { dir, missing }
                if missing == "config.json" && dir.join("adapter_config.json").is_file() =>
            {
                Some(format!(
                    "it holds an adapter: kledger import --from-peft {}, in a repository around the \
                     model it is for",
                    dir.display()
                ))
            }
            Self::Incomplete { missing, .. }
                if missing != SINGLE && missing.ends_with(".safetensors") =>
            {
                Some(format!("{INDEX} names it: fetch the checkpoint again"))
            }
            Self::NoDir { .. } => Some(
                "name a directory on this machine; nothing is fetched: hf download NAME --local-dir DIR \
                 does that"
                    .to_owned(),
            ),
            Self::Incomplete { .. } => {
                Some("name a directory as transformers' save_pretrained writes it".to_owned())
            }
            Self::Pickle { dir, file } if is_of_adapter(file) => Some(format!(
                "convert it: python -c \"import torch, safetensors.torch as s; \
                 s.save_file(torch.load('{0}/{file}', weights_only=True), \
                 '{0}/adapter_model.safetensors')\"",
                dir.display()
            )),
            Self::Outside { .. } => Some(
                "a copy of the model is handed on with every checkout; if that file belongs to it, copy the \
                 model with files in place of links (cp -rL DIR NEW) and name the copy"
                    .to_owned(),
            ),
            Self::Pickle { dir, .. } => Some(format!(
                "convert it: python -c \"from transformers import AutoModelForCausalLM as M; \
                 M.from_pretrained('{0}').save_pretrained('{0}', safe_serialization=True)\"",
                dir.display()
            )),
            Self::Adapter { mergeable: true, .. } => Some(
                "merge it with PEFT's merge_and_unload, save_pretrained the result, and take that in: \
                 kledger import --from-checkpoint DIR"
                    .to_owned(),
            ),
            Self::Damaged { .. } | Self::Index { .. } => Some(
                "the download or copy may be incomplete: fetch the checkpoint again".to_owned(),
            ),
            Self::Write(error) => error.hint().map(str::to_owned),
            Self::Read { .. }
            | Self::Json { .. }
            | Self::NoTensor { .. }
            | Self::Dtype { .. }
            | Self::NotFinite { .. }
            | Self::Unfit { .. }
            | Self::Other { .. }
            | Self::Adapter { mergeable: false, .. } => None,
        }
    }
}

/// Whether it is a file of an adapter and not of a checkpoint.
fn is_of_adapter(file: &str) -> bool {
    file.starts_with("adapter_")
}

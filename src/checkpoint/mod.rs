//! Hugging Face checkpoints: reading them, keeping a base, writing versions of it.
//!
//! A checkpoint is a directory with `config.json`, a tokenizer, and safetensors files, single or
//! sharded. Pickled weights are refused: reading a pickle can run code. What others make of a base
//! comes as a checkpoint too, or as an adapter: what such a directory adds to the base's weights is
//! read here.
//!
//! This module knows nothing of what a model computes, nor of commits.

mod adapter;
mod base;
mod error;
mod layout;
mod links;
mod names;
mod open_tensors;
mod read;
#[cfg(test)]
mod tests;

pub use adapter::{Adapted, Adapter, Ranks, read_adapter, write_adapter};
pub use base::{
    Base, BaseFile, BaseTensor, FileKind, Reading, Verified, VerifiedFile, import, verify,
};
pub use error::CheckpointError;
pub use layout::{EDITED_SHARD, write_checkout, write_merged, write_tensors};
pub use names::Names;
pub use open_tensors::OpenTensors;
pub use read::{COMPANION_LIMIT, Checkpoint, INDEX, JSON_LIMIT, SINGLE};
pub(crate) use read::{check_dir, edited_dtype};

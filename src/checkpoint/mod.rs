//! Hugging Face checkpoints: reading them, keeping a base, writing versions of it.
//!
//! A checkpoint is a directory with `config.json`, a tokenizer, and safetensors files, single or
//! sharded. Pickled weights are refused: reading a pickle can run code.
//!
//! This module knows nothing of what a model computes, nor of commits.

mod base;
mod layout;
mod read;

pub use base::{Base, BaseFile, BaseTensor, FileKind, import, verify};
pub use layout::{EDITED_SHARD, write_checkout, write_merged};
pub use read::{Checkpoint, CheckpointError};

#[cfg(test)]
mod tests;

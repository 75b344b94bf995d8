//! LoRA adapters as PEFT keeps them: a directory with `adapter_config.json` and
//! `adapter_model.safetensors`.
//!
//! A module's weight, `[out, in]` whatever the checkpoint's layout, changes by `scale * B @ A` with
//! `B [out, r]` under `lora_B` and `A [r, in]` under `lora_A`: our left and right factor.

mod config;
mod read;
mod write;

use crate::tensor::{Matrix, Orientation};
pub use read::read_adapter;
pub use write::{Ranks, write_adapter};

/// What an adapter adds to one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapted {
    /// Name of the tensor in the base.
    pub tensor: String,
    /// How the base stores it.
    pub orientation: Orientation,
    /// `[out, r]`.
    pub left: Matrix,
    /// `[r, in]`.
    pub right: Matrix,
}

/// What is in an adapter's directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// What it adds, by tensor of the base.
    pub changes: Vec<Adapted>,
    /// The model it says it is for: a name on the hub, or a path.
    pub base_model: Option<String>,
    /// Whether its numbers had to be rounded to f32.
    pub rounded: bool,
}

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT puts before the names of a model's modules.
const WRAPPED: &str = "base_model.model.";

#[cfg(test)]
mod tests;

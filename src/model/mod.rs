//! Transformers on libtorch: one forward pass, a small table for each family. Most are decoders, which read forward and go
//! on; some are encoders, which read a text both ways.
//!
//! [`Model::open`] reads a Hugging Face checkpoint, checks every name and shape before anything is
//! computed, and turns all linear maps to `[out, in]` once. The [`Decoder`] then computes in pieces
//! ([`Decoder::embed`], [`Decoder::block`], [`Decoder::head`]), so that an editor can keep what does
//! not change and run only the rest; a [`Probe`] sees, and may replace, the values at named places.
//!
//! On the CPU results are the same from run to run for a given number of threads
//! (`tch::set_num_threads`); another number may sum in another order and differ in the last bits.
//!
//! This module knows nothing of facts, edits or commits.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "libtorch counts in i64; sizes and token ids are far below 2^31"
)]

mod attention;
mod batch;
mod bert;
mod bounds;
mod config;
mod decoder;
mod device;
mod error;
mod families;
mod family;
mod generate;
mod gpt2;
mod gpt_neox;
mod gptj;
mod linear;
mod llama;
mod load;
mod probe;
mod question;
mod random;
mod restore;
mod rotary;
mod spec;
mod tokenizer;
mod tokens;
mod weights;

pub use attention::{Attention, Kv};
pub use batch::{Batch, Padding};
pub use config::Config;
pub use decoder::Decoder;
pub use device::{DeviceChoice, free_memory, kernels, libtorch_version, open_device};
pub use error::ModelError;
pub use families::{FAMILIES, family};
pub use family::{Family, PartName};
pub use generate::{Choice, Generated};
pub use load::{EditSite, Model};
pub use probe::{Probe, Site, Unprobed};
pub use question::Question;
pub use random::SplitMix;
pub use restore::{Restore, Traces};
pub use rotary::{Pairs, Rotary, Scaling};
pub use spec::{
    Activation, Direction, Head, HeadNorms, Mlp, Norm, Part, Pool, Positions, Projections,
    Residual, Spec,
};
pub use tokens::{Encoded, Tokens};
pub use weights::{Role, Slot, Weights};

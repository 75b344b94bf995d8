//! How good an edit is, in the terms of the papers.
//!
//! A [`Protocol`] is a table: what is asked of the model for each [`Case`], and what is computed from
//! its answers. Answers are [`Score`]s of given continuations, and texts; where they come from is
//! nothing to this module, so every figure can be computed by hand from fixed numbers. Cases come
//! from the [`dataset`]s' own files or from a ledger's facts. Results carry the protocol's name and
//! version, because figures of different protocols cannot be compared.
//!
//! This module knows nothing of models, weights or the store.

mod case;
mod consistency;
mod counterfact;
pub mod dataset;
mod easyedit;
mod fever;
mod fluency;
mod mend;
mod perplexity;
mod protocol;
mod questions;
mod score;
mod source;
mod summary;
mod treebank;
mod wild;
mod zsre;

pub use case::{Case, PromptTarget};
pub use consistency::Weights;
pub use counterfact::COUNTERFACT;
pub use easyedit::EASYEDIT;
pub use fever::FEVER;
pub use fluency::entropy;
pub use mend::MEND;
pub use perplexity::{PERPLEXITY, Reading};
pub use protocol::{
    Answers, Computed, Decoding, Measure, Protocol, Question, Row, Writing, Written,
};
pub use score::Score;
pub use source::Source;
pub use summary::{Metric, Unit, harmonic_mean};
pub use wild::WILD;
pub use zsre::ZSRE;

/// The protocols that ask for continuations, by name.
pub const PROTOCOLS: [&Protocol; 6] = [&COUNTERFACT, &ZSRE, &MEND, &EASYEDIT, &FEVER, &WILD];

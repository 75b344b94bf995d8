//! What needs a model.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

#[cfg(feature = "cli")]
#[path = "../ledger/support/advice.rs"]
mod advice;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod crash;
mod editor;
mod encoder;
#[cfg(feature = "cli")]
mod encoder_verbs;
mod engine;
mod evaluation;
mod family;
#[cfg(feature = "cli")]
mod hints;
mod inside;
#[cfg(feature = "cli")]
mod learned;
#[cfg(feature = "cli")]
mod merge;
mod neurons;
mod originals;
mod refusal;
mod tokens;
#[cfg(feature = "cli")]
mod tune;
#[cfg(feature = "cli")]
mod weight;

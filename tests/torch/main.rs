//! What needs a model.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod crash;
mod editor;
mod engine;
mod evaluation;
mod family;
#[cfg(feature = "cli")]
mod merge;
mod refusal;
mod tokens;
#[cfg(feature = "cli")]
mod tune;

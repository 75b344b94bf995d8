//! What needs a model.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[cfg(feature = "cli")]
mod cli;
mod family;
mod editor;
mod engine;

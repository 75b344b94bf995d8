//! What needs a model.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod family;
mod editor;
mod engine;

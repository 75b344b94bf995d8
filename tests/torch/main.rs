//! What needs a model.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod editor;
mod engine;

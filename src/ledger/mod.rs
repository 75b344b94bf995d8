//! What the ledger asks of an engine.

pub mod engine;

pub use engine::{
    Answer, Continuations, EditJob, EditOutcome, EditorDescription, Engine, EngineError, LayerEdit,
    Probe, Progress, Sampling, Silent, Statistics, StatisticsText, ZTrace,
};

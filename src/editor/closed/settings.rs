//! What solving for a change can be told.

use serde::{Deserialize, Serialize};

use crate::editor::settings::Setting;

/// All of [`Solving`], by key.
pub(in crate::editor) const SETTINGS: &[Setting] = &[
    Setting::new("carry", "true or false", "keep the keys of earlier edits as they are"),
    Setting::new("solve_factor", "\"f64\" or \"f32\"", "precision in which matrices are factored"),
];

/// Whether every context's key is held.
pub(super) const EVERY_CONTEXT: Setting = Setting::new(
    "every_context",
    "true or false",
    "solve for the key in every context, not for their mean alone",
);

/// What is added to C.
pub(super) const RIDGE: Setting =
    Setting::new("ridge", "0 or more", "added to C's diagonal, as a part of its mean");

/// How a layer's change is solved for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Solving {
    /// Whether keys of earlier edits join the system, so that they are kept.
    pub carry: bool,
    /// What the matrices as wide as a layer's input are factored in. Solutions are refined in f64.
    pub solve_factor: SolveFactor,
}

/// What matrices are factored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SolveFactor {
    /// 64 bits.
    F64,
    /// 32 bits: for GPUs that are slow in 64.
    F32,
}

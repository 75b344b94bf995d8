//! What solving for a change can be told.

use serde::{Deserialize, Serialize};

use crate::editor::settings::{Setting, SettingsError, require};

/// All of [`Solving`], by key.
pub(in crate::editor) const SETTINGS: &[Setting] = &[
    Setting::new("carry", "true or false", "keep the keys of earlier edits as they are"),
    Setting::new(
        "carry_keys",
        "1 or more",
        "keys of a fact that later edits keep, at most; 1 is their mean",
    )
    .optional(),
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
    /// How many keys of a fact are left for later edits to keep: their mean alone, or up to so many that stand best for
    /// its keys in all contexts, where these are solved for.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub carry_keys: usize,
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

const fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_one(count: &usize) -> bool {
    *count == 1
}

impl Solving {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        require(self.carry_keys > 0, "carry_keys", "at least 1", || "0".to_owned())
    }
}

//! `fsck`: everything stored, verified.

use serde::Serialize;

/// What `fsck` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Objects read and verified.
    pub objects: u64,
    /// Tensor files read and verified.
    pub tensor_files: u64,
    /// Versions whose weights were built and compared.
    pub versions: u64,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
    /// What was repaired, one line each.
    pub repaired: Vec<String>,
    /// Harmless remarks: files left over, objects that nothing refers to.
    pub remarks: Vec<String>,
}

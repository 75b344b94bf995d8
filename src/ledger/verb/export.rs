//! `export`: a version, or its changes alone, to somewhere else.
/// What `export` wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// The version.
    pub commit: Id<Commit>,
    /// The directory written.
    pub dir: PathBuf,
    /// How.
    pub format: ExportFormat,
    /// Tensors that differ from the base.
    pub tensors: Vec<String>,
    /// Bytes written.
    pub bytes: u64,
}

/// How a version is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// A Hugging Face directory that shares nothing with the repository.
    Merged,
    /// The deltas' factors and a manifest.
    Delta,
}

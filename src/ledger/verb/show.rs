//! `show`: one commit in full.
/// A commit in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowReport {
    /// The commit.
    pub commit: CommitView,
    /// The base's fingerprint.
    pub base: Id<Base>,
    /// Facts that hold there.
    pub facts: u64,
    /// How they differ from its parent's.
    pub changes: Vec<FactChange>,
    /// Neighbourhood facts.
    pub neighbourhood: u64,
    /// What the edit was made with.
    pub spec: Option<SpecView>,
    /// How it went.
    pub check: Option<Check>,
    /// The delta this commit made.
    pub delta: Option<DeltaView>,
    /// Deltas that make up this version.
    pub deltas: u64,
    /// Every tensor that differs from the base, and the hash of its content.
    pub weights: Vec<WeightView>,
}

/// What an edit was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecView {
    /// Its id.
    pub id: Id<Spec>,
    /// Name of the editor.
    pub editor: String,
    /// Version of the editor.
    pub editor_version: u32,
    /// Settings, canonical TOML.
    pub settings: String,
    /// Seed.
    pub seed: u64,
    /// Context prefixes.
    pub prefixes: Vec<String>,
    /// What text the statistics were taken on.
    pub statistics: String,
    /// Tokens the statistics counted.
    pub statistics_tokens: u64,
}

/// A delta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeltaView {
    /// Its id.
    pub id: Id<Delta>,
    /// Length of its tensor file in bytes.
    pub bytes: u64,
    /// Facts it holds a column for.
    pub columns: u64,
    /// Of them, columns that no longer count in the version shown.
    pub dropped: u64,
    /// What it changes.
    pub tensors: Vec<DeltaTensorView>,
}

/// A delta's change of one tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeltaTensorView {
    /// Name in the checkpoint.
    pub name: String,
    /// Output width.
    pub outputs: u64,
    /// Input width.
    pub inputs: u64,
    /// Rank; `None` for a whole matrix.
    pub rank: Option<u64>,
}

/// A tensor of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeightView {
    /// Name in the checkpoint.
    pub name: String,
    /// Hash of dtype, shape and bytes.
    pub id: TensorId,
}

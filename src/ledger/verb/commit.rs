//! `commit`: the staged facts into a new version.
/// What `commit` made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CommitReport {
    /// The new commit.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// How the facts changed.
    pub facts: FactCounts,
    /// IRIs whose words changed.
    pub words: u64,
    /// Neighbourhood facts that came or went.
    pub neighbourhood: u64,
    /// What was edited; `None` when no weights had to be found (only retractions or words).
    pub edit: Option<EditView>,
    /// What is worth saying about how it went: statistics computed now, facts not measured.
    pub notes: Vec<String>,
}

/// The edit of a commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EditView {
    /// Name of the editor.
    pub editor: String,
    /// Facts edited.
    pub facts: u64,
    /// Of them, facts whose z was known from an earlier run.
    pub known: u64,
    /// Length of the delta's tensor file in bytes.
    pub delta_bytes: u64,
    /// Length of the base's tensors in bytes.
    pub base_bytes: u64,
    /// The edited tensors.
    pub tensors: Vec<String>,
    /// How it went.
    pub check: Check,
}

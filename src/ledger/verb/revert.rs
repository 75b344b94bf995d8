//! `revert`: an earlier commit's changes taken back by a new commit.
/// What `revert` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RevertReport {
    /// The new commit.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// The commit taken back.
    pub reverted: CommitView,
    /// Facts that changed.
    pub changes: Vec<FactChange>,
    /// Facts that a later commit changed again and that stay as they are.
    pub stayed: Vec<FactView>,
    /// Whether the weights are, bit for bit, those of the reverted commit's parent.
    pub as_before: bool,
    /// Facts that still hold, of those that were checked; `None` when none were.
    pub kept: Option<Rate>,
    /// Facts that should hold and no longer do.
    pub lost: Vec<FactRow>,
    /// What was not measured and why, in words.
    pub notes: Vec<String>,
}

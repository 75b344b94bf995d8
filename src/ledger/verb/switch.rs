//! `switch`: HEAD to another branch.
/// Where `switch` went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwitchReport {
    /// Where HEAD is now.
    pub head: HeadView,
    /// Whether the branch is new.
    pub created: bool,
    /// Staged facts that stay staged.
    pub staged: u64,
}

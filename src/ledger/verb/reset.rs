//! `reset`: HEAD's branch to another commit, or the stage emptied.
/// What `reset` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetReport {
    /// Where HEAD is now.
    pub head: HeadView,
    /// Where it was.
    pub from: Id<Commit>,
    /// Staged facts that were thrown away.
    pub unstaged: u64,
    /// The directory that was checked out again, with `Reset::Hard`.
    pub dir: Option<PathBuf>,
}

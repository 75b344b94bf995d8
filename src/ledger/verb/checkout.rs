//! `checkout`: a version as a Hugging Face directory.
/// What `checkout` wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckoutReport {
    /// Where HEAD is now.
    pub head: HeadView,
    /// The commit checked out.
    pub commit: CommitView,
    /// The directory written.
    pub dir: PathBuf,
    /// Tensors that differ from the base.
    pub edited: u64,
    /// Staged facts that stay staged.
    pub staged: u64,
}

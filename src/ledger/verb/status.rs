//! `status`: where HEAD is and what the next commit would do.
/// The state of the working place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// The repository's root.
    pub root: PathBuf,
    /// Where HEAD is.
    pub head: HeadView,
    /// The commit there.
    pub commit: CommitView,
    /// Facts that hold there.
    pub facts: u64,
    /// What the next commit would do to them.
    pub staged: Vec<FactChange>,
    /// IRIs with staged labels or templates.
    pub words: u64,
    /// Neighbourhood facts staged to come or go.
    pub neighbourhood: u64,
    /// Predicates of staged facts for which the lexicon has no template: the commit would be refused.
    pub without_template: Vec<String>,
    /// The checked-out model, if there is one.
    pub checkout: Option<CheckoutState>,
}

/// What is in the checkout directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckoutState {
    /// The directory.
    pub dir: PathBuf,
    /// The version it says it holds.
    pub commit: Id<Commit>,
    /// Whether that is where HEAD is.
    pub current: bool,
}

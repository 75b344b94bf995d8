//! `branch`: list, make, rename and delete branches.
/// What `branch` did and the branches there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BranchReport {
    /// What was done.
    #[serde(flatten)]
    pub action: RefAction,
    /// All branches, sorted by name.
    pub branches: Vec<RefView>,
}

/// What was done to a ref.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum RefAction {
    /// Nothing: they were listed.
    Listed,
    /// It was made.
    Created {
        /// Its name.
        name: String,
        /// Where it points.
        commit: Id<Commit>,
    },
    /// It was deleted.
    Deleted {
        /// Its name.
        name: String,
        /// Where it pointed.
        commit: Id<Commit>,
    },
    /// It has another name.
    Renamed {
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
}

/// A branch or tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefView {
    /// Its name.
    pub name: String,
    /// Where it points.
    pub commit: Id<Commit>,
    /// First line of that commit's message.
    pub summary: String,
    /// Whether HEAD is attached to it.
    pub current: bool,
}

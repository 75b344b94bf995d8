//! `init`: a repository around a checkpoint.
/// What `init` made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// The repository's root, which holds `.kledger`.
    pub root: PathBuf,
    /// The base's fingerprint.
    pub base: Id<Base>,
    /// `model_type` of the base.
    pub model_type: String,
    /// Number of tensors of the base.
    pub tensors: u64,
    /// Number of parameters of the base.
    pub parameters: u64,
    /// The root commit.
    pub commit: Id<Commit>,
    /// The branch it is on.
    pub branch: String,
    /// Predicates that the built-in lexicon has templates for.
    pub predicates: u64,
}

//! `ask`: what a version says after a prompt.
/// What the versions say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskReport {
    /// The prompt.
    pub prompt: String,
    /// One for each version asked, in the order asked for.
    pub answers: Vec<AskAnswer>,
}

/// What one version says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskAnswer {
    /// The revision as given.
    pub revision: String,
    /// The commit it names.
    pub commit: Id<Commit>,
    /// What it says.
    #[serde(flatten)]
    pub continuations: Continuations,
}

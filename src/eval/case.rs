//! What a model is examined in: an edit, and what is known around it.

/// A prompt and a continuation of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct PromptTarget {
    /// The whole prompt, subject filled in.
    pub prompt: String,
    /// The continuation, without its leading space.
    pub target: String,
}

/// An edit to examine. Lists may be empty: what a case does not have is not measured on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// What the dataset or the ledger calls it.
    pub id: String,
    /// The subject's name; empty where the prompt has none.
    pub subject: String,
    /// The edit's prompt, with `{subject}` in the subject's place.
    pub prompt: String,
    /// What the edit makes the model say.
    pub target: String,
    /// What the model said before, where it is known.
    pub truth: Option<String>,
    /// The dataset's id of the relation, such as `P36`.
    pub relation: Option<String>,
    /// The dataset's id of the target, such as `Q90`.
    pub target_id: Option<String>,
    /// The edit's prompt in other words.
    pub paraphrases: Vec<String>,
    /// What an edit is to leave alone, with what is true there.
    pub locality: Vec<PromptTarget>,
    /// Other facts of the subject, which are to stay.
    pub companions: Vec<PromptTarget>,
    /// What follows from the edit.
    pub portability: Vec<PromptTarget>,
    /// Beginnings of texts about the subject.
    pub beginnings: Vec<String>,
    /// Texts about things of which the target is true.
    pub references: Vec<String>,
}

impl Case {
    /// Where a prompt says its subject.
    pub const SUBJECT: &'static str = "{subject}";

    /// Whether all that is said of the subject is itself: a claim, and the target its verdict.
    #[must_use]
    pub fn is_claim(&self) -> bool {
        self.prompt == Self::SUBJECT
    }

    /// The edit's prompt with the subject filled in.
    #[must_use]
    pub fn text(&self) -> String {
        self.prompt.replace(Self::SUBJECT, &self.subject)
    }
}

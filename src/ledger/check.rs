//! The check made after an edit: do the facts hold, in other words too, and did anything else move.

use serde::{Deserialize, Serialize};

use super::{
    engine::{Answer, ZTrace},
    view::FactView,
};

/// How an edit went, on exactly the weights that a checkout has. Stored with the commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Edited facts whose edit prompt is answered with their object.
    pub efficacy: Option<Rate>,
    /// Paraphrases of edited facts that are answered with their object.
    pub paraphrase: Option<Rate>,
    /// Other subjects' facts of the edited predicates whose answer is what it was; `None` when there
    /// were none to look at.
    pub neighbourhood: Option<Rate>,
    /// Facts of earlier commits that still hold; `None` when there were none.
    pub kept: Option<Rate>,
    /// Each edited fact.
    pub facts: Vec<FactRow>,
    /// Neighbours whose answer moved.
    pub drift: Vec<DriftRow>,
    /// Facts of earlier commits that no longer hold.
    pub lost: Vec<FactRow>,
    /// What was not measured and why, in words.
    pub notes: Vec<String>,
}

/// A share of prompts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Prompts that passed.
    pub passed: u64,
    /// Prompts tried.
    pub of: u64,
    /// `passed / of`.
    pub rate: f64,
    /// Mean probability of the expected continuation.
    pub probability: f64,
}

/// One fact before and after the edit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactRow {
    /// The fact.
    pub fact: FactView,
    /// Its edit prompt, subject filled in.
    pub prompt: String,
    /// The object in words.
    pub target: String,
    /// What the parent answers.
    pub before: Answer,
    /// What the new version answers.
    pub after: Answer,
    /// The same fact asked in other words, on the new version.
    pub paraphrases: Vec<PromptRow>,
    /// How its optimisation ended; `None` for a fact that was not edited here.
    pub trace: Option<ZTrace>,
}

/// A prompt and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptRow {
    /// The prompt.
    pub prompt: String,
    /// The answer.
    pub answer: Answer,
}

/// A neighbour whose answer moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftRow {
    /// The fact, which nobody edited.
    pub fact: FactView,
    /// Its prompt.
    pub prompt: String,
    /// What the parent answers.
    pub before: Answer,
    /// What the new version answers.
    pub after: Answer,
}

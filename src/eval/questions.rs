//! The questions that several protocols ask of a case.

use super::{Case, PromptTarget, protocol::Question, score::Score};

/// The edit's prompt, with the new object against the true one.
pub(super) fn edit(case: &Case) -> Vec<Question> {
    vec![about(case, case.text())]
}

/// The same in other words.
pub(super) fn paraphrases(case: &Case) -> Vec<Question> {
    case.paraphrases.iter().map(|prompt| about(case, prompt.clone())).collect()
}

/// What an edit is to leave alone.
pub(super) fn known(case: &Case) -> Vec<Question> {
    case.locality.iter().map(question).collect()
}

/// A question with nothing held against it.
pub(super) fn question(asked: &PromptTarget) -> Question {
    Question { prompt: asked.prompt.clone(), target: asked.target.clone(), other: None }
}

/// What of an answer is right no longer: whole answers that were on the base.
pub(super) fn lost(now: &Score, base: &Score) -> f64 {
    base.exact() - now.exact()
}

fn about(case: &Case, prompt: String) -> Question {
    Question { prompt, target: case.target.clone(), other: case.truth.clone() }
}

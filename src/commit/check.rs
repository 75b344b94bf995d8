//! How an edit went, as it is stored with the commit.

use serde::{Deserialize, Serialize};

use crate::engine::{Answer, ZTrace};

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
    pub drift: Vec<FactRow>,
    /// Facts of earlier commits that no longer hold.
    pub lost: Vec<FactRow>,
    /// What was not measured and why, in words.
    pub notes: Vec<String>,
    /// How far each edited tensor is from the base's; only where that was required, or a text or probes are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growth>,
    /// How a text was taken; only where that was required, or a text is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextRead>,
    /// How probes went on; only where some are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbesAsked>,
}

/// How far a tensor is from the base's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Its name.
    pub tensor: String,
    /// ‖W − W0‖ / ‖W0‖, Frobenius norms; of a tensor that was zero, ‖W‖.
    pub relative: f64,
}

/// How a text was taken before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextRead {
    /// What the text is, in words.
    pub source: String,
    /// Tokens that count.
    pub tokens: u64,
    /// Perplexity in the version before.
    pub before: f64,
    /// Perplexity now.
    pub after: f64,
}

/// How many probes went on as in the base, with its likeliest next word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbesAsked {
    /// Where the probes are.
    pub source: String,
    /// Probes that were asked.
    pub of: u64,
    /// Those that went on as in the base in the version before.
    pub before: u64,
    /// Those that do now.
    pub after: u64,
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

impl Check {
    /// The tensor that is farthest from the base's, where that was measured.
    #[must_use]
    pub fn farthest(&self) -> Option<&Growth> {
        self.growth.iter().max_by(|a, b| a.relative.total_cmp(&b.relative))
    }
}

impl ProbesAsked {
    /// The share that goes on as in the base now.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of prompts are small")]
    pub fn share(&self) -> f64 {
        self.after as f64 / self.of.max(1) as f64
    }
}

impl Rate {
    /// Counts answers and whether each passed; `None` when there are none.
    #[expect(clippy::cast_precision_loss, reason = "counts of prompts are small")]
    pub(crate) fn of<'a>(answers: impl Iterator<Item = (bool, &'a Answer)>) -> Option<Self> {
        let (mut passed, mut of, mut sum) = (0, 0, 0.0);
        for (pass, answer) in answers {
            passed += u64::from(pass);
            of += 1;
            sum += f64::from(answer.probability);
        }
        (of > 0).then(|| Self {
            passed,
            of,
            rate: passed as f64 / of as f64,
            probability: sum / of as f64,
        })
    }

    /// Counts both shares together.
    #[expect(clippy::cast_precision_loss, reason = "counts of prompts are small")]
    pub(crate) fn sum(rates: [Option<Self>; 2]) -> Option<Self> {
        rates.into_iter().flatten().reduce(|a, b| {
            let (passed, of) = (a.passed + b.passed, a.of + b.of);
            let probability = a.probability * a.of as f64 + b.probability * b.of as f64;
            let of_all = of as f64;
            Self { passed, of, rate: passed as f64 / of_all, probability: probability / of_all }
        })
    }
}

/// A fact in words and as a triple.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactView {
    /// The subject in words.
    pub subject: String,
    /// The predicate in words.
    pub predicate: String,
    /// The object in words.
    pub object: String,
    /// The fact as a line of N-Triples, without its newline.
    pub triple: String,
}

//! Perplexity of a text.

use super::{Metric, Unit};

/// Name and version of the protocol: the text is read in windows as long as the model's context, each
/// beginning half a window after the one before and the last ending with the text; every token but those that have nothing before them
/// counts once, in the first window that has it.
pub const PERPLEXITY: (&str, u32) = ("perplexity", 2);

/// How a model took a text.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Reading {
    /// Tokens that count.
    pub tokens: u64,
    /// Sum of the natural logarithms of their probabilities.
    pub log_p: f64,
    /// Tokens in a window.
    pub window: u64,
}

impl Reading {
    /// `exp(-log_p / tokens)`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "no text has 2^52 tokens")]
    pub fn perplexity(&self) -> f64 {
        (-self.log_p / self.tokens as f64).exp()
    }

    /// The same as a table of one line; its cases are tokens.
    #[must_use]
    pub fn metric(&self) -> Metric {
        Metric {
            name: "PPL".to_owned(),
            about: format!("perplexity in windows of {} tokens", self.window),
            unit: Unit::Tokens,
            mean: self.perplexity(),
            interval: None,
            cases: self.tokens,
        }
    }
}

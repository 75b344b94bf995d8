//! A check in one number, by which edits of the same facts are compared.

use serde::{Deserialize, Serialize};

use crate::commit::{Check, Rate};

/// By as much an edit has to be better before another one is given up for it.
pub(super) const BETTER: f64 = 0.01;

/// What the check of an edit measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Edited facts that hold.
    pub efficacy: Option<Rate>,
    /// Their paraphrases that do.
    pub paraphrase: Option<Rate>,
    /// Neighbours that did not move.
    pub neighbourhood: Option<Rate>,
    /// Facts of earlier commits that still hold.
    pub kept: Option<Rate>,
    /// The harmonic mean of all that was measured, where of earlier facts those count that were not lost: S of the papers
    /// where only the first three were measured.
    pub score: f64,
}

impl Measured {
    /// What `check` measured; a score of 0 where that is nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts of prompts are small")]
    pub(crate) fn of(check: &Check) -> Self {
        let Check { efficacy, paraphrase, neighbourhood, kept, .. } = *check;
        let rates = [efficacy, paraphrase, neighbourhood].into_iter().flatten();
        // What did not hold before says nothing about this edit.
        let not_lost = kept.map(|kept| 1.0 - check.lost.len() as f64 / kept.of as f64);
        let rates: Vec<f64> = rates.map(|rate| rate.rate).chain(not_lost).collect();
        let sum: f64 = rates.iter().map(|rate| rate.recip()).sum();
        let score = if rates.is_empty() { 0.0 } else { rates.len() as f64 / sum };
        Self { efficacy, paraphrase, neighbourhood, kept, score }
    }

    /// Whether it is worth another choice.
    pub(super) fn beats(&self, other: &Self) -> bool {
        self.score > other.score + BETTER
    }
}

//! zsRE, as ROME and MEMIT measure it.

use super::{
    protocol::{Computed::Alone, Decoding, Protocol, measure},
    questions::{edit, known, paraphrases},
    score::Score,
    summary::Unit::Percent,
};

/// Share of the answer's tokens that are the likeliest in their place, the right ones before them
/// given: for the edit's question, for its paraphrase, and for an unrelated question with its true
/// answer, which the unedited model need not know.
#[rustfmt::skip]
pub const ZSRE: Protocol = Protocol {
    name: "zsre",
    version: 1,
    measures: &[
        measure("Efficacy", Percent, edit, Alone(Score::accuracy), "edit question: tokens right"),
        measure("Paraphrase", Percent, paraphrases, Alone(Score::accuracy), "in other words: tokens right"),
        measure("Specificity", Percent, known, Alone(Score::accuracy), "unrelated question: tokens right"),
    ],
    writings: &[],
    beginnings: |_| Vec::new(),
    decoding: Decoding::Sampled,
    score: &["Efficacy", "Paraphrase", "Specificity"],
};

//! Reliability, generalization, locality, portability and fluency, as EasyEdit measures them with
//! teacher forcing (Wang et al. 2023).

use super::{
    Case,
    fluency::mean_entropy,
    protocol::{
        Computed::{Alone, SinceBase},
        Decoding, Protocol, Question, Written, measure, writing,
    },
    questions::{edit, known, paraphrases, question},
    score::Score,
    summary::Unit::{Bits, Percent},
};

/// Share of tokens right, the right ones before them given; for locality, share of tokens that are
/// those of the unedited base, right or wrong.
#[rustfmt::skip]
pub const EASYEDIT: Protocol = Protocol {
    name: "easyedit",
    version: 1,
    measures: &[
        measure("Reliability", Percent, edit, Alone(Score::accuracy), "edit prompt: tokens right"),
        measure("Generalization", Percent, paraphrases, Alone(Score::accuracy), "in other words: tokens right"),
        measure("Locality", Percent, known, SinceBase(Score::agreement), "unrelated: tokens as the base says them"),
        measure("Portability", Percent, portability, Alone(Score::accuracy), "what follows from the edit: tokens right"),
    ],
    writings: &[
        writing("Fluency", Bits, fluency, "entropy of bigrams and trigrams"),
    ],
    beginnings: |case| vec![case.text()],
    decoding: Decoding::Sampled,
    score: &[],
};

fn fluency(written: &Written<'_>) -> Option<f64> {
    mean_entropy(written.texts)
}

fn portability(case: &Case) -> Vec<Question> {
    case.portability.iter().map(question).collect()
}

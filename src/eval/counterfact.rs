//! `CounterFact`, as ROME and MEMIT measure it (Meng et al. 2022, 2023).
//!
//! `nll(t | p)` is [`Score::nll`]: the mean over the target's tokens. New and true object are compared
//! by it, ties fail.

use super::{
    Case,
    fluency::mean_entropy,
    protocol::{
        Computed::{Against, Alone},
        Decoding, Protocol, Question, Written, measure, writing,
    },
    questions::{edit, known, paraphrases},
    score::Score,
    summary::Unit::{Centibits, Percent},
};

/// Efficacy, paraphrase and neighbourhood: which of two objects is likelier, by how much, and
/// whether the right one is the greedy answer; fluency and consistency of what the model writes.
#[rustfmt::skip]
pub const COUNTERFACT: Protocol = Protocol {
    name: "counterfact",
    version: 1,
    measures: &[
        measure("ES", Percent, edit, Against(likelier), "edit prompt: the new object is likelier than the true one"),
        measure("PS", Percent, paraphrases, Against(likelier), "paraphrases: the new object is likelier"),
        measure("NS", Percent, neighbourhood, Against(likelier), "neighbourhood: the true object is likelier"),
        measure("EM", Percent, edit, Against(by), "edit prompt: by how much"),
        measure("PM", Percent, paraphrases, Against(by), "paraphrases: by how much"),
        measure("NM", Percent, neighbourhood, Against(by), "neighbourhood: by how much"),
        measure("EA", Percent, edit, Alone(Score::exact), "edit prompt: the new object is the greedy answer"),
        measure("PA", Percent, paraphrases, Alone(Score::exact), "paraphrases: the new object is the greedy answer"),
        measure("NA", Percent, neighbourhood, Alone(Score::exact), "neighbourhood: the true object is the greedy answer"),
    ],
    writings: &[
        writing("GE", Centibits, fluency, "fluency: entropy of bigrams and trigrams"),
        writing("RS", Percent, consistency, "consistency: likeness to reference texts"),
    ],
    beginnings: |case| case.beginnings.clone(),
    decoding: Decoding::Sampled,
    score: &["ES", "PS", "NS"],
};

/// 1 where the target is likelier than the other continuation.
pub(super) fn likelier(target: &Score, other: &Score) -> f64 {
    f64::from(u8::from(target.nll() < other.nll()))
}

/// `exp(-nll(target)) - exp(-nll(other))`.
pub(super) fn by(target: &Score, other: &Score) -> f64 {
    target.probability() - other.probability()
}

/// What is true of others, against the new object.
fn neighbourhood(case: &Case) -> Vec<Question> {
    let other = Some(case.target.clone());
    known(case).into_iter().map(|question| Question { other: other.clone(), ..question }).collect()
}

fn fluency(written: &Written<'_>) -> Option<f64> {
    mean_entropy(written.texts)
}

fn consistency(written: &Written<'_>) -> Option<f64> {
    let references = &written.case.references;
    (!references.is_empty())
        .then(|| written.weights.cosine(&written.texts.join(" "), &references.join(" ")))
}

//! FEVER claims as binary questions: which of two words, "True" or "False", goes on better, or which class a classifier
//! says.

use super::{
    counterfact::{by, likelier},
    protocol::{
        Computed::{Against, Alone, SinceBase},
        Decoding, Protocol, measure,
    },
    questions::{edit, known, lost},
    score::Score,
    summary::Unit::Percent,
};

/// Whether the word for the claim's label is likelier than the other; of claims that were edited, what that cost on others.
#[rustfmt::skip]
pub const FEVER: Protocol = Protocol {
    name: "fever",
    version: 2,
    measures: &[
        measure("Accuracy", Percent, edit, Against(likelier), "the right word is likelier than the other"),
        measure("Magnitude", Percent, edit, Against(by), "by how much"),
        measure("Greedy", Percent, edit, Alone(Score::exact), "the right word is the greedy answer"),
        measure("DD", Percent, known, SinceBase(lost), "other claims: right on the base less here"),
    ],
    writings: &[],
    beginnings: |_| Vec::new(),
    decoding: Decoding::Sampled,
    score: &[],
};

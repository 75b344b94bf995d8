//! FEVER claims as binary questions: which of two words, "True" or "False", goes on better.

use super::{
    counterfact::{by, likelier},
    protocol::{
        Computed::{Against, Alone},
        Protocol, measure,
    },
    questions::edit,
    score::Score,
    summary::Unit::Percent,
};

/// Whether the word for the claim's label is likelier than the other.
#[rustfmt::skip]
pub const FEVER: Protocol = Protocol {
    name: "fever",
    version: 1,
    measures: &[
        measure("Accuracy", Percent, edit, Against(likelier), "the right word is likelier than the other"),
        measure("Magnitude", Percent, edit, Against(by), "by how much"),
        measure("Greedy", Percent, edit, Alone(Score::exact), "the right word is the greedy answer"),
    ],
    writings: &[],
    beginnings: |_| Vec::new(),
    score: &[],
};

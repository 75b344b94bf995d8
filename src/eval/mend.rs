//! Edit success and drawdown, as MEND measures them (Mitchell et al. 2022).

use super::{
    Case,
    protocol::{
        Computed::{Alone, SinceBase},
        Decoding, Protocol, Question, measure,
    },
    questions::{edit, known, lost, paraphrases},
    score::Score,
    summary::Unit::Share,
};

/// Whether whole answers are right, and how much accuracy on unrelated questions was lost since the
/// unedited base.
#[rustfmt::skip]
pub const MEND: Protocol = Protocol {
    name: "mend",
    version: 1,
    measures: &[
        measure("ES", Share, edit_and_paraphrases, Alone(Score::exact), "edit and its paraphrases: whole answers right"),
        measure("DD", Share, known, SinceBase(lost), "unrelated: whole answers right on the base less here"),
    ],
    writings: &[],
    beginnings: |_| Vec::new(),
    decoding: Decoding::Sampled,
    score: &[],
};

fn edit_and_paraphrases(case: &Case) -> Vec<Question> {
    [edit(case), paraphrases(case)].concat()
}

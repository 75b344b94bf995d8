//! Sentences that were read, as reports say it.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use crate::commit::FactView;

/// What became of sentences.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SentencesView {
    /// How many were read.
    pub read: u64,
    /// How many of them say a fact.
    pub understood: u64,
    /// Of these, how many say what an endpoint proposed.
    pub proposed: u64,
    /// How much of what an endpoint proposed is in no sentence, is not known, or has no relation that there is.
    pub thrown_away: u64,
    /// How many say none, by why.
    pub counts: BTreeMap<WhyUnread, u64>,
    /// The first that say none.
    pub unread: Vec<UnreadSentence>,
}

/// A sentence that says no fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnreadSentence {
    /// Where it stands.
    pub place: String,
    /// The sentence.
    pub sentence: String,
    /// Why it says none.
    pub why: WhyUnread,
    /// The same in words.
    pub because: String,
    /// What it may mean, where that is several facts, only loosely one, or what an endpoint proposes; where the model was
    /// to rank them, the likeliest first.
    pub proposals: Vec<ProposalView>,
}

/// A fact that a sentence may mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProposalView {
    /// Its number, by which it is picked: it does not depend on the model.
    pub number: usize,
    /// The fact.
    #[serde(flatten)]
    pub fact: FactView,
    /// How likely the model finds its object, on average over what asks for it; where it was to be asked and can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Names in it that are of nothing that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<String>,
}

/// Why a sentence says no fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyUnread {
    /// It is a question.
    Question,
    /// A word takes back what it says, or leaves it open.
    Hedged,
    /// It may mean several facts.
    Ambiguous,
    /// It says a fact only loosely.
    Loose,
    /// It does not name two things.
    NoNames,
    /// No template says what it says.
    NoTemplate,
    /// It is longer than what is read.
    TooLong,
    /// No template says what it says, and an endpoint proposes something.
    Proposed,
}

impl WhyUnread {
    /// In words, behind a number of sentences.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Question => "a question",
            Self::Hedged => "taken back or left open",
            Self::Ambiguous => "several facts may be meant",
            Self::Loose => "a fact is said only loosely",
            Self::NoNames => "two known things are not named",
            Self::NoTemplate => "no template says it",
            Self::TooLong => "too long",
            Self::Proposed => "an endpoint proposes a fact",
        }
    }
}

impl WhyUnread {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Question | Self::Hedged | Self::TooLong => {
                "say it in a sentence of its own, as it is to hold; or as a triple: kledger add FILE"
            }
            Self::Ambiguous => {
                "--pick N takes one of them; --predicate IRI|P.. says which predicate is meant"
            }
            Self::Loose => "--loose takes it all the same",
            Self::Proposed => "--accept takes what the endpoint proposes, where that is one fact",
            Self::NoNames => {
                "known are the names of facts and labels; add one: <IRI> rdfs:label \"NAME\"@en ."
            }
            Self::NoTemplate => {
                "add its words as a template, with what stands before the object: PREDICATE kl:prompt \"{subject} ...\" ."
            }
        }
    }
}

/// Characters of a sentence in a message.
const SHOWN: usize = 200;

impl UnreadSentence {
    /// Where it is, and as much of it as can be read.
    #[must_use]
    pub fn in_short(&self) -> String {
        let sentence = match self.sentence.char_indices().nth(SHOWN) {
            None => format!("{:?}", self.sentence),
            Some((end, _)) => format!("{:?}...", &self.sentence[..end]),
        };
        format!("{}: {sentence}: {}", self.place, self.because)
    }

    /// What it may mean, numbered.
    pub fn numbered(&self) -> impl Iterator<Item = String> {
        self.proposals.iter().map(|proposal| {
            let FactView { subject, predicate, object, triple } = &proposal.fact;
            let mut line =
                format!("{}  {subject} / {predicate} / {object}  {triple}", proposal.number);
            if let Some(probability) = proposal.probability {
                let _ = write!(line, "  p {:.2} %", 100.0 * probability);
            }
            if !proposal.new.is_empty() {
                let _ = write!(line, "  new: {}", proposal.new.join(", "));
            }
            line
        })
    }
}

/// Sentences with why they say no fact, a line each.
pub(crate) fn list(unread: &[UnreadSentence], total: u64) -> String {
    let mut text = String::new();
    for sentence in unread {
        let _ = write!(text, "\n  {}", sentence.in_short());
        for proposal in sentence.numbered() {
            let _ = write!(text, "\n    {proposal}");
        }
    }
    let more = total.saturating_sub(unread.len() as u64);
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}

//! Sentences that were read, as reports say it.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use crate::commit::FactView;

/// What became of sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SentencesView {
    /// How many were read.
    pub read: u64,
    /// How many of them say a fact.
    pub understood: u64,
    /// How many say none, by why.
    pub counts: BTreeMap<WhyUnread, u64>,
    /// The first that say none.
    pub unread: Vec<UnreadSentence>,
}

/// A sentence that says no fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadSentence {
    /// Where it stands.
    pub place: String,
    /// The sentence.
    pub sentence: String,
    /// Why it says none.
    pub why: WhyUnread,
    /// The same in words.
    pub because: String,
    /// What it may mean, where that is several facts or only loosely one.
    pub proposals: Vec<FactView>,
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
        (1..).zip(&self.proposals).map(|(number, fact): (u64, _)| {
            let FactView { subject, predicate, object, triple } = fact;
            format!("{number}  {subject} / {predicate} / {object}  {triple}")
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

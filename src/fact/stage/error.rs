//! Why a stage was left as it was.

use crate::{
    codec::ObjectError,
    fact::{
        read::{Mistakes, Position, ReadError},
        term::Iri,
        triple::Fact,
    },
};

/// Two facts for one key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Conflict {
    /// The one that came first.
    pub first: Fact,
    /// Where it stands.
    pub first_source: String,
    /// The other one.
    pub second: Fact,
    /// Where it stands.
    pub second_source: String,
    /// Whether the first was staged by an earlier call, so that it could be replaced.
    pub earlier: bool,
}

/// Why a stage was left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// The input could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The input could not be read for several reasons.
    #[error(transparent)]
    Mistakes(Mistakes),
    /// Facts exclude one another.
    #[error("{total} {}{}", if *total == 1 { "conflict" } else { "conflicts" }, list(conflicts, *total))]
    Conflicts {
        /// The first of them.
        conflicts: Vec<Conflict>,
        /// How many there are.
        total: u64,
    },
    /// Facts to be removed that are neither committed nor staged.
    #[error("{total} of the facts are not held, first {} ({source_name})", short(first))]
    NotHeld {
        /// The first of them.
        first: Box<Fact>,
        /// Where it stands.
        source_name: String,
        /// How many there are.
        total: u64,
    },
    /// Words where facts are to be removed.
    #[error("{0}: words cannot be removed")]
    WordsToRemove(Position),
    /// A name that is said to be equal to a value.
    #[error("{source_name}: {} says that a name is a value", short(fact))]
    EqualToValue {
        /// What says it.
        fact: Box<Fact>,
        /// Where it stands.
        source_name: String,
    },
    /// Equal names that are both in use.
    #[error("{} are said to be one thing, and each has facts or names already", each(names))]
    BothKnown {
        /// The names.
        names: Vec<Iri>,
    },
    /// A committed tree could not be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// Characters of a fact in a message.
const SHOWN: usize = 300;

/// `fact` in a length that can be read.
fn short(fact: &Fact) -> String {
    let whole = fact.to_string();
    match whole.char_indices().nth(SHOWN) {
        None => whole,
        Some((end, _)) => format!("{}...", &whole[..end]),
    }
}

fn each(names: &[Iri]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn list(conflicts: &[Conflict], total: u64) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for Conflict { first, first_source, second, second_source, .. } in conflicts {
        let (first, second) = (short(first), short(second));
        let _ = write!(text, "\n  {first} ({first_source})\n  {second} ({second_source})");
    }
    let more = total - conflicts.len() as u64;
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}

impl From<Mistakes> for StageError {
    fn from(mut mistakes: Mistakes) -> Self {
        match mistakes.first.pop() {
            Some(only) if mistakes.total == 1 => Self::Read(only),
            last => {
                mistakes.first.extend(last);
                Self::Mistakes(mistakes)
            }
        }
    }
}

impl StageError {
    /// How to put it right.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => Some(error.hint()),
            Self::Mistakes(mistakes) => {
                mistakes.first.first().map(ReadError::hint)
            }
            Self::Conflicts { conflicts, .. } => Some(
                if conflicts.iter().all(|conflict| conflict.earlier) {
                    "--replace takes the new facts in place of the staged ones"
                } else {
                    "keep one of each pair (--skip-conflicts does, of a benchmark's records); where a \
                     predicate really has several objects, \
                     say so: <predicate> <https://kledger.dev/ns#multiValued> true ."
                }
                .to_owned(),
            ),
            Self::NotHeld { .. } => {
                Some("`kledger show` and `kledger status` list the facts that are".to_owned())
            }
            Self::WordsToRemove(_) => {
                Some("add a label or a template to replace the one in use".to_owned())
            }
            Self::EqualToValue { .. } => Some(
                "owl:sameAs is between two names; a name in words is an rdfs:label".to_owned(),
            ),
            Self::BothKnown { .. } => Some(
                "leave --same-as out, or take the facts of one of them back first: kledger rm --about IRI".to_owned(),
            ),
            Self::Object(_) => None,
        }
    }
}

//! What goes wrong with revisions.

/// Why a revision names no commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevisionError {
    /// It is not spelled as a revision.
    #[error("{text:?} is not a revision: {why}")]
    Syntax {
        /// What was given.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// No ref and no commit is called so.
    #[error("{text:?} is no branch, tag or commit")]
    Unknown {
        /// What was given.
        text: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// Several commits' ids begin so.
    #[error("{text} could be {} commits", candidates.len())]
    Ambiguous {
        /// What was given.
        text: String,
        /// The commits: short id and first line of the message.
        candidates: Vec<String>,
    },
    /// The history is not that long.
    #[error("{text} goes past the root: {commit} has only {length} ancestors")]
    TooFar {
        /// What was given.
        text: String,
        /// Where it started, short.
        commit: String,
        /// How many first parents there are.
        length: usize,
    },
    /// The commit has fewer parents.
    #[error("{text}: {commit} has no such parent: it has {parents}")]
    NoParent {
        /// What was given.
        text: String,
        /// The commit, short.
        commit: String,
        /// How many parents it has.
        parents: usize,
    },
    /// No message has the text.
    #[error("{text}: no commit there has {wanted:?} in its message")]
    NoMessage {
        /// What was given.
        text: String,
        /// The text looked for.
        wanted: String,
    },
    /// A range stands where one version is wanted.
    #[error("{text} is a range; one version is wanted here")]
    Range {
        /// What was given.
        text: String,
    },
    /// The commit is gone.
    #[error("{text} is {commit}, which gc has removed")]
    Collected {
        /// What was given.
        text: String,
        /// The commit, short.
        commit: String,
    },
    /// HEAD was not switched that often.
    #[error("{text}: HEAD was switched {switches} times")]
    NotSwitched {
        /// What was given.
        text: String,
        /// How often it was.
        switches: usize,
    },
    /// The ref has not moved that often.
    #[error("{text}: {name} has moved only {moves} times")]
    NotMoved {
        /// What was given.
        text: String,
        /// The ref.
        name: String,
        /// How often it moved.
        moves: usize,
    },
}

impl RevisionError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. } if near.is_empty() => {
                Some("see: kledger log, kledger branch, kledger tag".to_owned())
            }
            Self::Unknown { near, .. } => Some(format!("did you mean {}?", near.join(" or "))),
            Self::Ambiguous { candidates, .. } => {
                Some(format!("give more digits:\n  {}", candidates.join("\n  ")))
            }
            Self::Syntax { .. } => {
                Some("examples: main, v1, 3f9a1c72, HEAD~2, HEAD^2, main@{1}, :/text".to_owned())
            }
            Self::Range { .. } => {
                Some("ranges are for kledger log, cherry-pick and diff".to_owned())
            }
            Self::NoMessage { .. } => Some("kledger log --all shows the messages".to_owned()),
            Self::Collected { .. } => Some(
                "gc keeps what operations of the last days refer to: kledger config get keep-days says how many"
                    .to_owned(),
            ),
            Self::NotSwitched { .. } => {
                Some("name the branch: kledger branch lists them".to_owned())
            }
            Self::TooFar { .. } | Self::NoParent { .. } | Self::NotMoved { .. } => None,
        }
    }
}

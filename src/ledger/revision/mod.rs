//! Names of versions: what a user may write where a commit is wanted.
//!
//! As in git: a branch or tag, `HEAD` or `@`, at least four digits of a commit's id, each followed by
//! `~2` (two first parents back), `^` (the parent), `^2` (the second parent of a merge), `^{/text}`
//! (the newest commit from there back whose message has that text), or, for branches and HEAD, `@{2}`
//! (where it was two moves ago). `:/text` is the newest such commit that any ref leads to. A ref's
//! name wins over the digits of an id. [`Range`] is what may be written where many commits are wanted.

mod near;
mod range;

use std::fmt;

pub(super) use near::nearest;
pub use range::Range;

use super::Commit;
use crate::id::Id;

/// Fewest digits that name a commit.
pub const SHORTEST_PREFIX: usize = 4;

/// A parsed revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    text: String,
    anchor: Anchor,
    moves_ago: Option<usize>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Anchor {
    Head,
    Name(String),
    /// Whatever any ref leads to.
    Anywhere,
}

/// A way from one commit to an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// So many first parents back.
    Back(usize),
    /// The parent with this number; 0 is the commit itself.
    Parent(usize),
    /// The newest commit from here back whose message has this text.
    Message(String),
}

/// What revisions are resolved in.
pub trait History {
    /// What can go wrong besides there being no such revision.
    type Error: From<RevisionError>;

    /// The commit at HEAD.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self) -> Result<Id<Commit>, Self::Error>;
    /// The commit that a branch or tag points at.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn named(&self, name: &str) -> Result<Option<Id<Commit>>, Self::Error>;
    /// All names of branches and tags.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn names(&self) -> Result<Vec<String>, Self::Error>;
    /// Commits whose ids begin so.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn with_prefix(&self, prefix: &str) -> Result<Vec<Id<Commit>>, Self::Error>;
    /// Where a branch (`None`: HEAD) pointed after each of its moves, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn moves(&self, name: Option<&str>) -> Result<Vec<Id<Commit>>, Self::Error>;
    /// Whether a commit that was there once is there still.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn is_kept(&self, commit: Id<Commit>) -> Result<bool, Self::Error>;
    /// The parents, the first one first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn parents(&self, commit: Id<Commit>) -> Result<Vec<Id<Commit>>, Self::Error>;
    /// The newest commit from `from` back (`None`: from any ref and HEAD) whose message has `text`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn with_message(
        &self,
        from: Option<Id<Commit>>,
        text: &str,
    ) -> Result<Option<Id<Commit>>, Self::Error>;
    /// First line of a commit's message.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn summary(&self, commit: Id<Commit>) -> Result<String, Self::Error>;
}

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
            Self::Range { .. } => Some("ranges are for kledger log".to_owned()),
            Self::NoMessage { .. } => Some("kledger log shows the messages".to_owned()),
            Self::Collected { .. } => Some(
                "gc keeps what operations of the last days lead to: kledger config keep-days"
                    .to_owned(),
            ),
            Self::TooFar { .. } | Self::NoParent { .. } | Self::NotMoved { .. } => None,
        }
    }
}

impl Revision {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`RevisionError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, RevisionError> {
        let wrong =
            |why: &str| RevisionError::Syntax { text: text.to_owned(), why: why.to_owned() };
        if let Some(message) = text.strip_prefix(":/") {
            let step = Step::Message(message.to_owned());
            if message.is_empty() {
                return Err(wrong(":/ needs a text"));
            }
            let anchor = Anchor::Anywhere;
            return Ok(Self { text: text.to_owned(), anchor, moves_ago: None, steps: vec![step] });
        }
        if range::dots(text).is_some() {
            return Err(RevisionError::Range { text: text.to_owned() });
        }
        let end = text.find(['~', '^']).unwrap_or(text.len());
        let (mut name, rest) = text.split_at(end);
        let mut moves_ago = None;
        if let Some(start) = name.find("@{") {
            let number = name[start + 2..]
                .strip_suffix('}')
                .ok_or_else(|| wrong("@{ needs a number and }"))?;
            moves_ago = Some(number.parse().map_err(|_| wrong("@{ needs a number and }"))?);
            name = &name[..start];
            if name.is_empty() {
                name = "HEAD";
            }
        }
        let steps = steps(rest).map_err(wrong)?;
        let anchor = match name {
            "" => return Err(wrong("it has no name")),
            "HEAD" | "@" => Anchor::Head,
            name => Anchor::Name(name.to_owned()),
        };
        Ok(Self { text: text.to_owned(), anchor, moves_ago, steps })
    }

    /// Whether it is HEAD itself.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.anchor == Anchor::Head && self.moves_ago.is_none() && self.steps.is_empty()
    }

    /// The branch or tag it is, if it is nothing but a name.
    #[must_use]
    pub fn as_name(&self) -> Option<&str> {
        match &self.anchor {
            Anchor::Name(name) if self.moves_ago.is_none() && self.steps.is_empty() => Some(name),
            _ => None,
        }
    }

    /// The commit it names.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn resolve<H: History>(&self, history: &H) -> Result<Id<Commit>, H::Error> {
        let mut at = match (&self.anchor, self.moves_ago) {
            (Anchor::Anywhere, _) => None,
            (_, Some(number)) => Some(self.moved(history, number)?),
            (_, None) => Some(self.anchor(history)?),
        };
        for step in &self.steps {
            at = Some(self.step(history, at, step)?);
        }
        Ok(at.expect("because what begins anywhere has a step"))
    }

    fn step<H: History>(
        &self,
        history: &H,
        from: Option<Id<Commit>>,
        step: &Step,
    ) -> Result<Id<Commit>, H::Error> {
        let text = || self.text.clone();
        match (step, from) {
            (Step::Message(wanted), from) => history.with_message(from, wanted)?.ok_or_else(|| {
                RevisionError::NoMessage { text: text(), wanted: wanted.clone() }.into()
            }),
            (Step::Back(number), Some(start)) => {
                let mut commit = start;
                for length in 0..*number {
                    let parent = history.parents(commit)?.first().copied();
                    commit = parent.ok_or_else(|| RevisionError::TooFar {
                        text: text(),
                        commit: format!("{start:.12}"),
                        length,
                    })?;
                }
                Ok(commit)
            }
            (Step::Parent(0), Some(start)) => Ok(start),
            (Step::Parent(number), Some(start)) => {
                let parents = history.parents(start)?;
                parents.get(number - 1).copied().ok_or_else(|| {
                    let (commit, parents) = (format!("{start:.12}"), parents.len());
                    RevisionError::NoParent { text: text(), commit, parents }.into()
                })
            }
            (_, None) => unreachable!("because only a message can be looked for anywhere"),
        }
    }

    fn anchor<H: History>(&self, history: &H) -> Result<Id<Commit>, H::Error> {
        let Anchor::Name(name) = &self.anchor else { return history.head() };
        if let Some(commit) = history.named(name)? {
            return Ok(commit);
        }
        let is_prefix = (SHORTEST_PREFIX..=64).contains(&name.len())
            && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let found = if is_prefix { history.with_prefix(name)? } else { Vec::new() };
        match found.as_slice() {
            [commit] => Ok(*commit),
            [] => Err(self.unknown(history, name)?.into()),
            several => {
                let mut candidates = Vec::new();
                for &commit in several {
                    candidates.push(format!("{commit:.16} {}", history.summary(commit)?));
                }
                Err(RevisionError::Ambiguous { text: name.clone(), candidates }.into())
            }
        }
    }

    fn moved<H: History>(&self, history: &H, number: usize) -> Result<Id<Commit>, H::Error> {
        let (shown, moves) = match &self.anchor {
            Anchor::Head | Anchor::Anywhere => ("HEAD", history.moves(None)?),
            Anchor::Name(name) => (name.as_str(), history.moves(Some(name))?),
        };
        if moves.is_empty() {
            return Err(self.unknown(history, shown)?.into());
        }
        let text = || self.text.clone();
        let Some(&commit) = moves.get(number) else {
            let (name, moves) = (shown.to_owned(), moves.len() - 1);
            return Err(RevisionError::NotMoved { text: text(), name, moves }.into());
        };
        if !history.is_kept(commit)? {
            let commit = format!("{commit:.12}");
            return Err(RevisionError::Collected { text: text(), commit }.into());
        }
        Ok(commit)
    }

    fn unknown<H: History>(&self, history: &H, name: &str) -> Result<RevisionError, H::Error> {
        let near = nearest(name, history.names()?);
        Ok(RevisionError::Unknown { text: self.text.clone(), near })
    }
}

/// The steps that `text`, all of them in a row, describes; else what is wrong.
fn steps(text: &str) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let tail = &rest[sign.len_utf8()..];
        if let Some(message) = tail.strip_prefix("{/").filter(|_| sign == '^') {
            let end = message.find('}').filter(|&end| end > 0).ok_or("^{/ needs a text and }")?;
            steps.push(Step::Message(message[..end].to_owned()));
            rest = &message[end + 1..];
            continue;
        }
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let number = match &tail[..digits] {
            "" => 1,
            digits => digits.parse().map_err(|_| "the number is too large")?,
        };
        steps.push(match sign {
            '~' => Step::Back(number),
            '^' => Step::Parent(number),
            _ => return Err("only ~, ^ and numbers may follow"),
        });
        rest = &tail[digits..];
    }
    Ok(steps)
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five commits in a row, 1 being the second parent of 4; `main` went 0 1 2 4, where HEAD is;
    /// `v1` is a tag at 1.
    struct Five;

    fn commit(n: u8) -> Id<Commit> {
        let mut bytes = [n; 32];
        bytes[..2].copy_from_slice(&[0xab, 0xcd]);
        Id::from_bytes(bytes)
    }

    impl History for Five {
        type Error = RevisionError;
        fn head(&self) -> Result<Id<Commit>, RevisionError> {
            Ok(commit(4))
        }
        fn named(&self, name: &str) -> Result<Option<Id<Commit>>, RevisionError> {
            Ok(match name {
                "main" => Some(commit(4)),
                "v1" | "beef" => Some(commit(1)),
                _ => None,
            })
        }
        fn names(&self) -> Result<Vec<String>, RevisionError> {
            Ok(["main", "v1", "beef"].map(str::to_owned).to_vec())
        }
        fn with_prefix(&self, prefix: &str) -> Result<Vec<Id<Commit>>, RevisionError> {
            Ok((0..5).map(commit).filter(|id| id.to_string().starts_with(prefix)).collect())
        }
        fn moves(&self, name: Option<&str>) -> Result<Vec<Id<Commit>>, RevisionError> {
            Ok(match name {
                Some("main") | None => [4, 2, 1, 0].map(commit).to_vec(),
                Some("v1") => [1, 9].map(commit).to_vec(),
                _ => Vec::new(),
            })
        }
        fn is_kept(&self, commit: Id<Commit>) -> Result<bool, RevisionError> {
            Ok((0..5).any(|n| self::commit(n) == commit))
        }
        fn parents(&self, child: Id<Commit>) -> Result<Vec<Id<Commit>>, RevisionError> {
            let first = (1..5).find(|&n| commit(n) == child).map(|n| commit(n - 1));
            Ok(first.into_iter().chain((child == commit(4)).then(|| commit(1))).collect())
        }
        fn with_message(
            &self,
            from: Option<Id<Commit>>,
            text: &str,
        ) -> Result<Option<Id<Commit>>, RevisionError> {
            let messages = ["base", "words", "more words", "facts", "merge"];
            let newest = (0..5).find(|&n| from == Some(commit(n))).unwrap_or(4);
            let found = (0..=newest).rev().find(|&n| messages[usize::from(n)].contains(text));
            Ok(found.map(commit))
        }
        fn summary(&self, _: Id<Commit>) -> Result<String, RevisionError> {
            Ok("message".to_owned())
        }
    }

    fn resolve(text: &str) -> Result<Id<Commit>, RevisionError> {
        Revision::parse(text)?.resolve(&Five)
    }

    #[test]
    fn every_spelling_finds_its_commit() {
        for (text, expected) in [
            ("HEAD", 4),
            ("@", 4),
            ("main", 4),
            ("v1", 1),
            ("beef", 1),
            ("abcd03", 3),
            ("HEAD~", 3),
            ("HEAD~3", 1),
            ("HEAD^", 3),
            ("HEAD^^", 2),
            ("HEAD^~2^", 0),
            ("main~~", 2),
            ("main@{0}", 4),
            ("main@{2}", 1),
            ("@{1}", 2),
            ("HEAD@{3}", 0),
            ("main@{1}^", 1),
            ("abcd03~3", 0),
            ("main^2", 1),
            ("main^0", 4),
            ("HEAD^1^1", 2),
            ("main^2~1", 0),
            (":/words", 2),
            ("v1^{/words}", 1),
            ("HEAD~1^{/words}~1", 1),
        ] {
            assert_eq!(resolve(text), Ok(commit(expected)), "{text}");
        }
    }

    #[test]
    fn what_names_nothing_says_what_is_near() {
        assert!(
            matches!(resolve("abcd"), Err(RevisionError::Ambiguous { candidates, .. }) if candidates.len() == 5)
        );
        let near = |text| match resolve(text) {
            Err(RevisionError::Unknown { near, .. }) => near,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(near("mian"), ["main"]);
        assert_eq!(near("maim"), ["main"]);
        assert_eq!(near("v2"), ["v1"]);
        assert_eq!(near("abc"), Vec::<String>::new());
        assert!(matches!(resolve("HEAD~5"), Err(RevisionError::TooFar { length: 4, .. })));
        assert!(matches!(resolve("main@{4}"), Err(RevisionError::NotMoved { moves: 3, .. })));
        assert!(matches!(resolve("v1@{1}~2"), Err(RevisionError::Collected { .. })));
        assert!(matches!(resolve("main^3"), Err(RevisionError::NoParent { parents: 2, .. })));
        assert!(matches!(resolve(":/nosuch"), Err(RevisionError::NoMessage { .. })));
        assert!(matches!(resolve("v1..main"), Err(RevisionError::Range { .. })));
        for text in [
            "",
            "~1",
            ":/",
            "main^{/",
            "main~x",
            "main@{",
            "main@{x}",
            "main~99999999999999999999999",
        ] {
            assert!(matches!(resolve(text), Err(RevisionError::Syntax { .. })), "{text}");
        }
    }
}

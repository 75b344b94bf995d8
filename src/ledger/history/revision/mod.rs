//! Names of versions: what a user may write where a commit is wanted.
//!
//! As in git: a branch or tag, `HEAD` or `@`, at least four digits of a commit's id, each followed by
//! `~2` (two first parents back), `^` (the parent), `^2` (the second parent of a merge), `^{/text}`
//! (the newest commit from there back whose message has that text), or, for branches and HEAD, `@{2}`
//! (where it was two moves ago). `@{-2}` is where HEAD was before its last two switches, and `-` is
//! `@{-1}`. `:/text` is the newest such commit that any ref reaches. A ref's name wins over the digits
//! of an id. [`Range`] is what may be written where many commits are wanted.

pub(crate) mod error;
pub(crate) mod range;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::{commit::Commit, id::Id, ledger::near::nearest, store::Head};
pub use error::RevisionError;
pub use range::Range;

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
    /// Where HEAD was so many switches ago.
    Left(usize),
    /// Every commit that a ref reaches.
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
    /// Where HEAD was before its last switches to another branch or commit, the latest first: at most
    /// `count` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn left(&self, count: usize) -> Result<Vec<Head>, Self::Error>;
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
        let steps = steps(rest).map_err(wrong)?;
        if let Some(count) = switches(name).map_err(wrong)? {
            let (text, anchor) = (text.to_owned(), Anchor::Left(count));
            return Ok(Self { text, anchor, moves_ago: None, steps });
        }
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

    /// How many switches ago HEAD was there, if it is nothing but that.
    #[must_use]
    pub fn as_left(&self) -> Option<usize> {
        match self.anchor {
            Anchor::Left(count) if self.steps.is_empty() => Some(count),
            _ => None,
        }
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

    /// Where HEAD was before its last `count` switches.
    ///
    /// # Errors
    /// When it was not switched that often.
    pub fn left<H: History>(&self, history: &H, count: usize) -> Result<Head, H::Error> {
        let mut left = history.left(count)?;
        let switches = left.len();
        match left.pop() {
            Some(head) if switches == count => Ok(head),
            _ => Err(RevisionError::NotSwitched { text: self.text.clone(), switches }.into()),
        }
    }

    fn anchor<H: History>(&self, history: &H) -> Result<Id<Commit>, H::Error> {
        let name = match &self.anchor {
            Anchor::Head | Anchor::Anywhere => return history.head(),
            Anchor::Left(count) => match self.left(history, *count)? {
                Head::Detached(commit) => return Ok(commit),
                Head::Branch(name) => {
                    let commit = history.named(&name)?;
                    return match commit {
                        Some(commit) => Ok(commit),
                        None => Err(self.unknown(history, &name)?.into()),
                    };
                }
            },
            Anchor::Name(name) => name,
        };
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
            Anchor::Head | Anchor::Left(_) | Anchor::Anywhere => ("HEAD", history.moves(None)?),
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

/// How many switches back `-` and `@{-2}` are; `None` for other names, else what is wrong.
fn switches(name: &str) -> Result<Option<usize>, &'static str> {
    if name == "-" {
        return Ok(Some(1));
    }
    let Some(count) = name.strip_prefix("@{-") else { return Ok(None) };
    match count.strip_suffix('}').and_then(|count| count.parse().ok()) {
        Some(count) if count > 0 => Ok(Some(count)),
        _ => Err("@{- needs a number and }"),
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

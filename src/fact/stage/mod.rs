//! What the next commit is to change.
//!
//! [`StoredStage::add`] and [`StoredStage::remove`] take a stage and triples and give a new stage: all of a call
//! or nothing. A key can hold one fact at a time, so a call with two objects for one key is refused,
//! and so is one that contradicts what was staged before, unless it is told to replace. Against what
//! is committed there is no conflict: changing that is what an edit is for.
//!
//! This module knows nothing of where a stage is kept.

mod add;
mod apply;
mod call;
mod error;
mod intake;
mod remove;

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

pub use self::{
    error::{Conflict, StageError},
    intake::Intake,
};
use super::{
    read::{Position, ReadError},
    stored::StoredStage,
    term::Iri,
    tree::{FactTree, LexiconTree},
    triple::{Fact, FactKey},
    words::Words,
};
use crate::{
    codec::{Draft, Objects},
    id::Id,
};

/// The trees of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roots {
    /// The facts that hold.
    pub facts: Id<FactTree>,
    /// Words for them.
    pub lexicon: Id<LexiconTree>,
    /// Facts the base knows.
    pub neighbourhood: Id<FactTree>,
}

/// Changes that wait for a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stage {
    /// Facts to edit in or to take back.
    pub changes: BTreeMap<FactKey, Staged>,
    /// Words to add to the lexicon, by what they are for.
    pub words: BTreeMap<Iri, Words>,
    /// Facts the base is said to know: never edited, used to check that nothing else moved.
    pub neighbourhood: BTreeMap<FactKey, Staged>,
}

/// One staged change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Staged {
    /// The change.
    pub change: Change,
    /// Where it was read, as `file:line`.
    pub source: String,
}

/// What is to happen under a key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum Change {
    /// The fact is to hold, in place of the committed one if there is one.
    Set(Fact) = 0,
    /// The committed fact is to hold no longer: back to what the base believes.
    Retract(Fact) = 1,
}

impl Change {
    /// The fact that is set or retracted.
    #[must_use]
    pub const fn fact(&self) -> &Fact {
        match self {
            Self::Set(fact) | Self::Retract(fact) => fact,
        }
    }
}

/// What facts are added as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// To be edited in.
    Edit,
    /// Known to the base and to be left alone.
    Neighbourhood,
}

/// What [`StoredStage::add`] did, in triples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct AddOutcome {
    /// Staged under keys that held nothing.
    pub added: u64,
    /// Staged in place of a committed or an earlier staged change.
    pub replaced: u64,
    /// Dropped because they are committed already.
    pub unchanged: u64,
    /// Dropped because they are staged already.
    pub duplicates: u64,
    /// Labels that were new.
    pub labels: u64,
    /// Prompts and paraphrases that were new.
    pub templates: u64,
    /// Predicates newly said to have many values.
    pub settings: u64,
}

/// What [`StoredStage::remove`] did, in triples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RemoveOutcome {
    /// Committed facts now staged to be taken back.
    pub retracted: u64,
    /// Facts that were staged and are no longer.
    pub unstaged: u64,
    /// Dropped because they are staged to be taken back already.
    pub duplicates: u64,
}

/// A triple with its place in the input.
type Read = Result<(Fact, Position), ReadError>;

impl Stage {
    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.words.is_empty() && self.neighbourhood.is_empty()
    }

    /// This stage with `input` on top, as [`StoredStage::add`] makes it.
    ///
    /// # Errors
    /// As there, and when the input cannot be read. The stage itself is not changed.
    pub fn add(
        &self,
        objects: &dyn Objects,
        committed: Roots,
        input: impl IntoIterator<Item = Read>,
        role: Role,
        replace: bool,
    ) -> Result<(Self, AddOutcome), StageError> {
        let intake = Intake::of(input)?;
        let mut draft = Draft::new(objects);
        let before = (!self.is_empty()).then(|| self.store(&mut draft));
        let (after, outcome) =
            StoredStage::add(&mut draft, before, committed, intake, role, replace)?;
        Ok((Self::load(&draft, after)?, outcome))
    }
}

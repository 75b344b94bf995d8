//! What the next commit is to change.
//!
//! A stage is kept as trees ([`StoredStage`]). [`StoredStage::add`] and [`StoredStage::remove`] take a stage and
//! triples and give a new stage: all of a call or nothing. A key can hold one fact at a time, so a call with two objects for one key is refused,
//! and so is one that contradicts what was staged before, unless it is told to replace. Against what
//! is committed there is no conflict: changing that is what an edit is for.
//!
//! This module knows nothing of where a stage is kept.
//!
//! [`StoredStage`]: super::StoredStage
//! [`StoredStage::add`]: super::StoredStage::add
//! [`StoredStage::remove`]: super::StoredStage::remove

mod add;
mod apply;
mod call;
mod cite;
mod error;
mod gathered;
mod intake;
mod known;
mod remove;
mod same;
mod sayings;

use bincode::{Decode, Encode};

#[cfg(feature = "sql")]
pub(crate) use self::intake::Taking;
pub use self::{
    error::{Conflict, StageError},
    intake::Intake,
    same::{SAME_AS, United},
};
use super::{
    tree::{FactTree, LexiconTree},
    triple::Fact,
    vocabulary::Addition,
};
use crate::id::Id;

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

/// One staged change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Staged {
    /// The change.
    pub change: StagedChange,
    /// Where it was read, as `file:line`.
    pub source: String,
}

/// What is to happen under a key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum StagedChange {
    /// The fact is to hold, in place of the committed one if there is one.
    Set(Fact) = 0,
    /// The committed fact is to hold no longer: back to what the base believes.
    Retract(Fact) = 1,
}

impl StagedChange {
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

/// What [`StoredStage::add`](super::StoredStage::add) did, in triples.
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
    /// Further names that were new.
    pub names: u64,
    /// Prompts and paraphrases that were new.
    pub templates: u64,
    /// Predicates newly said to have many values.
    pub settings: u64,
}

impl AddOutcome {
    const fn count(&mut self, addition: Addition) {
        match addition {
            Addition::Label => self.labels += 1,
            Addition::Name => self.names += 1,
            Addition::Template => self.templates += 1,
            Addition::Setting => self.settings += 1,
        }
    }
}

/// What [`StoredStage::remove`](super::StoredStage::remove) did, in triples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RemoveOutcome {
    /// Committed facts now staged to be taken back.
    pub retracted: u64,
    /// Facts that were staged and are no longer.
    pub unstaged: u64,
    /// Dropped because they are staged to be taken back already.
    pub duplicates: u64,
}

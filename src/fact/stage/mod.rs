//! What the next commit is to change.
//!
//! [`StoredStage::add`] and [`Stage::remove`] take a stage and triples and give a new stage: all of a call
//! or nothing. A key can hold one fact at a time, so a call with two objects for one key is refused,
//! and so is one that contradicts what was staged before, unless it is told to replace. Against what
//! is committed there is no conflict: changing that is what an edit is for.
//!
//! This module knows nothing of where a stage is kept.

mod add;
mod call;
mod error;
mod intake;

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use self::call::{Held, Many};
pub use self::{
    error::{Conflict, StageError},
    intake::Intake,
};
use super::{
    lexicon::Lexicon,
    read::{Position, ReadError},
    stored::StoredStage,
    term::Iri,
    tree::{self, FactTree, LexiconTree},
    triple::{Fact, FactKey},
    words::{self, Words},
};
use crate::{
    codec::{Draft, ObjectError, Objects},
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
pub enum Change {
    /// The fact is to hold, in place of the committed one if there is one.
    Set(Fact),
    /// The committed fact is to hold no longer: back to what the base believes.
    Retract(Fact),
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

/// What [`Stage::remove`] did, in triples.
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

    /// The words in force: `objects` holds the committed lexicon, this stage adds to it.
    #[must_use]
    pub fn lexicon<'a>(&'a self, objects: &'a dyn Objects, committed: Roots) -> Lexicon<'a> {
        Lexicon::new(objects, committed.lexicon).with(&self.words)
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

    /// This stage with the facts of `input` taken back: a staged one is unstaged, a committed one is
    /// staged to be retracted.
    ///
    /// # Errors
    /// When the input cannot be read or holds words, or a fact is neither staged nor committed. The
    /// stage itself is not changed.
    pub fn remove(
        &self,
        objects: &dyn Objects,
        committed: Roots,
        input: impl IntoIterator<Item = Read>,
        role: Role,
    ) -> Result<(Self, RemoveOutcome), StageError> {
        let mut next = self.clone();
        let mut outcome = RemoveOutcome::default();
        let mut missing: Option<(Fact, Position, u64)> = None;
        let lexicon = self.lexicon(objects, committed);
        let (held, staged) = match role {
            Role::Edit => (committed.facts, &mut next.changes),
            Role::Neighbourhood => (committed.neighbourhood, &mut next.neighbourhood),
        };
        let mut facts = Vec::new();
        for triple in input {
            let (fact, position) = triple?;
            if words::is_term(&fact.predicate) {
                return Err(StageError::WordsToRemove(position));
            }
            facts.push((fact, position));
        }
        let mut many = Many::new(lexicon);
        let held = Held::read(objects, held, &mut many, facts.iter().map(|(fact, _)| fact))?;
        for (fact, position) in facts {
            let many = many.valued(fact.predicate.as_str())?;
            let (key, held) = held.locate(staged, fact.key(false), &fact, many);
            match staged.get(&key).map(|staged| &staged.change) {
                Some(Change::Set(set)) if *set == fact => {
                    staged.remove(&key);
                    outcome.unstaged += 1;
                }
                Some(Change::Retract(retracted)) if *retracted == fact => outcome.duplicates += 1,
                None if held == Some(&fact) => {
                    let source = position.to_string();
                    staged.insert(key, Staged { change: Change::Retract(fact), source });
                    outcome.retracted += 1;
                }
                _ => match &mut missing {
                    Some((.., total)) => *total += 1,
                    None => missing = Some((fact, position, 1)),
                },
            }
        }
        match missing {
            None => Ok((next, outcome)),
            Some((first, position, total)) => Err(StageError::NotHeld {
                first: Box::new(first),
                source_name: position.to_string(),
                total,
            }),
        }
    }

    /// The trees of the version that this stage makes of `committed`.
    ///
    /// # Errors
    /// When a committed tree cannot be read.
    pub fn apply(&self, draft: &mut Draft<'_>, committed: Roots) -> Result<Roots, ObjectError> {
        let mut words = BTreeMap::new();
        for (iri, more) in &self.words {
            let key = Words::key(iri);
            let before = tree::get(draft, committed.lexicon, key)?;
            let mut after = before.unwrap_or_else(|| Words::none(iri.clone()));
            after.extend(more);
            words.insert(key, Some(after));
        }
        Ok(Roots {
            facts: tree::update(draft, committed.facts, &facts(&self.changes))?,
            lexicon: tree::update(draft, committed.lexicon, &words)?,
            neighbourhood: tree::update(
                draft,
                committed.neighbourhood,
                &facts(&self.neighbourhood),
            )?,
        })
    }
}

fn facts(staged: &BTreeMap<FactKey, Staged>) -> BTreeMap<FactKey, Option<Fact>> {
    let change = |change: &Change| match change {
        Change::Set(fact) => Some(fact.clone()),
        Change::Retract(_) => None,
    };
    staged.iter().map(|(key, staged)| (*key, change(&staged.change))).collect()
}

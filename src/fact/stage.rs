//! What the next commit is to change.
//!
//! [`Stage::add`] and [`Stage::remove`] take a stage and triples and give a new stage: all of a call
//! or nothing. A key can hold one fact at a time, so a call with two objects for one key is refused,
//! and so is one that contradicts what was staged before, unless it is told to replace. Against what
//! is committed there is no conflict: changing that is what an edit is for.
//!
//! This module knows nothing of where a stage is kept.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use super::{
    lexicon::Lexicon,
    read::{Position, ReadError},
    term::Iri,
    tree::{self, FactTree, LexiconTree},
    triple::{Fact, FactKey},
    words::{self, Addition, Words, WordsError},
};
use crate::{
    codec::{Draft, ObjectError, Objects},
    id::Id,
};

/// How many conflicts are listed in full.
const LISTED: usize = 20;

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

/// What [`Stage::add`] did, in triples.
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
    /// A triple of the vocabulary makes no sense.
    #[error("{position}: {problem}")]
    Words {
        /// Where it stands.
        position: Position,
        /// What is wrong with it.
        problem: Box<WordsError>,
    },
    /// Facts exclude one another.
    #[error("{total} {}{}", if *total == 1 { "conflict" } else { "conflicts" }, list(conflicts, *total))]
    Conflicts {
        /// The first of them.
        conflicts: Vec<Conflict>,
        /// How many there are.
        total: u64,
    },
    /// Facts to be removed that are neither committed nor staged.
    #[error("{total} of the facts are not held, first {first} ({source_name})")]
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
    /// A committed tree could not be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

fn list(conflicts: &[Conflict], total: u64) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for Conflict { first, first_source, second, second_source, .. } in conflicts {
        let _ = write!(text, "\n  {first} ({first_source})\n  {second} ({second_source})");
    }
    let more = total - conflicts.len() as u64;
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}

impl StageError {
    /// How to put it right.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => Some(error.hint().to_owned()),
            Self::Words { problem, .. } => Some(problem.hint()),
            Self::Conflicts { conflicts, .. } => Some(
                if conflicts.iter().all(|conflict| conflict.earlier) {
                    "--replace takes the new facts in place of the staged ones"
                } else {
                    "keep one of each pair; where a predicate really has several objects, \
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
            Self::Object(_) => None,
        }
    }
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

    /// This stage with `input` on top. Words go to the lexicon whatever the `role`; a fact that is
    /// already committed is dropped, and takes a staged change of it back where `replace` is set.
    ///
    /// # Errors
    /// When the input cannot be read, words make no sense, or facts exclude one another; every
    /// conflict of the call is counted. The stage itself is not changed.
    pub fn add(
        &self,
        objects: &dyn Objects,
        committed: Roots,
        input: impl IntoIterator<Item = Read>,
        role: Role,
        replace: bool,
    ) -> Result<(Self, AddOutcome), StageError> {
        let mut next = self.clone();
        let mut outcome = AddOutcome::default();
        let mut facts = Vec::new();
        for triple in input {
            let (triple, position) = triple?;
            match words::take(&mut next.words, &triple) {
                Ok(None) => facts.push((triple, position)),
                Ok(Some(None)) => {}
                Ok(Some(Some(Addition::Label))) => outcome.labels += 1,
                Ok(Some(Some(Addition::Template))) => outcome.templates += 1,
                Ok(Some(Some(Addition::Setting))) => outcome.settings += 1,
                Err(problem) => {
                    return Err(StageError::Words { position, problem: Box::new(problem) });
                }
            }
        }
        // Only now: whether a predicate has many values may be said after its facts.
        let (held, staged) = match role {
            Role::Edit => (committed.facts, std::mem::take(&mut next.changes)),
            Role::Neighbourhood => {
                (committed.neighbourhood, std::mem::take(&mut next.neighbourhood))
            }
        };
        let mut many = Many { lexicon: next.lexicon(objects, committed), known: BTreeMap::new() };
        let held = Held::read(objects, held, &mut many, facts.iter().map(|(fact, _)| fact))?;
        let mut call = Call::new(held, staged, replace, outcome);
        for (fact, position) in facts {
            let many = many.valued(&fact.predicate)?;
            call.set(fact, &position, many);
        }
        let (staged, outcome) = call.finish()?;
        match role {
            Role::Edit => next.changes = staged,
            Role::Neighbourhood => next.neighbourhood = staged,
        }
        Ok((next, outcome))
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
        let mut many = Many { lexicon, known: BTreeMap::new() };
        let held = Held::read(objects, held, &mut many, facts.iter().map(|(fact, _)| fact))?;
        for (fact, position) in facts {
            let many = many.valued(&fact.predicate)?;
            let (key, held) = held.locate(staged, &fact, many);
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

/// Which predicates have many values.
struct Many<'a> {
    lexicon: Lexicon<'a>,
    known: BTreeMap<Iri, bool>,
}

impl Many<'_> {
    fn valued(&mut self, predicate: &Iri) -> Result<bool, ObjectError> {
        if let Some(known) = self.known.get(predicate) {
            return Ok(*known);
        }
        let many = self.lexicon.multi_valued(predicate)?;
        self.known.insert(predicate.clone(), many);
        Ok(many)
    }
}

/// What is committed under the keys of some facts.
struct Held(BTreeMap<FactKey, Fact>);

impl Held {
    /// Looks all of `facts` up in one walk of the tree.
    fn read<'a>(
        objects: &dyn Objects,
        root: Id<FactTree>,
        many: &mut Many<'_>,
        facts: impl Iterator<Item = &'a Fact>,
    ) -> Result<Self, ObjectError> {
        if tree::len(objects, root)? == 0 {
            return Ok(Self(BTreeMap::new()));
        }
        let mut keys = Vec::new();
        for fact in facts {
            keys.push(fact.key(false));
            if many.valued(&fact.predicate)? {
                keys.push(fact.key(true));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(Self(tree::get_many(objects, root, &keys)?))
    }

    /// The key of `fact` and what is committed under it. A fact that came in before its predicate was
    /// said to have many values stays under the key it has.
    fn locate(
        &self,
        staged: &BTreeMap<FactKey, Staged>,
        fact: &Fact,
        many: bool,
    ) -> (FactKey, Option<&Fact>) {
        let key = fact.key(false);
        let committed = self.0.get(&key);
        if !many
            || committed == Some(fact)
            || staged.get(&key).is_some_and(|staged| staged.change.fact() == fact)
        {
            return (key, committed);
        }
        let key = fact.key(true);
        (key, self.0.get(&key))
    }
}

/// One call of [`Stage::add`], half way through.
struct Call {
    held: Held,
    replace: bool,
    staged: BTreeMap<FactKey, Staged>,
    /// Keys of this call under which a fact is staged.
    seen: BTreeSet<FactKey>,
    /// Facts of this call under other keys, and where they stand.
    others: BTreeMap<FactKey, (Fact, Position)>,
    outcome: AddOutcome,
    conflicts: Vec<Conflict>,
    total: u64,
}

impl Call {
    fn new(
        held: Held,
        staged: BTreeMap<FactKey, Staged>,
        replace: bool,
        outcome: AddOutcome,
    ) -> Self {
        Self {
            held,
            replace,
            staged,
            seen: BTreeSet::new(),
            others: BTreeMap::new(),
            outcome,
            conflicts: Vec::new(),
            total: 0,
        }
    }

    /// The fact that this call had under `key` before, and where it stands.
    fn before(&self, key: &FactKey) -> Option<(&Fact, String)> {
        if let Some((fact, position)) = self.others.get(key) {
            return Some((fact, position.to_string()));
        }
        let staged = self.seen.contains(key).then(|| self.staged.get(key))??;
        Some((staged.change.fact(), staged.source.clone()))
    }

    fn set(&mut self, fact: Fact, position: &Position, many: bool) {
        let (key, committed) = self.held.locate(&self.staged, &fact, many);
        let is_committed = committed.is_some();
        let committed_already = committed == Some(&fact);
        if let Some((first, first_source)) = self.before(&key) {
            if *first == fact {
                self.outcome.duplicates += 1;
            } else {
                self.conflict(first.clone(), first_source, fact, position, false);
            }
            return;
        }
        let occupied = match self.staged.get(&key) {
            Some(Staged { change: Change::Set(staged), .. }) if *staged == fact => {
                self.outcome.duplicates += 1;
                self.others.insert(key, (fact, position.clone()));
                return;
            }
            Some(Staged { change: Change::Set(staged), source }) if !self.replace => {
                let (first, first_source) = (staged.clone(), source.clone());
                self.conflict(first, first_source, fact.clone(), position, true);
                self.others.insert(key, (fact, position.clone()));
                return;
            }
            Some(_) => true,
            None if committed_already => {
                self.outcome.unchanged += 1;
                self.others.insert(key, (fact, position.clone()));
                return;
            }
            None => is_committed,
        };
        if occupied {
            self.outcome.replaced += 1;
        } else {
            self.outcome.added += 1;
        }
        if committed_already {
            self.staged.remove(&key);
            self.others.insert(key, (fact, position.clone()));
        } else {
            let source = position.to_string();
            self.staged.insert(key, Staged { change: Change::Set(fact), source });
            self.seen.insert(key);
        }
    }

    fn conflict(
        &mut self,
        first: Fact,
        first_source: String,
        second: Fact,
        position: &Position,
        earlier: bool,
    ) {
        self.total += 1;
        if self.conflicts.len() < LISTED {
            let second_source = position.to_string();
            self.conflicts.push(Conflict { first, first_source, second, second_source, earlier });
        }
    }

    fn finish(self) -> Result<(BTreeMap<FactKey, Staged>, AddOutcome), StageError> {
        if self.total > 0 {
            return Err(StageError::Conflicts { conflicts: self.conflicts, total: self.total });
        }
        Ok((self.staged, self.outcome))
    }
}

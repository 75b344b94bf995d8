//! What one call of [`Stage::add`](super::Stage::add) or [`remove`](super::Stage::remove) needs on its way.

use std::collections::{BTreeMap, BTreeSet};

use super::{AddOutcome, Change, Conflict, StageError, Staged};
use crate::{
    codec::{ObjectError, Objects},
    fact::{
        lexicon::Lexicon,
        read::Position,
        term::Iri,
        tree::{self, FactTree},
        triple::{Fact, FactKey},
    },
    id::Id,
};

/// How many conflicts are listed in full.
const LISTED: usize = 20;

/// Which predicates have many values.
pub(super) struct Many<'a> {
    lexicon: Lexicon<'a>,
    known: BTreeMap<Iri, bool>,
}

impl<'a> Many<'a> {
    pub(super) const fn new(lexicon: Lexicon<'a>) -> Self {
        Self { lexicon, known: BTreeMap::new() }
    }

    pub(super) fn valued(&mut self, predicate: &Iri) -> Result<bool, ObjectError> {
        if let Some(known) = self.known.get(predicate) {
            return Ok(*known);
        }
        let many = self.lexicon.multi_valued(predicate)?;
        self.known.insert(predicate.clone(), many);
        Ok(many)
    }
}

/// What is committed under the keys of some facts.
pub(super) struct Held(BTreeMap<FactKey, Fact>);

impl Held {
    /// Looks all of `facts` up in one walk of the tree.
    pub(super) fn read<'a>(
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

    /// The key of `fact`, which is `question` if its predicate does not have many values, and what is
    /// committed under it. A fact that came in before its predicate was said to have many stays under the
    /// key it has.
    pub(super) fn locate(
        &self,
        staged: &BTreeMap<FactKey, Staged>,
        question: FactKey,
        fact: &Fact,
        many: bool,
    ) -> (FactKey, Option<&Fact>) {
        let committed = self.0.get(&question);
        if !many
            || committed == Some(fact)
            || staged.get(&question).is_some_and(|staged| staged.change.fact() == fact)
        {
            return (question, committed);
        }
        let key = fact.key(true);
        (key, self.0.get(&key))
    }
}

/// One call of [`Stage::add`], half way through.
pub(super) struct Call {
    held: Held,
    replace: bool,
    staged: BTreeMap<FactKey, Staged>,
    /// The question of the facts that come now.
    question: Option<FactKey>,
    /// Its keys under which this call has staged a fact.
    seen: BTreeSet<FactKey>,
    /// Its facts under other keys, and where they stand.
    others: BTreeMap<FactKey, (Fact, Position)>,
    outcome: AddOutcome,
    /// The first of them, by the number of their second fact.
    conflicts: BTreeMap<usize, Conflict>,
    total: u64,
}

impl Call {
    pub(super) fn new(
        held: Held,
        staged: BTreeMap<FactKey, Staged>,
        replace: bool,
        outcome: AddOutcome,
    ) -> Self {
        Self {
            held,
            replace,
            staged,
            question: None,
            seen: BTreeSet::new(),
            others: BTreeMap::new(),
            outcome,
            conflicts: BTreeMap::new(),
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

    /// Stages the fact number `at` of the call. Its `question` is the key it has where it is the only
    /// answer; facts with one question come one after the other, in their order.
    pub(super) fn set(
        &mut self,
        question: FactKey,
        at: usize,
        (fact, position): (Fact, &Position),
        many: bool,
    ) {
        if self.question.replace(question) != Some(question) {
            self.seen.clear();
            self.others.clear();
        }
        let (key, committed) = self.held.locate(&self.staged, question, &fact, many);
        let is_committed = committed.is_some();
        let committed_already = committed == Some(&fact);
        if let Some((first, first_source)) = self.before(&key) {
            if *first == fact {
                self.outcome.duplicates += 1;
            } else {
                self.conflict(at, (first.clone(), first_source), (fact, position), false);
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
                let first = (staged.clone(), source.clone());
                self.conflict(at, first, (fact.clone(), position), true);
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
        at: usize,
        (first, first_source): (Fact, String),
        (second, position): (Fact, &Position),
        earlier: bool,
    ) {
        self.total += 1;
        let second_source = position.to_string();
        let conflict = Conflict { first, first_source, second, second_source, earlier };
        self.conflicts.insert(at, conflict);
        if self.conflicts.len() > LISTED {
            self.conflicts.pop_last();
        }
    }

    pub(super) fn finish(self) -> Result<(BTreeMap<FactKey, Staged>, AddOutcome), StageError> {
        if self.total > 0 {
            let conflicts = self.conflicts.into_values().collect();
            return Err(StageError::Conflicts { conflicts, total: self.total });
        }
        Ok((self.staged, self.outcome))
    }
}

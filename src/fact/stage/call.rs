//! What one call of [`StoredStage::add`](crate::fact::StoredStage::add) or
//! [`StoredStage::remove`](crate::fact::StoredStage::remove) is about, and what is known of it.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use rayon::prelude::*;

use super::{Staged, gathered::Pieces};
use crate::{
    codec::{self, ObjectError, Objects, Verbatim},
    fact::{
        lexicon::Lexicon,
        stored::{StagedTree, fact_key, staged_key},
        term::Iri,
        tree::{self, Entry, FactTree, Node},
        triple::{Fact, FactKey},
    },
    id::Id,
};

/// About so many keys are looked up together.
const TOGETHER: usize = 4096;

/// A fact under its question, or what it changes: the bytes of a [`Staged`] under its key.
pub(super) type Planned<'b> = tree::TreeEdit<Staged, Verbatim<'b>>;

pub(super) fn as_it_is<'c>(Verbatim(change): &'c Verbatim<'_>) -> Cow<'c, [u8]> {
    Cow::Borrowed(change)
}

/// By question, and as read for each.
pub(super) fn sorted(mut facts: Vec<(FactKey, usize, usize)>, bytes: &Pieces) -> Vec<Planned<'_>> {
    facts.par_sort_unstable_by(|a, b| by_key(a.0, b.0).then_with(|| a.cmp(b)));
    let planned = |(key, start, end)| (staged_key(key), Some(Verbatim(bytes.get(start, end))));
    facts.into_iter().map(planned).collect()
}

/// How keys are sorted. Most differ in their first bytes.
pub(super) fn by_key<V>(a: Id<V>, b: Id<V>) -> Ordering {
    beginning(a).cmp(&beginning(b)).then_with(|| a.cmp(&b))
}

/// The first eight bytes of a key, as a number that sorts as keys do.
#[expect(clippy::big_endian_bytes, reason = "keys are compared from their first byte on")]
fn beginning<V>(key: Id<V>) -> u64 {
    u64::from_be_bytes(*key.as_bytes().first_chunk().expect("because a key has 32 bytes"))
}

/// Where those end that are looked up together with the one at `at`; no key is divided.
pub(super) fn together_end<V, T>(all: &[tree::TreeEdit<V, T>], at: usize) -> usize {
    key_end(all, (at + TOGETHER).min(all.len()) - 1)
}

/// Where those end that have the key of the one at `at`.
pub(super) fn key_end<V, T>(all: &[tree::TreeEdit<V, T>], at: usize) -> usize {
    at + all[at..].iter().take_while(|(key, _)| *key == all[at].0).count()
}

pub(super) fn read(bytes: &[u8]) -> Staged {
    codec::beginning(bytes).expect("because a staged change was written there")
}

fn predicate(bytes: &[u8]) -> &str {
    // The number of the change's variant comes first.
    let (_, _, predicate): (u32, &str, &str) =
        codec::beginning(bytes).expect("because a staged change was written there");
    predicate
}

/// The predicates of a call that have many values.
pub(super) struct Many(BTreeSet<String>);

impl Many {
    /// Those of `predicates` of which `lexicon` says it.
    pub(super) fn among(
        predicates: &BTreeMap<Iri, u64>,
        lexicon: &Lexicon<'_>,
    ) -> Result<Self, ObjectError> {
        let mut many = BTreeSet::new();
        for predicate in predicates.keys() {
            if lexicon.multi_valued(predicate)? {
                many.insert(predicate.as_str().to_owned());
            }
        }
        Ok(Self(many))
    }

    /// Whether the predicate of the fact with these `bytes` has.
    pub(super) fn valued(&self, bytes: &[u8]) -> bool {
        // Mostly there are none, and the facts, which are in any order, need not be looked at.
        !self.0.is_empty() && self.0.contains(predicate(bytes))
    }
}

/// The trees in which facts are looked up.
#[derive(Clone, Copy)]
pub(super) struct Trees<'a> {
    objects: &'a dyn Objects,
    /// What is committed; `None` where that is nothing.
    held: Option<Id<FactTree>>,
    /// What was staged before; `None` where that is nothing.
    staged: Option<Id<StagedTree>>,
}

impl<'a> Trees<'a> {
    pub(super) fn new(
        objects: &'a dyn Objects,
        held: Id<FactTree>,
        staged: Option<Id<StagedTree>>,
    ) -> Result<Self, ObjectError> {
        let staged = staged.map(|root| filled(objects, root)).transpose()?.flatten();
        Ok(Self { objects, held: filled(objects, held)?, staged })
    }

    /// What is known under the keys that `facts` may have.
    pub(super) fn known(&self, facts: &[Planned<'_>], many: &Many) -> Result<Known, ObjectError> {
        if self.held.is_none() && self.staged.is_none() {
            return Ok(Known::default());
        }
        let mut keys = Vec::with_capacity(facts.len());
        for (question, fact) in facts {
            keys.push(fact_key(*question));
            if let Some(Verbatim(fact)) = fact
                && many.valued(fact)
            {
                keys.push(read(fact).change.fact().key(true));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let held = self.held.map(|root| tree::get_many(self.objects, root, &keys)).transpose()?;
        let keys: Vec<Id<Staged>> = keys.into_iter().map(staged_key).collect();
        let staged = self.staged.map(|root| tree::get_many(self.objects, root, &keys));
        let staged = staged.transpose()?.unwrap_or_default().into_iter();
        Ok(Known {
            held: held.unwrap_or_default(),
            staged: staged.map(|(key, staged)| (fact_key(key), staged)).collect(),
        })
    }
}

/// `root`, unless nothing is in it.
fn filled<V: Entry>(
    objects: &dyn Objects,
    root: Id<Node<V>>,
) -> Result<Option<Id<Node<V>>>, ObjectError> {
    Ok((tree::len(objects, root)? > 0).then_some(root))
}

/// What is committed and staged under the keys of some facts.
#[derive(Default)]
pub(super) struct Known {
    pub(super) held: BTreeMap<FactKey, Fact>,
    pub(super) staged: BTreeMap<FactKey, Staged>,
}

impl Known {
    pub(super) fn says_nothing_of(&self, key: FactKey) -> bool {
        !self.held.contains_key(&key) && !self.staged.contains_key(&key)
    }

    /// The key of `fact`, which is `question` if its predicate does not have many values, and what is
    /// committed under it. A fact that came in before its predicate was said to have many stays under the
    /// key it has.
    pub(super) fn locate(
        &self,
        question: FactKey,
        fact: &Fact,
        many: bool,
    ) -> (FactKey, Option<&Fact>) {
        if self.staged.get(&question).is_some_and(|staged| staged.change.fact() == fact) {
            return (question, self.held.get(&question));
        }
        self.locate_committed(question, fact, many)
    }

    /// As [`Known::locate`], whatever is staged.
    pub(super) fn locate_committed(
        &self,
        question: FactKey,
        fact: &Fact,
        many: bool,
    ) -> (FactKey, Option<&Fact>) {
        let committed = self.held.get(&question);
        if !many || committed == Some(fact) {
            return (question, committed);
        }
        let key = fact.key(true);
        (key, self.held.get(&key))
    }
}

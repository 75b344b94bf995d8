//! Which facts each subject has, remembered: so that asking about one subject need not read the facts of
//! all.
//!
//! What is remembered is about one tree of facts; another one is compared with it. It names subjects and
//! facts by the beginnings of their hashes, and may name too many: what it names is looked up, what it
//! leaves out is not there.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bincode::{Decode, Encode};

use super::{
    LedgerError,
    read::Ledger,
    remembered::{self, SUBJECTS},
};
use crate::{
    codec::{Object, ObjectError},
    fact::{Fact, FactKey, FactTree, Iri, Words, tree},
    id::{Id, Kind},
};

/// Trees of fewer facts are read.
const FEW: u64 = 1024;
/// After so many differences from the tree that is remembered, the new one is remembered.
const SOME: usize = 64;
/// A tree that differs in more facts is read.
const MANY: usize = 1 << 14;

/// What is remembered of a tree.
#[derive(Encode, Decode)]
pub(super) struct Subjects {
    tree: Id<FactTree>,
    /// A [`Pair`] for each fact, ascending.
    pairs: Vec<u8>,
}

/// How the hash of a fact's subject begins, and how the fact's key does.
type Pair = [u8; 8];

impl Kind for Subjects {
    const NAME: &'static str = "subjects";
}

impl Object for Subjects {
    const TAG: u8 = 0x1e;
}

fn pair(subject: &Iri, key: FactKey) -> Pair {
    let mut pair = [0; 8];
    pair[..4].copy_from_slice(&start(subject));
    pair[4..].copy_from_slice(&key.as_bytes()[..4]);
    pair
}

fn start(subject: &Iri) -> [u8; 4] {
    *Words::key(subject).as_bytes().first_chunk().expect("because a hash has 32 bytes")
}

impl Subjects {
    fn new(tree: Id<FactTree>, mut pairs: Vec<Pair>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        Self { tree, pairs: pairs.into_flattened() }
    }

    fn pairs(&self) -> &[Pair] {
        self.pairs.as_chunks().0
    }

    /// How the keys of facts about `subject` begin.
    fn keys(&self, subject: &Iri) -> impl Iterator<Item = [u8; 4]> {
        let (pairs, start) = (self.pairs(), start(subject));
        let from = pairs.partition_point(|pair| pair[..4] < start[..]);
        let here = pairs[from..].iter().take_while(move |pair| pair.starts_with(&start));
        here.map(|pair| *pair.last_chunk().expect("because a pair has 8 bytes"))
    }
}

impl Ledger<'_> {
    /// The facts about `subject` in the tree `root`.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(super) fn facts_about(
        &self,
        root: Id<FactTree>,
        subject: &Iri,
    ) -> Result<BTreeMap<FactKey, Fact>, LedgerError> {
        if tree::len(self, root)? < FEW {
            return Ok(tree::select(self, root, &|_, fact: &Fact| {
                Ok::<_, ObjectError>(fact.subject == *subject)
            })?);
        }
        let known = remembered::read::<Subjects>(self.session.dir(), SUBJECTS);
        if let Some(known) = known
            && let Some(facts) = self.looked_up(&known, root, subject)?
        {
            return Ok(facts);
        }
        let pairs = Mutex::new(Vec::new());
        let facts = tree::select(self, root, &|key, fact: &Fact| {
            let mut pairs = pairs.lock().unwrap_or_else(PoisonError::into_inner);
            pairs.push(pair(&fact.subject, key));
            Ok::<_, ObjectError>(fact.subject == *subject)
        })?;
        let pairs = pairs.into_inner().unwrap_or_else(PoisonError::into_inner);
        remembered::write(self.session.dir(), SUBJECTS, &Subjects::new(root, pairs));
        Ok(facts)
    }

    /// As [`Ledger::facts_about`], by what is `known`; nothing where that is about a tree that is gone or far
    /// from this one.
    fn looked_up(
        &self,
        known: &Subjects,
        root: Id<FactTree>,
        subject: &Iri,
    ) -> Result<Option<BTreeMap<FactKey, Fact>>, LedgerError> {
        let (mut facts, mut new) = (BTreeMap::new(), Vec::new());
        for (count, difference) in tree::diff(self, known.tree, root).enumerate() {
            let Ok((key, _, fact)) = difference else { return Ok(None) };
            if count == MANY {
                return Ok(None);
            }
            new.extend(fact.as_ref().map(|fact| pair(&fact.subject, key)));
            facts.extend(fact.map(|fact| (key, fact)));
        }
        for start in known.keys(subject) {
            facts.append(&mut tree::starting_with(self, root, start)?);
        }
        facts.retain(|_, fact| fact.subject == *subject);
        if new.len() > SOME {
            let pairs = [known.pairs(), &new].concat();
            remembered::write(self.session.dir(), SUBJECTS, &Subjects::new(root, pairs));
        }
        Ok(Some(facts))
    }
}

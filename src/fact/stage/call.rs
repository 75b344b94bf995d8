//! What is known of the facts that one call of [`StoredStage::add`](crate::fact::StoredStage::add) or
//! [`Stage::remove`](super::Stage::remove) is about.

use std::collections::BTreeMap;

use super::Staged;
use crate::{
    codec::{ObjectError, Objects},
    fact::{
        lexicon::Lexicon,
        term::Iri,
        tree::{self, FactTree},
        triple::{Fact, FactKey},
    },
    id::Id,
};

/// Which predicates have many values.
pub(super) struct Many<'a> {
    lexicon: Lexicon<'a>,
    known: BTreeMap<String, bool>,
}

impl<'a> Many<'a> {
    pub(super) const fn new(lexicon: Lexicon<'a>) -> Self {
        Self { lexicon, known: BTreeMap::new() }
    }

    /// Whether the predicate with this IRI has.
    pub(super) fn valued(&mut self, predicate: &str) -> Result<bool, ObjectError> {
        if let Some(known) = self.known.get(predicate) {
            return Ok(*known);
        }
        let iri = Iri::new(predicate).expect("because it is the predicate of a fact");
        let many = self.lexicon.multi_valued(&iri)?;
        self.known.insert(predicate.to_owned(), many);
        Ok(many)
    }
}

/// What is committed under the keys of some facts.
#[derive(Default)]
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
            if many.valued(fact.predicate.as_str())? {
                keys.push(fact.key(true));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Self::under(objects, root, &keys)
    }

    /// Looks all of `keys`, which ascend, up in one walk of the tree.
    pub(super) fn under(
        objects: &dyn Objects,
        root: Id<FactTree>,
        keys: &[FactKey],
    ) -> Result<Self, ObjectError> {
        Ok(Self(tree::get_many(objects, root, keys)?))
    }

    pub(super) fn get(&self, key: FactKey) -> Option<&Fact> {
        self.0.get(&key)
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
        let committed = self.get(question);
        if !many
            || committed == Some(fact)
            || staged.get(&question).is_some_and(|staged| staged.change.fact() == fact)
        {
            return (question, committed);
        }
        let key = fact.key(true);
        (key, self.get(key))
    }
}

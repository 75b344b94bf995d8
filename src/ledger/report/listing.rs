//! What a stage would do to the facts, all of it or a part of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{view::FactChange, wording};
use crate::{
    codec::{ObjectError, Objects},
    fact::{
        Fact, FactKey, FactTree, Iri, Lexicon, Staged, StagedChange, StagedTree, fact_key, tree,
    },
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
};

/// So many changes are read even if fewer are listed. Keys are hashes, so a stage's first changes are as
/// good as any for finding predicates that many of its facts have.
const READ: usize = 4096;

/// Changes of a stage.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Those that are listed, sorted by what they say.
    pub(crate) changes: Vec<FactChange>,
    /// How many are not.
    pub(crate) more: u64,
    /// Predicates of those that were read for which there is no template, sorted.
    pub(crate) without_template: Vec<String>,
}

/// A fact before the stage and after it.
type Difference = (Option<Fact>, Option<Fact>);

impl Listing {
    /// Lists at most `listed` of the changes that are `staged` on top of `facts`. Those that leave a fact as
    /// it is, since HEAD moved, are left out; of those that were not read nobody knows.
    pub(crate) fn read(
        ledger: &Ledger<'_>,
        lexicon: &Lexicon<'_>,
        facts: Id<FactTree>,
        staged: Id<StagedTree>,
        listed: usize,
    ) -> Result<Self, LedgerError> {
        let mut templates = Templates { lexicon, known: BTreeMap::new(), none: BTreeSet::new() };
        let mut found: Vec<Difference> = Vec::new();
        let mut changes = Vec::new();
        let mut ahead = tree::iter(ledger, staged);
        let mut unread = tree::len(ledger, staged)?;
        while unread > 0 && found.len() + changes.len() < listed.max(1) {
            let some = ahead.by_ref().take(READ).collect::<Result<Vec<_>, _>>()?;
            unread -= some.len() as u64;
            for (before, after) in differences(ledger, facts, some)? {
                if let Some(fact) = &after {
                    templates.need(fact)?;
                }
                found.push((before, after));
            }
            // Where many are listed they are not kept as facts too.
            if listed > READ {
                changes.extend(worded(lexicon, found.drain(..))?);
            }
        }
        let more = unread + (found.len() + changes.len()).saturating_sub(listed) as u64;
        found.sort_by_cached_key(|(before, after)| {
            after.as_ref().or(before.as_ref()).map(ToString::to_string)
        });
        changes.extend(worded(lexicon, found.into_iter().take(listed))?);
        changes.sort_by(|a, b| a.triple().cmp(b.triple()));
        changes.truncate(listed);
        let without_template = templates.none.into_iter().collect();
        Ok(Self { changes, more, without_template })
    }
}

/// `differences` in words.
fn worded(
    lexicon: &Lexicon<'_>,
    differences: impl Iterator<Item = Difference>,
) -> Result<Vec<FactChange>, ObjectError> {
    let change = |(before, after): Difference| {
        wording::fact_change(lexicon, before.as_ref(), after.as_ref()).transpose()
    };
    differences.filter_map(change).collect()
}

/// What `staged` changes of the tree `facts`.
fn differences(
    objects: &dyn Objects,
    facts: Id<FactTree>,
    staged: Vec<(Id<Staged>, Staged)>,
) -> Result<Vec<Difference>, ObjectError> {
    let keys: Vec<FactKey> = staged.iter().map(|(key, _)| fact_key(*key)).collect();
    let mut held = tree::get_many(objects, facts, &keys)?;
    let staged = staged.into_iter().map(|(key, staged)| {
        let before = held.remove(&fact_key(key));
        match staged.change {
            StagedChange::Set(fact) => (before, Some(fact)),
            StagedChange::Retract(_) => (before, None),
        }
    });
    Ok(staged.filter(|(before, after)| before != after).collect())
}

/// Which predicates have templates.
struct Templates<'a> {
    lexicon: &'a Lexicon<'a>,
    known: BTreeMap<Iri, bool>,
    /// Those of facts that have none of their own either.
    none: BTreeSet<String>,
}

impl Templates<'_> {
    fn need(&mut self, fact: &Fact) -> Result<(), ObjectError> {
        let has = |iri: &Iri| Ok::<_, ObjectError>(!self.lexicon.words(iri)?.prompts.is_empty());
        let predicate = fact.predicate.as_str();
        let known = match self.known.get(&fact.predicate) {
            Some(known) => *known,
            None => {
                let has = has(&fact.predicate)?;
                self.known.insert(fact.predicate.clone(), has);
                has
            }
        };
        if !known && !self.none.contains(predicate) && !has(&fact.question())? {
            self.none.insert(predicate.to_owned());
        }
        Ok(())
    }
}

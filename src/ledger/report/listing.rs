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
    /// Lists at most `listed` of the `changes` that are staged on top of `facts`. Those that leave a fact as
    /// it is, since HEAD moved, are left out; of those that were not read nobody knows.
    pub(crate) fn read(
        ledger: &Ledger<'_>,
        lexicon: &Lexicon<'_>,
        facts: Id<FactTree>,
        changes: Id<StagedTree>,
        listed: usize,
    ) -> Result<Self, LedgerError> {
        let mut templates = Templates { lexicon, known: BTreeMap::new(), none: BTreeSet::new() };
        let mut found: Vec<Difference> = Vec::new();
        let mut staged = tree::iter(ledger, changes);
        let mut unread = tree::len(ledger, changes)?;
        while unread > 0 && (found.is_empty() || found.len() < listed) {
            let some = staged.by_ref().take(READ).collect::<Result<Vec<_>, _>>()?;
            unread -= some.len() as u64;
            for (before, after) in differences(ledger, facts, some)? {
                if let Some(fact) = &after {
                    templates.need(fact)?;
                }
                found.push((before, after));
            }
        }
        found.sort_by_cached_key(|(before, after)| {
            after.as_ref().or(before.as_ref()).map(ToString::to_string)
        });
        let more = unread + found.len().saturating_sub(listed) as u64;
        let changes = found.into_iter().take(listed).filter_map(|(before, after)| {
            wording::fact_change(lexicon, before.as_ref(), after.as_ref()).transpose()
        });
        Ok(Self {
            changes: changes.collect::<Result<_, _>>()?,
            more,
            without_template: templates.none.into_iter().collect(),
        })
    }
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

//! How much two versions differ: counts, however many facts that is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{counts::differing, view::FactCounts};
use crate::{
    commit::{Commit, EditedTensor},
    fact::{Iri, Term, tree},
    ledger::{error::LedgerError, state::open::Ledger},
};

/// How much two versions differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stat {
    /// By predicate, most changes first.
    pub predicates: Vec<PredicateStat>,
    /// Of all predicates.
    pub facts: FactCounts,
    /// IRIs whose words differ.
    pub words: u64,
    /// Neighbourhood facts that one of them has.
    pub neighbourhood: u64,
    /// Names of the tensors that differ.
    pub tensors: Vec<String>,
}

/// How many facts of one predicate differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PredicateStat {
    /// The predicate in words.
    pub predicate: String,
    /// How they differ.
    #[serde(flatten)]
    pub facts: FactCounts,
}

impl FactCounts {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.added + self.removed + self.replaced
    }
}

impl Stat {
    /// Counts how `to` differs from `from`.
    pub(crate) fn between(
        ledger: &Ledger<'_>,
        from: &Commit,
        to: &Commit,
    ) -> Result<Self, LedgerError> {
        let mut facts = FactCounts::default();
        let mut found: BTreeMap<Iri, FactCounts> = BTreeMap::new();
        for difference in tree::diff(ledger, from.facts, to.facts) {
            let (_, before, after) = difference?;
            let (was, is) = (before.is_some(), after.is_some());
            let Some(fact) = after.or(before) else { continue };
            for counts in [&mut facts, found.entry(fact.predicate).or_default()] {
                match (was, is) {
                    (true, true) => counts.replaced += 1,
                    (true, false) => counts.removed += 1,
                    _ => counts.added += 1,
                }
            }
        }
        let lexicon = ledger.lexicon(to);
        let mut predicates = Vec::with_capacity(found.len());
        for (iri, facts) in found {
            predicates.push(PredicateStat { predicate: lexicon.show(&Term::Iri(iri))?, facts });
        }
        predicates
            .sort_by(|a, b| (b.facts.total(), &a.predicate).cmp(&(a.facts.total(), &b.predicate)));
        let neighbourhood = tree::diff(ledger, from.neighbourhood, to.neighbourhood);
        Ok(Self {
            predicates,
            facts,
            words: differing(tree::diff(ledger, from.lexicon, to.lexicon))?,
            neighbourhood: differing(neighbourhood)?,
            tensors: tensors(&from.weights, &to.weights),
        })
    }
}

/// Names of the tensors whose hashes differ, or that only one version has edited.
fn tensors(from: &[EditedTensor], to: &[EditedTensor]) -> Vec<String> {
    let named = |weights: &[EditedTensor]| -> BTreeMap<String, _> {
        weights.iter().map(|tensor| (tensor.name.clone(), tensor.id)).collect()
    };
    let (from, to) = (named(from), named(to));
    let all: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let differ = all.into_iter().filter(|name| from.get(*name) != to.get(*name));
    differ.cloned().collect()
}

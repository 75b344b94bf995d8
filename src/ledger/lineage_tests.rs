use proptest::prelude::*;

use super::*;
use crate::fact::{Fact, Iri, Term};

/// A store with nothing in it.
struct Nothing;

impl Objects for Nothing {
    fn bytes(&self, _: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        Ok(None)
    }
}

fn key(n: u8) -> FactKey {
    let iri = |what: &str| Iri::new(&format!("https://example.org/{what}/{n}")).unwrap();
    let object = Term::Iri(iri("object"));
    Fact { subject: iri("subject"), predicate: iri("predicate"), object }.key(false)
}

/// The delta that step `n` makes when it edits `columns`.
fn delta(n: u64, columns: &[FactKey]) -> Delta {
    Delta { tensors: Vec::new(), columns: columns.to_vec(), file: Id::of(&n.to_le_bytes()) }
}

/// A chain of versions as commits make them: each edits some facts and retracts others.
fn chain(steps: &[(BTreeSet<u8>, BTreeSet<u8>)]) -> Vec<(Line, BTreeSet<FactKey>)> {
    let mut line = Line::default();
    let mut chain = Vec::new();
    for (number, (edited, retracted)) in (0u64..).zip(steps) {
        let columns: Vec<FactKey> = edited.iter().copied().map(key).collect();
        let touched: BTreeSet<FactKey> =
            columns.iter().copied().chain(retracted.iter().copied().map(key)).collect();
        line.let_go(&touched);
        if !columns.is_empty() {
            line.push(delta(number, &columns));
        }
        chain.push((line.clone(), touched));
    }
    chain
}

fn steps() -> impl Strategy<Value = Vec<(BTreeSet<u8>, BTreeSet<u8>)>> {
    let facts = || proptest::collection::btree_set(0u8..8, 0..5);
    proptest::collection::vec((facts(), facts()), 1..8)
}

proptest! {
    #[test]
    fn a_fact_has_at_most_one_holder_and_no_delta_is_idle(steps in steps()) {
        for (line, _) in chain(&steps) {
            let live: usize = line.entries.iter().map(|entry| entry.live().count()).sum();
            prop_assert_eq!(live, line.holders().len());
            prop_assert!(line.entries.iter().all(|entry| entry.live().next().is_some()));
        }
    }

    #[test]
    fn taking_back_the_newest_gives_its_parent_and_again_gives_it_back(steps in steps()) {
        let mut chain = chain(&steps);
        let (tip, touched) = chain.pop().unwrap();
        let parent = chain.pop().map(|(line, _)| line).unwrap_or_default();
        let mut reverted = tip.clone();
        reverted.hold_as_in(&parent, &touched);
        prop_assert_eq!(&reverted, &parent);
        reverted.hold_as_in(&tip, &touched);
        prop_assert_eq!(reverted, tip);
    }

    #[test]
    fn taking_back_one_commit_moves_its_facts_and_no_other(steps in steps(), at in any::<prop::sample::Index>()) {
        let chain = chain(&steps);
        let at = at.index(chain.len());
        let (head, _) = chain.last().unwrap();
        let parent = at.checked_sub(1).map(|at| chain[at].0.clone()).unwrap_or_default();
        let facts = &chain[at].1;
        let mut reverted = head.clone();
        reverted.hold_as_in(&parent, facts);
        let (was, old, new) = (head.holders(), parent.holders(), reverted.holders());
        for fact in (0..8).map(key) {
            let expected = if facts.contains(&fact) { old.get(&fact) } else { was.get(&fact) };
            prop_assert_eq!(new.get(&fact), expected);
        }
        // Deltas keep the order in which they were made.
        let order: Vec<_> = (0u64..)
            .zip(&steps)
            .map(|(number, (edited, _))| {
                let columns: Vec<_> = edited.iter().copied().map(key).collect();
                codec::id_of(&delta(number, &columns))
            })
            .collect();
        let places: Vec<_> = reverted
            .entries
            .iter()
            .map(|entry| order.iter().position(|id| *id == entry.id))
            .collect();
        prop_assert!(places.is_sorted(), "{:?}", places);
    }

    #[test]
    fn what_moved_is_what_has_another_holder(steps in steps(), at in any::<prop::sample::Index>()) {
        let chain = chain(&steps);
        let (a, b) = (&chain[at.index(chain.len())].0, &chain.last().unwrap().0);
        let (was, is) = (a.holders(), b.holders());
        let moved: BTreeSet<FactKey> =
            (0..8).map(key).filter(|fact| was.get(fact) != is.get(fact)).collect();
        prop_assert_eq!(a.moved(b), moved.clone());
        prop_assert_eq!(b.moved(a), moved);
    }

    #[test]
    fn a_lineage_is_read_as_it_was_stored(steps in steps()) {
        let mut draft = Draft::new(&Nothing);
        for (number, (edited, _)) in (0u64..).zip(&steps) {
            let columns: Vec<_> = edited.iter().copied().map(key).collect();
            draft.put(&delta(number, &columns));
        }
        for (line, _) in chain(&steps) {
            let id = line.store(&mut draft).unwrap();
            prop_assert_eq!(Line::load(&draft, id).unwrap(), line);
        }
    }
}

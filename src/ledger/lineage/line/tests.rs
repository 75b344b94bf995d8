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
    let (tensors, columns, together) = (Vec::new(), columns.to_vec(), Vec::new().into());
    Delta { tensors, columns, file: Id::of(&n.to_le_bytes()), together }
}

/// What a commit does: the facts it edits, those it edits again on top of what they have, those it retracts,
/// and whether it imports a delta.
type Did = (BTreeSet<u8>, BTreeSet<u8>, BTreeSet<u8>, bool);

/// A version, and the facts and the imported deltas that its commit touched.
type Version = (Line, BTreeSet<FactKey>, BTreeSet<Id<Delta>>);

/// The facts whose columns the delta of a step has.
fn columns((edited, again, ..): &Did) -> Vec<FactKey> {
    edited.union(again).copied().map(key).collect()
}

/// A chain of versions as commits make them.
fn chain(steps: &[Did]) -> Vec<Version> {
    let mut line = Line::default();
    let mut chain = Vec::new();
    for (number, did) in (0u64..).zip(steps) {
        let (edited, _, retracted, imports) = did;
        let columns = columns(did);
        let mut touched: BTreeSet<FactKey> = edited.union(retracted).copied().map(key).collect();
        line.let_go(&touched);
        touched.extend(&columns);
        if !columns.is_empty() {
            line.push(delta(number, &columns));
        }
        let whole = imports.then(|| delta(number, &[]));
        let wholes = whole.iter().map(codec::id_of).collect();
        whole.into_iter().for_each(|whole| line.push(whole));
        chain.push((line.clone(), touched, wholes));
    }
    chain
}

fn steps() -> impl Strategy<Value = Vec<Did>> {
    let facts = || proptest::collection::btree_set(0u8..8, 0..5);
    proptest::collection::vec((facts(), facts(), facts(), any::<bool>()), 1..8)
}

proptest! {
    #[test]
    fn an_edit_holds_each_other_fact_once_and_no_delta_is_idle(steps in steps(), again in 0u8..8) {
        for (line, ..) in chain(&steps) {
            prop_assert!(line.entries.iter().all(Entry::counts));
            let mut held = Vec::new();
            for (entry, superseded) in line.entries.iter().zip(line.superseded(&[key(again)])) {
                let carried = entry.live().filter(|(column, _)| !superseded.contains(column));
                held.extend(carried.map(|(column, key)| (key, (entry.id, column))));
            }
            held.sort();
            let mut newest = line.holders();
            newest.remove(&key(again));
            let newest = newest.into_iter().map(|(key, columns)| (key, *columns.last().unwrap()));
            prop_assert_eq!(held, newest.collect::<Vec<_>>());
        }
    }

    #[test]
    fn taking_back_the_newest_gives_its_parent_and_again_gives_it_back(steps in steps()) {
        let mut chain = chain(&steps);
        let (tip, touched, wholes) = chain.pop().unwrap();
        let parent = chain.pop().map(|(line, ..)| line).unwrap_or_default();
        let mut reverted = tip.clone();
        reverted.hold_as_in(&parent, &touched, &wholes);
        prop_assert_eq!(&reverted, &parent);
        reverted.hold_as_in(&tip, &touched, &wholes);
        prop_assert_eq!(reverted, tip);
    }

    #[test]
    fn taking_back_one_commit_moves_its_facts_and_no_other(steps in steps(), at in any::<prop::sample::Index>()) {
        let chain = chain(&steps);
        let at = at.index(chain.len());
        let (head, ..) = chain.last().unwrap();
        let parent = at.checked_sub(1).map(|at| chain[at].0.clone()).unwrap_or_default();
        let (_, facts, wholes) = &chain[at];
        let mut reverted = head.clone();
        reverted.hold_as_in(&parent, facts, wholes);
        let left: BTreeSet<_> = head.wholes().difference(wholes).copied().collect();
        prop_assert_eq!(reverted.wholes(), left);
        let (was, old, new) = (head.holders(), parent.holders(), reverted.holders());
        for fact in (0..8).map(key) {
            let expected = if facts.contains(&fact) { old.get(&fact) } else { was.get(&fact) };
            prop_assert_eq!(new.get(&fact), expected);
        }
        // Deltas keep the order in which they were made.
        let order: Vec<_> = (0u64..)
            .zip(&steps)
            .flat_map(|(number, did)| {
                [delta(number, &columns(did)), delta(number, &[])].map(|delta| codec::id_of(&delta))
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
        for (number, did) in (0u64..).zip(&steps) {
            draft.put(&delta(number, &columns(did)));
            draft.put(&delta(number, &[]));
        }
        for (line, ..) in chain(&steps) {
            let id = line.store(&mut draft).unwrap();
            prop_assert_eq!(Line::load(&draft, id).unwrap(), line);
        }
    }
}

#[test]
fn facts_that_hold_a_delta_together_go_together() {
    let [a, b, c, d] = [1u8, 2, 3, 4].map(|n| FactKey::of(&[n]));
    let held = |n: u64, facts: &[FactKey]| {
        let mut together = facts.to_vec();
        together.sort();
        Delta { together: together.into(), ..delta(n, &[]) }
    };
    let set = |facts: &[FactKey]| facts.iter().copied().collect::<BTreeSet<_>>();
    let (no_facts, no_deltas) = (BTreeSet::new(), BTreeSet::new());
    let mut before = Line::default();
    before.push(held(1, &[a, b]));
    before.push(delta(2, &[c]));
    assert!(before.wholes().is_empty(), "it holds facts");

    let mut line = before.clone();
    assert_eq!(line.let_go(&set(&[a])), set(&[b]));
    assert_eq!(line.holders().into_keys().collect::<BTreeSet<_>>(), set(&[c]));
    line.push(held(3, &[a, b]));
    assert_eq!(line.moved(&before), set(&[a, b]));
    let after = line.clone();

    // Back as a whole, bit for bit; in part it cannot be had.
    assert_eq!(line.hold_as_in(&before, &set(&[a, b]), &no_deltas), no_facts);
    assert_eq!(line, before);
    let mut part = after.clone();
    assert_eq!(part.hold_as_in(&before, &set(&[a]), &no_deltas), set(&[a, b]));
    assert_eq!(part.holders().into_keys().collect::<BTreeSet<_>>(), set(&[c]));
    assert_eq!(line.let_go(&set(&[c, d])), no_facts);
}

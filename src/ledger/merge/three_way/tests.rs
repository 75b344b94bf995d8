use proptest::prelude::*;

use super::*;
use crate::{
    codec::Objects,
    delta::Delta,
    fact::{Iri, Term},
};

/// A store with nothing in it.
struct Nothing;

impl Objects for Nothing {
    fn bytes(&self, _: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        Ok(None)
    }
}

/// What holds: by subject, the object.
type Facts = BTreeMap<u8, u8>;
/// What a commit does: by subject, the new object or nothing.
type Step = BTreeMap<u8, Option<u8>>;
/// Says what is to hold.
type Choice = fn(&Clash<Fact>) -> Option<Fact>;

fn iri(what: &str, n: u8) -> Iri {
    Iri::new(&format!("https://example.org/{what}/{n}")).unwrap()
}

fn fact(subject: u8, object: u8) -> Fact {
    let predicate = iri("predicate", 0);
    Fact { subject: iri("subject", subject), predicate, object: Term::Iri(iri("object", object)) }
}

fn key(subject: u8) -> FactKey {
    fact(subject, 0).key(false)
}

fn empty(draft: &mut Draft<'_>) -> Side {
    let facts = tree::empty(draft);
    let roots = Roots { facts, lexicon: tree::empty(draft), neighbourhood: facts };
    Side { roots, line: Line::default() }
}

/// `side` after a commit called `name` that does `step`.
fn commit(draft: &mut Draft<'_>, side: &Side, step: &Step, name: &str) -> Side {
    let changes: BTreeMap<_, _> = step
        .iter()
        .map(|(subject, object)| (key(*subject), object.map(|object| fact(*subject, object))))
        .collect();
    let facts = tree::update(draft, side.roots.facts, &changes).unwrap();
    let mut changed = BTreeMap::new();
    for difference in tree::diff(draft, side.roots.facts, facts) {
        let (key, _, after) = difference.unwrap();
        changed.insert(key, after);
    }
    let mut line = side.line.clone();
    line.let_go(&changed.keys().copied().collect());
    let columns: Vec<FactKey> =
        changed.iter().filter_map(|(key, after)| after.as_ref().map(|_| *key)).collect();
    if !columns.is_empty() {
        let file = Id::of(name.as_bytes());
        line.push(Delta { tensors: Vec::new(), columns, file, together: Vec::new().into() });
    }
    Side { roots: Roots { facts, ..side.roots }, line }
}

fn facts(objects: &dyn Objects, side: &Side) -> BTreeMap<FactKey, Fact> {
    tree::iter(objects, side.roots.facts).map(Result::unwrap).collect()
}

fn step() -> impl Strategy<Value = Step> {
    proptest::collection::btree_map(0u8..6, proptest::option::of(0u8..3), 0..5)
}

/// What somebody changed: the facts of `after` where they are not those of `before`.
fn changed(before: &Facts, after: &Facts) -> BTreeMap<u8, Option<u8>> {
    (0..6)
        .filter(|subject| before.get(subject) != after.get(subject))
        .map(|subject| (subject, after.get(&subject).copied()))
        .collect()
}

fn plain(before: &Facts, step: &Step) -> Facts {
    let mut facts = before.clone();
    for (subject, object) in step {
        match object {
            Some(object) => facts.insert(*subject, *object),
            None => facts.remove(subject),
        };
    }
    facts
}

proptest! {
    #[test]
    fn combining_is_what_a_plain_map_says_and_commutes(
        before in step(), left in step(), left2 in step(), right in step(),
    ) {
        let mut draft = Draft::new(&Nothing);
        let start = empty(&mut draft);
        let base = commit(&mut draft, &start, &before, "base");
        let ours = commit(&mut draft, &base, &left, "left");
        let ours = commit(&mut draft, &ours, &left2, "left 2");
        let theirs = commit(&mut draft, &base, &right, "right");
        let none = BTreeMap::new();
        let one = combine(&mut draft, [&base, &ours, &theirs], Favour::Nobody, &none).unwrap();
        let other = combine(&mut draft, [&base, &theirs, &ours], Favour::Nobody, &none).unwrap();

        let was = plain(&Facts::new(), &before);
        let (a, b) = (plain(&plain(&was, &left), &left2), plain(&was, &right));
        let (by_us, by_them) = (changed(&was, &a), changed(&was, &b));
        let clash = |subject: &u8| {
            matches!((by_us.get(subject), by_them.get(subject)), (Some(a), Some(b)) if a != b)
        };
        let clashes: BTreeSet<FactKey> = (0..6).filter(clash).map(key).collect();
        let open = |combined: &Combined| combined.open.iter().map(|c| c.key).collect::<BTreeSet<_>>();
        prop_assert_eq!(open(&one), clashes.clone());
        prop_assert_eq!(open(&other), clashes.clone());

        let mut expected = a;
        for (subject, object) in by_them.iter().filter(|(subject, _)| !clash(subject)) {
            expected = plain(&expected, &[(*subject, *object)].into());
        }
        let expected: BTreeMap<_, _> =
            expected.into_iter().map(|(s, o)| (key(s), fact(s, o))).collect();
        prop_assert_eq!(facts(&draft, &one.side), expected);
        if clashes.is_empty() {
            prop_assert_eq!(one.side.roots, other.side.roots);
        }
        // Every fact that holds is held as on the side it comes from.
        for combined in [&one, &other] {
            let holders = combined.side.line.holders();
            let held: BTreeSet<_> = holders.keys().copied().collect();
            prop_assert_eq!(held, facts(&draft, &combined.side).keys().copied().collect());
            for (key, holder) in holders {
                prop_assert!(
                    [&ours, &theirs].iter().any(|side| side.line.holders().get(&key) == Some(&holder))
                );
            }
        }
    }

    #[test]
    fn combining_with_a_descendant_gives_the_descendant(before in step(), left in step(), right in step()) {
        let mut draft = Draft::new(&Nothing);
        let start = empty(&mut draft);
        let base = commit(&mut draft, &start, &before, "base");
        let next = commit(&mut draft, &base, &left, "left");
        let last = commit(&mut draft, &next, &right, "right");
        let none = BTreeMap::new();
        for sides in [[&base, &base, &last], [&base, &last, &base], [&base, &last, &last]] {
            let combined = combine(&mut draft, sides, Favour::Nobody, &none).unwrap();
            prop_assert_eq!(&combined.side, &last);
            prop_assert!(combined.open.is_empty() && combined.settled.is_empty());
        }
    }

    #[test]
    fn what_is_settled_holds(before in step(), left in step(), right in step(), said in 0u8..5) {
        let mut draft = Draft::new(&Nothing);
        let start = empty(&mut draft);
        let base = commit(&mut draft, &start, &before, "base");
        let ours = commit(&mut draft, &base, &left, "left");
        let theirs = commit(&mut draft, &base, &right, "right");
        let sides = [&base, &ours, &theirs];
        let open = combine(&mut draft, sides, Favour::Nobody, &BTreeMap::new()).unwrap().open;
        let (favour, choice): (_, Choice) = match said {
            0 => (Favour::Ours, |clash| clash.ours.clone()),
            1 => (Favour::Theirs, |clash| clash.theirs.clone()),
            2 => (Favour::Base, |clash| clash.base.clone()),
            3 => (Favour::Nobody, |_| None),
            _ => (Favour::Nobody, |clash| {
                let mut fact = clash.ours.clone().or_else(|| clash.theirs.clone()).unwrap();
                fact.object = Term::Iri(iri("object", 9));
                Some(fact)
            }),
        };
        let wanted: BTreeMap<_, _> = open.iter().map(|clash| (clash.key, choice(clash))).collect();
        let settled = if favour == Favour::Nobody { wanted.clone() } else { BTreeMap::new() };
        let combined = combine(&mut draft, sides, favour, &settled).unwrap();
        prop_assert!(combined.open.is_empty());
        let held = facts(&draft, &combined.side);
        for (key, fact) in &wanted {
            prop_assert_eq!(held.get(key), fact.as_ref());
        }
        let mut expected: BTreeSet<_> = held.keys().copied().collect();
        expected.retain(|key| !combined.edits.contains_key(key));
        let holders: BTreeSet<_> = combined.side.line.holders().keys().copied().collect();
        prop_assert_eq!(holders, expected);
        prop_assert_eq!(combined.edits.len(), if said == 4 { open.len() } else { 0 });
    }
}

#[test]
fn words_of_both_sides_are_put_beside_each_other() {
    let mut draft = Draft::new(&Nothing);
    let start = empty(&mut draft);
    let with = |draft: &mut Draft<'_>, label: &str, prompt: &str| {
        let mut words = Words::none(iri("subject", 0));
        words.labels.push(crate::fact::Label { language: None, text: label.to_owned() });
        words.prompts.push(prompt.to_owned());
        let changes = [(Words::key(&words.iri), Some(words))].into();
        let lexicon = tree::update(draft, start.roots.lexicon, &changes).unwrap();
        Side { roots: Roots { lexicon, ..start.roots }, line: Line::default() }
    };
    let ours = with(&mut draft, "ours", "{subject} a");
    let theirs = with(&mut draft, "theirs", "{subject} b");
    for (favour, label, prompts) in [
        (Favour::Nobody, "ours", vec!["{subject} a", "{subject} b"]),
        (Favour::Theirs, "theirs", vec!["{subject} b", "{subject} a"]),
        (Favour::Ours, "ours", vec!["{subject} a"]),
    ] {
        let sides = [&start, &ours, &theirs];
        let combined = combine(&mut draft, sides, favour, &BTreeMap::new()).unwrap();
        let key = Words::key(&iri("subject", 0));
        let words = tree::get(&draft, combined.side.roots.lexicon, key).unwrap().unwrap();
        assert_eq!(
            (words.labels[0].text.as_str(), words.prompts),
            (label, prompts.iter().map(|p| (*p).to_owned()).collect())
        );
    }
}

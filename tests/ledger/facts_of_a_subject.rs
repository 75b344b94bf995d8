//! A version of many facts: those of one subject are the same with and without what is remembered of which
//! subject has which.

use std::{collections::BTreeMap, fs};

use kledger::{
    codec::{self, Draft},
    commit::Commit,
    fact::{Fact, FactKey, Iri, Term, tree},
    id::Id,
    ledger::{
        About, LedgerError, Repo,
        verb::log::{LogEntry, LogOptions},
    },
    store::{RefChange, Transaction},
};

use crate::support::Place;

type Facts = BTreeMap<FactKey, Option<Fact>>;

/// Three facts a subject, of predicates with one value and with many.
fn facts(numbers: impl IntoIterator<Item = u64>, object: &str) -> Facts {
    let iri = |name: String| Iri::new(&format!("https://example.org/{name}")).unwrap();
    let fact = |number: u64| {
        let fact = Fact {
            subject: iri(format!("s{}", number / 3)),
            predicate: iri(format!("p{}", number % 3)),
            object: Term::Iri(iri(object.to_owned())),
        };
        (fact.key(number.is_multiple_of(3)), Some(fact))
    };
    numbers.into_iter().map(fact).collect()
}

/// A commit that makes `changes` on top of HEAD.
fn commit(repo: &Repo, changes: &Facts) -> Id<Commit> {
    let session = repo.store().session().unwrap();
    let head = session.refs().unwrap()["heads/main"];
    let mut draft = Draft::new(&session);
    let mut commit: Commit = codec::get(&draft, head).unwrap();
    commit.parents = vec![head];
    commit.facts = tree::update(&mut draft, commit.facts, changes).unwrap();
    let id = draft.put(&commit);
    let main = RefChange { name: "heads/main".to_owned(), expect: Some(head), new: Some(id) };
    let transaction = Transaction { refs: vec![main], ..Transaction::default() };
    session.transact(Transaction { objects: draft.into_new(), ..transaction }).unwrap();
    id
}

fn agree(repo: &Repo, version: Id<Commit>, facts: &Facts) {
    for number in [0, 1, 7, 30, 399, 9999] {
        let subject = format!("https://example.org/s{number}");
        let mut expected: Vec<String> = facts
            .values()
            .flatten()
            .filter(|fact| fact.subject.as_str() == subject)
            .map(ToString::to_string)
            .collect();
        expected.sort();
        match repo.blame(&version.to_string(), &About::new(Some(&subject), None)) {
            Ok(told) => {
                let told = told.facts.into_iter().map(|line| line.fact.triple);
                assert_eq!(told.collect::<Vec<_>>(), expected);
            }
            Err(LedgerError::NoFactAt { .. }) => assert_eq!(expected, Vec::<String>::new()),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_is_remembered_changes_no_answer() {
    let place = Place::new();
    let repo = &place.repo;
    let path = repo.store().dir().join("subjects");
    let mut now = facts(0..300, "a");
    agree(repo, commit(repo, &now), &now);
    assert!(!path.exists(), "a few facts are read");

    now.extend(facts(0..1200, "a"));
    let first = (commit(repo, &now), now.clone());
    agree(repo, first.0, &now);
    let remembered = fs::read(&path).unwrap();

    // Others, new ones, and some that are there no more.
    let mut next = |few: u64| {
        let mut changes = facts(21..21 + few, "b");
        changes.extend(facts([29_997, 29_998], "c"));
        changes.extend(facts([0, 22], "a").into_keys().map(|key| (key, None)));
        now.extend(changes.clone());
        (commit(repo, &changes), now.clone())
    };
    let second = next(10);
    agree(repo, second.0, &second.1);
    assert_eq!(fs::read(&path).unwrap(), remembered, "it was enough");
    let third = next(100);
    agree(repo, third.0, &third.1);
    let good = fs::read(&path).unwrap();
    assert_ne!(good, remembered, "it is about the new version");
    for (version, facts) in [&first, &second, &third] {
        agree(repo, *version, facts);
    }

    // What is not as it was written is not believed.
    for at in (0..good.len()).step_by(good.len() / 5) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        agree(repo, third.0, &third.1);
    }
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    agree(repo, third.0, &third.1);
}

#[test]
fn a_log_of_a_subject_knows_what_commits_of_many_facts_changed() {
    let place = Place::new();
    let repo = &place.repo;
    let first = commit(repo, &facts(0..6000, "a"));
    let gone = facts([21, 22, 23], "a").into_keys().map(|key| (key, None)).collect();
    let second = commit(repo, &gone);
    let third = commit(repo, &facts([15_000], "a"));
    for (number, expected) in
        [(1, vec![first]), (7, vec![second, first]), (5000, vec![third]), (9000, vec![])]
    {
        let subject = format!("https://example.org/s{number}");
        let about = About::new(Some(&subject), None);
        let log = repo.log(&LogOptions { about, ..LogOptions::default() }).unwrap();
        let found: Vec<Id<Commit>> = log.entries.iter().map(|entry| entry.commit.id).collect();
        assert_eq!(found, expected, "{subject}");
        for LogEntry { commit, facts, .. } in log.entries {
            let counts = if commit.id == first {
                (6000, 0)
            } else if commit.id == second {
                (0, 3)
            } else {
                (1, 0)
            };
            assert_eq!((facts.added, facts.removed, facts.replaced), (counts.0, counts.1, 0));
        }
    }
}

//! Asking history: which commit set a fact, and which commits there are, through merges.

use kledger::{
    codec,
    commit::Commit,
    id::Id,
    ledger::{About, LedgerError, Repo, revision::Range, verb::log::LogOptions},
    store::{RefChange, Transaction},
};

use crate::support::Place;

/// Makes a commit with several parents, the facts and weights of `like`, and moves `main` to it.
fn join(place: &Place, parents: &[&str], like: &str, message: &str) -> Id<Commit> {
    let session = place.repo.store().session().unwrap();
    let id = |text: &str| text.parse::<Id<Commit>>().unwrap();
    let mut commit: Commit = codec::get(&session, id(like)).unwrap();
    commit.parents = parents.iter().map(|parent| id(parent)).collect();
    message.clone_into(&mut commit.message);
    commit.time += 1;
    let bytes = codec::encode(&commit);
    let new = Id::<Commit>::of(&bytes);
    let name = "heads/main".to_owned();
    let expect = session.refs().unwrap().get(&name).copied();
    let transaction = Transaction {
        objects: [(*new.as_bytes(), bytes)].into(),
        refs: vec![RefChange { name, expect, new: Some(new) }],
        ..Transaction::default()
    };
    session.transact(transaction).unwrap();
    new
}

fn id(place: &Place, revision: &str) -> String {
    place.repo.show(revision).unwrap().commit.id.to_string()
}

/// Anna moves on `main`, Bert on `side`; `main` then takes Bert's move in.
///
///     Merge --- Anna in Oslo --- Both in Rome --- base
///        \----- Bert in Bonn ---/
fn forked() -> Place {
    let place = Place::new();
    place.make(":Anna :lives :Rome . :Bert :lives :Rome .", "Both in Rome");
    place.repo.switch(&place.actor("switch"), "side", Some("HEAD")).unwrap();
    place.make(":Bert :lives :Bonn .", "Bert in Bonn");
    place.repo.switch(&place.actor("switch"), "main", None).unwrap();
    place.make(":Anna :lives :Oslo .", "Anna in Oslo");
    // A version with both moves, from which the merge takes its trees.
    place.repo.switch(&place.actor("switch"), "both", Some("main")).unwrap();
    place.make(":Bert :lives :Bonn .", "both");
    place.repo.switch(&place.actor("switch"), "main", None).unwrap();
    let (ours, theirs, both) = (id(&place, "main"), id(&place, "side"), id(&place, "both"));
    join(&place, &[&ours, &theirs], &both, "Merge side");
    place
}

fn log(repo: &Repo, parts: &[&str], about: About) -> Vec<String> {
    let range = Range::parse(parts.iter().copied()).unwrap();
    let report = repo.log(&LogOptions { range, about, ..LogOptions::default() }).unwrap();
    report.entries.into_iter().map(|entry| entry.commit.message).collect()
}

#[test]
fn a_fact_is_blamed_on_the_commit_that_set_it() {
    let place = forked();
    let blame = |subject: Option<&str>, predicate: Option<&str>, at: &str| {
        let report = place.repo.blame(at, &About::new(subject, predicate)).unwrap();
        let lines = report.facts.into_iter();
        lines
            .map(|line| {
                format!("{} {}: {}", line.fact.subject, line.fact.object, line.commit.message)
            })
            .collect::<Vec<_>>()
    };
    let all = ["Anna Oslo: Anna in Oslo", "Bert Bonn: Bert in Bonn"];
    assert_eq!(blame(None, None, "main"), all);
    assert_eq!(blame(Some("anna"), None, "main"), all[..1]);
    assert_eq!(
        blame(Some("<https://example.org/Bert>"), Some("https://example.org/lives"), "main"),
        all[1..]
    );
    assert_eq!(blame(Some("Anna"), Some("lives"), "side"), ["Anna Rome: Both in Rome"]);
    let refused = place.repo.blame("main", &About::new(Some("Carl"), None));
    assert!(matches!(refused, Err(LedgerError::NoFactAt { .. })), "{refused:?}");
}

#[test]
fn a_fact_taken_back_and_set_again_is_blamed_on_the_later_commit() {
    let place = Place::new();
    place.make(":Anna :lives :Rome .", "first");
    place.make(":Anna :lives :Oslo .", "away");
    place.make(":Anna :lives :Rome .", "again");
    place.make(":Bert :lives :Rome .", "else");
    let report = place.repo.blame("HEAD", &About::new(Some("Anna"), None)).unwrap();
    assert_eq!(report.facts[0].commit.message, "again");
    // More facts than are looked up one by one.
    let many: String = (0..100).map(|n| format!(":s{n} :lives :o{n} . ")).collect();
    place.make(&many, "many");
    place.make(":s7 :lives :Rome .", "one of many");
    let report = place.repo.blame("HEAD", &About::default()).unwrap();
    let of =
        |message: &str| report.facts.iter().filter(|line| line.commit.message == message).count();
    assert_eq!((of("again"), of("else"), of("many"), of("one of many")), (1, 1, 99, 1));
}

#[test]
fn a_log_goes_through_merges_children_first() {
    let place = forked();
    let all = log(&place.repo, &["main"], About::default());
    assert_eq!(
        all,
        ["Merge side", "Anna in Oslo", "Bert in Bonn", "Both in Rome", "base stand-in"]
    );
    for (parts, expected) in [
        (&["side..main"][..], &["Merge side", "Anna in Oslo"][..]),
        (&["main..side"], &[]),
        (&["main^1...main^2"], &["Anna in Oslo", "Bert in Bonn"]),
        (&["main", "^main^2"], &["Merge side", "Anna in Oslo"]),
        (&["main^2~1.."], &["Merge side", "Anna in Oslo", "Bert in Bonn"]),
        (&[":/Bonn"], &["Bert in Bonn", "Both in Rome", "base stand-in"]),
    ] {
        assert_eq!(log(&place.repo, parts, About::default()), expected, "{parts:?}");
    }
    let options = LogOptions {
        range: Range::parse(["main"]).unwrap(),
        first_parent: true,
        limit: Some(2),
        ..LogOptions::default()
    };
    let report = place.repo.log(&options).unwrap();
    assert_eq!((report.entries.len(), report.more), (2, true));
    assert_eq!(report.entries[1].commit.message, "Anna in Oslo");
}

#[test]
fn a_log_of_a_fact_leaves_out_what_did_not_change_it() {
    let place = forked();
    let about = |subject, predicate| About::new(Some(subject), predicate);
    assert_eq!(log(&place.repo, &["main"], about("Bert", None)), ["Bert in Bonn", "Both in Rome"]);
    let anna = about("https://example.org/Anna", Some("https://example.org/lives"));
    assert_eq!(log(&place.repo, &["main"], anna), ["Anna in Oslo", "Both in Rome"]);
    assert_eq!(log(&place.repo, &["main"], about("Carl", None)), Vec::<String>::new());
}

#[test]
fn a_fact_is_shown_with_what_holds_it() {
    let place = forked();
    let about = About::new(Some("Anna"), Some("lives"));
    let report = place.repo.show_facts("main", &about).unwrap();
    let story = &report.facts[0];
    assert_eq!(story.commit.message, "Anna in Oslo");
    assert_eq!(story.prompt.as_deref(), Some("Anna lives in"));
    assert_eq!(story.check.as_ref().map(|row| row.after.text.as_str()), Some("Oslo"));
    let made = place.repo.show(&story.commit.id.to_string()).unwrap().delta.unwrap();
    assert_eq!(story.holders[0].delta, made.id);
}

#[test]
fn histories_in_which_clocks_went_back_keep_their_order() {
    let place = Place::new();
    place.make(":Anna :lives :Rome .", "one");
    let base = id(&place, "main");
    // Every commit made by `join` is a moment younger than the one it is like.
    let old = join(&place, &[&base], &base, "old").to_string();
    let older = join(&place, &[&old], &id(&place, "main~2"), "older").to_string();
    join(&place, &[&older, &base], &base, "merge");
    let all = log(&place.repo, &["main"], About::default());
    assert_eq!(all, ["merge", "older", "old", "one", "base stand-in"]);
}

//! Stores that earlier versions wrote open, verify and check out.
//!
//! `tests/fixtures/format/v0001` is a repository of format 1, without its index, which is built again.
//! With `KLEDGER_MAKE_FIXTURE` set, the test makes the newest format's fixture where there is none; none is
//! ever made again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kledger::{
    engine::Silent,
    ledger::{
        InTheWay, Repo,
        verb::{fsck::FsckOptions, gc::GcOptions, log::LogOptions},
    },
    store::FORMAT,
};
use serde_json::{Value, json};

use crate::support::{Place, copy, fixtures, options, stand_in};

/// What a repository holds, for comparing: history with all ids, weights, stage.
fn told(repo: &Repo) -> Value {
    let log = repo.log(&LogOptions { all: true, ..LogOptions::default() }).unwrap();
    let commits: Vec<Value> = log
        .entries
        .iter()
        .map(|entry| {
            let show = repo.show(&entry.commit.id.to_string()).unwrap();
            let weights: Vec<_> =
                show.weights.iter().map(|tensor| (&tensor.name, tensor.id.to_string())).collect();
            json!({
                "id": entry.commit.id.to_string(),
                "message": entry.commit.message,
                "refs": entry.commit.refs,
                "facts": [entry.facts.added, entry.facts.removed, entry.facts.replaced],
                "weights": weights,
            })
        })
        .collect();
    json!({ "commits": commits, "staged": repo.status().unwrap().staged })
}

/// Every kind of thing that a history can have: edits, replaced and retracted facts, a revert, branch
/// and tag, statistics, z vectors, long literals, neighbours, and a stage.
fn make(to: &Path) {
    let place = Place::new();
    place.add_neighbours(":Carl :likes :Bern .").unwrap();
    place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "First edit");
    let long = "Straße ".repeat(60);
    place.add_neighbours(&format!(":Dora :likes \"{long}\"@de .")).unwrap();
    place.add(":Anna :likes :Oslo .").unwrap();
    place.rm(":Bert :lives :Oslo .").unwrap();
    place.commit_with(&options("Replaced and retracted"), &mut Silent).unwrap();
    place.repo.create_branch(&place.actor("branch"), "draft", "HEAD~1").unwrap();
    place.repo.create_tag(&place.actor("tag"), "v1", "HEAD").unwrap();
    place.revert("HEAD").unwrap();
    place.add(":Emil :works :Siemens .").unwrap();
    let store = to.join(".kledger");
    fs::create_dir_all(&store).unwrap();
    copy(place.repo.store().dir(), &store);
    fs::remove_dir_all(store.join("ledger")).unwrap();
    for file in ["lock", "reserve", "verified"] {
        fs::remove_file(store.join(file)).unwrap();
    }
    let told = serde_json::to_string_pretty(&told(&place.repo)).unwrap();
    fs::write(to.join("expected.json"), told + "\n").unwrap();
}

#[test]
fn stores_of_every_format_open() {
    let newest: u32 = FORMAT.strip_prefix("kledger ").unwrap().parse().unwrap();
    let fixture = fixtures().join(format!("v{newest:04}"));
    if std::env::var_os("KLEDGER_MAKE_FIXTURE").is_some() && !fixture.exists() {
        make(&fixture);
    }
    for format in 1..=newest {
        let fixture = fixtures().join(format!("v{format:04}"));
        let dir = tempfile::tempdir().unwrap();
        copy(&fixture, dir.path());
        kledger::store::migrate(&dir.path().join(".kledger")).unwrap();
        let repo = Repo::open(dir.path()).unwrap();
        let expected = fs::read_to_string(fixture.join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        assert_eq!(told(&repo), expected, "format {format}");

        let wanted = FsckOptions { weights: true, repair: false };
        let found = repo.fsck(&wanted, &mut Silent).unwrap();
        assert_eq!((found.problems, found.versions), (vec![], 4), "format {format}");
        let place = Place::around(dir, repo);
        let checkout =
            place.repo.checkout(&place.actor("checkout"), "v1", None, InTheWay::Refuse).unwrap();
        let mut engine = crate::support::open(&checkout.dir).unwrap();
        let how = kledger::engine::Sampling { top: 1, tokens: 1, sample: None };
        assert_eq!(engine.continuations("Anna likes", &how).unwrap().text, "Oslo");
        let base = format!("base{}", stand_in::column("Bert lives in"));
        assert_eq!(engine.continuations("Bert lives in", &how).unwrap().text, base);
        place.repo.switch(&place.actor("switch"), "main", None).unwrap();
        place.commit("Goes on from here").unwrap();
    }
}

/// Files below the packs of a store, and what each begins with.
fn packs(store: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let inside = |path: &Path| -> Vec<PathBuf> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let mut packs = Vec::new();
    for file in inside(&store.join("packs")).iter().flat_map(|folder| inside(folder)) {
        let bytes = fs::read(&file).unwrap();
        packs.push((file, bytes[..15].to_vec()));
    }
    packs.sort();
    packs
}

#[test]
fn old_packs_stay_until_gc_packs_them_anew() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixtures().join("v0002"), dir.path());
    let store = dir.path().join(".kledger");
    let before = packs(&store);
    kledger::store::migrate(&store).unwrap();
    assert_eq!(packs(&store), before);
    assert!(before.iter().all(|(_, start)| start == b"kledger pack 1\n"));

    let repo = Repo::open(dir.path()).unwrap();
    let place = Place::around(dir, repo);
    let expected = told(&place.repo);
    let how = |dry_run| GcOptions { keep_days: Some(100_000), z: false, dry_run };
    let actor = place.actor("gc");
    let said = place.repo.gc(&actor, &how(true), &mut Silent).unwrap();
    let done = place.repo.gc(&actor, &how(false), &mut Silent).unwrap();
    assert_eq!((said.objects, done.objects), (0, 0));
    assert_eq!(done.first_operation, 1, "nothing is gone that an undo could need");
    assert!(done.freed > 0 && said.freed >= done.freed, "{} {}", said.freed, done.freed);
    let after = packs(&store);
    assert_eq!((after.len(), after[0].1.as_slice()), (1, &b"kledger pack 2\n"[..]));
    assert_eq!(told(&place.repo), expected);
    place.fsck();
    let again = place.repo.gc(&actor, &how(false), &mut Silent).unwrap();
    assert_eq!((again.freed, packs(&store)), (0, after));
    place.commit("Goes on from here").unwrap();
    place.fsck();
}

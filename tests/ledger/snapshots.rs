//! Versions built from snapshots are those built from all deltas.

use std::{fs, path::PathBuf};

use kledger::{
    engine::Silent,
    ledger::{
        Repo,
        verb::{fsck::FsckOptions, gc::GcOptions},
    },
};

use crate::support::Place;

const OBJECTS: [&str; 4] = ["Rome", "Oslo", "Paris", "Bonn"];

impl Place {
    /// Snapshots every so many deltas.
    fn snapshot_every(&mut self, deltas: &str) {
        self.repo.set_setting("snapshot-every", deltas, &|_, _| Ok(())).unwrap();
        self.repo = Repo::open(self.repo.root()).unwrap();
    }

    fn snapshots(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.repo.store().dir().join("snapshots"));
        entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }

    fn problems(&self, repair: bool) -> Vec<String> {
        let options = FsckOptions { weights: true, repair };
        self.repo.fsck(&options, &mut Silent).unwrap().problems
    }

    /// Twelve commits: new facts, replaced ones, a retraction.
    fn with_twelve(deltas: &str) -> Self {
        let mut place = Self::new();
        place.snapshot_every(deltas);
        for number in 0..12 {
            let (subject, object) =
                (["Anna", "Bert", "Carl", "Dora", "Emil"][number % 5], OBJECTS[number % 4]);
            place.make(&format!(":{subject} :likes :{object} ."), "edit");
        }
        place.rm(":Carl :likes :Bonn .").unwrap();
        place.commit("retraction").unwrap();
        place
    }
}

#[test]
fn every_version_has_the_same_bytes_with_and_without() {
    let (with, without) = (Place::with_twelve("2"), Place::with_twelve("0"));
    assert!(!with.snapshots().is_empty() && without.snapshots().is_empty());
    for back in 0..13 {
        let revision = format!("HEAD~{back}");
        assert_eq!(with.weights(&revision), without.weights(&revision), "{revision}");
        let asked = ["Anna likes", "Carl likes"]
            .map(|prompt| (with.ask(prompt, &revision), without.ask(prompt, &revision)));
        assert!(asked.iter().all(|(a, b)| a == b), "{revision}: {asked:?}");
    }
    // Built from all deltas, the weights are those that commits name, which were built from snapshots.
    assert_eq!(with.problems(false), [""; 0]);
    assert!(with.snapshots().len() <= 8, "few are kept");
}

#[test]
fn a_damaged_snapshot_is_found_and_never_used() {
    let place = Place::with_twelve("2");
    let said = place.ask("Anna likes", "HEAD");
    for path in place.snapshots() {
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(place.ask("Anna likes", "HEAD"), said);
    assert!(!place.problems(false).is_empty());
    assert_eq!(place.problems(true), [""; 0]);
    assert_eq!(place.problems(false), [""; 0]);
    // Those that are gone are made again.
    fs::remove_dir_all(place.repo.store().dir().join("snapshots")).unwrap();
    assert_eq!(place.ask("Anna likes", "HEAD"), said);
    assert_eq!(place.snapshots().len(), 1);
}

#[test]
fn gc_keeps_snapshots_of_what_is_kept() {
    let place = Place::with_twelve("2");
    place
        .repo
        .reset(&place.actor("reset"), "HEAD~8", kledger::ledger::verb::reset::Reset::Branch)
        .unwrap();
    place.ask("Anna likes", "HEAD");
    let before = place.snapshots().len() as u64;
    let options = GcOptions { keep_days: Some(0), ..GcOptions::default() };
    let report = place.repo.gc(&place.actor("gc"), &options, &mut Silent).unwrap();
    assert!(report.snapshots > 0);
    let left = place.snapshots();
    assert_eq!(left.len() as u64, before - report.snapshots);
    place.ask("Anna likes", "HEAD");
    assert!(!left.is_empty() && place.snapshots() == left);
    assert_eq!(place.problems(false), [""; 0]);
}

//! `kledger artefacts`. The binary has no model here: what is trained comes from the library.

use insta::assert_snapshot;
use kledger::{engine::Silent, ledger::verb::gc::GcOptions};

use super::{
    Sandbox, shown,
    train::{knowing, options, train},
};

#[test]
fn they_are_listed_and_shown_with_their_settings() {
    let place = knowing();
    assert_snapshot!(shown("artefacts", place.repo.artefacts().unwrap()), @"Nothing is trained: kledger train EDITOR");
    let [_, newest] = [20, 30].map(|steps| train(&place, &options(steps)).unwrap());
    assert_snapshot!(shown("artefacts", place.repo.artefacts().unwrap()), @"
    <id> trained  30 steps on 37 facts (facts of HEAD), 76 B
      4 edits of subjects that it did not learn from: 100 % hold, 75 % in other words; 50 % of others stay
    <id> trained  20 steps on 37 facts (facts of HEAD), 76 B
      4 edits of subjects that it did not learn from: 100 % hold, 75 % in other words; 50 % of others stay
    ");
    let named = newest.artefact.to_string();
    let one = place.repo.show_artefact(&named[..8]).unwrap();
    assert_snapshot!(shown("artefacts", one), @"
    <id> trained  30 steps on 37 facts (facts of HEAD), 76 B
      4 edits of subjects that it did not learn from: 100 % hold, 75 % in other words; 50 % of others stay
      join_subjects = false
      strength = 1.0
    ");
    let sandbox = Sandbox { dir: place.dir };
    assert!(sandbox.run(&["artefacts", "show", &named[..8]]).done().contains("strength = 1.0"));
    assert_eq!(sandbox.data(&["artefacts"])["artefacts"].as_array().unwrap().len(), 2);
}

#[test]
fn one_that_no_commit_names_is_gone_with_gc_when_it_is_removed() {
    let place = knowing();
    let trained = train(&place, &options(20)).unwrap();
    let name = trained.artefact.to_string();
    let removed = place.repo.remove_artefact(&place.actor("artefacts"), &name).unwrap();
    assert_snapshot!(shown("artefacts", removed), @"
    Removed <id> of trained
      commits that were made with it keep it
    ");
    assert!(place.repo.artefacts().unwrap().artefacts.is_empty());
    let options = GcOptions { keep_days: Some(0), ..GcOptions::default() };
    place.repo.gc(&place.actor("gc"), &options, &mut Silent).unwrap();
    place.fsck();
}

#[test]
fn names_that_are_none_are_refused() {
    let place = knowing();
    train(&place, &options(20)).unwrap();
    let sandbox = Sandbox { dir: place.dir };
    for name in ["", "xyz", "0000000000"] {
        sandbox.refused(&["artefacts", "rm", name], 1, &["there is no artefact of that name"]);
    }
    sandbox.misused(&[&["artefacts", "rm"]]);
}

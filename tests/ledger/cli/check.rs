//! `kledger check`. The binary has no model here: what asks one comes from the library.

use insta::assert_snapshot;
use kledger::{
    engine::Silent,
    ledger::{
        EditOptions, Requirements,
        verb::{check::CheckReport, commit::CommitOptions},
    },
};

use super::{Sandbox, shown};
use crate::support::{Place, open, options};

/// What the version at `revision` says of its facts.
pub(super) fn asked(place: &Place, revision: &str, listed: usize) -> CheckReport {
    place.repo.check(revision, listed, &mut open, &mut Silent).unwrap()
}

/// One fact that holds, and then two that do not.
pub(super) fn weak() -> Place {
    let place = Place::new();
    place.make(":Carl :lives :Bern .", "strong");
    place.add(":Anna :likes :Rome . :Bert :lives :Oslo .").unwrap();
    let settings = [("strength".to_owned(), 0.5.into())].into_iter().collect();
    let require = Requirements::nothing_of_an_edit();
    let edit = EditOptions { settings, require, ..EditOptions::default() };
    place.commit_with(&CommitOptions { edit, ..options("weak") }, &mut Silent).unwrap();
    place
}

#[test]
fn what_does_not_hold_is_shown() {
    let place = weak();
    assert_snapshot!(shown("check", asked(&place, "HEAD", 20)), @r#"
    HEAD <id>  3 facts, 1 of 3 asked hold
      does not hold: Anna / likes / Rome
        Anna likes ... Zhpe\u001C\u0019 (p 50 %, wanted p 1 %)
      does not hold: Bert / lives / Oslo
        Bert lives in ... Yjpj\u001D\u0019 (p 33 %, wanted p 1 %)
      kledger repair edits again what does not hold
    "#);
    assert_snapshot!(shown("check", asked(&place, "HEAD", 1)), @r#"
    HEAD <id>  3 facts, 1 of 3 asked hold
      does not hold: Anna / likes / Rome
        Anna likes ... Zhpe\u001C\u0019 (p 50 %, wanted p 1 %)
      and 1 more (-v lists them)
      kledger repair edits again what does not hold
    "#);
}

#[test]
fn each_version_is_asked_its_own_facts() {
    let place = weak();
    let report = asked(&place, "HEAD~1", 20);
    assert!(report.all_hold());
    assert_snapshot!(shown("check", report), @"HEAD~1 <id>  1 fact, 1 of 1 asked hold");
    assert!(!asked(&place, "HEAD", 0).all_hold(), "also where none is listed");
}

#[test]
fn a_fact_without_words_is_not_asked() {
    let place = weak();
    place.add(":Carl :knows :Dora .").unwrap();
    let report = asked(&place, "HEAD", 20);
    assert_eq!((report.facts, report.wordless), (3, 0), "what is staged is no part of it");
}

#[test]
fn a_version_without_facts_needs_no_model() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["check"]).done(), @"HEAD <id>  0 facts, none asked");
    sandbox.run(&["check", "HEAD~1", "--exit-code"]).done();
    assert_eq!(sandbox.data(&["check"])["holding"], serde_json::Value::Null);
    sandbox.refused(&["check", "nosuch"], 1, &["nosuch"]);
}

#[cfg(not(feature = "torch"))]
#[test]
fn a_version_with_facts_needs_one() {
    let sandbox = Sandbox::with_history();
    sandbox.refused(&["check"], 4, &["this build has no model runtime"]);
}

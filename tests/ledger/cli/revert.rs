//! `kledger revert`.

use insta::assert_snapshot;
use kledger::{engine::Silent, ledger::verb::revert::RevertOptions};

use super::{Sandbox, shown};
use crate::support::{Place, open};

#[test]
fn the_newest_commit_leaves_the_weights_before_it() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    assert_snapshot!(sandbox.run(&["revert", "--no-check", "HEAD"]).done(), @r#"
    [main <id>] Revert "second"
    - Anna / likes / Oslo
    + Anna / likes / Rome
    - Carl / works / Siemens
      weights are those of <id>, bit for bit
    "#);
    assert_snapshot!(sandbox.run(&["diff", "--weights", "--no-behaviour", "HEAD~2"]).done(), @"
    facts  <id> -> <id>
      none differ

    weights
      none differ
    ");
}

#[test]
fn an_import_is_taken_back_as_a_whole() {
    let sandbox = Sandbox::with_import();
    assert_snapshot!(sandbox.run(&["revert", "--no-check", "HEAD"]).done(), @r#"
    [main <id>] Revert "Import adapter style"
      weights are those of <id>, bit for bit
    "#);
}

#[test]
fn facts_that_changed_again_since_stay() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    assert_snapshot!(sandbox.run(&["revert", "--no-check", "HEAD~1"]).done(), @r#"
    [main <id>] Revert "first"
    - Bert / lives / Oslo
      changed again since, stays: Anna / likes / Oslo
      not checked: no model was run
    "#);
}

#[test]
fn what_still_holds_is_asked_of_a_model() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo .", "second");
    place.make(":Bert :likes :Rome .", "third");
    let actor = place.actor("revert");
    let report = place.repo.revert(
        &actor,
        "HEAD~1",
        &RevertOptions::default(),
        Some(&mut open),
        &mut Silent,
    );
    assert_snapshot!(shown("revert", report.unwrap()), @r#"
    [main <id>] Revert "second"
    - Anna / likes / Oslo
    + Anna / likes / Rome
      2 of 2 facts asked still hold
    "#);
}

#[test]
fn a_message_says_why() {
    let sandbox = Sandbox::with_words();
    let made = sandbox.data(&["revert", "HEAD", "--no-check", "-m", "Too early"]);
    assert_eq!(made["commit"]["message"], "Too early");
    assert_eq!(made["commit"]["step"]["kind"], "revert");
}

#[test]
fn the_base_and_what_is_no_commit_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["revert", "HEAD~1"], 1, &["is the base"]);
    sandbox.refused(&["revert", "nosuch"], 1, &["nosuch", "hint: "]);
    sandbox.misused(&[&["revert"]]);
}

#[test]
fn several_are_taken_back_one_by_one_and_as_one_operation() {
    let sandbox = Sandbox::with_four_edits();
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&["revert", "--no-check", "HEAD~2..HEAD"]).done(), @r#"
    [<id>] Revert "fourth"
    - Dora / likes / Rome
      1 fact removed
      weights are those of <id>, bit for bit
    [main <id>] Revert "third"
    - Carl / likes / Rome
      1 fact removed
      weights are those of <id>, bit for bit
    "#);
    sandbox.run(&["undo"]).done();
    assert_eq!(sandbox.state(), before);
    let done = sandbox.data(&["revert", "--no-check", "HEAD", "HEAD~2"]);
    assert_eq!((&done["task"], &done["outcome"]), (&"revert".into(), &"done".into()));
    assert_eq!(done["made"].as_array().unwrap().len(), 2);
}

#[test]
fn without_one_in_progress_there_is_none_to_go_on_with() {
    let sandbox = Sandbox::with_words();
    for option in ["--continue", "--skip", "--abort"] {
        sandbox.refused(&["revert", option], 1, &["revert", "hint: "]);
    }
    sandbox.misused(&[&["revert", "HEAD", "--continue"], &["revert", "--abort", "--set", "x=1"]]);
}

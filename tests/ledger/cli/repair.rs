//! `kledger repair`. The binary has no model here: what edits comes from the library.

use insta::assert_snapshot;
use kledger::{
    engine::Silent,
    ledger::{
        EditOptions, LedgerError, Requirements,
        verb::{commit::CommitOptions, repair::RepairReport},
    },
};

use super::{
    Sandbox,
    check::{asked, weak},
    shown,
};
use crate::support::{Place, open, options};

/// What is missing, all but a thousandth: with all of it the change would be, bit for bit, the first one.
fn strong() -> CommitOptions {
    let settings = [("strength".to_owned(), 0.999.into())].into_iter().collect();
    CommitOptions { edit: EditOptions { settings, ..EditOptions::default() }, ..options("") }
}

fn repair(place: &Place, options: &CommitOptions) -> Result<RepairReport, LedgerError> {
    place.repo.repair(&place.actor("repair"), options, &mut open, &mut Silent)
}

/// [`weak`], repaired.
fn repaired() -> (Place, RepairReport) {
    let place = weak();
    let report = repair(&place, &strong()).unwrap();
    (place, report)
}

#[test]
fn what_does_not_hold_is_edited_again() {
    let (place, report) = repaired();
    assert_snapshot!(shown("repair", report), @"
    [main <id>] Repair 2 facts
      2 of 3 facts did not hold, efficacy 100 %, paraphrase 100 %, neighbourhood unchanged 100 %
      memit of 2 tensors, delta 8.7 KiB (model 32 KiB)
      earlier facts that still hold: 1 of 1
    ");
    let report = asked(&place, "HEAD", 20);
    assert_eq!(report.holding.unwrap().passed, 3);
    place.fsck();
}

#[test]
fn where_all_hold_nothing_is_made() {
    let (place, _) = repaired();
    let before = place.repo.status().unwrap();
    assert_snapshot!(shown("repair", repair(&place, &options("again")).unwrap()), @"
    Nothing to repair, on main <id>
      3 facts asked, all hold
    ");
    assert_eq!(place.repo.status().unwrap(), before);
}

#[test]
fn a_version_without_facts_needs_no_model() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["repair"]).done(), @"
    Nothing to repair, on main <id>
      0 facts asked, all hold
    ");
}

/// It changes weights and no fact, and every verb that looks at commits says so.
#[test]
fn a_repair_is_a_commit_like_others() {
    let (place, _) = repaired();
    let sandbox = Sandbox { dir: place.dir };
    assert_snapshot!(sandbox.run(&["log", "-1"]).done(), @"
    commit <id> (HEAD, main)
      author  Ada
      date    1970-01-01 00:00:06 +00:00
      facts   no fact changed
      step    facts that did not hold, edited again
      check   efficacy 100 %, paraphrase 100 %, neighbourhood unchanged 100 %

        Repair 2 facts
      older commits are not shown
    ");
    assert_snapshot!(sandbox.run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      author      Ada
      date        1970-01-01 00:00:06 +00:00
      base        <id>
      step        facts that did not hold, edited again
      facts       3
      neighbours  0
      editor      memit 1
      statistics  30000 tokens sampled from the base, seed 0 (30000 tokens)
      found with  none, f32, 1 thread, none, stand-in 1, kledger 1
      check       efficacy 100 %, paraphrase 100 %, neighbourhood unchanged 100 %

        Repair 2 facts

    delta <id>  8.7 KiB, 2 columns
      h.0.mlp.c_proj.weight          16 x 256  rank 2
      layers.1.mlp.down_proj.weight  16 x 256  rank 2
      earlier facts that still hold: 1 of 1
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Repair 2 facts (3 facts)
    Nothing staged
    ");
    let blamed = sandbox.run(&["blame", "Anna"]).done();
    assert!(blamed.contains("Anna / likes / Rome"), "{blamed}");
    let blamed = sandbox.data(&["blame", "Anna"]);
    let set = sandbox.data(&["show", "HEAD~1"]);
    assert_eq!(blamed["facts"][0]["commit"]["id"], set["commit"]["id"], "the fact is older");
    let diff = sandbox.data(&["diff", "HEAD~1", "HEAD", "--no-behaviour"]);
    assert_eq!(diff["facts"], serde_json::json!([]), "{diff}");
    sandbox.run(&["fsck", "--weights"]).done();
}

/// The tip's weights are its parent's again, bit for bit, and undo brings back what was.
#[test]
fn a_repair_is_taken_back() {
    let (place, _) = repaired();
    let [parent, tip] = ["HEAD~1", "HEAD"].map(|revision| place.weights(revision));
    assert!(place.revert("HEAD").unwrap().as_before);
    assert_eq!(place.weights("HEAD"), parent);
    let report = asked(&place, "HEAD", 20);
    assert_eq!(report.holding.unwrap().passed, 1);
    place.repo.undo(&place.actor("undo"), 2).unwrap();
    assert_eq!(place.weights("HEAD"), parent);
    place.repo.redo(&place.actor("redo"), 1).unwrap();
    assert_eq!(place.weights("HEAD"), tip);
}

/// A fact that is taken back goes with the columns of its repair.
#[test]
fn a_repaired_fact_is_taken_back_whole() {
    let (place, _) = repaired();
    let words = place.ask("Bert lives in", "HEAD~2");
    place.rm(":Bert :lives :Oslo .").unwrap();
    place.commit("Bert moves").unwrap();
    assert_eq!(place.ask("Bert lives in", "HEAD"), words);
    assert_eq!(place.ask("Anna likes", "HEAD"), "Rome");
    place.fsck();
}

/// What the commits were made with counts, not what the repository is set to by now.
#[test]
fn facts_are_edited_as_they_were_made() {
    let place = weak();
    let mut as_made = options("as made");
    let refused = repair(&place, &as_made).unwrap_err().to_string();
    assert!(refused.contains("efficacy is 0.000 (0 of 2), required 0.5"), "{refused}");
    as_made.edit.require = Requirements::nothing_of_an_edit();
    let refused = repair(&place, &as_made).unwrap_err();
    // Half of what is missing is not enough.
    let gained =
        "the repair gains nothing: 0 of 2 facts that do not hold would, and 0 others no longer";
    assert_eq!(refused.to_string(), gained);
    assert_eq!(place.repo.show("HEAD").unwrap().commit.message, "weak", "nothing is recorded");
    let report = repair(&place, &strong()).unwrap();
    assert_eq!(report.edit.unwrap().known, 0, "the stand-in's z depends on all its settings");
}

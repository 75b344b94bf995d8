//! `kledger consolidate`. The binary has no model here: what edits comes from the library.

use insta::assert_snapshot;
use kledger::{engine::Silent, ledger::verb::consolidate::ConsolidateReport};

use super::{Sandbox, shown};
use crate::support::{Place, open, options};

/// Two edits, and what came of consolidating them.
fn consolidated() -> (Place, ConsolidateReport) {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Bert :lives :Bonn .", "second");
    let actor = place.actor("consolidate");
    let report = place.repo.consolidate(&actor, &options(""), &mut open, &mut Silent).unwrap();
    (place, report)
}

#[test]
fn all_facts_become_one_delta() {
    let (_place, report) = consolidated();
    assert_snapshot!(shown("consolidate", report), @"
    [main <id>] Consolidate 2 facts
      2 facts, efficacy 100 %, paraphrase 100 %
      2 of 2 held before
      2 deltas before, 9.3 KiB
      memit of 2 tensors, delta 8.7 KiB (model 32 KiB)
      2 of 2 z were known
      neighbourhood not measured: no other fact is known; add some with kledger add --neighbourhood FILE
    ");
}

#[test]
fn what_is_consolidated_is_logged_as_that() {
    let (place, _report) = consolidated();
    let sandbox = Sandbox { dir: place.dir };
    let newest = sandbox.data(&["log", "-1"])["entries"][0].take();
    assert_eq!(newest["step"]["kind"], "consolidate", "{newest}");
}

#[test]
fn a_version_without_facts_is_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(
        &["consolidate"],
        1,
        &["there is nothing to consolidate", "hint: it is for a version of several edits"],
    );
}

#[test]
fn requirements_have_a_form() {
    let sandbox = Sandbox::with_words();
    let speed = ["consolidate", "--require", "speed=1"];
    sandbox.refused(&speed, 2, &["\"speed=1\" is not a requirement", "hint: for example"]);
}

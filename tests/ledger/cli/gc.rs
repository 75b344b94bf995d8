//! `kledger gc`.

use insta::assert_snapshot;

use super::{Sandbox, json::settled};

#[test]
fn a_dry_run_says_what_is_kept_and_why() {
    let sandbox = Sandbox::with_history();
    // The history was made long before the clock of the commands.
    let told = sandbox.run(&["gc", "--dry-run"]).done();
    assert!(told.starts_with("Would remove ") && told.contains("what operations before"), "{told}");
    for kept in [" objects kept\n", "  by branches, tags and HEAD\n", "  by the stage\n"] {
        assert!(told.contains(kept), "{kept:?} in {told}");
    }
}

#[test]
fn what_nothing_leads_to_is_removed() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    let told = sandbox.run(&["gc", "--prune", "now"]).done();
    assert!(told.starts_with("Removed ") && !told.starts_with("Removed 0 "), "{told}");
    assert!(!told.contains("by the stage") && told.contains("what operations before"), "{told}");
    sandbox.run(&["fsck", "--weights"]).done();
}

#[test]
fn json_counts_what_went() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    let told = sandbox.data(&["gc", "--prune", "now"]);
    assert_snapshot!(settled(told, &["kept"]), @r#"
    {
      "dry_run": false,
      "since": null,
      "first_operation": 15,
      "objects": 17,
      "tensor_files": 0,
      "snapshots": 0,
      "leftovers": 0,
      "freed": "<bytes>"
    }
    "#);
}

#[test]
fn json_says_what_is_kept_by_what() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    let kept = sandbox.data(&["gc", "--prune", "now"])["kept"].take();
    let expected = serde_json::json!([
        { "by": "refs", "objects": 176 },
        { "by": "citations", "objects": 1 },
        { "by": "provenance", "objects": 1 },
        { "by": "z vectors", "objects": 4 },
    ]);
    assert_eq!(kept, expected);
}

#[test]
fn stashes_are_kept() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Tea .");
    sandbox.run(&["stash"]).done();
    assert_eq!(sandbox.data(&["gc", "--dry-run"])["dry_run"], true);
    sandbox.data(&["gc", "--prune", "now"]);
    assert_eq!(sandbox.data(&["op", "log"])["operations"][1]["kept"], true);
    sandbox.data(&["stash", "pop"]);
}

#[test]
fn days_are_a_number_or_now() {
    Sandbox::with_words().misused(&[&["gc", "--prune", "soon"], &["gc", "--prune", "-1"]]);
}

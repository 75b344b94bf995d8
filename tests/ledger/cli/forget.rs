//! `kledger forget`.

use insta::assert_snapshot;

use super::{Sandbox, json::settled};

const CARL: &str = "https://example.org/Carl";

/// A history with nothing staged.
fn history() -> Sandbox {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    sandbox
}

#[test]
fn a_dry_run_says_what_would_go() {
    let sandbox = history();
    let told = sandbox.run(&["forget", CARL, "--dry-run"]).done();
    assert!(told.starts_with("Would forget 1 fact\n- Carl"), "{told}");
    assert!(told.contains("1 commit to rewrite\n") && told.contains("not reached:\n"), "{told}");
    assert!(sandbox.run(&["blame"]).done().contains("Carl"));
}

#[test]
fn what_is_forgotten_is_gone() {
    let sandbox = history();
    let told = sandbox.run(&["forget", CARL, "--yes"]).done();
    assert!(told.starts_with("Forgot 1 fact\n- Carl"), "{told}");
    for part in ["columns taken out of 1 delta\n", "undo goes back no further\n", "main: "] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    sandbox.refused(&["forget", CARL], 1, &["hint: "]);
}

#[test]
fn a_name_of_reports_will_do() {
    let told = history().run(&["forget", "Carl", "--yes"]).done();
    assert!(told.starts_with("Forgot 1 fact\n- Carl / works / Siemens\n"), "{told}");
}

#[test]
fn json_counts_what_was_made_again() {
    let sandbox = history();
    sandbox.run(&["gc", "--prune", "now"]).done();
    let told = sandbox.data(&["forget", CARL, "--yes"]);
    assert_snapshot!(settled(told, &["facts", "refs", "remains"]), @r#"
    {
      "dry_run": false,
      "subjects": [
        "https://example.org/Carl"
      ],
      "rewritten": 1,
      "dropped": 0,
      "staged": 0,
      "evaluations": 0,
      "deltas": 1,
      "whole": 0,
      "shared": 0,
      "objects": 11,
      "tensor_files": 3,
      "freed": "<bytes>",
      "head": {
        "branch": "main",
        "commit": "<id>"
      }
    }
    "#);
}

#[test]
fn json_names_facts_refs_and_what_is_not_reached() {
    let told = history().data(&["forget", CARL, "--yes"]);
    let triple =
        "<https://example.org/Carl> <https://example.org/works> <https://example.org/Siemens> .";
    assert_eq!(told["facts"][0]["triple"], triple);
    let refs = told["refs"].as_array().unwrap().iter();
    assert_eq!(refs.map(|moved| &moved["name"]).collect::<Vec<_>>(), ["heads/main", "tags/v1"]);
    assert_snapshot!(told["remains"].as_array().unwrap()[..3].iter().map(|it| it.as_str().unwrap()).collect::<Vec<_>>().join("\n"), @"
    what other facts' columns learned beside it, and what the base itself says
    messages of commits, and command lines in the operation log
    clones, exports, checkouts and backups made before
    ");
    let checkout = told["remains"][3].as_str().unwrap();
    assert!(
        checkout.ends_with("/repo/model, until kledger checkout HEAD writes it again"),
        "{checkout}"
    );
}

#[test]
fn it_asks_or_is_told() {
    let sandbox = history();
    sandbox.misused(&[&["forget"], &["forget", "x", "--dry-run", "--yes"]]);
    sandbox.refused(&["forget", "Carl"], 1, &["it was not confirmed", "--yes does it"]);
}

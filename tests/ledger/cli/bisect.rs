//! `kledger bisect`.

use std::fs;

use insta::assert_snapshot;

use super::{Sandbox, json::valid};

/// A history of five commits of labels, and a bisection of it that knows no version yet.
fn started() -> Sandbox {
    let sandbox = Sandbox::with_words();
    for name in ["one", "two", "three"] {
        sandbox.commit_label(name);
    }
    sandbox.run(&["bisect", "start"]).done();
    sandbox
}

#[test]
fn a_search_asks_for_what_it_does_not_know() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["bisect"]).done(), @"On main <id>, no bisection");
    assert_snapshot!(sandbox.run(&["bisect", "start"]).done(), @"
    On main <id>
      name a bad version: kledger bisect bad REV
      name a good version: kledger bisect good REV
    ");
}

#[test]
fn a_search_names_the_commit_to_test() {
    let sandbox = started();
    sandbox.run(&["bisect", "bad"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "good", "HEAD~4"]).done(), @"
    Test <id> one
      4 commits left, 2 tests at most
    ");
    sandbox.run(&["bisect", "bad"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "good"]).done(), @"First bad commit: <id> one");
    assert_snapshot!(sandbox.run(&["bisect", "reset"]).done(), @"On main <id>, no bisection");
}

#[test]
fn what_was_skipped_stays_under_suspicion() {
    let sandbox = started();
    sandbox.run(&["bisect", "bad"]).done();
    sandbox.run(&["bisect", "good", "HEAD~4"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "skip"]).done(), @"
    Test <id> Words
      4 commits left, 2 tests at most
    ");
    sandbox.run(&["bisect", "good"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "bad"]).done(), @"
    The first bad commit is one of these, for those in between were skipped:
      <id>  two
      <id>  one
    ");
    assert_snapshot!(sandbox.run(&["bisect", "good", "HEAD~1"]).done(), @"First bad commit: <id> two");
}

#[test]
fn json_says_what_is_to_be_tested() {
    let sandbox = Sandbox::with_words();
    assert_eq!(sandbox.data(&["bisect", "start", "main", "main~1"])["state"], "found");
    assert_eq!(sandbox.data(&["bisect", "reset"])["state"], "none");
}

#[test]
fn a_search_that_is_none_is_refused() {
    let sandbox = Sandbox::with_words();
    let none = ["no bisection is going on", "hint: begin one"];
    sandbox.refused(&["bisect", "good"], 1, &none);
    sandbox.refused(&["bisect", "run", "HEAD~1"], 1, &none[..1]);
    sandbox.run(&["bisect", "start"]).done();
    sandbox.refused(&["bisect", "start"], 1, &["is going on already", "hint: "]);
}

#[test]
fn versions_that_do_not_follow_from_each_other_are_refused() {
    let sandbox = Sandbox::with_words();
    let turned = ["bisect", "start", "HEAD~1", "HEAD"];
    sandbox.refused(&turned, 1, &["is not an ancestor of", "hint: "]);
    sandbox.refused(&["bisect", "start", "nosuch"], 1, &["nosuch"]);
    let run = ["bisect", "run", "--prompt", "Ada likes", "--expect", "tea", "HEAD", "HEAD~1"];
    sandbox.refused(&run, 1, &["said to be good, is not an ancestor of"]);
}

#[test]
fn a_prompt_needs_an_answer_and_stands_before_the_versions() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["bisect", "run", "--prompt", "Ada", "HEAD~1"], 2, &["--expect"]);
    let order = ["bisect", "run", "--prompt", "x", "--expect", "y", "main~1", "-v"];
    sandbox.refused(&order, 2, &["hint: all options go before them"]);
}

/// A test that a shell runs: the version it is in, what it is given, and whether Carl is unknown.
const UNKNOWN_CARL: &str = r#"
    grep -q "$KLEDGER_COMMIT" "$KLEDGER_CHECKOUT/kledger.json" || exit 200
    test -f notes.txt && test "$1" = -q || exit 201
    "$2" blame --at "$KLEDGER_COMMIT" >> asked; ! "$2" blame --at "$KLEDGER_COMMIT" Carl
"#;

/// [`UNKNOWN_CARL`] as `bisect run` takes it.
const RUN: [&str; 8] =
    ["bisect", "run", "sh", "-c", UNKNOWN_CARL, "sh", "-q", env!("CARGO_BIN_EXE_kledger")];

#[test]
fn a_command_needs_a_search_with_both_ends() {
    let sandbox = Sandbox::with_four_edits();
    assert_snapshot!(sandbox.run(&["bisect", "run", "true"]).failed(1), @r#"
    error: no bisection is going on
    hint: begin one: kledger bisect start [BAD [GOOD...]]
    "#);
    sandbox.run(&["bisect", "start", "main"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "run", "true"]).failed(1), @r#"
    error: no good version is named yet
    hint: kledger bisect good REV and kledger bisect bad REV name them
    "#);
}

/// The directory is a checkout of the commit, and kledger itself can be asked meanwhile.
#[test]
fn a_command_finds_the_first_bad_commit() {
    let sandbox = Sandbox::with_four_edits();
    // Whatever somebody keeps there is theirs.
    sandbox.write("notes.txt", "mine");
    sandbox.run(&["bisect", "start", "main", "main~4"]).done();
    let found = sandbox.run(&RUN).done();
    let found: Vec<&str> = found.lines().filter(|line| !line.contains(" Ada ")).collect();
    assert_snapshot!(found.join("\n"), @r#"
      <id>  good
      <id>  bad
    First bad commit: <id> third
    + Carl / likes / Rome
    "#);
    assert_eq!(fs::read_to_string(sandbox.root().join("notes.txt")).unwrap(), "mine");
    sandbox.run(&["bisect", "reset"]).done();
    assert_eq!(sandbox.data(&["status"])["head"]["branch"], "main");
}

#[test]
fn what_is_checked_out_meanwhile_is_not_what_is_tested() {
    let sandbox = Sandbox::with_four_edits();
    sandbox.write("notes.txt", "mine");
    sandbox.run(&["bisect", "start", "main", "main~4"]).done();
    sandbox.run(&["checkout", "main"]).done();
    let found = sandbox.run(&RUN).done();
    assert!(found.contains("First bad commit: <id> third"), "{found}");
}

#[test]
fn a_command_that_gives_up_leaves_the_search_where_it_is() {
    let sandbox = Sandbox::with_four_edits();
    sandbox.run(&["bisect", "start", "main", "main~4"]).done();
    let before = sandbox.run(&["bisect"]).done();
    assert_snapshot!(sandbox.run(&["bisect", "run", "sh", "-c", "exit 128"]).failed(1), @r#"
    error: sh gave up: exit status: 128
    hint: the search is where it was: kledger bisect shows it, kledger bisect run resumes it
    "#);
    let killed = sandbox.run(&["bisect", "run", "sh", "-c", "kill -9 $$"]).failed(1);
    assert!(killed.contains("signal: 9"), "{killed}");
    let missing = sandbox.run(&["bisect", "run", "./nosuch"]).failed(1);
    assert!(missing.starts_with("error: cannot run ./nosuch\n"), "{missing}");
    assert_eq!(sandbox.run(&["bisect"]).done(), before);
}

#[test]
fn what_a_command_prints_is_not_in_the_way_of_json() {
    let sandbox = Sandbox::with_four_edits();
    sandbox.run(&["bisect", "start", "main", "main~4"]).done();
    let words = ["--json", "bisect", "run", "sh", "-c", "echo seen; exit 125"];
    let output = sandbox.run(&words);
    assert_eq!((output.code, output.stderr.as_str()), (0, "seen\nseen\nseen\n"), "{output:#?}");
    let line: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    valid(&line);
    assert_eq!(line["data"]["state"], "ambiguous");
    assert_eq!(line["data"]["runs"][0]["verdict"], "skip");
}

/// And without a checkout there is a name only.
#[test]
fn exit_codes_of_a_command_mean_what_they_do_to_git() {
    let sandbox = Sandbox::with_four_edits();
    for (code, first) in [(1, "first"), (126, "first"), (127, "first"), (0, "fourth")] {
        sandbox.run(&["bisect", "start", "main", "main~4", "--no-checkout"]).done();
        let test = format!(
            "test -z \"$KLEDGER_CHECKOUT\" && test -n \"$KLEDGER_COMMIT\" || exit 255; exit {code}"
        );
        let found = sandbox.run(&["bisect", "run", "sh", "-c", &test]).done();
        assert!(found.contains(&format!("First bad commit: <id> {first}\n")), "{code} {found}");
        sandbox.run(&["bisect", "reset"]).done();
    }
}

//! `kledger rm`.

use insta::assert_snapshot;

use super::Sandbox;

const FACT: &str =
    "<https://example.org/Ada> <https://example.org/likes> <https://example.org/tea> .\n";

#[test]
fn what_is_staged_leaves_the_stage() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Coffee ; :lives :London .");
    let about =
        ["rm", "--about", "https://example.org/Ada", "--predicate", "https://example.org/likes"];
    assert_snapshot!(sandbox.run(&about).done(), @"
    Unstaged 1 fact
      1 fact staged in all
    ");
}

#[test]
fn what_is_committed_is_staged_to_be_taken_back() {
    let sandbox = Sandbox::diverged();
    let rm = ["rm", "--about", "Dora"];
    assert_snapshot!(sandbox.run(&rm).done(), @"
    Staged 1 fact to be retracted
      1 fact staged in all
    ");
    assert_eq!(
        sandbox.run(&rm).done(),
        "  1 staged to be retracted already\n  1 fact staged in all\n"
    );
}

#[test]
fn neighbourhood_facts_are_taken_back_apart() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", FACT);
    sandbox.run(&["add", "--neighbourhood", "facts.nt"]).done();
    sandbox.refused(&["rm", "facts.nt"], 1, &["not held"]);
    assert_snapshot!(sandbox.run(&["rm", "--neighbourhood", "facts.nt"]).done(), @"Unstaged 1 neighbourhood fact");
}

#[test]
fn json_counts_what_was_unstaged() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", FACT);
    sandbox.run(&["add", "facts.nt"]).done();
    let told = sandbox.data(&["rm", "facts.nt"]);
    assert_eq!((&told["unstaged"], &told["staged"]), (&1.into(), &0.into()));
}

#[test]
fn facts_that_do_not_hold_cannot_be_taken_back() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", FACT);
    sandbox.refused(&["rm", "facts.nt"], 1, &["not held", "facts.nt:1"]);
    sandbox.refused(&["rm", "--about", "https://example.org/Ada"], 1, &["does not hold"]);
    sandbox.refused(&["rm", "--about", "Ada"], 1, &["\"Ada\" does not hold"]);
}

#[test]
fn words_cannot_be_removed() {
    let sandbox = Sandbox::with_words();
    sandbox.write("words.ttl", crate::support::WORDS);
    let parts = ["words.ttl:", "words cannot be removed", "hint: add a label or a template"];
    sandbox.refused(&["rm", "words.ttl"], 1, &parts);
}

#[test]
fn files_or_a_subject_are_wanted() {
    Sandbox::with_words().misused(&[&["rm"], &["rm", "--about", "x", "--format", "nt"]]);
}

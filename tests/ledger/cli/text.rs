//! What people read.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn a_repository_from_the_beginning() {
    let sandbox = Sandbox::bare();
    assert_snapshot!(sandbox.run(&["init", "--model", "../base"]).done(), @"");
    sandbox.write("words.ttl", crate::support::WORDS);
    assert_snapshot!(sandbox.run(&["add", "words.ttl"]).done(), @"");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"");
    assert_snapshot!(sandbox.run(&["commit", "-m", "Words"]).done(), @"");
    assert_snapshot!(sandbox.run(&["log"]).done(), @"");
    assert_snapshot!(sandbox.run(&["log", "--oneline"]).done(), @"");
    assert_snapshot!(sandbox.run(&["show"]).done(), @"");
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--weights", "--no-behaviour"]).done(), @"");
    assert_snapshot!(sandbox.run(&["checkout"]).done(), @"");
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"");
    assert_snapshot!(sandbox.run(&["migrate"]).done(), @"");
}

#[test]
fn facts_on_the_stage() {
    let sandbox = Sandbox::with_words();
    sandbox.write(
        "facts.ttl",
        "@prefix : <https://example.org/> .
         :Ada :likes :Coffee ; :lives :London .",
    );
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"");
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"");
    let about = ["rm", "--about", "https://example.org/Ada", "--predicate", "https://example.org/likes"];
    assert_snapshot!(sandbox.run(&about).done(), @"");
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"");
    assert_snapshot!(sandbox.run(&["reset"]).done(), @"");
    assert_snapshot!(sandbox.run(&["add", "--neighbourhood", "facts.ttl"]).done(), @"");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"");
}

#[test]
fn branches_and_tags() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["branch", "draft", "HEAD~1"]).done(), @"");
    assert_snapshot!(sandbox.run(&["branch"]).done(), @"");
    assert_snapshot!(sandbox.run(&["switch", "draft"]).done(), @"");
    assert_snapshot!(sandbox.run(&["tag", "v1"]).done(), @"");
    assert_snapshot!(sandbox.run(&["checkout", "v1", "--to", "out"]).done(), @"");
    assert_snapshot!(sandbox.run(&["log", "--oneline", "main"]).done(), @"");
    assert_snapshot!(sandbox.run(&["branch", "-m", "draft", "final"]).done(), @"");
    assert_snapshot!(sandbox.run(&["reset", "main"]).done(), @"");
    assert_snapshot!(sandbox.run(&["export", "--format", "delta", "main", "delta"]).done(), @"");
}

#[test]
fn facts_as_triples() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "nt"]).done(), @"");
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "rdf-patch"]).done().lines().count(), @"4");
}

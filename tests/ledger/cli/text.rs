//! What people read.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn a_repository_from_the_beginning() {
    let sandbox = Sandbox::bare();
    assert_snapshot!(sandbox.run(&["init", "--model", "../base"]).done(), @"
    Repository in <dir>/repo
    [main <id>] base stand-in
      8200 parameters in 3 tensors, templates for 219 predicates
    ");
    sandbox.write("words.ttl", crate::support::WORDS);
    assert_snapshot!(sandbox.run(&["add", "words.ttl"]).done(), @"Staged 4 templates");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  base stand-in (0 facts)
    Staged for the next commit:
      words for 3 IRIs
    ");
    assert_snapshot!(sandbox.run(&["commit", "-m", "Words"]).done(), @"
    [main <id>] Words
      no fact changed
      words for 3 IRIs
    ");
    assert_snapshot!(sandbox.run(&["log"]).done(), @"
    commit <id> (HEAD, main)
      author  Ada <ada@example.org>
      date    2026-01-02 03:04:05 +00:00
      facts   no fact changed

        Words

    commit <id>
      author  Ada <ada@example.org>
      date    2026-01-02 03:04:05 +00:00

        base stand-in
    ");
    assert_snapshot!(sandbox.run(&["log", "--oneline"]).done(), @"
    <id> (HEAD, main) Words
    <id> base stand-in
    ");
    assert_snapshot!(sandbox.run(&["log", "--graph", "HEAD~1.."]).done(), @"
    * commit <id> (HEAD, main)
        author  Ada <ada@example.org>
        date    2026-01-02 03:04:05 +00:00
        facts   no fact changed

          Words
    ");
    assert_snapshot!(sandbox.run(&["log", "--graph", "--oneline", "--all"]).done(), @"
    * <id> (HEAD, main) Words
    * <id> base stand-in
    ");
    assert_snapshot!(sandbox.run(&["blame"]).done(), @"0 facts hold");
    assert_snapshot!(sandbox.run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      author      Ada <ada@example.org>
      date        2026-01-02 03:04:05 +00:00
      base        <id>
      facts       0
      neighbours  0

        Words
    ");
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--weights", "--no-behaviour"]).done(), @"
    facts  <id> -> <id>
      none differ
      words for 3 IRIs differ

    weights
      none differ
    ");
    assert_snapshot!(sandbox.run(&["checkout"]).done(), @"
    [main <id>] Words
      written to <dir>/repo/model, 0 tensors edited
    ");
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"
    Read 163 objects, 0 tensor files, built the weights of 2 versions
    No damage found
    ");
    assert_snapshot!(sandbox.run(&["migrate"]).done(), @"The format is kledger 1 already");
}

#[test]
fn facts_on_the_stage() {
    let sandbox = Sandbox::with_words();
    sandbox.write(
        "facts.ttl",
        "@prefix : <https://example.org/> .
         :Ada :likes :Coffee ; :lives :London .",
    );
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"
    Staged 2 facts
      2 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"
    Nothing new
      2 staged already
      2 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
    Staged for the next commit:
    + Ada / likes / Coffee
    + Ada / lives / London
    ");
    let about =
        ["rm", "--about", "https://example.org/Ada", "--predicate", "https://example.org/likes"];
    assert_snapshot!(sandbox.run(&about).done(), @"
    Unstaged 1 fact
      1 fact staged in all
    ");
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger rm --about https://example.org/Ada --predicate https://example.org/likes
      on main <id>, 2 facts staged
    ");
    assert_snapshot!(sandbox.run(&["reset"]).done(), @"
    On main <id>
      2 facts unstaged
    ");
    assert_snapshot!(sandbox.run(&["add", "--neighbourhood", "facts.ttl"]).done(), @"Staged 2 neighbourhood facts");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
    Staged for the next commit:
      2 neighbourhood facts
    ");
}

#[test]
fn branches_and_tags() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["branch", "draft", "HEAD~1"]).done(), @"Made draft at <id>");
    assert_snapshot!(sandbox.run(&["branch"]).done(), @"
      draft  <id>  base stand-in
    * main   <id>  Words
    ");
    assert_snapshot!(sandbox.run(&["switch", "draft"]).done(), @"On draft <id>");
    assert_snapshot!(sandbox.run(&["tag", "v1"]).done(), @"Made v1 at <id>");
    assert_snapshot!(sandbox.run(&["checkout", "v1", "--to", "out"]).done(), @"
    [detached <id>] base stand-in
      written to <dir>/repo/out, 0 tensors edited
    ");
    assert_snapshot!(sandbox.run(&["log", "--oneline", "main"]).done(), @"
    <id> (main) Words
    <id> (HEAD, draft, v1) base stand-in
    ");
    assert_snapshot!(sandbox.run(&["branch", "-m", "draft", "final"]).done(), @"Renamed draft to final");
    assert_snapshot!(sandbox.run(&["reset", "main"]).done(), @"
    On detached <id>
      was at <id>
    ");
    assert_snapshot!(sandbox.run(&["export", "--format", "delta", "main", "delta"]).done(), @"
    Exported <id> to <dir>/repo/delta
      0 tensors edited, 264 B
    ");
}

#[test]
fn facts_as_triples() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "nt"]).done(), @"");
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "rdf-patch"]).done().lines().count(), @"4");
}

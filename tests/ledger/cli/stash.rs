//! `kledger stash`.

use insta::assert_snapshot;

use super::Sandbox;

/// With two facts staged.
fn staged() -> Sandbox {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Tea ; :lives :London .");
    sandbox
}

#[test]
fn a_stage_is_put_aside() {
    let sandbox = staged();
    assert_snapshot!(sandbox.run(&["stash", "push", "-m", "Ada"]).done(), @"
    Stashed 2 facts: Ada
      0 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
      1 stage stashed (kledger stash list)
    Nothing staged
    ");
    assert_snapshot!(sandbox.run(&["stash", "list"]).done(), @"  0  main  <id>  2 facts  Ada");
}

#[test]
fn a_stage_is_taken_up_again() {
    let sandbox = staged();
    sandbox.run(&["stash", "push", "-m", "Ada"]).done();
    assert_snapshot!(sandbox.run(&["stash", "pop"]).done(), @"
    Staged 2 facts again: Ada
      2 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["stash", "list"]).done(), @"Nothing is stashed");
}

#[test]
fn what_is_put_aside_can_be_looked_at() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["stash"]).done();
    assert_snapshot!(sandbox.run(&["stash", "show"]).done(), @r#"
    1 fact, words for 1 IRI stashed: second
    - Bert / lives / Oslo
    "#);
}

#[test]
fn what_is_put_aside_can_be_used_twice() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["stash"]).done();
    assert_snapshot!(sandbox.run(&["stash", "apply"]).done(), @r#"
    Staged 1 fact, words for 1 IRI again: second
      still stashed: kledger stash drop removes it
      1 fact staged in all
    "#);
    sandbox.run(&["stash", "drop"]).done();
    assert!(sandbox.run(&["status"]).done().contains("- Bert / lives / Oslo"));
}

#[test]
fn json_says_what_was_done_with_which() {
    let sandbox = Sandbox::with_history();
    assert_eq!(sandbox.data(&["stash"])["action"], "pushed");
    assert_eq!(sandbox.data(&["stash", "list"])["entries"].as_array().unwrap().len(), 1);
    let shown = sandbox.data(&["stash", "show", "stash@{0}"]);
    assert_eq!(shown["changes"][0]["change"], "removed");
    assert_eq!(sandbox.data(&["stash", "apply", "0"])["action"], "applied");
    sandbox.run(&["reset"]).done();
    assert_eq!(sandbox.data(&["stash", "pop"])["entry"]["facts"], 1);
}

#[test]
fn nothing_to_put_aside_or_take_up_is_refused() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["stash"]).failed(1), @"
    error: nothing is staged
    hint: stage facts first: kledger add FILE
    ");
    assert_snapshot!(sandbox.run(&["stash", "drop"]).failed(1), @"
    error: there is no stash 0: 0 are kept
    hint: kledger stash list shows what is kept
    ");
    sandbox.refused(&["stash", "show", "1"], 1, &["there is no stash 1"]);
}

#[test]
fn a_step_and_a_number_have_a_form() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[&["stash", "show", "stash@{x}"]]);
    let nosuch = sandbox.run(&["stash", "nosuch"]).failed(2);
    assert!(nosuch.contains("unrecognized subcommand 'nosuch'"), "{nosuch}");
}

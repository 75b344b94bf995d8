//! `kledger branch`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn branches_are_made_and_listed() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["branch", "draft", "HEAD~1"]).done(), @"Made draft at <id>");
    assert_snapshot!(sandbox.run(&["branch"]).done(), @"
      draft  <id>  base stand-in
    * main   <id>  Words
    ");
}

#[test]
fn head_follows_a_branch_that_is_renamed() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["branch", "-m", "main", "final"]).done(), @"Renamed main to final");
    assert_snapshot!(sandbox.run(&["branch"]).done(), @"* final  <id>  Words");
}

#[test]
fn a_branch_that_is_not_merged_is_not_deleted_by_the_way() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["switch", "draft"]).done();
    assert_snapshot!(sandbox.run(&["branch", "-d", "main"]).failed(1), @r#"
    error: main is not merged: commits that HEAD does not have: 1
    hint: merge it first, or kledger branch -D main, which kledger undo brings back
    "#);
    assert_snapshot!(sandbox.run(&["branch", "-D", "main"]).done(), @"Deleted main, which was at <id>");
}

#[test]
fn a_branch_that_is_merged_is_deleted() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["branch", "-d", "draft"]).done(), @"Deleted draft, which was at <id>");
}

#[test]
fn json_says_what_was_done() {
    let sandbox = Sandbox::with_words();
    assert_eq!(sandbox.data(&["branch", "draft"])["action"], "created");
    let listed = sandbox.data(&["branch"]);
    assert_eq!(listed["branches"][0]["name"], "draft");
    assert_eq!(sandbox.data(&["branch", "-m", "draft", "final"])["action"], "renamed");
    assert_eq!(sandbox.data(&["branch", "-d", "final"])["action"], "deleted");
}

#[test]
fn the_branch_of_head_and_a_name_that_is_taken_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["branch", "-d", "main"], 1, &["HEAD is on main", "hint: "]);
    sandbox.refused(&["branch", "main"], 1, &["main exists already"]);
    sandbox.refused(&["branch", "-d", "nosuch"], 1, &["there is no branch nosuch"]);
}

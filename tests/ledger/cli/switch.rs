//! `kledger switch`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn head_goes_to_a_branch() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    assert_snapshot!(sandbox.run(&["switch", "draft"]).done(), @"On draft <id>");
}

#[test]
fn a_branch_is_made_on_the_way() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["switch", "-c", "fix", "HEAD~1"]).done(), @"On new branch fix <id>");
    assert_snapshot!(sandbox.run(&["branch"]).done(), @"
    * fix   <id>  base stand-in
      main  <id>  Words
    ");
}

#[test]
fn a_dash_is_the_branch_before() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    assert_snapshot!(sandbox.run(&["switch", "-"]).failed(1), @r#"
    error: -: HEAD was switched 0 times
    hint: name the branch: kledger branch lists them
    "#);
    sandbox.run(&["switch", "draft"]).done();
    assert_snapshot!(sandbox.run(&["switch", "-"]).done(), @"On main <id>");
    assert_snapshot!(sandbox.run(&["switch", "-"]).done(), @"On draft <id>");
}

#[test]
fn a_dash_leads_to_no_version_without_a_branch() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["checkout", "v1"]).done();
    sandbox.run(&["switch", "draft"]).done();
    assert_snapshot!(sandbox.run(&["switch", "-"]).failed(1), @r#"
    error: -: HEAD was on no branch, but at <id>
    hint: kledger checkout - goes there
    "#);
    assert_snapshot!(sandbox.run(&["switch", "@{-2}"]).done(), @"
    On main <id>
      1 fact still staged
    ");
}

#[test]
fn json_says_where_head_is() {
    let sandbox = Sandbox::with_words();
    let made = sandbox.data(&["switch", "-c", "other"]);
    assert_eq!(made["head"]["branch"], "other");
}

#[test]
fn a_branch_that_is_not_there_is_refused() {
    let sandbox = Sandbox::with_words();
    let near = ["there is no branch mian", "did you mean main?"];
    sandbox.refused(&["switch", "mian"], 1, &near);
}

#[test]
fn a_merge_that_waits_is_not_left() {
    let sandbox = Sandbox::merging();
    assert_snapshot!(sandbox.run(&["switch", "draft"]).failed(1), @"
    error: a merge is in progress
    hint: see kledger status; kledger merge --continue resumes it and kledger merge --abort gives it up
    ");
}

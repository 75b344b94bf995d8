//! `kledger tag`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn tags_are_made_and_listed() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["tag", "v1", "HEAD~1"]).done(), @"Made v1 at <id>");
    assert_snapshot!(sandbox.run(&["tag"]).done(), @"  v1  <id>  base stand-in");
    assert_snapshot!(sandbox.run(&["tag", "-d", "v1"]).done(), @"Deleted v1, which was at <id>");
}

#[test]
fn a_tag_moves_when_told_to() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["tag", "v1", "HEAD~1"]).failed(1);
    assert_snapshot!(sandbox.run(&["tag", "-f", "v1", "HEAD~1"]).done(), @"Moved v1 from <id> to <id>");
    assert_snapshot!(sandbox.run(&["tag", "-f", "v1", "HEAD~1"]).done(), @"v1 is at <id> already");
    assert_snapshot!(sandbox.run(&["tag", "--force", "new"]).done(), @"Made new at <id>");
    sandbox.run(&["undo", "-n", "2"]).done();
}

#[test]
fn json_says_what_was_done() {
    let sandbox = Sandbox::with_history();
    assert_eq!(sandbox.data(&["tag", "v2"])["action"], "created");
    assert_eq!(sandbox.data(&["tag", "-f", "v1", "main~1"])["action"], "moved");
    assert_eq!(sandbox.data(&["tag", "-d", "v1"])["action"], "deleted");
}

#[test]
fn a_bad_name_and_one_of_a_branch_are_refused() {
    let sandbox = Sandbox::with_history();
    sandbox.refused(&["tag", "a b"], 1, &["\"a b\" cannot be the name"]);
    sandbox.refused(&["tag", "-f", "draft"], 1, &["error: draft exists"]);
}

//! `kledger reset`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn the_stage_is_emptied() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Coffee ; :lives :London .");
    assert_snapshot!(sandbox.run(&["reset"]).done(), @"
    On main <id>
      2 facts unstaged
    ");
}

#[test]
fn the_branch_moves_and_the_stage_stays() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Coffee .");
    assert_snapshot!(sandbox.run(&["reset", "HEAD~1"]).done(), @"
    On main <id>
      was at <id>
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  base stand-in (0 facts)
    Staged for the next commit:
    + Ada / likes / Coffee
      no template for <https://example.org/likes>: commit will be refused
    ");
}

#[test]
fn a_detached_head_moves_alone() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["checkout", "HEAD~1"]).done();
    assert_snapshot!(sandbox.run(&["reset", "main"]).done(), @"
    On detached <id>
      was at <id>
    ");
}

#[test]
fn a_hard_reset_writes_the_checkout_again() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["reset", "--hard", "HEAD~1"]).done(), @"
    On main <id>
      was at <id>
      1 fact unstaged
      written to <dir>/repo/model
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  first (2 facts)
      checked out in <dir>/repo/model: <id>
        added    .hidden.12-0.new/
        added    dangling
        added    latest/
        added    notes.txt
        added    results/
    Nothing staged
    ");
}

#[test]
fn json_says_where_it_was() {
    let sandbox = Sandbox::with_words();
    assert_eq!(sandbox.data(&["reset"])["head"]["branch"], "main");
    let was = sandbox.data(&["show"])["commit"]["id"].take();
    assert_eq!(sandbox.data(&["reset", "HEAD~1"])["from"], was);
}

#[test]
fn options_of_a_checkout_are_for_hard_resets() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[&["reset", "--force"], &["reset", "HEAD~1", "--force"]]);
    sandbox.refused(&["reset", "nosuch"], 1, &["nosuch", "hint: "]);
}

//! `kledger redo`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn what_was_undone_is_done_again() {
    let sandbox = Sandbox::with_words();
    let before = sandbox.state();
    sandbox.run(&["undo"]).done();
    assert_snapshot!(sandbox.run(&["redo"]).done(), @"
    Redid: kledger commit -m Words
      on main <id>, 0 facts staged
    ");
    assert_eq!(sandbox.state(), before);
}

#[test]
fn what_was_undone_before_something_else_stays_undone() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["undo"]).done();
    sandbox.run(&["tag", "v1"]).done();
    sandbox.refused(&["redo"], 1, &["nothing to redo", "hint: "]);
}

#[test]
fn json_lists_what_was_done_again() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["undo", "-n", "2"]).done();
    let told = sandbox.data(&["redo", "-n", "2"]);
    assert_eq!(told["redone"].as_array().unwrap().len(), 2, "{told}");
}

#[test]
fn more_than_there_is_says_how_much_there_is() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["redo"], 1, &["nothing to redo", "hint: "]);
    sandbox.run(&["undo", "-n", "2"]).done();
    assert_snapshot!(sandbox.run(&["redo", "-n", "9"]).failed(1), @"
    error: cannot redo 9 operations: there are 2
    hint: kledger op log shows what was done
    ");
    sandbox.run(&["redo", "-n", "2"]).done();
    assert_snapshot!(sandbox.run(&["redo"]).failed(1), @"
    error: nothing to redo
    hint: kledger op log shows what was done
    ");
}

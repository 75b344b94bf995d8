//! `kledger undo`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn what_was_done_last_is_taken_back() {
    let sandbox = Sandbox::with_words();
    sandbox.stage(":Ada :likes :Coffee ; :lives :London .");
    sandbox.run(&["rm", "--about", "https://example.org/Ada"]).done();
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger rm --about https://example.org/Ada
      on main <id>, 2 facts staged
    ");
}

#[test]
fn undoing_again_goes_back_further() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["tag", "v1"]).done();
    sandbox.run(&["undo"]).done();
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger commit -m Words
      on main <id>, 0 facts staged
    ");
}

#[test]
fn undoing_is_an_operation_too() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["tag", "v1"]).done();
    sandbox.run(&["undo"]).done();
    sandbox.run(&["undo"]).done();
    sandbox.run(&["redo"]).done();
    assert_snapshot!(sandbox.run(&["op", "log", "-n", "4"]).done(), @"
    7  kledger redo
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      main: <id> -> <id>
      stage changed
    6  kledger undo
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      main: <id> -> <id>
      stage changed
    5  kledger undo
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      v1: <id> -> nothing
    4  kledger tag v1  (undone)
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      v1: nothing -> <id>
      older operations are not shown
    ");
}

#[test]
fn json_lists_what_was_taken_back() {
    let sandbox = Sandbox::with_words();
    let told = sandbox.data(&["undo"]);
    assert_eq!(told["undone"][0]["command"], "commit -m Words");
    assert_eq!(told["head"]["branch"], "main");
}

#[test]
fn more_than_there_is_says_how_much_there_is() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["undo", "-n", "9"], 1, &["there are 2", "hint: kledger op log"]);
    assert_snapshot!(sandbox.run(&["undo", "-n", "500"]).failed(1), @"
    error: cannot undo 500 operations: there are 2
    hint: kledger op log shows what was done
    ");
    sandbox.run(&["undo", "-n", "2"]).done();
    assert_snapshot!(sandbox.run(&["undo"]).failed(1), @"
    error: nothing to undo
    hint: kledger op log shows what was done
    ");
}

#[test]
fn a_number_is_one_or_more() {
    Sandbox::with_words().refused(&["undo", "-n", "0"], 2, &["1 or more"]);
}

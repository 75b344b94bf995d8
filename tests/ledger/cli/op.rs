//! `kledger op`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn operations_are_listed_newest_first() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["tag", "v1"]).done();
    sandbox.run(&["undo", "-n", "2"]).done();
    sandbox.run(&["redo"]).done();
    assert_snapshot!(sandbox.run(&["op", "log", "-n", "3"]).done(), @"
    6  kledger redo
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      main: <id> -> <id>
      stage changed
    5  kledger undo -n 2
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      v1: <id> -> nothing
      main: <id> -> <id>
      stage changed
    4  kledger tag v1  (undone)
      2026-01-02 03:04:05 +00:00  Ada <ada@example.org>
      v1: nothing -> <id>
      older operations are not shown
    ");
}

#[test]
fn json_says_which_can_be_brought_back() {
    let sandbox = Sandbox::with_words();
    let told = sandbox.data(&["op", "log"]);
    let newest = &told["operations"][0];
    assert_eq!((&newest["command"], &newest["kept"]), (&"commit -m Words".into(), &true.into()));
}

#[test]
fn a_step_is_wanted() {
    let sandbox = Sandbox::with_words();
    assert!(sandbox.run(&["op"]).failed(2).contains("Usage: kledger op"));
    sandbox.misused(&[&["op", "nosuch"], &["op", "log", "-n", "x"]]);
}

//! Names of versions, wherever a verb takes one.

use std::collections::BTreeMap;

use kledger::{
    codec,
    commit::Commit,
    id::Id,
    store::{Store, Transaction},
};

use super::Sandbox;

#[test]
fn a_name_that_is_none_is_refused_with_what_is_near() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["show", "nosuch"], 1, &["nosuch", "hint: "]);
    sandbox.refused(&["show", "mian"], 1, &["hint: did you mean main?"]);
    sandbox.refused(&["show", ":/nosuch"], 1, &["\"nosuch\" in its message", "hint: "]);
}

#[test]
fn a_commit_before_the_first_and_a_parent_that_is_none_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["show", "HEAD~9"], 1, &["HEAD~9"]);
    sandbox.refused(&["show", "HEAD^2"], 1, &["HEAD^2", "no such parent"]);
}

#[test]
fn a_range_is_no_version() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["show", "HEAD~1..HEAD"], 1, &["is a range", "hint: "]);
}

/// Going back by undo is going back too, and another name of the same branch is no other place.
#[test]
fn where_head_was_is_counted_back_from_where_it_is() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["switch", "draft"]).done();
    sandbox.run(&["branch", "-m", "draft", "trial"]).done();
    sandbox.run(&["checkout", "-"]).done();
    sandbox.run(&["checkout", "v1"]).done();
    sandbox.run(&["switch", "trial"]).done();
    sandbox.run(&["switch", "@{-2}"]).done();
    sandbox.run(&["undo"]).done();
    assert!(sandbox.run(&["checkout", "@{-3}"]).done().starts_with("[detached <id>] second\n"));
    let before = sandbox.run(&["show", "--stat", "@{-1}"]).done();
    assert!(before.starts_with("commit <id> (trial)\n"), "{before}");
}

/// Two commits whose ids begin alike, and how they begin.
pub(super) fn alike() -> (Sandbox, String) {
    let sandbox = Sandbox::with_words();
    let session = Store::open(&sandbox.root().join(".kledger")).unwrap().session().unwrap();
    let tip = session.refs().unwrap()["heads/main"];
    let mut commit: Commit = codec::get(&session, tip).unwrap();
    let mut seen: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let (prefix, alike) = loop {
        commit.time += 1;
        let bytes = codec::encode(&commit);
        let prefix = Id::<Commit>::of(&bytes).to_string()[..4].to_owned();
        if let Some(other) = seen.insert(prefix.clone(), bytes.clone()) {
            break (prefix, [other, bytes]);
        }
    };
    let objects = alike.map(|bytes| (*Id::<Commit>::of(&bytes).as_bytes(), bytes));
    session.transact(Transaction { objects: objects.into(), ..Default::default() }).unwrap();
    drop(session);
    (sandbox, prefix)
}

/// More digits tell them apart.
#[test]
fn a_prefix_of_two_ids_is_ambiguous() {
    let (sandbox, prefix) = alike();
    sandbox.refused(&["show", &prefix], 1, &[&prefix, "hint: give more digits", "Words"]);
}

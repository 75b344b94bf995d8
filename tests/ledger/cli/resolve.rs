//! `kledger resolve`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn one_conflict_is_settled() {
    let sandbox = Sandbox::merging();
    assert_snapshot!(sandbox.run(&["resolve", "--theirs", "--subject", "Bert"]).done(), @"
    Settled 1 conflict, 1 open
      Anna / likes: ours Paris, theirs Berlin, base Rome
      Bert / likes: ours Oslo, theirs Bonn, base Rome -> Bonn
    ");
}

#[test]
fn what_was_settled_stays_when_the_rest_is() {
    let sandbox = Sandbox::merging();
    sandbox.run(&["resolve", "--theirs", "--subject", "Bert"]).done();
    assert_snapshot!(sandbox.run(&["resolve", "--ours"]).done(), @"
    Settled 1 conflict, 0 open
      Anna / likes: ours Paris, theirs Berlin, base Rome -> Paris
      Bert / likes: ours Oslo, theirs Bonn, base Rome -> Bonn
      kledger merge --continue resumes it
    ");
}

#[test]
fn a_file_says_what_neither_side_does() {
    let sandbox = Sandbox::merging();
    sandbox.write(
        "right.nt",
        "<https://example.org/Anna> <https://example.org/likes> <https://example.org/Bern> .\n",
    );
    assert_snapshot!(sandbox.run(&["resolve", "right.nt"]).done(), @"
    Settled 1 conflict, 1 open
      Anna / likes: ours Paris, theirs Berlin, base Rome -> Bern
      Bert / likes: ours Oslo, theirs Bonn, base Rome
    ");
}

#[test]
fn what_held_before_may_hold_again() {
    let sandbox = Sandbox::merging();
    assert_snapshot!(sandbox.run(&["resolve", "--base"]).done(), @"
    Settled 2 conflicts, 0 open
      Anna / likes: ours Paris, theirs Berlin, base Rome -> Rome
      Bert / likes: ours Oslo, theirs Bonn, base Rome -> Rome
      kledger merge --continue resumes it
    ");
}

#[test]
fn json_counts_what_is_open() {
    let sandbox = Sandbox::merging();
    assert_eq!(sandbox.data(&["resolve", "--ours", "--subject", "Anna"])["open"], 1);
    assert_eq!(sandbox.data(&["resolve", "--ours"])["open"], 0);
}

#[test]
fn what_is_not_in_conflict_is_refused() {
    let sandbox = Sandbox::merging();
    assert_snapshot!(sandbox.run(&["resolve", "--theirs", "--subject", "Nobody"]).failed(1), @r#"
    error: not in conflict: "Nobody"
    hint: kledger status lists the conflicts
    "#);
}

#[test]
fn what_is_settled_is_settled_anew_by_name() {
    let sandbox = Sandbox::merging();
    sandbox.run(&["resolve", "--ours"]).done();
    assert_snapshot!(sandbox.run(&["resolve", "--ours"]).failed(1), @"
    error: no conflict is open: 2 settled already
    hint: kledger merge --continue resumes it; --subject NAME settles one of them anew
    ");
    sandbox.run(&["resolve", "--theirs", "--subject", "Bert"]).done();
}

#[test]
fn one_way_to_settle_is_wanted() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["resolve"],
        &["resolve", "--ours", "--theirs"],
        &["resolve", "facts.ttl", "--ours"],
        &["resolve", "--ours", "--format", "nt"],
    ]);
    sandbox.refused(&["resolve", "--ours"], 1, &["hint: "]);
}

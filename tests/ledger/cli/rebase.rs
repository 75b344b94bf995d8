//! `kledger rebase`.

use insta::assert_snapshot;

use super::Sandbox;

/// On `draft`, of which the first commit is in conflict with `main`.
fn on_draft() -> Sandbox {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["switch", "draft"]).done();
    sandbox
}

/// With the rebase begun.
fn stopped() -> Sandbox {
    let sandbox = on_draft();
    assert_eq!(sandbox.run(&["rebase", "main", "--no-check"]).code, 1);
    sandbox
}

#[test]
fn a_conflict_stops_it() {
    let sandbox = on_draft();
    let output = sandbox.run(&["rebase", "main", "--no-check"]);
    assert_eq!((output.code, output.stderr.as_str()), (1, ""));
    assert_snapshot!(output.stdout, @"
    2 conflicts with main
      Anna / likes: ours Paris, theirs Berlin, base Rome
      Bert / likes: ours Oslo, theirs Bonn, base Rome
      kledger resolve settles them, then --continue resumes, --abort gives up
    ");
}

#[test]
fn it_goes_on_when_conflicts_are_settled() {
    let sandbox = stopped();
    sandbox.run(&["resolve", "--theirs"]).done();
    assert_snapshot!(sandbox.run(&["rebase", "--continue", "--no-check"]).done(), @"
    [<id>] Theirs
    - Anna / likes / Paris
    + Anna / likes / Berlin
    - Bert / likes / Oslo
    + Bert / likes / Bonn
      2 facts replaced
      settled: Anna / likes: ours Paris, theirs Berlin, base Rome -> Berlin
      settled: Bert / likes: ours Oslo, theirs Bonn, base Rome -> Bonn
      not checked: no model was run
    [draft <id>] Carl moves
    + Carl / lives / Bern
      1 fact added
      not checked: no model was run
    ");
    assert_snapshot!(sandbox.run(&["log", "--oneline"]).done(), @"
    <id> (HEAD, draft) Carl moves
    <id> Theirs
    <id> (main) Ours
    <id> Common
    <id> base stand-in
    ");
}

#[test]
fn a_commit_can_be_left_out() {
    let sandbox = stopped();
    assert_snapshot!(sandbox.run(&["rebase", "--skip", "--no-check"]).done(), @"
    [draft <id>] Carl moves
    + Carl / lives / Bern
      1 fact added
      not checked: no model was run
    ");
    assert_snapshot!(sandbox.run(&["log", "--oneline"]).done(), @"
    <id> (HEAD, draft) Carl moves
    <id> (main) Ours
    <id> Common
    <id> base stand-in
    ");
}

#[test]
fn it_can_be_given_up() {
    let sandbox = on_draft();
    let before = sandbox.state();
    assert_eq!(sandbox.run(&["rebase", "main", "--no-check"]).code, 1);
    assert_snapshot!(sandbox.run(&["rebase", "--abort"]).done(), @"Gave the rebase up, on draft <id>");
    assert_eq!(sandbox.state(), before);
}

#[test]
fn commits_can_go_elsewhere() {
    let sandbox = on_draft();
    let onto = ["rebase", "draft~1", "--onto", "main", "--no-check"];
    sandbox.run(&onto).done();
    assert_snapshot!(sandbox.run(&["log", "--oneline"]).done(), @"
    <id> (HEAD, draft) Carl moves
    <id> (main) Ours
    <id> Common
    <id> base stand-in
    ");
}

#[test]
fn json_says_how_it_ended() {
    let sandbox = on_draft();
    assert_eq!(sandbox.line(&["rebase", "main", "--no-check"], 1)["data"]["outcome"], "conflicts");
    assert_eq!(sandbox.data(&["rebase", "--abort"])["outcome"], "aborted");
    let done = sandbox.data(&["rebase", "main", "--ours", "--no-check"]);
    assert_eq!(done["outcome"], "done");
}

#[test]
fn options_that_do_nothing_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["rebase"],
        &["rebase", "main", "--skip"],
        &["rebase", "--continue", "--onto", "main"],
        &["rebase", "--skip", "--abort"],
    ]);
    sandbox.refused(&["rebase", "--continue"], 1, &["hint: kledger status"]);
}

//! `kledger cherry-pick`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn a_commit_is_made_again() {
    let sandbox = Sandbox::diverged();
    assert_snapshot!(sandbox.run(&["cherry-pick", "draft", "--no-check"]).done(), @"
    [main <id>] Carl moves
    + Carl / lives / Bern
      1 fact added
      not checked: no model was run
    ");
}

#[test]
fn a_conflict_stops_it() {
    let sandbox = Sandbox::diverged();
    let output = sandbox.run(&["cherry-pick", "draft~1", "--no-check"]);
    assert_eq!((output.code, output.stderr.as_str()), (1, ""));
    assert_snapshot!(output.stdout, @"
    2 conflicts with draft~1
      Anna / likes: ours Paris, theirs Berlin, base Rome
      Bert / likes: ours Oslo, theirs Bonn, base Rome
      kledger resolve settles them, then --continue resumes, --abort gives up
    ");
    assert_snapshot!(sandbox.run(&["cherry-pick", "--abort"]).done(), @"Gave the cherry-pick up, on main <id>");
}

#[test]
fn a_range_goes_on_when_its_conflicts_are_settled() {
    let sandbox = Sandbox::diverged();
    assert_eq!(sandbox.run(&["cherry-pick", "main..draft", "--no-check"]).code, 1);
    sandbox.run(&["resolve", "--theirs"]).done();
    sandbox.run(&["cherry-pick", "--continue", "--no-check"]).done();
    assert_snapshot!(sandbox.run(&["log", "--oneline", "-3"]).done(), @"
    <id> (HEAD, main) Carl moves
    <id> Theirs
    <id> Ours
    ");
}

#[test]
fn what_is_in_conflict_can_be_left_out() {
    let sandbox = Sandbox::diverged();
    assert_eq!(sandbox.run(&["cherry-pick", "main..draft", "--no-check"]).code, 1);
    assert_snapshot!(sandbox.run(&["cherry-pick", "--skip", "--no-check"]).done(), @"
    [main <id>] Carl moves
    + Carl / lives / Bern
      1 fact added
      not checked: no model was run
    ");
}

#[test]
fn json_says_how_it_ended() {
    let sandbox = Sandbox::diverged();
    let done = sandbox.data(&["cherry-pick", "draft", "--no-check"]);
    assert_eq!(done["outcome"], "done");
    sandbox.data(&["log"]);
    sandbox.run(&["undo"]).done();
    let stopped = sandbox.line(&["cherry-pick", "draft~1", "--no-check"], 1);
    assert_eq!(stopped["data"]["outcome"], "conflicts");
}

#[test]
fn a_commit_or_a_step_is_wanted() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[&["cherry-pick"], &["cherry-pick", "main", "--continue"]]);
    sandbox.refused(&["cherry-pick", "nosuch"], 1, &["nosuch", "hint: "]);
}

//! `kledger merge`.

use insta::assert_snapshot;

use super::Sandbox;

/// [`Sandbox::merging`], with both conflicts settled.
fn settled() -> Sandbox {
    let sandbox = Sandbox::merging();
    sandbox.run(&["resolve", "--theirs", "--subject", "Bert"]).done();
    sandbox.run(&["resolve", "--ours"]).done();
    sandbox
}

#[test]
fn conflicts_stop_it() {
    let output = Sandbox::diverged().run(&["merge", "draft"]);
    assert_eq!((output.code, output.stderr.as_str()), (1, ""));
    assert_snapshot!(output.stdout, @"
    2 conflicts with draft
      Anna / likes: ours Paris, theirs Berlin, base Rome
      Bert / likes: ours Oslo, theirs Bonn, base Rome
      kledger resolve settles them, then --continue resumes, --abort gives up
    ");
}

#[test]
fn it_goes_on_when_conflicts_are_settled() {
    let sandbox = settled();
    assert_snapshot!(sandbox.run(&["merge", "--continue", "--no-check"]).done(), @"
    [main <id>] Merge draft
    - Bert / likes / Oslo
    + Bert / likes / Bonn
    + Carl / lives / Bern
      1 fact added, 1 replaced
      settled: Anna / likes: ours Paris, theirs Berlin, base Rome -> Paris
      settled: Bert / likes: ours Oslo, theirs Bonn, base Rome -> Bonn
      not checked: no model was run
    ");
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"
    Read 227 objects, 9 tensor files, built the weights of 6 versions
    No damage found
    ");
}

#[test]
fn a_merge_that_was_made_is_not_made_again() {
    let sandbox = settled();
    sandbox.run(&["merge", "--continue", "--no-check"]).done();
    assert_snapshot!(sandbox.run(&["merge", "draft"]).done(), @"Already up to date");
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger merge --continue --no-check
      on main <id>, 0 facts staged
    ");
}

#[test]
fn it_can_be_given_up() {
    let sandbox = Sandbox::merging();
    assert_snapshot!(sandbox.run(&["merge", "--abort"]).done(), @"Gave the merge up, on main <id>");
    assert_snapshot!(sandbox.run(&["merge", "--continue"]).failed(1), @"
    error: no merge is in progress
    hint: kledger status shows what is in progress
    ");
}

#[test]
fn a_branch_that_only_leads_on_is_moved() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    sandbox.run(&["switch", "draft"]).done();
    assert_snapshot!(sandbox.run(&["merge", "main"]).done(), @"
    On draft <id>
      fast-forward, no commit was needed
    ");
    sandbox.run(&["undo"]).done();
    assert_snapshot!(sandbox.run(&["merge", "main", "--no-ff", "--no-check"]).done(), @"
    [draft <id>] Merge main
    - Anna / likes / Rome
    + Anna / likes / Oslo
    + Carl / works / Siemens
      1 fact added, 1 replaced
      weights are those of <id>, bit for bit
    ");
}

#[test]
fn a_branch_that_diverged_is_not_only_moved() {
    let sandbox = Sandbox::diverged();
    assert_snapshot!(sandbox.run(&["merge", "draft", "--ff-only"]).failed(1), @"
    error: HEAD and draft have diverged
    hint: leave --ff-only out to merge them
    ");
}

#[test]
fn one_side_may_be_taken_in_all_conflicts() {
    let sandbox = Sandbox::diverged();
    assert_snapshot!(sandbox.run(&["merge", "draft", "--theirs", "--no-check"]).done(), @"
    [main <id>] Merge draft
    - Anna / likes / Paris
    + Anna / likes / Berlin
    - Bert / likes / Oslo
    + Bert / likes / Bonn
    + Carl / lives / Bern
      1 fact added, 2 replaced
      settled: Anna / likes: ours Paris, theirs Berlin, base Rome -> Berlin
      settled: Bert / likes: ours Oslo, theirs Bonn, base Rome -> Bonn
      not checked: no model was run
    ");
}

#[test]
fn the_message_is_the_one_that_was_said_last() {
    let sandbox = Sandbox::diverged();
    let go_on = ["merge", "--continue", "--ours", "--no-check"];
    sandbox.run(&["merge", "draft", "-m", "First thought"]);
    let made = sandbox.run(&[&go_on[..], &["-m", "Second thought"]].concat()).done();
    assert!(made.starts_with("[main <id>] Second thought\n"), "{made}");
    sandbox.run(&["undo"]).done();
    sandbox.run(&["merge", "draft", "-m", "First thought"]);
    let made = sandbox.run(&go_on).done();
    assert!(made.starts_with("[main <id>] First thought\n"), "{made}");
}

#[test]
fn json_says_how_it_ended_and_what_is_left() {
    let sandbox = Sandbox::diverged();
    let conflicts = sandbox.line(&["merge", "draft"], 1)["data"].take();
    assert_eq!((&conflicts["outcome"], &conflicts["left"]), (&"conflicts".into(), &1.into()));
    assert_eq!(sandbox.data(&["status"])["unfinished"]["conflicts"], conflicts["conflicts"]);
    sandbox.run(&["resolve", "--ours"]).done();
    let made = sandbox.data(&["merge", "--continue", "--no-check"]);
    assert_eq!((&made["outcome"], &made["made"][0]["delta"]), (&"done".into(), &().into()));
    for verb in ["show", "log", "undo"] {
        sandbox.data(&[verb]);
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    Sandbox::with_words().misused(&[
        &["merge"],
        &["merge", "main", "--abort"],
        &["merge", "--continue", "--abort"],
        &["merge", "main", "--ours", "--theirs"],
        &["merge", "--skip"],
    ]);
}

#[test]
fn options_that_do_nothing_to_a_merge_that_goes_on_or_not_are_refused() {
    Sandbox::merging().misused(&[
        &["merge", "--continue", "--no-ff"],
        &["merge", "--continue", "--ff-only"],
        &["merge", "--abort", "-m", "x"],
        &["merge", "--abort", "--no-check"],
        &["merge", "--abort", "--ours"],
        &["merge", "--abort", "--strategy", "sum"],
        &["merge", "--abort", "--require", "kept=1"],
        &["merge", "--abort", "--seed", "1"],
        &["merge", "--abort", "--set", "v_lr=1"],
    ]);
}

#[test]
fn options_of_an_edit_are_refused_where_none_is_made() {
    Sandbox::diverged().misused(&[
        &["merge", "draft", "--ff-only", "-m", "x"],
        &["merge", "draft", "--ff-only", "--strategy", "sum"],
        &["merge", "draft", "--no-check", "--strategy", "sum"],
        &["merge", "draft", "--no-check", "--set", "v_lr=1"],
        &["merge", "draft", "--no-check", "--seed", "1"],
    ]);
}

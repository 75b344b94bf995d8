//! Merges, picks and rebases as people see them, and killed in the middle.

use insta::assert_snapshot;
use kledger::ledger::Repo;

use super::{Sandbox, json::checked};
use crate::support::{Place, open, options};

/// `main` and `draft`, apart with two conflicts; HEAD is on `main`. The commits are made with the
/// stand-in model, which the binary does not have.
pub(super) fn apart() -> Sandbox {
    let place = Place::new();
    let switch = |name: &str, from: Option<&str>| {
        place.repo.switch(&place.actor("switch"), name, from).unwrap();
    };
    place.make(":Anna :likes :Rome . :Bert :likes :Rome .", "Common");
    switch("draft", Some("HEAD"));
    place.make(":Anna :likes :Berlin . :Bert :likes :Bonn .", "Theirs");
    place.make(":Carl :lives :Bern .", "Carl moves");
    switch("main", None);
    place.make(":Anna :likes :Paris . :Bert :likes :Oslo . :Dora :works :Siemens .", "Ours");
    Sandbox { dir: place.dir }
}

#[test]
fn a_merge_with_conflicts() {
    let sandbox = apart();
    let output = sandbox.run(&["merge", "draft"]);
    assert_eq!((output.code, output.stderr.as_str()), (1, ""));
    assert_snapshot!(output.stdout, @"
    2 conflicts with draft
      Anna / likes / : ours Paris, theirs Berlin, base Rome
      Bert / likes / : ours Oslo, theirs Bonn, base Rome
      kledger resolve says what is to hold, --continue goes on, --abort gives up
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Ours (3 facts)
    A merge of draft is not finished, 1 commit left
      Anna / likes / : ours Paris, theirs Berlin, base Rome
      Bert / likes / : ours Oslo, theirs Bonn, base Rome
      kledger merge --continue goes on, --abort gives it up
    Nothing staged
    ");
    assert_snapshot!(sandbox.run(&["switch", "draft"]).failed(1), @"
    error: a merge is not finished
    hint: see kledger status; kledger merge --continue goes on and kledger merge --abort gives it up
    ");
    assert_snapshot!(sandbox.run(&["resolve", "--theirs", "--subject", "Bert"]).done(), @"
    Settled 1 conflict, 1 open
      Anna / likes / : ours Paris, theirs Berlin, base Rome
      Bert / likes / : ours Oslo, theirs Bonn, base Rome -> Bonn
    ");
    assert_snapshot!(sandbox.run(&["resolve", "--theirs", "--subject", "Nobody"]).failed(1), @r#"
    error: not in conflict: "Nobody"
    hint: kledger status lists the conflicts
    "#);
    assert_snapshot!(sandbox.run(&["resolve", "--ours"]).done(), @"
    Settled 1 conflict, 0 open
      Anna / likes / : ours Paris, theirs Berlin, base Rome -> Paris
      Bert / likes / : ours Oslo, theirs Bonn, base Rome -> Bonn
      kledger merge --continue goes on
    ");
    assert_snapshot!(sandbox.run(&["merge", "--continue", "--no-check"]).done(), @"
    [main <id>] Merge draft
    - Bert / likes / Oslo
    + Bert / likes / Bonn
    + Carl / lives / Bern
      1 fact added, 1 replaced
      settled: Anna / likes / : ours Paris, theirs Berlin, base Rome -> Paris
      settled: Bert / likes / : ours Oslo, theirs Bonn, base Rome -> Bonn
      not checked: no model was run
    ");
    assert_snapshot!(sandbox.run(&["log", "-n", "1"]).done(), @"
    commit <id> (HEAD, main)
      merges  <id> <id>
      author  Ada <ada@example.org>
      date    2026-01-02 03:04:05 +00:00
      facts   1 fact added, 1 replaced

        Merge draft
      older commits are not shown
    ");
    assert_snapshot!(sandbox.run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      parent      <id>
      author      Ada <ada@example.org>
      date        2026-01-02 03:04:05 +00:00
      base        <id>
      facts       4
      neighbours  0

        Merge draft

    - Bert / likes / Oslo
    + Bert / likes / Bonn
    + Carl / lives / Bern
    ");
    assert_snapshot!(sandbox.run(&["merge", "draft"]).done(), @"Already up to date");
    assert_snapshot!(sandbox.run(&["merge", "--continue"]).failed(1), @"
    error: no merge is to be finished
    hint: kledger status says what is
    ");
    assert_snapshot!(sandbox.run(&["undo"]).done(), @"
    Undid: kledger merge --continue --no-check
      on main <id>, 0 facts staged
    ");
    sandbox.run(&["merge", "draft"]);
    assert_snapshot!(sandbox.run(&["merge", "--abort"]).done(), @"Gave the merge up, on main <id>");
    assert_snapshot!(sandbox.run(&["fsck", "--weights"]).done(), @"
    Read 219 objects, 9 tensor files, built the weights of 5 versions
    No damage found
    ");
}

#[test]
fn a_rebase_and_a_pick() {
    let sandbox = apart();
    assert_snapshot!(sandbox.run(&["cherry-pick", "draft", "--no-check"]).done(), @"
    [main <id>] Carl moves
    + Carl / lives / Bern
      1 fact added
      not checked: no model was run
    ");
    sandbox.run(&["undo"]).done();
    sandbox.run(&["switch", "draft"]).done();
    assert_eq!(sandbox.run(&["rebase", "main", "--no-check"]).code, 1);
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On draft <id>  Carl moves (3 facts)
    A rebase of main is not finished, 2 commits left
      Anna / likes / : ours Paris, theirs Berlin, base Rome
      Bert / likes / : ours Oslo, theirs Bonn, base Rome
      kledger rebase --continue goes on, --abort gives it up
    Nothing staged
    ");
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
fn a_stage_put_aside() {
    let sandbox = Sandbox::with_words();
    sandbox.write(
        "facts.ttl",
        "@prefix : <https://example.org/> . :Ada :likes :Tea ; :lives :London .",
    );
    assert_snapshot!(sandbox.run(&["stash"]).failed(1), @"
    error: nothing is staged
    hint: stage facts first: kledger add FILE
    ");
    sandbox.run(&["add", "facts.ttl"]).done();
    assert_snapshot!(sandbox.run(&["stash", "push", "-m", "Ada"]).done(), @"
    Put 2 facts aside: Ada
      0 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["status"]).done(), @"
    On main <id>  Words (0 facts)
      1 stage put aside (kledger stash list)
    Nothing staged
    ");
    assert_snapshot!(sandbox.run(&["stash", "list"]).done(), @"  0  main  <id>  2 facts  Ada");
    assert_snapshot!(sandbox.run(&["stash", "pop"]).done(), @"
    Staged 2 facts again: Ada
      2 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["stash", "list"]).done(), @"Nothing is put aside");
    assert_snapshot!(sandbox.run(&["stash", "drop"]).failed(1), @"
    error: there is no stash 0: 0 are kept
    hint: kledger stash list shows what is kept
    ");
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let sandbox = Sandbox::with_words();
    for words in [
        &["merge"][..],
        &["merge", "main", "--abort"],
        &["merge", "--continue", "--abort"],
        &["merge", "main", "--ours", "--theirs"],
        &["merge", "--skip"],
        &["rebase", "main", "--skip"],
        &["cherry-pick"],
        &["resolve"],
        &["resolve", "--ours", "--theirs"],
        &["resolve", "facts.ttl", "--ours"],
        &["stash", "nosuch"],
    ] {
        assert_eq!(sandbox.run(words).code, 2, "{words:?}");
    }
}

#[test]
fn reports_follow_the_schema() {
    let sandbox = apart();
    let line = |words: &[&str], code| checked(&sandbox, words, code)["data"].clone();
    let conflicts = line(&["merge", "draft"], 1);
    assert_eq!((&conflicts["outcome"], &conflicts["left"]), (&"conflicts".into(), &1.into()));
    assert_eq!(line(&["status"], 0)["unfinished"]["conflicts"], conflicts["conflicts"]);
    assert_eq!(line(&["resolve", "--ours"], 0)["open"], 0);
    assert_eq!(
        line(&["merge", "--continue", "--no-check"], 0)["made"][0]["delta"],
        serde_json::Value::Null
    );
    line(&["show"], 0);
    line(&["log"], 0);
    line(&["undo"], 0);
    assert_eq!(line(&["cherry-pick", "draft", "--no-check"], 0)["outcome"], "done");
    line(&["log"], 0);
    line(&["undo"], 0);
    line(&["switch", "draft"], 0);
    line(&["rebase", "main", "--no-check"], 1);
    assert_eq!(line(&["rebase", "--abort"], 0)["outcome"], "aborted");
    sandbox.write("facts.ttl", "<https://a.b/c> <https://example.org/likes> <https://a.b/d> .");
    line(&["add", "facts.ttl"], 0);
    line(&["stash"], 0);
    line(&["stash", "list"], 0);
    assert_eq!(line(&["stash", "pop"], 0)["entry"]["facts"], 1);
    // The binary has no model here, so the report comes from the library.
    let repo = Repo::open(&sandbox.root()).unwrap();
    let actor = kledger::ledger::Actor {
        author: "Ada".to_owned(),
        time: 0,
        command: "consolidate".to_owned(),
    };
    let report =
        repo.consolidate(&actor, &options(""), &mut open, &mut kledger::engine::Silent).unwrap();
    super::json::valid(&kledger::cli::Report::done("consolidate", report).json());
    line(&["log"], 0);
}

/// Runs `words` in a copy of `sandbox` and kills it at the n-th place where it writes, for every n;
/// `then` looks at what is left.
#[cfg(debug_assertions)]
fn killed_everywhere(sandbox: &Sandbox, words: &[&str], then: impl Fn(&Sandbox, usize)) {
    for n in 1.. {
        let copy = Sandbox { dir: tempfile::tempdir().unwrap() };
        let mut cp = std::process::Command::new("cp");
        cp.args(["-a", "."]).arg(copy.dir.path()).current_dir(sandbox.dir.path());
        assert!(cp.status().unwrap().success());
        let mut command = copy.command(words);
        let status = command.env("KLEDGER_FAULT", n.to_string()).output().unwrap().status;
        then(&copy, n);
        if status.code().is_some() {
            assert!(n > 5, "there are places to be killed at");
            return;
        }
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_killed_merge_is_none_or_all() {
    let sandbox = apart();
    sandbox.run(&["merge", "draft"]);
    sandbox.run(&["resolve", "--theirs"]).done();
    let before = sandbox.run(&["log", "--oneline"]).done();
    let words = ["merge", "--continue", "--no-check"];
    killed_everywhere(&sandbox, &words, |killed, n| {
        let status = killed.run(&["status"]).done();
        let log = killed.run(&["log", "--oneline"]).done();
        if log == before {
            assert!(status.contains("A merge of draft is not finished"), "{n}: {status}");
            killed.run(&words).done();
        }
        assert!(killed.run(&["log", "--oneline"]).done().contains("Merge draft"));
        assert!(!killed.run(&["status"]).done().contains("not finished"));
        killed.run(&["fsck", "--weights"]).done();
    });
}

#[cfg(debug_assertions)]
const REBASED: &str = "<id> Carl moves\n<id> Theirs\n<id> Ours\n<id> Common\n<id> base stand-in\n";

#[cfg(debug_assertions)]
#[test]
fn a_killed_rebase_goes_on_or_is_given_up() {
    let sandbox = apart();
    sandbox.run(&["switch", "draft"]).done();
    let before = sandbox.run(&["log", "--oneline"]).done();
    let words = ["rebase", "main", "--theirs", "--no-check"];
    killed_everywhere(&sandbox, &words, |killed, n| {
        let unfinished = || killed.run(&["status"]).done().contains("is not finished");
        if killed.run(&["log", "--oneline"]).done() == before {
            if unfinished() && n % 2 == 0 {
                killed.run(&["rebase", "--abort"]).done();
                assert_eq!(killed.run(&["log", "--oneline"]).done(), before);
            }
            if unfinished() {
                killed.run(&["rebase", "--continue", "--no-check"]).done();
            } else {
                killed.run(&words).done();
            }
        }
        assert!(!unfinished());
        let log = killed.run(&["log", "--oneline"]).done();
        assert_eq!(log.replacen(" (HEAD, draft)", "", 1).replace(" (main)", ""), REBASED, "{n}");
        killed.run(&["fsck", "--weights"]).done();
    });
}

#[cfg(debug_assertions)]
#[test]
fn a_killed_bisection_is_where_it_was_or_one_further() {
    let sandbox = apart();
    let started = sandbox.copy();
    started.run(&["bisect", "start", "main", "main~2"]).done();
    let told = |sandbox: &Sandbox| sandbox.run(&["bisect"]).stdout + &sandbox.state();
    for (before, words) in [
        (&sandbox, ["bisect", "start", "main", "main~2"].as_slice()),
        (&started, &["bisect", "good"]),
        (&started, &["bisect", "reset"]),
    ] {
        let after = before.copy();
        after.run(words).done();
        let (old, new) = (told(before), told(&after));
        assert_ne!(old, new);
        killed_everywhere(before, words, |killed, n| {
            let found = told(killed);
            assert!(found == old || found == new, "{words:?} killed at {n}: {found}");
            killed.run(&["fsck"]).done();
        });
    }
}

//! Revisions, branches, commits, and what waits to be finished.

use kledger::{
    codec,
    commit::Commit,
    id::Id,
    store::{Store, Transaction},
};

use super::{LABEL, Sandbox, advised, reaches_the_model};
use crate::{cli::revisions::alike, support::Place};

/// Stages a label of its own and commits it, for which no model is needed.
fn commit_label(sandbox: &Sandbox, name: &str) {
    sandbox.write("label.nt", &LABEL.replace("Ada", name));
    sandbox.run(&["add", "label.nt"]).done();
    sandbox.run(&["commit", "-m", name]).done();
}

/// `main` and `draft`, apart without a conflict; HEAD is on `main`.
fn diverged() -> Sandbox {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["switch", "-c", "draft"]).done();
    commit_label(&sandbox, "Bert");
    sandbox.run(&["switch", "main"]).done();
    commit_label(&sandbox, "Carl");
    sandbox
}

/// A history with nothing staged.
fn history() -> Sandbox {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    sandbox
}

#[test]
fn a_subject_is_found_by_the_name_that_reports_use() {
    let sandbox = history();
    let hint = "name subject and predicate by IRI, or as reports do: kledger blame lists all";
    let advice = advised(&sandbox, &["blame", "Siemens AG"], hint);
    assert!(advice.run("kledger blame", &[]).contains("Carl / works / Siemens"));
    sandbox.run(&["blame", "Carl"]).done();
    sandbox.run(&["blame", "https://example.org/Carl"]).done();
    let hint = "name the subject by IRI, or as reports do: kledger blame lists all";
    let advice = advised(&sandbox, &["forget", "Karl", "--dry-run"], hint);
    assert!(advice.run("kledger blame", &[]).contains("Carl / works / Siemens"));
    for name in ["Carl", "https://example.org/Carl"] {
        assert!(sandbox.run(&["forget", name, "--dry-run"]).done().contains("Would forget 1 fact"));
    }
}

#[test]
fn revisions_are_looked_up() {
    let sandbox = history();
    let hint = "see: kledger log, kledger branch, kledger tag";
    let advice = advised(&sandbox, &["show", "nosuch"], hint);
    assert!(advice.run("kledger log", &[]).contains("second"));
    assert!(advice.run("kledger branch", &[]).contains("draft"));
    assert!(advice.run("kledger tag", &[]).contains("v1"));
    sandbox.run(&["show", "v1"]).done();

    let advice = advised(&sandbox, &["show", "darft"], "did you mean ");
    let meant = advice.hint.strip_prefix("did you mean ").unwrap().trim_end_matches('?');
    sandbox.run(&["show", meant]).done();
    let advice = advised(&sandbox, &["switch", "darft"], "did you mean ");
    let meant = advice.hint.strip_prefix("did you mean ").unwrap().trim_end_matches('?');
    sandbox.run(&["switch", meant]).done();

    let advice = advised(&sandbox, &["branch", "-d", "zzzzzz"], " lists them");
    assert!(advice.run("kledger branch", &[]).contains("main"));
    let advice = advised(&sandbox, &["tag", "-d", "zzzzzz"], " lists them");
    assert!(advice.run("kledger tag", &[]).contains("v1"));
    sandbox.run(&["tag", "-d", "v1"]).done();

    let hint = "kledger log --all shows the messages";
    let advice = advised(&sandbox, &["show", ":/third"], hint);
    assert!(advice.run("kledger log --all", &[]).contains("second"));
    sandbox.run(&["show", ":/second"]).done();
}

#[test]
fn revisions_are_spelled_as_in_the_examples() {
    let sandbox = diverged();
    sandbox.run(&["tag", "v1"]).done();
    sandbox.run(&["merge", "draft", "--no-check"]).done();
    let hint = "examples: main, v1, 3f9a1c72, HEAD~2, HEAD^2, main@{1}, :/text";
    let advice = advised(&sandbox, &["show", "main~x"], hint);
    let examples = advice.hint.strip_prefix("examples: ").unwrap();
    for example in examples.split(", ").filter(|example| *example != "3f9a1c72") {
        sandbox.run(&["show", &example.replace("text", "Bert")]).done();
    }
    let ranges = advised(
        &sandbox,
        &["show", "HEAD~1..HEAD"],
        "ranges are for kledger log, cherry-pick and diff",
    );
    let listed = ranges.says("kledger log", &[], &["HEAD~1..HEAD", "--oneline"]).done();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    sandbox.run(&["diff", "HEAD~1..HEAD", "--no-behaviour"]).done();
    sandbox.run(&["reset", "HEAD~1"]).done();
    sandbox.run(&["cherry-pick", "draft~1..draft", "--no-check"]).done();
}

#[test]
fn more_digits_tell_commits_apart() {
    let (sandbox, prefix) = alike();
    let advice = advised(&sandbox, &["show", &prefix], "give more digits:\n  ");
    let candidates: Vec<&str> = advice.hint.lines().skip(1).collect();
    assert_eq!(candidates.len(), 2, "{candidates:?}");
    for candidate in candidates {
        let id = candidate.split_whitespace().next().unwrap();
        sandbox.run(&["show", id]).done();
    }
}

#[test]
fn what_gc_removed_would_have_been_kept() {
    let collected = |gc: &[&str]| {
        let sandbox = Sandbox::with_words();
        commit_label(&sandbox, "Bert");
        sandbox.run(&["reset", "HEAD~1"]).done();
        let mut command = sandbox.command(gc);
        command.env("KLEDGER_DATE", "2026-01-09T03:04:05Z");
        sandbox.finish(command, "").done();
        sandbox
    };
    let sandbox = collected(&["gc", "--prune", "now"]);
    let hint =
        "gc keeps what operations of the last days refer to: kledger config get keep-days says";
    for words in [&["undo"][..], &["show", "main@{1}"]] {
        let days = advised(&sandbox, words, hint).run("kledger config get keep-days", &[]);
        assert!(days.contains("14"), "{days}");
    }
    // As long as that says it can be undone.
    let sandbox = collected(&["gc"]);
    sandbox.run(&["show", "main@{1}"]).done();
    sandbox.run(&["undo"]).done();
}

#[test]
fn operations_are_listed() {
    let sandbox = Sandbox::with_words();
    let hint = "kledger op log shows what was done";
    for words in [&["undo", "-n", "9"][..], &["redo"]] {
        let listed = advised(&sandbox, words, hint).run("kledger op log", &[]);
        assert!(listed.contains("kledger commit -m Words"), "{listed}");
    }
    sandbox.run(&["undo", "-n", "2"]).done();
    let listed = advised(&sandbox, &["undo"], hint).run("kledger op log", &[]);
    assert!(listed.contains("kledger commit -m Words"), "{listed}");
    sandbox.run(&["redo", "-n", "2"]).done();
}

#[test]
fn where_head_was_is_named() {
    let sandbox = history();
    let hint = "name the branch: kledger branch lists them";
    let advice = advised(&sandbox, &["switch", "-"], hint);
    assert!(advice.run("kledger branch", &[]).contains("draft"));
    sandbox.run(&["checkout", "v1"]).done();
    sandbox.run(&["switch", "draft"]).done();
    let advice = advised(&sandbox, &["switch", "-"], "kledger checkout - goes there");
    assert!(advice.run("kledger checkout -", &[]).starts_with("[detached <id>] second"));
}

#[test]
fn names_that_are_taken_are_freed_or_left() {
    let sandbox = history();
    let hint = "choose another name, or delete that one first";
    let advice = advised(&sandbox, &["branch", "draft"], hint);
    sandbox.run(&["branch", "other"]).done();
    sandbox.run(&["branch", "-d", "draft"]).done();
    advice.again();
    let advice = advised(&sandbox, &["tag", "v1"], hint);
    sandbox.run(&["tag", "-d", "v1"]).done();
    advice.again();
}

#[test]
fn a_branch_is_deleted_when_it_can_be() {
    let sandbox = history();
    sandbox.run(&["switch", "draft"]).done();
    let hint = "merge it first, or kledger branch -D main, which kledger undo brings back";
    let advice = advised(&sandbox, &["branch", "-d", "main"], hint);
    advice.run("kledger branch -D main", &[]);
    advice.run("kledger undo", &[]);
    sandbox.run(&["merge", "main", "--no-check"]).done();
    advice.again();
    let advice =
        advised(&sandbox, &["branch", "-d", "draft"], "kledger switch to another branch first");
    sandbox.run(&["branch", "main"]).done();
    sandbox.run(&["switch", "main"]).done();
    advice.again();
}

#[test]
fn a_merge_is_not_amended_but_made_again() {
    let sandbox = diverged();
    sandbox.run(&["merge", "draft", "--no-check"]).done();
    let hint = "commit the staged changes on top of it; to merge again: kledger reset HEAD~1, kledger merge REV";
    let amend = ["commit", "--amend", "-m", "Together"];
    let advice = advised(&sandbox, &amend, hint);
    advice.run("kledger reset HEAD~1", &[]);
    let more = ["-m", "Together", "--no-check"];
    let made = advice.says("kledger merge REV", &[("REV", "draft")], &more).done();
    assert!(made.starts_with("[main <id>] Together"), "{made}");
    sandbox.write("label.nt", &LABEL.replace("Ada", "Dora"));
    sandbox.run(&["add", "label.nt"]).done();
    advised(&sandbox, &amend, "commit the staged changes on top of it");
    sandbox.run(&["commit", "-m", "On top"]).done();
}

#[test]
fn what_cannot_be_amended_is_committed() {
    let sandbox = Sandbox::new();
    sandbox.write("label.nt", LABEL);
    sandbox.run(&["add", "label.nt"]).done();
    let hint = "kledger commit -m MESSAGE makes the first commit on it";
    let advice = advised(&sandbox, &["commit", "--amend", "-m", "First"], hint);
    advice.run("kledger commit -m MESSAGE", &[("MESSAGE", "First")]);

    let hint = "stage facts first, or say -m MESSAGE";
    let advice = advised(&sandbox, &["commit", "--amend", "--no-edit"], hint);
    sandbox.run(&["commit", "--amend", "-m", "Better"]).done();
    sandbox.write("label.nt", &LABEL.replace("Ada", "Bert"));
    sandbox.run(&["add", "label.nt"]).done();
    assert!(advice.again().contains("words for 2 IRIs"));

    sandbox.run(&["revert", "HEAD", "--no-check"]).done();
    sandbox.run(&["add", "label.nt"]).done();
    let hint =
        "commit the staged changes by themselves; with an empty stage, --amend changes the message";
    let advice = advised(&sandbox, &["commit", "--amend", "-m", "Not that"], hint);
    sandbox.run(&["stash"]).done();
    assert!(advice.again().starts_with("[main <id>] Not that"));
    sandbox.run(&["stash", "pop"]).done();
    sandbox.run(&["commit", "-m", "By itself"]).done();
}

#[test]
fn a_commit_of_which_nothing_would_be_left_is_taken_away() {
    let place = Place::new();
    place.make(":Carl :works :Siemens .", "Carl works");
    place.make(":Dora :works :Siemens .", "Dora works");
    let sandbox = Sandbox { dir: place.dir };
    sandbox.run(&["rm", "--about", "Dora"]).done();
    let hint = "kledger reset HEAD~1 removes the commit";
    let advice = advised(&sandbox, &["commit", "--amend", "--no-edit"], hint);
    advice.run("kledger reset HEAD~1", &[]);
    let log = sandbox.run(&["log", "--oneline"]).done();
    assert!(log.contains("Carl works") && !log.contains("Dora works"), "{log}");
}

#[test]
fn a_commit_is_taken_back_where_that_can_be() {
    let sandbox = Sandbox::diverged();
    let hint = "kledger rm retracts single facts";
    let advice = advised(&sandbox, &["revert", "main~2"], hint);
    advice.says("kledger rm", &[], &["--about", "Dora"]).done();
    sandbox.run(&["reset"]).done();
    let hint = "kledger switch to a branch that has it first";
    let advice = advised(&sandbox, &["revert", "draft", "--no-check"], hint);
    sandbox.run(&["switch", "draft"]).done();
    advice.again();
    let hint = "later commits have changed all of it: see kledger log";
    let advice = advised(&sandbox, &["revert", "HEAD~1", "--no-check"], hint);
    assert!(advice.run("kledger log", &[]).contains("Revert \"Carl moves\""));
}

#[test]
fn a_later_commit_is_picked() {
    let sandbox = Sandbox::diverged();
    advised(&sandbox, &["cherry-pick", "main~2"], "name a later commit");
    sandbox.run(&["cherry-pick", "draft", "--no-check"]).done();
}

#[test]
fn branches_that_went_apart_are_merged() {
    let sandbox = diverged();
    let hint = "leave --ff-only out to merge them";
    advised(&sandbox, &["merge", "draft", "--ff-only"], hint);
    let merged = sandbox.run(&["merge", "draft", "--no-check"]).done();
    assert!(merged.starts_with("[main <id>] Merge draft"), "{merged}");
}

/// A commit of another repository: nothing that kledger writes has two roots.
fn stranger(sandbox: &Sandbox, revision: &str) -> String {
    let store = Store::open(&sandbox.root().join(".kledger")).unwrap();
    let session = store.session().unwrap();
    let tip = session.refs().unwrap()[&format!("heads/{revision}")];
    let mut commit: Commit = codec::get(&session, tip).unwrap();
    commit.parents.clear();
    let bytes = codec::encode(&commit);
    let id = Id::<Commit>::of(&bytes);
    let objects = [(*id.as_bytes(), bytes)].into();
    session.transact(Transaction { objects, ..Default::default() }).unwrap();
    id.to_string()
}

#[test]
fn changes_of_another_repository_are_compared_and_taken_in() {
    let sandbox = Sandbox::diverged();
    let other = stranger(&sandbox, "draft");
    let hint = "two dots compare any two versions";
    advised(&sandbox, &["diff", &format!("main...{other}"), "--no-behaviour"], hint);
    let told = sandbox.run(&["diff", &format!("main..{other}"), "--no-behaviour"]).done();
    assert!(told.contains("Carl / lives / Bern"), "{told}");
    let hint = "import its changes: kledger export --format delta REV DIR, then kledger import --from-delta";
    let advice = advised(&sandbox, &["merge", &other], hint);
    let export = "kledger export --format delta REV DIR";
    advice.run(export, &[("REV", &other), ("DIR", "delta")]);
    let import = "kledger import --from-delta DIR";
    advice.says(import, &[("DIR", "delta")], &["--no-check"]).done();
    assert!(sandbox.run(&["blame", "Carl"]).done().contains("Bern"));
}

#[test]
fn what_waits_goes_on_or_is_given_up() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["merge", "draft"]);
    let hint = "see kledger status; kledger merge --continue resumes it and kledger merge --abort gives it up";
    let advice = advised(&sandbox, &["switch", "draft"], hint);
    assert!(advice.run("kledger status", &[]).contains("A merge of draft is in progress"));
    let given_up = sandbox.copy();
    sandbox.run(&["resolve", "--ours"]).done();
    advice.says("kledger merge --continue", &[], &["--no-check"]).done();
    advice.again();
    let advice = advised(&given_up, &["switch", "draft"], hint);
    advice.run("kledger merge --abort", &[]);
    advice.again();
    let hint = "kledger status shows what is in progress";
    let advice = advised(&given_up, &["merge", "--continue"], hint);
    assert!(advice.run("kledger status", &[]).contains("On draft"));
}

#[test]
fn conflicts_are_listed_and_settled_anew() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["merge", "draft"]);
    let theirs = ["resolve", "--theirs", "--subject", "Emil"];
    let advice = advised(&sandbox, &theirs, "kledger status lists the conflicts");
    assert!(advice.run("kledger status", &[]).contains("Bert / likes"));
    sandbox.run(&["resolve", "--theirs", "--subject", "Bert"]).done();
    sandbox.run(&["resolve", "--ours"]).done();
    let hint = " --continue resumes it; --subject NAME settles one of them anew";
    let advice = advised(&sandbox, &["resolve", "--ours"], hint);
    assert!(advice.with(&["--subject", "Bert"]).starts_with("Settled 1 conflict, 0 open"));
    advice.says("kledger merge --continue", &[], &["--no-check"]).done();
    assert!(sandbox.run(&["blame", "Bert"]).done().contains("Oslo"));
}

#[test]
fn stages_that_are_put_aside_are_listed_and_come_back() {
    let sandbox = Sandbox::with_words();
    let fact = "<https://example.org/Ada> <https://example.org/likes> <https://example.org/tea> .";
    sandbox.write("tea.nt", fact);
    sandbox.write("coffee.nt", &fact.replace("tea", "coffee"));
    sandbox.run(&["add", "tea.nt"]).done();
    sandbox.run(&["stash", "push", "-m", "Tea"]).done();
    let advice = advised(&sandbox, &["stash", "pop", "3"], "kledger stash list shows what is kept");
    assert!(advice.run("kledger stash list", &[]).contains("Tea"));
    sandbox.run(&["add", "coffee.nt"]).done();
    let advice = advised(&sandbox, &["stash", "pop", "0"], "commit or reset the stage first");
    sandbox.run(&["reset"]).done();
    assert!(advice.again().starts_with("Staged 1 fact again"));
}

#[test]
fn a_search_is_begun_and_ended() {
    let sandbox = history();
    let hint = "begin one: kledger bisect start [BAD [GOOD...]]";
    let advice = advised(&sandbox, &["bisect", "good", "HEAD~1"], hint);
    advice.says("kledger bisect start", &[], &["HEAD"]).done();
    advice.again();
    let hint = "kledger bisect shows where it is, kledger bisect reset ends it";
    let advice = advised(&sandbox, &["bisect", "start"], hint);
    assert!(advice.run("kledger bisect", &[]).contains("First bad commit: <id> second"));
    advice.run("kledger bisect reset", &[]);
    advice.again();
    sandbox.run(&["bisect", "reset"]).done();
    let hint = "name a good commit that is in the history of the bad one";
    advised(&sandbox, &["bisect", "start", "HEAD~1", "HEAD"], hint);
    sandbox.run(&["bisect", "start", "HEAD", "HEAD~1"]).done();
}

#[test]
fn a_program_tests_versions() {
    let sandbox = history();
    sandbox.run(&["bisect", "start"]).done();
    let hint = "kledger bisect good REV and kledger bisect bad REV name them";
    let advice = advised(&sandbox, &["bisect", "run", "true"], hint);
    advice.run("kledger bisect bad REV", &[("REV", "HEAD")]);
    advice.run("kledger bisect good REV", &[("REV", "HEAD~2")]);
    let hint = "nothing was tested; name a program, as ./test.sh or sh -c '...'";
    advised(&sandbox, &["bisect", "run", "./nosuch.sh"], hint);
    let hint = "the search is where it was: kledger bisect shows it, kledger bisect run resumes it";
    let advice = advised(&sandbox, &["bisect", "run", "sh", "-c", "exit 128"], hint);
    assert!(advice.run("kledger bisect", &[]).contains("Test <id> "));
    let found = advice.says("kledger bisect run", &[], &["sh", "-c", "exit 1"]).done();
    assert!(found.contains("First bad commit: <id> "), "{found}");
    sandbox.run(&["bisect", "reset"]).done();
    let order = ["bisect", "run", "--prompt", "Ada", "--expect", "tea", "HEAD~1", "-v"];
    let hint =
        "all options go before them: kledger bisect run --prompt PROMPT --expect TEXT GOOD BAD";
    let advice = advised(&sandbox, &order, hint);
    let command = "kledger bisect run --prompt PROMPT --expect TEXT GOOD BAD";
    let fill = [("PROMPT", "Ada"), ("TEXT", "tea"), ("GOOD", "HEAD~1"), ("BAD", "HEAD")];
    assert_eq!(advice.says(command, &fill, &[]).code, 4, "the model is missing");
}

#[test]
fn texts_are_scanned_before_it_is_told_what_makes_units_act() {
    let sandbox = history();
    let hint = "scan one: kledger neurons --scan FILE";
    drop(advised(&sandbox, &["neurons"], hint));
    sandbox.write("empty", "\n \n");
    let hint = "name files with texts, one a line";
    drop(advised(&sandbox, &["neurons", "--scan", "empty"], hint));
    sandbox.write("texts", "Ada likes tea\n");
    reaches_the_model(&sandbox, &["neurons", "--scan", "texts"]);
}

#[test]
fn an_edit_of_columns_is_found_in_the_log() {
    let sandbox = history();
    let hint = "kledger log lists commits; name one that edited facts, by an editor with a column for each";
    let advice = advised(&sandbox, &["neurons", "--of", "HEAD~2"], hint);
    assert!(advice.run("kledger log", &[]).contains("second"));
    reaches_the_model(&sandbox, &["neurons", "--of", "HEAD"]);
}

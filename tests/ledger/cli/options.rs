//! Options: each does something wherever it is taken, and is refused elsewhere.

use kledger::ledger::{EditOptions, Repo, verb::commit::CommitOptions};

use super::{Sandbox, merge::apart};
use crate::support::Place;

#[test]
fn a_merge_that_goes_on_takes_what_is_said_then() {
    let sandbox = apart();
    sandbox.run(&["merge", "draft", "-m", "First thought"]);
    let made =
        sandbox.run(&["merge", "--continue", "--ours", "--no-check", "-m", "Second thought"]);
    assert!(made.done().starts_with("[main <id>] Second thought\n"));
    sandbox.run(&["undo"]).done();
    sandbox.run(&["merge", "draft", "-m", "First thought"]);
    let made = sandbox.run(&["merge", "--continue", "--ours", "--no-check"]).done();
    assert!(made.starts_with("[main <id>] First thought\n"), "{made}");
}

#[test]
fn a_log_of_an_author() {
    let sandbox = Sandbox::with_words();
    sandbox
        .run(&["--author", "Bert (B.) <bert@example.org>", "revert", "HEAD", "--no-check"])
        .done();
    let log = |pattern: &str| {
        let log = sandbox.run(&["log", "--oneline", "--author", pattern]).done();
        log.lines().map(|line| line.rsplit(") ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let bert = ["Revert \"Words\""];
    assert_eq!(log("Bert"), bert);
    assert_eq!(log("Bert (B.) <"), bert, "as it is written");
    assert_eq!(log("^B.*org"), bert);
    assert_eq!(log("Ada"), ["<id> Words", "<id> base stand-in"]);
    assert_eq!(log("Ada|Bert").len(), 3);
    assert_eq!(log("Nobody"), [""; 0]);
    assert_eq!(sandbox.run(&["log", "--oneline"]).done().lines().count(), 3, "whoever acts");
    let refused = sandbox.run(&["log", "--author", "[a"]).failed(2);
    assert!(refused.starts_with("error: \"[a\" is no regular expression: "), "{refused}");
}

#[test]
fn what_an_option_does_nothing_to_is_refused() {
    let sandbox = apart();
    sandbox.run(&["merge", "draft"]);
    let record = r#"[{"subject": "Ada", "src": "What does Ada drink?", "pred": "", "rephrase": "Ada drinks?",
        "alt": "Tea", "answers": ["Coffee"], "loc": "nq question: who", "loc_ans": "Bob", "cond": ""}]"#;
    sandbox.write("zsre.json", record);
    for words in [
        &["merge", "--continue", "--no-ff"][..],
        &["merge", "--continue", "--ff-only"],
        &["merge", "--abort", "-m", "x"],
        &["merge", "--abort", "--no-check"],
        &["merge", "--abort", "--ours"],
        &["merge", "--abort", "--strategy", "sum"],
        &["merge", "--abort", "--require", "kept=1"],
        &["merge", "--abort", "--seed", "1"],
        &["merge", "--abort", "--set", "v_lr=1"],
        &["merge", "draft", "--ff-only", "-m", "x"],
        &["merge", "draft", "--ff-only", "--strategy", "sum"],
        &["merge", "draft", "--no-check", "--strategy", "sum"],
        &["merge", "draft", "--no-check", "--set", "v_lr=1"],
        &["merge", "draft", "--no-check", "--seed", "1"],
        &["rebase", "--continue", "--onto", "main"],
        &["rebase", "--skip", "--abort"],
        &["resolve", "--ours", "--format", "nt"],
        &["rm", "--about", "x", "--format", "nt"],
        &["forget", "x", "--dry-run", "--yes"],
        &["diff", "HEAD~1", "--format", "nt", "--weights"],
        &["diff", "HEAD~1", "--format", "nt", "--no-behaviour"],
        &["diff", "HEAD~1", "--format", "rdf-patch", "--probe", "x"],
        &["export", "HEAD", "out", "--max-rank", "2"],
        &["eval", "--text", "x", "--records", "y"],
        &["eval", "--dataset", "zsre.json", "--words", "Yes,No"],
    ] {
        let output = sandbox.run(words);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{words:?} {output:#?}");
    }
}

#[test]
fn usage_demands_what_is_missing_and_no_more() {
    let sandbox = Sandbox::new();
    let usage = |words: &[&str]| {
        let told = sandbox.run(words).failed(2);
        assert!(!told.contains("--author") && !told.contains("--date"), "{told}");
        told.lines().find(|line| line.starts_with("Usage:")).unwrap().to_owned()
    };
    assert_eq!(usage(&["commit"]), "Usage: kledger commit --message <MESSAGE>");
    assert_eq!(usage(&["resolve"]), "Usage: kledger resolve <FILE|--ours|--theirs|--base>");
    assert_eq!(usage(&["rm"]), "Usage: kledger rm <FILE|--about <SUBJECT>>");
    let mut command = sandbox.command(&["log"]);
    command.env("KLEDGER_DATE", "yesterday");
    let told = sandbox.finish(command, "").failed(2);
    assert!(told.starts_with("error: KLEDGER_DATE is \"yesterday\", which is no time\n"), "{told}");
    assert!(told.contains("hint: a time is written in RFC 3339"), "{told}");
}

#[test]
fn settings_of_an_editor_are_checked_when_they_are_set() {
    let sandbox = Sandbox::with_words();
    let file = || std::fs::read_to_string(sandbox.root().join(".kledger/config.toml")).unwrap();
    let before = file();
    for (key, value, why) in [
        ("settings.memit.nosuch", "3", "nosuch"),
        ("settings.memit.layers", "-5", "layers must be a value like"),
        ("settings.memit.layers", "[3, 2]", "layers must be ascending, found [3, 2]"),
        ("settings.memit.v_lr", "0", "v_lr must be above zero, found 0"),
        ("settings.memit.carry", "perhaps", "carry must be a value like"),
        ("settings.memit.z_on", "moon", "z_on"),
        ("settings.rome.v_lr", "1", "there is no editor \"rome\"; there is memit"),
        ("editor", "rome", "there is no editor \"rome\"; there is memit"),
    ] {
        let refused = sandbox.run(&["config", "set", key, value]).failed(1);
        assert!(refused.starts_with(&format!("error: {key} cannot be set to that: ")), "{refused}");
        assert!(refused.contains(why), "{refused}");
        assert_eq!(file(), before);
    }
    for (key, value) in [
        ("settings.memit.layers", "[2, 3]"),
        ("settings.memit.v_lr", "1"),
        ("settings.memit.faithful", "true"),
        ("editor", "memit"),
    ] {
        sandbox.run(&["config", "set", key, value]).done();
    }
    // Also where there is nothing to be edited, and so nobody reads them.
    sandbox
        .write("l.nt", "<https://a.b/c> <http://www.w3.org/2000/01/rdf-schema#label> \"c\"@en .\n");
    sandbox.run(&["add", "l.nt"]).done();
    let refused = sandbox.run(&["commit", "-m", "x", "--set", "lambda=3000"]).failed(1);
    assert!(refused.contains("lambda"), "{refused}");
    sandbox.write(".kledger/config.toml", "seed = 1\nneighbours = \"many\"\n");
    let refused = sandbox.run(&["status"]).failed(1);
    let named = "error: <dir>/repo/.kledger/config.toml has a setting that means nothing: line 2, neighbours: ";
    assert!(refused.starts_with(named), "{refused}");
}

#[test]
fn a_setting_that_the_editor_refuses_is_named_with_its_file() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let path = place.repo.root().join(".kledger/config.toml");
    std::fs::write(&path, "[settings.memit]\nstrong = 1\n").unwrap();
    let repo = Repo::open(place.repo.root()).unwrap();
    let place = Place::around(place.dir, repo);
    let refused = place.commit("x").unwrap_err().to_string();
    let named = format!("{} has a setting that means nothing: [settings.memit] ", path.display());
    assert!(refused.starts_with(&named) && refused.contains("strong"), "{refused}");
    std::fs::write(&path, "").unwrap();
    let place = Place::around(tempfile::tempdir().unwrap(), Repo::open(place.repo.root()).unwrap());
    let settings = [("strong".to_owned(), 1.into())].into_iter().collect();
    let options = CommitOptions {
        message: "x".to_owned(),
        edit: EditOptions { settings, ..EditOptions::default() },
    };
    let refused = place.commit_with(&options, &mut kledger::engine::Silent).unwrap_err();
    assert!(!refused.to_string().contains("config.toml"), "{refused}");
}

#[test]
fn undoing_more_than_there_is_says_how_much_there_is() {
    let sandbox = Sandbox::with_words();
    let hint = "hint: kledger op log shows what was done\n";
    let refused = sandbox.run(&["undo", "-n", "500"]).failed(1);
    assert_eq!(refused, format!("error: cannot undo 500 operations: there are 2\n{hint}"));
    sandbox.run(&["undo", "-n", "2"]).done();
    assert_eq!(sandbox.run(&["undo"]).failed(1), format!("error: nothing to undo\n{hint}"));
    let refused = sandbox.run(&["redo", "-n", "9"]).failed(1);
    assert_eq!(refused, format!("error: cannot redo 9 operations: there are 2\n{hint}"));
    sandbox.run(&["redo", "-n", "2"]).done();
    assert_eq!(sandbox.run(&["redo"]).failed(1), format!("error: nothing to redo\n{hint}"));
}

#[test]
fn what_is_done_already_is_said_to_be() {
    let sandbox = apart();
    let rm = ["rm", "--about", "Dora"];
    assert_eq!(sandbox.run(&rm).done(), "Staged 1 fact to be taken back\n  1 fact staged in all\n");
    assert_eq!(
        sandbox.run(&rm).done(),
        "  1 staged to be taken back already\n  1 fact staged in all\n"
    );
    sandbox.run(&["reset"]).done();
    sandbox.run(&["merge", "draft"]);
    sandbox.run(&["resolve", "--ours"]).done();
    assert_eq!(
        sandbox.run(&["resolve", "--ours"]).failed(1),
        "error: no conflict is open: 2 settled already\n\
         hint: kledger merge --continue goes on; --subject NAME settles one of them anew\n"
    );
    sandbox.run(&["resolve", "--theirs", "--subject", "Bert"]).done();
}

#[test]
fn status_tells_of_a_search_and_of_what_does_not_hold() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.add(":Bert :likes :Oslo . :Carl :likes :Bonn .").unwrap();
    let settings = [("strength".to_owned(), 0.5.into())].into_iter().collect();
    let options = CommitOptions {
        message: "weak".to_owned(),
        edit: EditOptions { settings, ..EditOptions::default() },
    };
    place.commit_with(&options, &mut kledger::engine::Silent).unwrap();
    let sandbox = Sandbox { dir: place.dir };
    let told = sandbox.run(&["status"]).done();
    assert!(told.contains("\n2 of 3 facts asked do not hold at HEAD\n"), "{told}");
    for fact in ["  Bert / likes / Oslo\n", "  Carl / likes / Bonn\n"] {
        assert!(told.contains(fact), "{told}");
    }
    assert!(!told.contains("bisection"), "{told}");
    super::json::checked(&sandbox, &["status"], 0);

    sandbox.run(&["bisect", "start", "--no-checkout"]).done();
    let told = sandbox.run(&["status"]).done();
    assert!(told.contains("A bisection is going on\n  name a bad version"), "{told}");
    sandbox.run(&["bisect", "bad", "main"]).done();
    sandbox.run(&["bisect", "good", "main~2"]).done();
    let told = sandbox.run(&["status"]).done();
    assert!(told.contains("A bisection is going on\nTest <id> first\n"), "{told}");
    assert!(told.contains("kledger bisect reset ends it\n"), "{told}");
    let line = super::json::checked(&sandbox, &["status"], 0);
    assert_eq!(line["data"]["bisection"]["state"], "test");
    sandbox.run(&["bisect", "reset"]).done();
    assert!(!sandbox.run(&["status"]).done().contains("bisection"));
}

//! Settings, options, and who runs what where.

use std::{fs, process::Command};

use super::{LABEL, Sandbox, advised, reaches_the_model, told};

/// Something to be committed, for which no model is needed.
fn staged() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("label.nt", LABEL);
    sandbox.run(&["add", "label.nt"]).done();
    sandbox
}

/// Without a runtime `init` does not look whether the model can be edited.
#[cfg(not(feature = "torch"))]
#[test]
fn a_repository_is_made() {
    let sandbox = Sandbox::bare();
    let advice = advised(&sandbox, &["status"], "make one: kledger init --model DIR");
    advice.run("kledger init --model DIR", &[("DIR", "../base")]);
    advice.again();
    let hint = "remove its .kledger directory to start again";
    let advice = advised(&sandbox, &["init", "--model", "../base"], hint);
    fs::remove_dir_all(sandbox.root().join(".kledger")).unwrap();
    advice.again();
}

#[test]
fn a_line_of_the_settings_is_mended_or_taken_out() {
    let sandbox = Sandbox::new();
    let hint = "mend the line, or take it out: the setting then has its default";
    for (wrong, mended) in [("seed = 'seven'", "seed = 7"), ("langauge = 'de'", "language = 'de'")]
    {
        sandbox.write(".kledger/config.toml", wrong);
        let advice = advised(&sandbox, &["config"], hint);
        sandbox.write(".kledger/config.toml", mended);
        advice.again();
        sandbox.write(".kledger/config.toml", "");
        assert!(advice.again().contains("seed = 0"));
    }
}

#[test]
fn settings_are_listed() {
    let sandbox = Sandbox::new();
    let advice = advised(&sandbox, &["config", "get", "colour"], "kledger config lists all");
    assert!(advice.run("kledger config", &[]).contains("keep-days = 14"));
    let advice = advised(&sandbox, &["config", "get", "keep-dais"], "did you mean ");
    let meant = advice.hint.strip_prefix("did you mean ").unwrap().trim_end_matches('?');
    assert!(sandbox.run(&["config", "get", meant]).done().contains("14"));
}

#[test]
fn a_value_is_of_the_settings_kind() {
    let sandbox = Sandbox::new();
    let set = ["config", "set", "neighbours", "banana"];
    let advice = advised(&sandbox, &set, "kledger config shows the value of each");
    assert!(advice.run("kledger config", &[]).contains("neighbours = "));
}

#[test]
fn manual_pages_need_a_directory() {
    let sandbox = Sandbox::bare();
    sandbox.write("file", "mine");
    advised(&sandbox, &["man", "file"], "name a directory, or a place where nothing is");
    for dir in [".", "pages"] {
        sandbox.run(&["man", dir]).done();
    }
}

#[test]
fn one_edit_is_not_consolidated() {
    let sandbox = Sandbox::with_words();
    let hint = "it is for a version of several edits; kledger log lists its commits";
    let advice = advised(&sandbox, &["consolidate"], hint);
    assert!(advice.run("kledger log", &[]).contains("commit "));
}

#[test]
fn options_are_spelled_as_in_the_examples() {
    let commit = ["commit", "-m", "Labels"];
    let sandbox = staged();
    let wrong = [&commit[..], &["--require", "speed=1"]].concat();
    let hint = "for example: --require efficacy=0.95,neighbourhood=0.9";
    let advice = advised(&sandbox, &wrong, hint);
    let example = advice.hint.strip_prefix("for example: ").unwrap();
    let right = [&commit[..], &example.split(' ').collect::<Vec<_>>()].concat();
    sandbox.run(&right).done();
    let wrong = [&commit[..], &["--set", "layers"]].concat();
    let hint = "for example: --set mom2_update_weight=3000 or --set 'layers=[2, 3, 4]'";
    let advice = advised(&staged(), &wrong, hint).hint;
    for example in advice.strip_prefix("for example: ").unwrap().split(" or ") {
        let words = shlex::split(example).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        staged().run(&[&commit[..], &words].concat()).done();
    }
}

#[test]
fn times_are_written_in_rfc_3339() {
    let sandbox = staged();
    let commit = |date: &str| {
        let mut command = sandbox.command(&["commit", "-m", "Labels"]);
        command.env("KLEDGER_DATE", date);
        command
    };
    let hint = "a time is written in RFC 3339: 2026-01-02T03:04:05Z";
    let hint = told(&mut commit("yesterday"), hint);
    let example = hint.strip_prefix("a time is written in RFC 3339: ").unwrap();
    sandbox.finish(commit(example), "").done();
}

#[test]
fn topics_are_listed() {
    let sandbox = Sandbox::bare();
    let advice = advised(&sandbox, &["help", "nosuch"], "there is help on: ");
    for topic in advice.hint.strip_prefix("there is help on: ").unwrap().split(", ") {
        sandbox.run(&["help", topic]).done();
    }
}

#[test]
fn an_author_is_named() {
    let hint = "set KLEDGER_AUTHOR, or author in .kledger/config.toml, or git's user.name, or say --author NAME";
    let nobody = |sandbox: &Sandbox, more: &[&str]| {
        let mut command = sandbox.command(&[&["tag", "new"], more].concat());
        command.env_remove("KLEDGER_AUTHOR").env("GIT_CONFIG_NOSYSTEM", "1");
        command
    };
    let named = |name: &str, tell: &dyn Fn(&Sandbox, &mut Command)| {
        let sandbox = Sandbox::new();
        told(&mut nobody(&sandbox, &[]), hint);
        let mut command = nobody(&sandbox, &[]);
        tell(&sandbox, &mut command);
        sandbox.finish(command, "").done();
        assert!(sandbox.run(&["op", "log", "-n", "1"]).done().contains(name));
    };
    named("Variable", &|_, command| {
        command.env("KLEDGER_AUTHOR", "Variable");
    });
    named("Setting", &|sandbox, _| sandbox.write(".kledger/config.toml", "author = 'Setting'"));
    named("Git", &|sandbox, command| {
        sandbox.write(".gitconfig", "[user]\n\tname = Git\n");
        command.env("HOME", sandbox.root());
    });
    named("Option", &|_, command| {
        command.args(["--author", "Option"]);
    });
}

#[test]
fn what_cannot_be_undone_is_shown_or_confirmed() {
    let sandbox = Sandbox::with_history();
    let hint = "--dry-run shows what would be done, --yes does it without asking";
    let advice = advised(&sandbox, &["forget", "Carl"], hint);
    assert!(advice.with(&["--dry-run"]).contains("Would forget 1 fact"));
    assert!(advice.with(&["--yes"]).contains("Forgot 1 fact"));
}

#[test]
fn a_file_to_measure_drift_with_is_named_or_none() {
    let sandbox = Sandbox::with_words();
    sandbox.write("fact.nt", super::FACT);
    sandbox.run(&["add", "fact.nt"]).done();
    let commit = ["commit", "-m", "x"];
    sandbox.write("probes.txt", "Ada likes\n");
    for setting in ["probes", "perplexity-text"] {
        sandbox.run(&["config", "set", setting, "none.txt"]).done();
        let advice = advised(&sandbox, &commit, " FILE; or none: kledger config unset ");
        advice.run(&format!("kledger config set {setting} FILE"), &[("FILE", "probes.txt")]);
        reaches_the_model(&sandbox, &commit);
        sandbox.run(&["config", "set", setting, "none.txt"]).done();
        advice.run(&format!("kledger config unset {setting}"), &[]);
        reaches_the_model(&sandbox, &commit);
    }
    let commit = ["commit", "-m", "x", "--require", "probes=0.9"];
    let advice = advised(&sandbox, &commit, "name a file with one a line: ");
    advice.run("kledger config set probes FILE", &[("FILE", "probes.txt")]);
    reaches_the_model(&sandbox, &commit);
}

#[test]
fn drift_is_measured_to_be_drawn() {
    let place = super::super::commit::probing("Anna likes\nDora lives in\n");
    place.make(":Anna :likes :Rome .", "first");
    let sandbox = Sandbox { dir: place.dir };
    let measured = ["log", "--plot", "drift.svg"];
    sandbox.run(&measured).done();
    let hint =
        "have commits measure it: kledger config set perplexity-text FILE, or --require 'drift<N'";
    let advice = advised(&sandbox, &["log", "HEAD~1", "--plot", "drift.svg"], hint);
    sandbox.write("text.txt", "Anna likes Rome\n");
    advice.run("kledger config set perplexity-text FILE", &[("FILE", "text.txt")]);
}

#[test]
fn a_place_for_a_file_is_made() {
    let sandbox = Sandbox::with_history();
    let eval = ["eval", "--facts", "--plot", "none/scores.svg"];
    advised(&sandbox, &eval, "make the directory first, or give another name");
    reaches_the_model(&sandbox, &["eval", "--facts", "--plot", "scores.svg"]);
    fs::create_dir(sandbox.root().join("none")).unwrap();
    reaches_the_model(&sandbox, &eval);
}

#[test]
fn something_to_ask_is_named() {
    let sandbox = Sandbox::new();
    let hint = "name a version with facts, or say what to ask: --dataset FILE or --text FILE";
    let advice = advised(&sandbox, &["eval", "--facts"], hint);
    sandbox.write("text.txt", "Ada likes tea.");
    assert!(advice.hint.contains("--text FILE"));
    reaches_the_model(&sandbox, &["eval", "--text", "text.txt"]);
    let record = r#"[{"src": "Who wrote Hamlet?", "subject": "Hamlet", "answers": ["Bacon"]}]"#;
    sandbox.write("zsre.json", record);
    reaches_the_model(&sandbox, &["eval", "--dataset", "zsre.json"]);
    let sandbox = Sandbox::with_history();
    advised(&sandbox, &["eval", "HEAD~2", "--facts"], hint);
    reaches_the_model(&sandbox, &["eval", "HEAD", "--facts"]);
}

#[test]
fn aliases_are_verbs_and_their_arguments() {
    let sandbox = Sandbox::with_words();
    let hint = "an alias is a verb and its arguments: kledger config set alias.st 'log --oneline'";
    for text in ["st", "!ls", "log '"] {
        sandbox.run(&["config", "set", "alias.st", text]).done();
        let advice = advised(&sandbox, &["st"], hint);
        advice.run("kledger config set alias.st 'log --oneline'", &[]);
        assert!(advice.again().contains("Words"));
    }
    let set = ["config", "set", "alias.log", "status"];
    advised(&sandbox, &set, "choose another name");
    sandbox.run(&["config", "set", "alias.where", "status"]).done();
    sandbox.run(&["where"]).done();
}

#[cfg(not(feature = "torch"))]
#[test]
fn much_is_done_without_a_model() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    let hint =
        "build with the default features to have one; checkout, diff and revert --no-check work";
    advised(&sandbox, &["ask", "Anna likes"], hint);
    sandbox.run(&["checkout", "draft"]).done();
    sandbox.run(&["diff", "main", "draft"]).done();
    sandbox.run(&["revert", "HEAD", "--no-check"]).done();
}

/// The program with libtorch is another build's, or broken.
#[cfg(not(feature = "torch"))]
#[test]
fn both_programs_of_a_build_are_installed() {
    let sandbox = staged();
    // By another process, so that no thread of this one has a program open for writing while it is run.
    let shell = |script: &str| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]).current_dir(sandbox.root());
        shell.env("KLEDGER", env!("CARGO_BIN_EXE_kledger"));
        assert!(shell.status().unwrap().success());
    };
    let commit = || {
        let mut command = Command::new(sandbox.root().join("kledger"));
        command.args(["commit", "-m", "Labels"]).current_dir(sandbox.root());
        command.env("KLEDGER_AUTHOR", "Ada");
        command
    };
    shell("cp \"$KLEDGER\" kledger && echo broken > kledger-torch");
    told(&mut commit(), "install both programs of one build of kledger");
    shell("rm kledger-torch && cp \"$KLEDGER\" kledger-torch");
    let crate::cli::Output { stdout, .. } = sandbox.finish(commit(), "");
    assert!(stdout.starts_with("[main <id>] Labels"), "{stdout}");
}

#[test]
fn to_calibrate_there_have_to_be_facts_that_the_model_knows() {
    let place = crate::support::Place::new();
    let refused = super::super::calibrate::calibrated(&place).unwrap_err();
    let hint = kledger::cli::error::CliError::from(refused).hint().unwrap();
    assert_eq!(
        hint,
        "add facts that it knows, some of each predicate, with words: kledger add --neighbourhood FILE"
    );
    super::super::calibrate::add_known(&place);
    assert!(super::super::calibrate::calibrated(&place).is_ok());
}

/// A repair that gains nothing says what else there is.
#[test]
fn what_is_not_repaired_is_edited_otherwise_or_taken_back() {
    let place = super::super::check::weak();
    let mut engine = crate::support::open;
    let mut weak = crate::support::options("");
    weak.edit.require = kledger::ledger::Requirements::nothing_of_an_edit();
    let refused =
        place.repo.repair(&place.actor("repair"), &weak, &mut engine, &mut kledger::engine::Silent);
    let hint = kledger::cli::error::CliError::from(refused.unwrap_err()).hint().unwrap();
    let said = "nothing was changed; edit with other settings (kledger help settings), all facts at once (kledger \
                consolidate), or take back what does not hold (kledger rm)";
    assert_eq!(hint, said);
    let sandbox = Sandbox { dir: place.dir };
    let topic = sandbox.run(&["help", "settings"]).done();
    assert!(topic.contains("kledger config list --all"), "{topic}");
    reaches_the_model(&sandbox, &["repair", "--set", "v_num_grad_steps=40"]);
    reaches_the_model(&sandbox, &["consolidate"]);
    sandbox.run(&["rm", "--about", "Anna"]).done();
    assert!(sandbox.run(&["status"]).done().contains("- Anna / likes / Rome"));
}

/// An editor whose facts hold its change together repairs by another commit.
#[test]
fn misses_of_a_whole_change_are_repaired() {
    let place = crate::support::Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let edit =
        kledger::ledger::EditOptions { editor: Some("whole".to_owned()), ..Default::default() };
    let mut how = kledger::ledger::verb::commit::CommitOptions {
        until: Some(1.0),
        edit,
        ..crate::support::options("whole")
    };
    let refused = place.commit_with(&how, &mut kledger::engine::Silent).unwrap_err();
    let hint = "leave --until out; kledger repair edits again by a commit of its own";
    assert_eq!(kledger::cli::error::CliError::from(refused).hint().unwrap(), hint);
    how.until = None;
    place.commit_with(&how, &mut kledger::engine::Silent).unwrap();
    let mut engine = crate::support::open;
    let actor = place.actor("repair");
    let report =
        place.repo.repair(&actor, &how, &mut engine, &mut kledger::engine::Silent).unwrap();
    assert_eq!((report.asked, report.failing), (1, 0));
}

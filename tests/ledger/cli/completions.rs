//! `kledger completions`, and what the scripts that it prints ask kledger for.

use std::fs;

use super::Sandbox;

#[test]
fn scripts_ask_kledger() {
    let sandbox = Sandbox::bare();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).done();
        assert!(script.contains("KLEDGER_COMPLETE"), "{shell}: {script}");
    }
}

#[test]
fn json_holds_the_script() {
    let sandbox = Sandbox::bare();
    let told = sandbox.data(&["completions", "fish"]);
    assert_eq!(told["shell"], "fish");
    let script = sandbox.run(&["completions", "fish"]).done();
    assert_eq!(told["script"].as_str().unwrap().trim_end(), script.trim_end());
}

#[test]
fn a_shell_that_is_not_known_is_refused() {
    let sandbox = Sandbox::bare();
    assert!(sandbox.run(&["completions", "tcsh"]).failed(2).contains("bash"));
}

/// What the shell is offered for the last of `words`.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let mut command = sandbox.command(&["--", "kledger"]);
    command.args(words).env("KLEDGER_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let output = sandbox.finish(command, "");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    output.stdout.lines().map(str::to_owned).collect()
}

/// A history whose summary is written, as it is with each command.
fn summarised() -> Sandbox {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["status"]).done();
    sandbox
}

#[test]
fn names_of_versions_are_offered() {
    let sandbox = summarised();
    assert_eq!(offered(&sandbox, &["checkout", "d"]), ["draft"]);
    assert_eq!(offered(&sandbox, &["diff", "v"]), ["v1"]);
    assert_eq!(offered(&sandbox, &["log", "v1..m"]), ["v1..main"]);
    assert_eq!(offered(&sandbox, &["branch", "-D", "d"]), ["draft"]);
    assert_eq!(offered(&sandbox, &["tag", "new", "HE"]), ["HEAD"]);
    let id = sandbox.data(&["show", "HEAD~1"])["commit"]["id"].take();
    assert_eq!(offered(&sandbox, &["show", &id.as_str().unwrap()[..6]]), ["<id>"], "{id}");
}

#[test]
fn subjects_verbs_and_options_are_offered() {
    let sandbox = summarised();
    assert_eq!(offered(&sandbox, &["blame", "An"]), ["Anna"]);
    assert_eq!(offered(&sandbox, &["log", "--subject", "Ca"]), ["Carl"]);
    assert_eq!(offered(&sandbox, &["bis"]), ["bisect"]);
    assert_eq!(offered(&sandbox, &["add", "--nei"]), ["--neighbourhood"]);
}

/// Whatever is wrong, nothing is said of it.
#[test]
fn nothing_is_offered_where_nothing_can_be_read() {
    assert_eq!(offered(&Sandbox::bare(), &["checkout", "m"]), Vec::<String>::new());
    let sandbox = summarised();
    fs::write(sandbox.root().join(".kledger/config.toml"), "nonsense").unwrap();
    assert_eq!(offered(&sandbox, &["checkout", "m"]), Vec::<String>::new());
}

#[test]
fn completing_neither_waits_nor_opens_sled() {
    let sandbox = summarised();
    let db = sandbox.root().join(".kledger/ledger");
    let hidden = sandbox.root().join(".kledger/held");
    assert_eq!(offered(&sandbox, &["checkout", "d"]), ["draft"]);
    fs::rename(&db, &hidden).unwrap();
    assert_eq!(offered(&sandbox, &["checkout", "d"]), Vec::<String>::new());
    assert!(!db.exists(), "nothing is built again for a key that was pressed");
    fs::rename(&hidden, &db).unwrap();
    assert_eq!(offered(&sandbox, &["blame", "An"]), ["Anna"]);
}

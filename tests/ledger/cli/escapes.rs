//! Names, messages and paths that are made to steer a terminal, hide or lie.

use std::{fs, sync::LazyLock};

use serde_json::Value;

use super::{Prepared, Sandbox};

/// Sets the window's title, clears the screen, turns the direction, hides, and forges a line.
const EVIL: &str = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}1A\u{202e}x\u{200b}y\nerror: forged";

/// What no output may hold, kledger's own colours and newlines taken out.
#[track_caller]
fn is_harmless(text: &str) {
    let mut bare = text.to_owned();
    for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"] {
        bare = bare.replace(code, "");
    }
    let hidden = |c: char| {
        c.is_control() && !['\n', '\t'].contains(&c)
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
    };
    assert!(!bare.contains(hidden), "{bare:?}");
    assert!(!bare.lines().any(|line| line.starts_with("error: forged")), "{bare}");
}

/// A repository in which whatever can be named is named badly.
fn repository() -> Sandbox {
    static MADE: LazyLock<Prepared> = LazyLock::new(|| Prepared::of(&made()));
    MADE.unpack()
}

fn made() -> Sandbox {
    let sandbox = Sandbox::with_words();
    let escaped = EVIL.replace('\n', "\\n");
    sandbox.write(
        "evil.ttl",
        &format!(
            "@prefix : <https://example.org/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
             :Ada rdfs:label \"{escaped}\"@en . :Ada :likes \"{escaped}\" , <https://example.org/Tea\u{202e}> .
             :likes <https://kledger.dev/ns#multiValued> true .\n"
        ),
    );
    sandbox.run(&["add", "evil.ttl"]).done();
    sandbox.run(&["stash", "push", "-m", EVIL]).done();
    sandbox.write(
        "label.ttl",
        &format!(
            "<https://example.org/Bob> <http://www.w3.org/2000/01/rdf-schema#label> \"{escaped}\"@en .\n"
        ),
    );
    sandbox.run(&["add", "label.ttl"]).done();
    sandbox.run(&["--author", EVIL, "commit", "-m", &format!("{EVIL}\n\nsecond\tline")]).done();
    sandbox.run(&["stash", "pop"]).done();
    sandbox.run(&["stash", "push", "-m", EVIL]).done();
    sandbox.run(&["stash", "pop"]).done();
    sandbox.write_adapter(&EVIL.replace('/', ""));
    sandbox
}

/// Runs commands one after the other, each with colours and without; nothing they say does harm.
fn all_are_harmless(sandbox: &Sandbox, commands: &[&[&str]]) {
    for words in commands {
        for colour in ["always", "never"] {
            let output = sandbox.run(&[words, &["--color", colour][..]].concat());
            is_harmless(&output.stdout);
            is_harmless(&output.stderr);
        }
    }
}

#[test]
fn history_shows_what_it_would_do() {
    let sandbox = repository();
    all_are_harmless(
        &sandbox,
        &[
            &["status"],
            &["log"],
            &["log", "--graph"],
            &["log", "--oneline"],
            &["show"],
            &["op", "log"],
            &["blame"],
            &["diff", "HEAD~1", "--no-behaviour"],
            &["diff", "HEAD~1", "--format", "nt"],
            &["stash", "list"],
            &["undo"],
            &["redo"],
            &["fsck"],
        ],
    );
}

#[test]
fn names_that_are_none_are_shown_as_what_they_are() {
    let sandbox = repository();
    all_are_harmless(
        &sandbox,
        &[
            &["branch", EVIL],
            &["branch"],
            &["tag", EVIL],
            &["switch", EVIL],
            &["show", EVIL],
            &["show", "--fact", EVIL],
            &["blame", EVIL],
            &["log", "--author", &format!("[{EVIL}")],
            &["stash", "drop", EVIL],
        ],
    );
}

#[test]
fn words_that_are_no_usage_are_shown_as_what_they_are() {
    let sandbox = repository();
    all_are_harmless(
        &sandbox,
        &[
            &["help", EVIL],
            &[EVIL],
            &["log", &format!("--{EVIL}")],
            &["-n", EVIL, "log"],
            &["log", "-n", EVIL],
            &["undo", EVIL],
            &["-C", EVIL, "log"],
        ],
    );
    let mut command = sandbox.command(&["log"]);
    command.env("KLEDGER_DATE", EVIL);
    is_harmless(&sandbox.finish(command, "").failed(2));
}

#[test]
fn paths_and_subjects_show_what_they_would_do() {
    let sandbox = repository();
    fs::write(sandbox.root().join(format!("{EVIL}.nt")), "x").unwrap();
    let adapter = EVIL.replace('/', "");
    all_are_harmless(
        &sandbox,
        &[
            &["rm", "--about", EVIL],
            &["rm", "--about", "https://example.org/Ada"],
            &["add", &format!("{EVIL}.nt")],
            &["add", EVIL],
            &["import", "--from-peft", &adapter, "--no-check"],
            &["import", "--from-peft", EVIL, "--no-check"],
            &["show", "-v"],
            &["checkout", "HEAD", "--to", "out\u{1b}[2J\u{202e}"],
            &["export", "HEAD", "export\u{1b}[2J\u{202e}"],
            &["man", "man\u{1b}[2J"],
        ],
    );
}

#[test]
fn settings_show_what_they_would_do() {
    let sandbox = repository();
    all_are_harmless(
        &sandbox,
        &[
            &["config", "set", "author", EVIL],
            &["config"],
            &["config", "get", EVIL],
            &["config", "set", EVIL, "1"],
            &["config", "unset", "author"],
        ],
    );
}

#[test]
fn messages_keep_their_lines_and_nothing_else() {
    let sandbox = repository();
    let shown = "\\u001B]0;title\\u0007\\u001B[2J\\u009B1A\\u202Ex\\u200By";
    let log = sandbox.run(&["log", "-1"]).done();
    assert!(log.contains(&format!("\n    {shown}\n    error: forged\n")), "{log}");
    assert!(log.contains("\n    second\tline\n"), "{log}");
    assert!(log.contains(&format!("author  {shown}\\nerror: forged\n")), "{log}");
    let list = sandbox.run(&["log", "--oneline", "-1"]).done();
    assert_eq!(list, format!("<id> (HEAD, main) {shown}\n"));
}

#[test]
fn json_is_plain_and_says_the_same() {
    let sandbox = repository();
    for words in [&["log", "--json"][..], &["show", EVIL, "--json"], &[EVIL, "--json"]] {
        let output = sandbox.run(words);
        is_harmless(&output.stdout);
        serde_json::from_str::<Value>(&output.stdout).unwrap();
    }
    let log: Value = serde_json::from_str(&sandbox.run(&["log", "--json"]).done()).unwrap();
    let newest = &log["data"]["entries"][0];
    assert_eq!(newest["author"], EVIL);
    assert_eq!(newest["message"], format!("{EVIL}\n\nsecond\tline"));
}

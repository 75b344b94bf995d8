//! Every line of `--json` is what the schema says.

use std::collections::BTreeSet;

use clap::CommandFactory;
use kledger::cli::Cli;
use serde_json::Value;

use super::Sandbox;

const SCHEMA: &str = include_str!("../../../schema/report.schema.json");

/// Runs `words` with `--json`; gives its one line, checked.
#[track_caller]
fn line(sandbox: &Sandbox, words: &[&str]) -> Value {
    let value = checked(sandbox, words, 0);
    if value["type"] != "error" {
        assert_eq!(value["type"], words[0]);
    }
    value
}

/// Runs `words` with `--json`, which has to end with `code` unless it fails; gives its one line.
#[track_caller]
pub(super) fn checked(sandbox: &Sandbox, words: &[&str], code: i32) -> Value {
    let output = sandbox.run(&[words, &["--json"]].concat());
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!((lines.len(), output.stderr.as_str()), (1, ""), "{output:#?}");
    let value: Value = serde_json::from_str(lines[0]).unwrap();
    valid(&value);
    if value["type"] == "error" {
        assert_eq!(value["data"]["exit"], output.code);
    } else {
        assert_eq!(output.code, code, "{value:#}");
    }
    value
}

/// Checks a line against the schema.
#[track_caller]
pub(super) fn valid(value: &Value) {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

#[test]
fn reports_follow_the_schema() {
    let sandbox = Sandbox::bare();
    line(&sandbox, &["init", "--model", "../base"]);
    sandbox.write("words.ttl", crate::support::WORDS);
    sandbox.write("facts.ttl", "<https://a.b/c> <https://example.org/likes> <https://a.b/d> .");
    let added = line(&sandbox, &["add", "words.ttl"]);
    assert_eq!(added["data"]["staged"], 0);
    let id = line(&sandbox, &["commit", "-m", "Words"])["data"]["commit"]["id"].clone();
    assert_eq!(id.as_str().unwrap().len(), 64, "ids are in full");
    assert_eq!(line(&sandbox, &["add", "facts.ttl"])["data"]["staged"], 1);
    let status = line(&sandbox, &["status"]);
    assert_eq!(status["data"]["staged"][0]["change"], "added");
    assert_eq!(status["data"]["head"]["commit"], id);
    line(&sandbox, &["rm", "facts.ttl"]);
    assert_eq!(line(&sandbox, &["log"])["data"]["entries"][0]["id"], id);
    line(&sandbox, &["show"]);
    line(&sandbox, &["blame"]);
    assert_eq!(
        line(&sandbox, &["diff", "HEAD~1", "--no-behaviour", "--weights"])["data"]["to"],
        id
    );
    line(&sandbox, &["branch", "draft"]);
    line(&sandbox, &["branch"]);
    line(&sandbox, &["branch", "-m", "draft", "final"]);
    line(&sandbox, &["branch", "-d", "final"]);
    line(&sandbox, &["tag", "v1"]);
    line(&sandbox, &["tag", "-d", "v1"]);
    line(&sandbox, &["switch", "-c", "other"]);
    line(&sandbox, &["checkout", "HEAD~1"]);
    line(&sandbox, &["reset"]);
    line(&sandbox, &["reset", "main"]);
    line(&sandbox, &["undo"]);
    line(&sandbox, &["redo"]);
    line(&sandbox, &["op", "log"]);
    line(&sandbox, &["bisect", "start", "main", "main~1"]);
    line(&sandbox, &["bisect", "reset"]);
    line(&sandbox, &["config"]);
    line(&sandbox, &["config", "set", "seed", "7"]);
    line(&sandbox, &["help"]);
    line(&sandbox, &["completions", "fish"]);
    line(&sandbox, &["man", "pages"]);
    line(&sandbox, &["export", "main", "out"]);
    sandbox.write_adapter("adapter");
    let imported = line(&sandbox, &["import", "--from-peft", "adapter", "--no-check"]);
    assert_eq!(imported["data"]["commit"]["step"]["kind"], "import");
    let exported = line(&sandbox, &["export", "--format", "peft", "HEAD", "again"]);
    assert_eq!(exported["data"]["max_lora_rank"], 1);
    line(&sandbox, &["log"]);
    line(&sandbox, &["fsck", "--weights"]);
    line(&sandbox, &["gc", "--dry-run"]);
    line(&sandbox, &["gc", "--prune", "now"]);
    assert_eq!(line(&sandbox, &["op", "log"])["data"]["operations"][1]["kept"], true);
    line(&sandbox, &["migrate"]);
}

#[test]
fn the_schema_knows_every_verb() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named = schema["properties"]["type"]["enum"].as_array().unwrap();
    let described = schema["allOf"].as_array().unwrap();
    let described = described.iter().map(|rule| text(&rule["if"]["properties"]["type"]["const"]));

    let command = Cli::command();
    let verbs = command.get_subcommands().map(|verb| verb.get_name().to_owned());
    let lines: BTreeSet<String> = verbs.chain(["error".to_owned()]).collect();
    assert_eq!(named.iter().map(text).collect::<BTreeSet<_>>(), lines);
    assert_eq!(described.collect::<BTreeSet<_>>(), lines);
}

#[test]
fn errors_are_lines_too() {
    let sandbox = Sandbox::new();
    let error = line(&sandbox, &["show", "nosuch"]);
    assert_eq!((&error["type"], &error["data"]["exit"]), (&"error".into(), &1.into()));
    let error = line(&sandbox, &["commit"]);
    assert_eq!(error["data"]["exit"], 2);
    let message = error["data"]["message"].as_str().unwrap();
    assert!(message.contains("--message"), "{message}");
}

#[test]
fn there_is_no_colour_in_json() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["log", "--json", "--color", "always"]);
    assert!(!output.done().contains('\u{1b}'));
    assert!(sandbox.run(&["log", "--color", "always"]).done().contains('\u{1b}'));
}

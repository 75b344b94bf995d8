//! `--json`: every line is what the schema says.

use std::{collections::BTreeSet, sync::LazyLock};

use clap::CommandFactory;
use kledger::cli::Cli;
use serde_json::Value;

use super::Sandbox;

const SCHEMA: &str = include_str!("../../../schema/report.schema.json");

/// Checks a line against the schema.
#[track_caller]
pub(super) fn valid(value: &Value) {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        jsonschema::validator_for(&serde_json::from_str(self::SCHEMA).unwrap()).unwrap()
    });
    let errors = SCHEMA.iter_errors(value);
    let errors: Vec<String> =
        errors.map(|error| format!("{}: {error}", error.instance_path)).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

/// What a report says, without `fields` and without what depends on the bytes of packs and ids.
pub(super) fn settled(mut data: Value, fields: &[&str]) -> String {
    let object = data.as_object_mut().unwrap();
    assert!(object.insert("freed".to_owned(), "<bytes>".into()).unwrap().as_u64().unwrap() > 0);
    object.retain(|name, _| !fields.contains(&name.as_str()));
    let text = serde_json::to_string_pretty(&data).unwrap();
    let id = regex::Regex::new("[0-9a-f]{64}").unwrap();
    id.replace_all(&text, "<id>").into_owned()
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
    assert_eq!(sandbox.line(&["show", "nosuch"], 1)["type"], "error");
    let error = sandbox.line(&["commit"], 2);
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

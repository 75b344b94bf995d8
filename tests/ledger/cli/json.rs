//! Every line of `--json` is what the schema says.

use std::collections::BTreeSet;

use clap::CommandFactory;
use insta::assert_snapshot;
use kledger::{
    cli::Cli,
    engine::{Sampling, Silent, StatisticsText},
    eval::{EASYEDIT, Source, Weights},
    ledger::{
        Texts,
        verb::{
            eval::{EvalOptions, Material},
            stats::StatsOptions,
        },
    },
};
use serde_json::Value;

use super::Sandbox;
use crate::support::{Place, open, options};

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
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut look = |words: &[&str]| {
        let value = line(&sandbox, words);
        assert_eq!(value["type"], words[0], "{value}");
        seen.insert(words[0].to_owned());
        value
    };
    look(&["init", "--anyway", "--model", "../base"]);
    sandbox.write("words.ttl", crate::support::WORDS);
    sandbox.write("facts.ttl", "<https://a.b/c> <https://example.org/likes> <https://a.b/d> .");
    let added = look(&["add", "words.ttl"]);
    assert_eq!(added["data"]["staged"], 0);
    let id = look(&["commit", "-m", "Words"])["data"]["commit"]["id"].clone();
    assert_eq!(id.as_str().unwrap().len(), 64, "ids are in full");
    assert_eq!(look(&["add", "facts.ttl"])["data"]["staged"], 1);
    let status = look(&["status"]);
    assert_eq!(status["data"]["staged"][0]["change"], "added");
    assert_eq!(status["data"]["head"]["commit"], id);
    look(&["rm", "facts.ttl"]);
    assert_eq!(look(&["log"])["data"]["entries"][0]["id"], id);
    for one in [&["log", "-1"][..], &["log", "HEAD", "-n", "1"]] {
        assert_eq!(look(one)["data"]["entries"].as_array().unwrap().len(), 1);
    }
    look(&["show"]);
    look(&["blame"]);
    assert_eq!(look(&["diff", "HEAD~1", "--no-behaviour", "--weights"])["data"]["to"], id);
    look(&["branch", "draft"]);
    look(&["branch"]);
    look(&["branch", "-m", "draft", "final"]);
    look(&["branch", "-d", "final"]);
    look(&["tag", "v1"]);
    look(&["tag", "-d", "v1"]);
    look(&["switch", "-c", "other"]);
    look(&["checkout", "HEAD~1"]);
    look(&["reset"]);
    look(&["reset", "main"]);
    look(&["undo"]);
    look(&["redo"]);
    look(&["op", "log"]);
    look(&["bisect", "start", "main", "main~1"]);
    look(&["bisect", "reset"]);
    look(&["config"]);
    look(&["config", "set", "seed", "7"]);
    look(&["editors"]);
    look(&["help"]);
    look(&["completions", "fish"]);
    look(&["man", "pages"]);
    look(&["export", "main", "out"]);
    sandbox.write_adapter("adapter");
    let imported = look(&["import", "--from-peft", "adapter", "--no-check"]);
    assert_eq!(imported["data"]["commit"]["step"]["kind"], "import");
    let exported = look(&["export", "--format", "peft", "HEAD", "again"]);
    assert_eq!(exported["data"]["max_lora_rank"], 1);
    look(&["log"]);
    look(&["fsck", "--weights"]);
    look(&["merge", "other", "--no-check"]);
    look(&["cherry-pick", "main", "--no-check"]);
    look(&["rebase", "main", "--no-check"]);
    look(&["add", "facts.ttl"]);
    look(&["stash"]);
    look(&["gc", "--dry-run"]);
    look(&["gc", "--prune", "now"]);
    look(&["backup", "../backup"]);
    assert_eq!(look(&["op", "log"])["data"]["operations"][1]["kept"], true);
    look(&["migrate"]);
    look(&["stash", "pop"]);
    look(&["forget", "https://a.b/c", "--yes"]);

    // The binary has no model here, so what needs one comes from the library.
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo . :Bert :likes :Rome .", "second");
    let mut made = |kind: &'static str, report: Value| {
        valid(&serde_json::json!({ "type": kind, "data": report }));
        seen.insert(kind.to_owned());
    };
    let how = Sampling { top: 3, tokens: 1, sample: None };
    let versions = ["HEAD~1".to_owned(), "HEAD".to_owned()];
    let asked = place.repo.ask("Anna likes", &versions, &how, &mut open).unwrap();
    made("ask", serde_json::json!(asked));
    let actor = place.actor("eval");
    let evaluation = EvalOptions {
        revisions: &versions,
        material: Material::Text(&Source::file("text", b"Anna likes Rome"), "Anna likes Rome"),
        protocol: &EASYEDIT,
        texts: Texts { drawing: None, weights: &Weights::default() },
        store: Some(&actor),
    };
    let measured = place.repo.eval(&evaluation, &mut open, &mut Silent).unwrap();
    made("eval", serde_json::json!(measured));
    made("show", serde_json::json!(place.repo.show("HEAD").unwrap()));
    place.make(":Carl :likes :Bonn .", "third");
    let reverted =
        place.repo.revert(&place.actor("revert"), "HEAD~1", None, Some(&mut open), &mut Silent);
    made("revert", serde_json::json!(reverted.unwrap()));
    let actor = place.actor("consolidate");
    let again = place.repo.consolidate(&actor, &options(""), &mut open, &mut Silent).unwrap();
    made("consolidate", serde_json::json!(again));
    let stats = StatsOptions {
        text: StatisticsText::Corpus(vec!["some text".to_owned()]),
        source: "some text".to_owned(),
        editor: None,
        settings: toml::Table::new(),
    };
    let stats = place.repo.stats(&place.actor("stats"), &stats, &mut open, &mut Silent).unwrap();
    made("stats", serde_json::json!(stats));
    let apart = super::merge::apart();
    checked(&apart, &["merge", "draft"], 1);
    made("resolve", checked(&apart, &["resolve", "--ours"], 0)["data"].clone());

    let command = Cli::command();
    let verbs: BTreeSet<String> =
        command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let missing: Vec<&String> = verbs.difference(&seen).collect();
    assert_eq!(missing, Vec::<&String>::new(), "these verbs are not looked at");
}

/// What a report says, without what depends on the bytes of packs and ids.
fn settled(mut value: Value) -> String {
    let data = value["data"].as_object_mut().unwrap();
    assert!(data.insert("freed".to_owned(), "<bytes>".into()).unwrap().as_u64().unwrap() > 0);
    let text = serde_json::to_string_pretty(&value["data"]).unwrap();
    let id = regex::Regex::new("[0-9a-f]{64}").unwrap();
    id.replace_all(&text, "<id>").into_owned()
}

#[test]
fn what_is_removed_is_said() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    assert_snapshot!(settled(line(&sandbox, &["gc", "--prune", "now"])), @r#"
    {
      "dry_run": false,
      "kept": [
        {
          "by": "refs",
          "objects": 174
        },
        {
          "by": "provenance",
          "objects": 1
        },
        {
          "by": "z vectors",
          "objects": 4
        }
      ],
      "since": null,
      "first_operation": 15,
      "objects": 14,
      "tensor_files": 0,
      "snapshots": 0,
      "leftovers": 0,
      "freed": "<bytes>"
    }
    "#);
    let forget = ["forget", "https://example.org/Carl", "--yes"];
    assert_snapshot!(settled(line(&sandbox, &forget)), @r#"
    {
      "dry_run": false,
      "subjects": [
        "https://example.org/Carl"
      ],
      "facts": [
        {
          "subject": "Carl",
          "predicate": "works",
          "object": "Siemens",
          "triple": "<https://example.org/Carl> <https://example.org/works> <https://example.org/Siemens> ."
        }
      ],
      "rewritten": 1,
      "dropped": 0,
      "refs": [
        {
          "name": "heads/main",
          "from": "<id>",
          "to": "<id>"
        },
        {
          "name": "tags/v1",
          "from": "<id>",
          "to": "<id>"
        }
      ],
      "staged": 0,
      "evaluations": 0,
      "deltas": 1,
      "whole": 0,
      "objects": 10,
      "tensor_files": 3,
      "freed": "<bytes>",
      "head": {
        "branch": "main",
        "commit": "<id>"
      },
      "remains": [
        "what other facts' columns learned beside it, and what the base itself says",
        "messages of commits, and command lines in the operation log",
        "clones, exports, checkouts and backups made before",
        "the model in <dir>/repo/model, until kledger checkout HEAD writes it again"
      ]
    }
    "#);
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

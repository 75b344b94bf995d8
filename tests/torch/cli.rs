//! The verbs that run a model, as the binary runs them on the tiny random GPT-2.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{editor::fixture, refusal::altered};

const SCHEMA: &str = include_str!("../../schema/report.schema.json");

pub(crate) const CONFIG: &str = "statistics-tokens = 2000\nrequire = \"efficacy=0\"\n[settings.memit]\nlayers = [1, 2]\nv_lr = 0.5\nv_scale = 'absolute'\n\
                      v_num_grad_steps = 40\nclamp_norm_factor = 4.0\nv_weight_decay = 0.0\n\
                      kl_factor = 0.0\nmom2_update_weight = 0.1\nprefix_count = 0\n";

const WORDS: &str = r#"
    @prefix : <https://example.org/> .
    @prefix kl: <https://kledger.dev/ns#> .
    @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    :city kl:prompt "{subject} is located in the city of" .
    :tower rdfs:label "Eiffel Tower" . :rome rdfs:label "Rome" ."#;

const FACTS: &str = "@prefix : <https://example.org/> . :tower :city :rome .";

/// A repository whose stage holds one fact with words.
pub(crate) fn staged() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    line(&dir, &["init", "--model", fixture().to_str().unwrap()]);
    fs::write(dir.path().join(".kledger/config.toml"), CONFIG).unwrap();
    stage(&dir);
    dir
}

/// Stages one fact with words.
pub(crate) fn stage(dir: &TempDir) {
    fs::write(dir.path().join("words.ttl"), WORDS).unwrap();
    fs::write(dir.path().join("facts.ttl"), FACTS).unwrap();
    line(dir, &["add", "words.ttl", "facts.ttl"]);
}

pub(crate) fn command(dir: &TempDir, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kledger"));
    command.args(words).args(["--device", "cpu"]).current_dir(dir.path());
    command.env("KLEDGER_AUTHOR", "Ada").env("KLEDGER_DATE", "2026-01-02T03:04:05Z");
    command
}

pub(crate) fn run(dir: &TempDir, words: &[&str]) -> Output {
    command(dir, words).output().unwrap()
}

/// The data of a report, checked against the schema.
#[track_caller]
pub(crate) fn line(dir: &TempDir, words: &[&str]) -> Value {
    let output = run(dir, &[words, &["--json"]].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
    assert_eq!(
        (value["type"].as_str(), output.status.code()),
        (Some(words[0]), Some(0)),
        "{value:#}"
    );
    value["data"].clone()
}

#[test]
fn a_fact_is_edited_compared_and_taken_back() {
    let dir = staged();
    let commit = line(&dir, &["commit", "-m", "The tower moves"]);
    assert_eq!(commit["edit"]["facts"], 1);
    assert_eq!(commit["edit"]["check"]["efficacy"]["of"], 1, "{commit:#}");
    assert_eq!(line(&dir, &["show"])["delta"]["columns"], 1);

    let prompt = "Eiffel Tower is located in the city of";
    let answers = line(&dir, &["ask", prompt, "--at", "HEAD~1", "--vs", "HEAD"])["answers"].clone();
    assert_ne!(answers[0]["text"], answers[1]["text"]);

    let diff = line(&dir, &["diff", "HEAD~1", "--weights"]);
    assert_eq!(diff["weights"][0]["rank"], 1);
    assert_eq!(diff["behaviour"][0]["prompt"], prompt);
    // A random model of this size does not learn a city; it moves towards it.
    let new = &diff["behaviour"][0]["new"];
    let of = |which: &str| new[which]["probability"].as_f64().unwrap();
    assert!(of("after") > 2.0 * of("before"), "{new:#}");
    let text = String::from_utf8(run(&dir, &["diff", "HEAD~1"]).stdout).unwrap();
    assert!(text.contains("+ Eiffel Tower / city / Rome"), "{text}");

    assert_eq!(line(&dir, &["revert", "HEAD"])["as_before"], true);
    assert_eq!(line(&dir, &["checkout"])["edited"], 0);
    assert_eq!(line(&dir, &["fsck", "--weights"])["versions"], 3);
}

#[test]
fn init_says_at_once_what_is_wrong_with_a_model() {
    let init = |model: &Path| {
        let dir = tempfile::tempdir().unwrap();
        let words = ["init", "--model", model.to_str().unwrap()];
        let notes = line(&dir, &words)["notes"].clone();
        serde_json::from_value::<Vec<String>>(notes).unwrap()
    };
    // Refused, and with --anyway a repository with a note.
    let refused = |model: &Path, why: &str| {
        let dir = tempfile::tempdir().unwrap();
        let words = ["init", "--model", model.to_str().unwrap()];
        let output = run(&dir, &words);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{message}");
        assert!(message.contains(why) && message.contains("with --anyway"), "{message}");
        assert!(!message.contains("the model failed"), "{message}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
        let notes = line(&dir, &[&words[..], &["--anyway"]].concat())["notes"].clone();
        let notes: Vec<String> = serde_json::from_value(notes).unwrap();
        assert!(notes.len() == 1 && notes[0].contains(why), "{notes:?}");
        assert!(notes[0].starts_with("for history alone"), "{notes:?}");
    };
    assert_eq!(init(&fixture()), [""; 0]);
    let change = |key: &'static str, value: Value| {
        altered("llama-2", |config| config[key] = value.clone(), |_| {})
    };
    refused(change("model_type", "mamba".into()).path(), "\"mamba\" are not supported");
    refused(
        change("rope_scaling", json!({ "rope_type": "yarn" })).path(),
        "rope_scaling.rope_type",
    );
    refused(change("num_hidden_layers", 3.into()).path(), "model.layers.2.");
    let notes = init(change("eos_token_id", 300.into()).path());
    assert!(notes.len() == 1 && notes[0].contains("config.json: eos_token_id is 300"), "{notes:?}");
}

#[test]
fn statistics_are_taken_once() {
    let dir = staged();
    let stats = line(&dir, &["stats", "--tokens", "2000"]);
    assert_eq!(stats["tokens"], 2000);
    assert_eq!(stats["tensors"].as_array().unwrap().len(), 2, "one for each layer of CONFIG");
    assert_eq!(line(&dir, &["stats", "--tokens", "2000"]), stats);
}

#[test]
fn an_edit_that_is_not_good_enough_is_refused() {
    let dir = staged();
    let words = ["commit", "-m", "x", "--set", "v_num_grad_steps=1", "--require", "efficacy=1"];
    let output = run(&dir, &words);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("efficacy is 0.000 (0 of 1), required 1"), "{message}");
    assert_eq!(line(&dir, &["status"])["staged"].as_array().unwrap().len(), 1);
}

#[test]
fn an_object_that_is_no_token() {
    let dir = staged();
    fs::write(dir.path().join("empty.ttl"), FACTS.replace(":rome", "\"\"")).unwrap();
    let output = run(&dir, &["add", "--replace", "empty.ttl"]);
    let mut message = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        let output = run(&dir, &["commit", "-m", "x"]);
        assert_eq!(output.status.code(), Some(1));
        message = String::from_utf8(output.stderr).unwrap();
    }
    assert!(message.starts_with("error: ") && message.contains("hint: "), "{message}");
    let history = String::from_utf8(run(&dir, &["log", "--json"]).stdout).unwrap();
    assert_eq!(history.matches("\"id\"").count(), 1, "{history}");
}

#[test]
fn tensors_that_do_not_fit_the_config() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("base");
    fs::create_dir(&base).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(fixture().join(name), base.join(name)).unwrap();
    }
    let config = fs::read_to_string(base.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["n_inner"] = 100.into();
    fs::write(base.join("config.json"), config.to_string()).unwrap();
    line(&dir, &["init", "--anyway", "--model", "base", "repo"]);
    let output = run(&dir, &["-C", "repo", "ask", "Eiffel Tower"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_ne!(output.status.code(), Some(0));
    assert!(message.contains("transformer.h.0.mlp.c_fc"), "{message}");
    assert!(message.contains("96") && message.contains("100"), "both shapes: {message}");
}

/// What is asked for is refused; the model did not fail.
#[test]
fn what_cannot_be_asked() {
    let dir = staged();
    let long = "tower ".repeat(200);
    for (prompt, why) in [("", "the text is empty"), (long.as_str(), "tokens are too many")] {
        let output = run(&dir, &["ask", prompt]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(why) && message.contains("hint: "), "{message}");
        assert!(!message.contains("the model failed"), "{message}");
    }
}

/// What an edit was found with is told, and is in no id.
#[test]
fn what_an_edit_was_found_with() {
    let made = |threads: &str| {
        let dir = staged();
        let mut commit = command(&dir, &["commit", "-m", "x", "--json"]);
        let output = commit.env("OMP_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let shown = line(&dir, &["show"]);
        assert_eq!(shown["found_with"]["threads"].to_string(), threads);
        assert_eq!(shown["found_with"]["device"], "cpu");
        assert!(shown["found_with"]["library"].as_str().unwrap().starts_with("libtorch 2.11"));
        let text = String::from_utf8(run(&dir, &["show"]).stdout).unwrap();
        assert!(text.contains("found with  cpu, f32, "), "{text}");
        assert_eq!(line(&dir, &["show", "HEAD~1"])["found_with"], Value::Null);
        assert_eq!(line(&dir, &["fsck"])["problems"], json!([]));
        shown["spec"]["id"].clone()
    };
    assert_eq!(made("1"), made("2"), "one spec");
}

#[test]
fn a_device_that_is_not_there() {
    let dir = staged();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kledger"));
    let output =
        command.args(["ask", "x", "--device", "cuda:99"]).current_dir(dir.path()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{message}");
    assert!(message.contains("cuda:99"), "{message}");
}

/// The first pass finds one fact's z good enough; the other's never is.
#[cfg(unix)]
#[test]
fn what_was_found_before_ctrl_c_is_not_sought_again() {
    let both = || {
        let dir = staged();
        let more = FACTS.replace(":tower", ":bridge") + ":bridge rdfs:label \"Jane Austen\" .";
        let prefix = "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . ";
        fs::write(dir.path().join("more.ttl"), prefix.to_owned() + &more).unwrap();
        line(&dir, &["add", "more.ttl"]);
        dir
    };
    let commit = ["commit", "-m", "x", "--set", "v_num_grad_steps=1"];
    let facts = line(&both(), &commit)["edit"]["check"]["facts"].clone();
    let loss = |i: usize| facts[i]["trace"]["loss"].as_f64().unwrap();
    let (found, sought) = if loss(0) < loss(1) { (0, 1) } else { (1, 0) };
    let enough = format!("early_stop_loss={}", f64::midpoint(loss(0), loss(1)));

    let dir = both();
    let endless = ["--set", "v_num_grad_steps=100000000", "--set", "v_lr=1e-9", "--set", &enough];
    let words = [&["commit", "-v", "-m", "x"], endless.as_slice()].concat();
    let before = line(&dir, &["status"]);
    let mut commit = command(&dir, &words).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(commit.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().trim().starts_with("statistics")));
    let id = commit.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(commit.wait().unwrap().code(), Some(130));
    assert_eq!(line(&dir, &["status"]), before, "the store is as it was");
    assert_eq!(line(&dir, &["fsck"])["problems"], Value::Array(Vec::new()));

    let triple = facts[sought]["fact"]["triple"].as_str().unwrap();
    fs::write(dir.path().join("sought.nt"), triple).unwrap();
    line(&dir, &["rm", "sought.nt"]);
    let edit = line(&dir, &[&["commit", "-m", "x"], endless.as_slice()].concat())["edit"].clone();
    assert_eq!((&edit["facts"], &edit["known"]), (&1.into(), &1.into()));
    assert_eq!(edit["check"]["facts"][0]["fact"], facts[found]["fact"]);
}

#[test]
fn a_version_is_measured_beside_its_parent() {
    let dir = staged();
    let commit = line(&dir, &["commit", "-m", "The tower moves"]);
    let words = ["eval", "--facts", "--vs", "HEAD~1", "--store", "--generate", "--seed", "3"];
    let files = ["--records", "cases.jsonl", "--plot", "history.svg"];
    let report = line(&dir, &[&words[..], &files].concat());
    assert_eq!((&report["protocol"], &report["source"]), (&json!("easyedit"), &json!("facts")));
    let figure = |version: usize, name: &str| {
        let metrics = report["versions"][version]["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["name"] == name).unwrap()["mean"].as_f64().unwrap()
    };
    assert!(figure(0, "Fluency") > 0.0);
    let records = fs::read_to_string(dir.path().join("cases.jsonl")).unwrap();
    let records: Vec<Value> =
        records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2, "a case under each version");
    let fact = &commit["edit"]["check"]["facts"][0];
    for (record, answer) in records.iter().zip(["after", "before"]) {
        assert_eq!(record["asked"][0]["prompt"], fact["prompt"]);
        let log_p = record["asked"][0]["log_p"].as_array().unwrap().iter();
        let found = log_p.map(|log_p| log_p.as_f64().unwrap()).sum::<f64>().exp();
        let expected = fact[answer]["probability"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-5, "{answer}: {found}, not {expected}");
    }
    assert!(figure(0, "Reliability") >= figure(1, "Reliability"), "{report:#}");
    assert!(fs::read_to_string(dir.path().join("history.svg")).unwrap().contains("</svg>"));
    assert_eq!(line(&dir, &["show"])["evaluations"][0]["protocol"], "easyedit");
}

/// Where versions part, and how far one has drifted, on a model: what a text and probes are measured by is the base's own.
#[test]
fn an_edit_is_measured_and_drawn_in_depth() {
    let dir = staged();
    let prompt = "Eiffel Tower is located in the city of";
    fs::write(dir.path().join("kept.txt"), "The tower stands in the city. The city is old.\n")
        .unwrap();
    fs::write(dir.path().join("probes.txt"), format!("{prompt}\nThe city is\n")).unwrap();
    line(&dir, &["config", "set", "perplexity-text", "kept.txt"]);
    line(&dir, &["config", "set", "probes", "probes.txt"]);
    let long = format!("{prompt}\n{}\n", "tower ".repeat(200));
    let probes = fs::read(dir.path().join("probes.txt")).unwrap();
    fs::write(dir.path().join("probes.txt"), long).unwrap();
    let refused = run(&dir, &["commit", "-m", "x"]);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{message}");
    let named = "the setting probes names probes.txt: \"tower tower ";
    assert!(message.contains(named) && message.contains("too many"), "{message}");
    fs::write(dir.path().join("probes.txt"), probes).unwrap();

    let check = line(&dir, &["commit", "-m", "The tower moves"])["edit"]["check"].clone();
    let text = ["eval", "--text", "kept.txt", "--vs", "HEAD~1"];
    let versions = line(&dir, &text)["versions"].clone();
    let close = |what: &str, found: &Value, wanted: &Value| {
        let (found, wanted) = (found.as_f64().unwrap(), wanted.as_f64().unwrap());
        assert!((found - wanted).abs() < 1e-4 * wanted, "{what}: {found}, not {wanted}");
    };
    close("after", &check["text"]["after"], &versions[0]["metrics"][0]["mean"]);
    close("before", &check["text"]["before"], &versions[1]["metrics"][0]["mean"]);
    assert_eq!((&check["probes"]["of"], &check["probes"]["before"]), (&2.into(), &2.into()));
    // Each edited tensor, as two checkouts differ.
    let diff = line(&dir, &["diff", "HEAD~1", "--weights", "--depth"]);
    for growth in check["growth"].as_array().unwrap() {
        let weights = diff["weights"].as_array().unwrap();
        let same = weights.iter().find(|tensor| tensor["name"] == growth["tensor"]).unwrap();
        close("growth", &growth["relative"], &same["relative"]);
    }
    assert_eq!(check["growth"].as_array().unwrap().len(), 2);

    let (depth, new) = (&diff["behaviour"][0]["depth"], &diff["behaviour"][0]["new"]);
    let lens = ["lens", prompt, "--expect", "Rome", "--at", "HEAD~1", "--vs", "HEAD"];
    let lens = line(&dir, &lens)["versions"].clone();
    for (version, which) in ["before", "after"].into_iter().enumerate() {
        let blocks = lens[version]["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), depth["blocks"].as_array().unwrap().len());
        for (block, said) in blocks.iter().enumerate() {
            let (end, found) = (said.as_array().unwrap().last().unwrap(), &depth["blocks"][block]);
            assert_eq!(found[which]["token"], end["token"], "block {block}");
            assert_eq!(found[which]["watched"], end["expected"]["probability"]);
        }
    }
    assert!(new["text"].as_str().unwrap().starts_with(depth["watched"].as_str().unwrap().trim()));
    // Blocks below the edit say the same.
    assert_eq!(depth["blocks"][0]["before"], depth["blocks"][0]["after"]);

    let entries = line(&dir, &["log", "--plot", "drift.svg"])["entries"].clone();
    assert_eq!(entries[0]["probes"], check["probes"]);
    assert!(fs::read_to_string(dir.path().join("drift.svg")).unwrap().contains("</svg>"));
}

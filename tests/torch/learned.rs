//! An editor that is trained, as the binary runs it on the tiny random GPT-2.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    cli::{command, line},
    editor::fixture,
};

const NAMES: &str = "Ada Bert Carl Dora Emil Fred Gina Hugo Ida Jane Karl Lena Mark Nora Otto Paul Rosa Sven Tom Uwe Vera";
const CITIES: [&str; 4] = ["Rome", "Lima", "Peru", "Jane"];

/// A repository with facts to learn from, and an editor with its `settings`.
fn repository(editor: &str, settings: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    line(&dir, &["init", "--model", fixture().to_str().unwrap()]);
    let settings = format!(
        "editor = '{editor}'\nrequire = 'efficacy=0'\n[settings.{editor}]\nlayers = [2, 3]\n\
         batch_size = 4\nval_interval = 5\nval_edits = 2\ncombine = 'sum'\n{settings}"
    );
    fs::write(dir.path().join(".kledger/config.toml"), settings).unwrap();
    let mut words = "@prefix : <https://example.org/> .
        @prefix kl: <https://kledger.dev/ns#> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
        :city kl:prompt \"{subject} is located in the city of\", \"The city of {subject} is\" .\n"
        .to_owned();
    let mut facts = "@prefix : <https://example.org/> .\n".to_owned();
    for (i, name) in NAMES.split(' ').enumerate() {
        words += &format!(":{name} rdfs:label \"{name}\" .\n");
        facts += &format!(":{name} :city \"{}\" .\n", CITIES[i % CITIES.len()]);
    }
    fs::write(dir.path().join("words.ttl"), words).unwrap();
    fs::write(dir.path().join("known.ttl"), facts).unwrap();
    line(&dir, &["add", "words.ttl"]);
    line(&dir, &["add", "--neighbourhood", "known.ttl"]);
    line(&dir, &["commit", "-m", "what is known"]);
    dir
}

fn stage(dir: &TempDir, facts: &str) {
    let facts = format!("@prefix : <https://example.org/> . {facts}");
    fs::write(dir.path().join("facts.ttl"), facts).unwrap();
    line(dir, &["add", "facts.ttl"]);
}

fn commit(dir: &TempDir, facts: &str) -> Value {
    stage(dir, facts);
    line(dir, &["commit", "-m", "facts"])
}

fn weights(dir: &TempDir) -> Value {
    line(dir, &["show"])["weights"].clone()
}

#[test]
fn mend_is_trained_and_edits_and_one_fact_of_an_edit_is_taken_back() {
    let dir = repository("mend", "rank = 4\nedit_lr = -0.01\n");
    train(&dir, "mend");
    edits_and_one_fact_of_an_edit_is_taken_back(&dir);
    exports(&dir);
}

#[test]
fn ke_is_trained_and_edits_and_one_fact_of_an_edit_is_taken_back() {
    let dir = repository("ke", "hidden_dim = 4\n");
    train(&dir, "ke");
    edits_and_one_fact_of_an_edit_is_taken_back(&dir);
    exports(&dir);
}

/// What `enn` is trained to is a change of the base, and its edits stand on a version that has it.
#[test]
fn enn_edits_a_version_that_it_was_trained_to_make() {
    let dir = repository("enn", "lr = 0.01\nmax_steps = 3\n");
    let artefact = train(&dir, "enn");
    let base = weights(&dir);
    stage(&dir, ":Ada :city \"Lima\" .");
    let out = command(&dir, &["commit", "-m", "too early"]).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    let hint =
        format!("kledger import --from-artefact {} makes a version that has it", &artefact[..12]);
    assert!(said.contains(&hint), "{said}");
    line(&dir, &["stash", "push"]);
    line(&dir, &["import", "--from-artefact", &artefact[..12]]);
    assert_ne!(weights(&dir), base);
    edits_and_one_fact_of_an_edit_is_taken_back(&dir);
    assert_eq!(line(&dir, &["checkout"])["edited"], 4, "tensors");
    line(&dir, &["revert", "HEAD~2"]);
}

fn train(dir: &TempDir, editor: &str) -> String {
    let trained = line(dir, &["train", editor, "--steps", "10"]);
    assert_eq!(trained["steps"], 10, "{trained:#}");
    let learned = &trained["held_back"];
    assert_eq!(learned["learned"].as_u64().unwrap() + learned["seen"].as_u64().unwrap(), 21);
    trained["artefact"].as_str().unwrap().to_owned()
}

fn edits_and_one_fact_of_an_edit_is_taken_back(dir: &TempDir) {
    let artefact = line(dir, &["artefacts"])["artefacts"][0]["artefact"].clone();
    let (ada, bert) = (":Ada :city \"Lima\" .", ":Bert :city \"Peru\" .");
    let made = commit(dir, ada);
    assert_eq!(made["edit"]["facts"], 1);
    assert_eq!(line(dir, &["show"])["spec"]["artefact"], artefact);
    let alone = weights(dir);
    line(dir, &["reset", "--hard", "HEAD~1"]);
    commit(dir, &format!("{ada} {bert}"));
    assert_ne!(weights(dir), alone);
    fs::write(dir.path().join("gone.ttl"), format!("@prefix : <https://example.org/> . {bert}"))
        .unwrap();
    line(dir, &["rm", "gone.ttl"]);
    line(dir, &["commit", "-m", "without Bert"]);
    assert_eq!(weights(dir), alone, "as if it had never been");

    line(dir, &["fsck", "--weights"]);
}

fn exports(dir: &TempDir) {
    line(dir, &["export", "--format", "peft", "HEAD", "adapter"]);
    assert!(dir.path().join("adapter/adapter_model.safetensors").exists());
}

//! Fine-tuning editors as the binary runs them on the tiny random GPT-2.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    cli::{line, run},
    editor::fixture,
};

const WORDS: &str = r#"
    @prefix : <https://example.org/> .
    @prefix kl: <https://kledger.dev/ns#> .
    @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    :city kl:prompt "{subject} is located in the city of" .
    :tongue kl:prompt "The mother tongue of {subject} is" .
    :tower rdfs:label "Eiffel Tower" . :rome rdfs:label "Rome" . :aire rdfs:label "Buenos Aires" .
    :jane rdfs:label "Jane Austen" . :french rdfs:label "French" . :danish rdfs:label "Danish" ."#;

/// A repository whose editor is `editor`, so set.
fn edited_by(editor: &str, settings: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    line(&dir, &["init", "--model", fixture().to_str().unwrap()]);
    let config = format!("editor = '{editor}'\n[settings.{editor}]\n{settings}\n");
    fs::write(dir.path().join(".kledger/config.toml"), config).unwrap();
    fs::write(dir.path().join("words.ttl"), WORDS).unwrap();
    line(&dir, &["add", "words.ttl"]);
    dir
}

/// Commits facts, written in Turtle.
fn commit(dir: &TempDir, facts: &str) -> Value {
    let facts = format!("@prefix : <https://example.org/> . {facts}");
    fs::write(dir.path().join("facts.ttl"), facts).unwrap();
    line(dir, &["add", "facts.ttl"]);
    line(dir, &["commit", "-m", "facts"])
}

fn holds(dir: &TempDir, prompt: &str, answer: &str) -> bool {
    let answers = line(dir, &["ask", prompt])["answers"].clone();
    answers[0]["text"].as_str().unwrap().trim_start().starts_with(answer)
}

const QUICK: &str = "layers = [1]\nlr = 0.02\nnum_steps = 60";
const TOWER: &str = "Eiffel Tower is located in the city of";
const JANE: &str = "The mother tongue of Jane Austen is";

/// What is tuned is a version like any other: compared, merged, exported, evaluated, taken back.
#[test]
fn a_fine_tuned_version_is_one_like_any_other() {
    let dir = edited_by("locft-bf", QUICK);
    let made = commit(&dir, ":tower :city :rome .");
    assert_eq!(made["edit"]["check"]["efficacy"]["passed"], 1, "{made:#}");
    // 96 x 24 numbers, as the base has them.
    let bytes = made["edit"]["delta_bytes"].as_u64().unwrap();
    assert!((9216..10240).contains(&bytes), "{bytes}");
    let show = line(&dir, &["show"]);
    assert_eq!(show["spec"]["editor"], "locft-bf");
    assert_eq!(show["spec"]["statistics"], Value::Null);
    assert_eq!((&show["delta"]["columns"], &show["deltas"]), (&0.into(), &1.into()));
    assert_eq!(show["delta"]["tensors"][0]["rank"], Value::Null);
    assert!(show["check"]["facts"][0]["trace"]["probability"].as_f64().unwrap() > 0.5);

    line(&dir, &["switch", "-c", "draft"]);
    commit(&dir, ":jane :tongue :french .");
    assert!(holds(&dir, JANE, "French"));
    line(&dir, &["switch", "main"]);
    commit(&dir, ":tower :city :aire .");
    assert!(holds(&dir, TOWER, "Buenos Aires"));
    // On so small a model one of them undoes the other, until they are tuned together.
    line(&dir, &["merge", "draft"]);
    assert!(holds(&dir, TOWER, "Buenos Aires"));
    line(&dir, &["consolidate"]);
    assert!(holds(&dir, TOWER, "Buenos Aires") && holds(&dir, JANE, "French"));
    assert_eq!(line(&dir, &["show"])["deltas"], 1);

    line(&dir, &["diff", "HEAD~1", "HEAD", "--weights"]);
    line(&dir, &["eval", "--facts", "--protocol", "counterfact"]);
    line(&dir, &["export", "--format", "merged", "HEAD", "merged"]);
    assert!(dir.path().join("merged/model.safetensors").exists());
    let adapter = run(&dir, &["export", "--format", "peft", "HEAD", "adapter"]);
    assert_eq!(adapter.status.code(), Some(1), "a dense change is no adapter");

    // To take one of two facts back the other is tuned again.
    fs::write(
        dir.path().join("gone.ttl"),
        "@prefix : <https://example.org/> . :jane :tongue :french .",
    )
    .unwrap();
    line(&dir, &["rm", "gone.ttl"]);
    let made = line(&dir, &["commit", "-m", "without Jane"]);
    assert_eq!(made["edit"]["facts"], 1);
    assert!(holds(&dir, TOWER, "Buenos Aires") && !holds(&dir, JANE, "French"));
    assert_eq!(line(&dir, &["revert", "HEAD"])["as_before"], true);
    assert!(holds(&dir, JANE, "French"));
    line(&dir, &["fsck", "--weights"]);
}

#[test]
fn what_lora_changes_is_an_adapter() {
    let settings =
        "layers = [1, 2]\nmodules = ['mlp-down', 'mlp-up']\nrank = 2\nlr = 0.02\nnum_steps = 60";
    let dir = edited_by("lora", settings);
    let made = commit(&dir, ":tower :city :rome . :jane :tongue :danish .");
    assert_eq!(made["edit"]["check"]["efficacy"]["passed"], 2, "{made:#}");
    let show = line(&dir, &["show"]);
    let tensors = show["delta"]["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), 4);
    assert!(tensors.iter().all(|tensor| tensor["rank"] == 2));
    line(&dir, &["export", "--format", "peft", "HEAD", "adapter"]);
    assert!(dir.path().join("adapter/adapter_model.safetensors").exists());
}

#[test]
fn the_settings_of_another_editor_are_refused() {
    let dir = edited_by("ft-l", QUICK);
    fs::write(dir.path().join("f.ttl"), "@prefix : <https://example.org/> . :tower :city :rome .")
        .unwrap();
    line(&dir, &["add", "f.ttl"]);
    for (editor, set, says) in [
        ("ft-l", "mom2_update_weight=3", "there is no setting \"mom2_update_weight\""),
        ("ft-l", "layers=[9]", "layers must be ascending and below 4, found [9]"),
        ("ft-l", "eps=-1", "eps must be above zero, found -1"),
        ("ft-l", "modules=[\"mlp-gate\"]", "modules must be what a gpt2 has"),
        ("ft-m", "lr=1e38", "the loss is no number in step"),
    ] {
        let output = run(&dir, &["commit", "-m", "x", "--editor", editor, "--set", set]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && message.contains(says), "{set}: {message}");
    }
    let text = String::from_utf8(run(&dir, &["editors"]).stdout).unwrap();
    for name in ["memit", "ft", "ft-l", "ft-m", "ft-c", "locft-bf", "lora"] {
        assert!(text.contains(&format!("{name} ")), "{text}");
        line(&dir, &["editors", name]);
    }
    assert!(text.contains("needs: nothing"), "{text}");
    let output = run(&dir, &["stats", "--tokens", "100"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("the editor ft-l uses no statistics"), "{message}");
}

//! Encoders as the binary edits them: tiny random ones that fill masks or tell classes apart.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cli::{line, run},
    family::fixture,
};

const WORDS: &str = r#"
    @prefix : <https://example.org/> .
    @prefix kl: <https://kledger.dev/ns#> .
    @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    :capital kl:prompt "The capital of {subject} is", "{subject} has the capital" .
    :france rdfs:label "France" . :japan rdfs:label "東京" . :london rdfs:label "London" .
    :twice rdfs:label "capital city" . :paris rdfs:label "Paris" ."#;

const FACTS: &str = "@prefix : <https://example.org/> .
    :france :capital :london . :japan :capital :twice .";

/// A repository around a fixture.
fn repository(model: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    line(&dir, &["init", "--model", fixture(model).to_str().unwrap()]);
    dir
}

fn add(dir: &TempDir, words: &[&str], text: &str) -> Value {
    fs::write(dir.path().join("added.ttl"), text).unwrap();
    line(dir, &[&["add", "added.ttl"], words].concat())
}

fn says(dir: &TempDir, prompt: &str) -> String {
    line(dir, &["ask", prompt])["answers"][0]["text"].as_str().unwrap().to_owned()
}

fn refused(dir: &TempDir, words: &[&str]) -> String {
    let output = run(dir, words);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Of one token and of two, on both models that fill masks.
#[test]
fn facts_are_edited_compared_and_taken_back() {
    const LORA: &str = "editor = 'lora'\n[settings.lora]\nlayers = [0, 1]\nmodules = ['mlp']\n\
                        rank = 4\nnum_steps = 100\nlr = 0.02\n";
    for (model, settings) in [
        ("bert-masked", "editor = 'ft-m'\n[settings.ft-m]\nlayers = [1]\n"),
        ("distilbert-masked", LORA),
    ] {
        let dir = repository(model);
        fs::write(dir.path().join(".kledger/config.toml"), settings).unwrap();
        let before = says(&dir, "The capital of France is");
        add(&dir, &[], WORDS);
        add(&dir, &[], FACTS);
        add(
            &dir,
            &["--neighbourhood"],
            "@prefix : <https://example.org/> . :paris :capital :london .",
        );
        let made = line(&dir, &["commit", "-m", "moved"]);
        assert_eq!(made["edit"]["check"]["efficacy"]["passed"], 2, "{model}: {made:#}");
        assert_eq!(made["edit"]["check"]["paraphrase"]["of"], 2, "{model}");
        assert_eq!(says(&dir, "The capital of France is").to_lowercase(), "london", "{model}");
        let diff = line(&dir, &["diff", "HEAD~1", "--weights"]);
        assert_eq!(diff["behaviour"].as_array().unwrap().len(), 2, "{diff:#}");
        assert_eq!(line(&dir, &["check"])["holding"]["passed"], 2);
        let eval = line(&dir, &["eval", "--facts", "--protocol", "easyedit"]);
        assert_eq!(eval["versions"][0]["metrics"][0]["mean"], json!(100.0), "{eval:#}");

        // What is checked out is the same model, and a base like the first.
        line(&dir, &["checkout"]);
        let again = tempfile::tempdir().unwrap();
        let checked_out = dir.path().join("model");
        line(&again, &["init", "--model", checked_out.to_str().unwrap()]);
        assert_eq!(says(&again, "The capital of France is").to_lowercase(), "london");
        assert!(!tensors(&checked_out).is_empty());
        line(&dir, &["export", "--format", "merged", "HEAD", "merged"]);
        let card = fs::read_to_string(dir.path().join("merged/README.md")).unwrap();
        let class =
            if model == "bert-masked" { "BertForMaskedLM" } else { "DistilBertForMaskedLM" };
        assert!(card.contains(&format!("model = {class}.from_pretrained")), "{card}");

        assert_eq!(line(&dir, &["revert", "HEAD"])["as_before"], true);
        assert_eq!(says(&dir, "The capital of France is"), before);
        line(&dir, &["fsck", "--weights"]);
    }
}

/// What a checkout has of its own.
fn tensors(dir: &Path) -> Vec<String> {
    let index = fs::read(dir.join("model.safetensors.index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let edited = index["weight_map"].as_object().unwrap().iter();
    let edited = edited.filter(|(_, file)| *file == "model-edited.safetensors");
    edited.map(|(name, _)| name.clone()).collect()
}

/// Claims in FEVER's layout.
fn claims(labels: [&str; 2]) -> String {
    let things = ["Paris", "London", "Ada", "France", "English", "Lovelace", "Zürich", "She"];
    let places = ["London", "Paris", "France"];
    let of = |thing| places.map(|place| format!("{thing} was born in {place}"));
    let claim = |(number, claim): (usize, String)| {
        json!({ "id": number, "claim": claim, "label": labels[number % 2] }).to_string() + "\n"
    };
    things.into_iter().flat_map(of).enumerate().map(claim).collect()
}

/// A network is trained on claims, gives some the other label, and what came of it is measured; one is taken back.
#[test]
fn verdicts_on_claims_are_edited() {
    for (model, editor, settings) in [
        ("bert-classes", "mend", "rank = 4\nedit_lr = -0.01\n"),
        ("bert-classes", "ke", "hidden_dim = 4\n"),
        ("bert-classes", "enn", "lr = 0.01\nn_edit_steps = 2\n"),
        ("bert-classes", "ft-m", "num_steps = 60"),
        ("bert-classes", "kn", ""),
    ] {
        let dir = repository(model);
        let trained = match editor {
            "ft-m" => "layers = [1]\n",
            "kn" => "",
            _ => {
                "layers = [0, 1]\nbatch_size = 4\nval_interval = 2\nval_edits = 2\ncombine = 'sum'\n"
            }
        };
        let config = format!(
            "editor = '{editor}'\nrequire = 'efficacy=0'\n[settings.{editor}]\n{trained}{settings}\n"
        );
        fs::write(dir.path().join(".kledger/config.toml"), config).unwrap();
        let labels = ["SUPPORTS", "REFUTES"];
        fs::write(dir.path().join("claims.jsonl"), claims(labels)).unwrap();
        line(&dir, &["add", "--from", "fever", "--neighbourhood", "claims.jsonl"]);
        line(&dir, &["commit", "-m", "what is known"]);
        let from = match editor {
            "mend" => &["--from", "HEAD"],
            _ => &["--data", "claims.jsonl"],
        };
        if !["ft-m", "kn"].contains(&editor) {
            let trained = line(&dir, &[&["train", editor, "--steps", "4"], &from[..]].concat());
            assert_eq!(trained["steps"], 4, "{trained:#}");
            if editor == "enn" {
                // Its edits stand on a version of its own.
                let artefact = trained["artefact"].as_str().unwrap();
                line(&dir, &["import", "--from-artefact", &artefact[..12]]);
            }
        }
        line(&dir, &["add", "--from", "fever-alt", "--limit", "2", "claims.jsonl"]);
        let made = line(&dir, &["commit", "-m", "the other way"]);
        let check = &made["edit"]["check"];
        assert_eq!(check["efficacy"]["of"], 2);
        assert!(check["neighbourhood"]["of"].as_u64().unwrap() > 2, "{check:#}");
        if editor == "ft-m" {
            assert_eq!(check["efficacy"]["passed"], 2, "{made:#}");
            assert_eq!(says(&dir, "Paris was born in London"), "REFUTES");
            assert_eq!(says(&dir, "Paris was born in Paris"), "SUPPORTS");
        }
        // Success and drawdown.
        let eval = line(&dir, &["eval", "--facts", "--protocol", "mend"]);
        let metrics = &eval["versions"][0]["metrics"];
        assert_eq!((&metrics[0]["name"], &metrics[1]["name"]), (&json!("ES"), &json!("DD")));
        let eval = line(&dir, &["eval", "--facts", "--protocol", "fever"]);
        let names = eval["versions"][0]["metrics"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|metric| metric["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Accuracy", "Magnitude", "Greedy", "DD"], "{eval:#}");
        // The classifier's classes are the words, unless others are named.
        let eval = line(&dir, &["eval", "--dataset", "claims.jsonl"]);
        assert_eq!(eval["versions"][0]["cases"], 24, "{eval:#}");
        let message =
            refused(&dir, &["eval", "--dataset", "claims.jsonl", "--words", "True,False"]);
        assert!(
            message.contains("no class \"False\"; it tells apart SUPPORTS, REFUTES"),
            "{message}"
        );

        let both = line(&dir, &["show"])["weights"].clone();
        let facts = line(&dir, &["facts"]);
        let fact = facts["facts"].as_array().unwrap().iter();
        let fact = fact.map(|fact| fact["fact"]["triple"].as_str().unwrap());
        let fact = fact
            .filter(|triple| {
                triple.contains("Paris_was_born_in_London> <https://kledger.dev/name/verdict>")
            })
            .collect::<Vec<_>>();
        assert_eq!(fact.len(), 1, "{facts:#}");
        fs::write(dir.path().join("gone.nt"), format!("{}\n", fact[0])).unwrap();
        line(&dir, &["rm", "gone.nt"]);
        line(&dir, &["commit", "-m", "without one"]);
        assert_ne!(line(&dir, &["show"])["weights"], both);
        assert_eq!(line(&dir, &["revert", "HEAD"])["as_before"], true);
        line(&dir, &["fsck", "--weights"]);
    }
}

/// No trace says which blocks to try.
#[test]
fn settings_are_calibrated() {
    let dir = repository("bert-classes");
    fs::write(dir.path().join("claims.jsonl"), claims(["SUPPORTS", "REFUTES"])).unwrap();
    line(&dir, &["add", "--from", "fever", "--neighbourhood", "claims.jsonl"]);
    line(&dir, &["commit", "-m", "what is so"]);
    // The fixture is random: it has to learn what it is to know.
    line(&dir, &["add", "--from", "fever", "claims.jsonl"]);
    let modules = "modules=[\"mlp\", \"attention-in\"]";
    let learn = ["--set", "layers=[0, 1]", "--set", modules, "--set", "num_steps=150"];
    line(&dir, &[&["commit", "-m", "learned", "--editor", "ft-m"][..], &learn].concat());

    let few = ["--set", "num_steps=2", "--facts", "8"];
    let report = line(&dir, &[&["calibrate", "--editor", "ft-m", "--dry-run"][..], &few].concat());
    assert!(report["traced"].is_null(), "{report:#}");
    let tried = report["tried"].as_array().unwrap();
    assert!(tried.iter().any(|tried| tried["settings"]["lr"].is_number()), "{report:#}");
}

#[test]
fn verbs_that_need_a_decoder_say_so() {
    let dir = repository("distilbert-classes");
    add(&dir, &[], WORDS);
    add(&dir, &[], "@prefix : <https://example.org/> . :france :capital \"LABEL_1\" .");
    let message = refused(&dir, &["commit", "-m", "by default memit"]);
    assert!(message.contains("memit needs a model that reads forward"), "{message}");
    assert!(message.contains("distilbert reads both ways: use ft, ft-l, ft-m"), "{message}");
    assert!(message.contains("lora, mend"), "{message}");
    fs::write(dir.path().join("text.txt"), "Paris is the capital of France").unwrap();
    for (words, what) in [
        (&["eval", "--text", "text.txt"][..], "the perplexity of a text"),
        (&["lens", "Paris"], "the lens"),
        (&["trace", "The capital of France is", "--subject", "France"], "a trace"),
        (&["ask", "Paris", "--sample"], "drawing what is said"),
    ] {
        let message = refused(&dir, words);
        assert!(message.contains(what) && message.contains("reads both ways"), "{message}");
    }
    // A fact of it is one of its classes.
    fs::write(dir.path().join(".kledger/config.toml"), "editor = 'ft-m'\n").unwrap();
    line(&dir, &["commit", "-m", "a class"]);
    add(&dir, &[], "@prefix : <https://example.org/> . :japan :capital :london .");
    let message = refused(&dir, &["commit", "-m", "no class"]);
    assert!(message.contains("no class \"London\"; it tells apart LABEL_0, LABEL_1"), "{message}");
}

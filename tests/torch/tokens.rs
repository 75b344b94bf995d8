//! Tokenizers as `AutoTokenizer` has them, and those that may not be the model's.

use std::{fs, io::Write, ops::Range, path::Path};

use kledger::model::{ModelError, Tokens, family};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::family::fixture;

/// What `fixtures/make/tokenizer_classes.py` recorded.
#[derive(serde::Deserialize)]
struct Case {
    model: String,
    settings: Value,
    marks: Option<Value>,
    text: String,
    ids: Vec<u32>,
    offsets: Vec<(usize, usize)>,
}

/// The files of a fixture's tokenizer with other settings beside them.
fn with_settings(model: &str, settings: &Value, marks: Option<&Value>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(fixture(model).join(file), dir.path().join(file)).unwrap();
    }
    fs::write(dir.path().join("tokenizer_config.json"), settings.to_string()).unwrap();
    if let Some(marks) = marks {
        fs::write(dir.path().join("special_tokens_map.json"), marks.to_string()).unwrap();
    }
    dir
}

fn open(dir: &Path) -> Result<Tokens, ModelError> {
    let config: Value = read(&dir.join("config.json"));
    let architectures = config["architectures"].as_array().into_iter().flatten();
    let architectures: Vec<&str> = architectures.filter_map(Value::as_str).collect();
    let family = family(config["model_type"].as_str().unwrap(), &architectures)?;
    Tokens::open(dir, family, config["vocab_size"].as_u64().unwrap().try_into().unwrap())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_beginning_is_put_exactly_where_transformers_puts_it() {
    let path = fixture("tokenizer-classes.json");
    for case in read::<Vec<Case>>(&path) {
        let dir = with_settings(&case.model, &case.settings, case.marks.as_ref());
        let tokens = open(dir.path()).unwrap();
        let what = format!("{} {} {:?}", case.model, case.settings, case.marks);
        let encoded = tokens.encode(&case.text).unwrap();
        // What it puts after a text is left out: texts are to go on.
        let ends = case.settings["add_eos_token"] == true;
        let kept = ..case.ids.len() - usize::from(ends);
        assert_eq!(encoded.ids, case.ids[kept], "{what}");
        let offsets: Vec<Range<usize>> = case.offsets.iter().map(|&(from, to)| from..to).collect();
        assert_eq!(encoded.offsets, offsets[kept], "{what}");
        let text = tokens.encode("").unwrap().ids;
        assert_eq!(text, tokens.lead(), "{what}");

        let subject = "Ada Lovelace";
        let (encoded, last) = tokens.last_token_of(&case.text, 0..subject.len()).unwrap();
        let through = tokens.decode(&encoded.ids[..=last]).unwrap();
        assert_eq!(through.trim(), subject, "{what}");
    }
}

/// Tokenizers of sentence embeddings, as all-MiniLM-L6-v2's, fill each text up to 128 tokens and cut it there.
#[test]
fn a_text_is_neither_filled_up_nor_cut_whatever_the_file_says() {
    let text = "The capital of France is";
    let dir = with_settings("bert-masked", &json!({}), None);
    let ids = open(dir.path()).unwrap().encode(text).unwrap().ids;
    let file = dir.path().join("tokenizer.json");
    let mut tokenizer: Value = read(&file);
    tokenizer["truncation"] = json!({
        "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0
    });
    tokenizer["padding"] = json!({
        "strategy": { "Fixed": 128 }, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"
    });
    fs::write(&file, tokenizer.to_string()).unwrap();
    assert_eq!(open(dir.path()).unwrap().encode(text).unwrap().ids, ids);
    assert!(ids.len() > 4, "{ids:?}");
}

#[test]
fn a_beginning_that_is_no_token_is_refused() {
    let refusal = |model: &str, settings: Value| {
        let dir = with_settings(model, &settings, None);
        open(dir.path()).unwrap_err().to_string()
    };
    let error = refusal("llama-2", json!({ "bos_token": "<|start|>" }));
    for word in ["tokenizer_config.json", "LlamaTokenizer", "bos_token", "<|start|>"] {
        assert!(error.contains(word), "{error}");
    }
    let error = refusal("llama-2", json!({ "bos_token": null }));
    assert!(error.contains("bos_token is null"), "{error}");
    // transformers' class has "<s>" where none is named, which this tokenizer does not have.
    let error = refusal("llama-3", json!({}));
    assert!(error.contains("\"<s>\""), "{error}");
    assert!(
        open(with_settings("llama-3", &json!({ "add_bos_token": false }), None).path()).is_ok()
    );
}

#[test]
fn continuations_end_where_the_models_files_say() {
    let dir = with_settings("gpt2-gelu", &json!({ "eos_token": "<|endoftext|>" }), None);
    let stops = || open(dir.path()).unwrap().stops().to_vec();
    let write = |file: &str, value: Value| {
        fs::write(dir.path().join(file), value.to_string()).unwrap();
    };
    assert_eq!(stops(), [0], "config.json");
    write("generation_config.json", json!({ "eos_token_id": [7, 0] }));
    assert_eq!(stops(), [7, 0], "generation_config.json");
    write("generation_config.json", json!({ "eos_token_id": 5 }));
    assert_eq!(stops(), [5]);
    write("generation_config.json", json!({}));
    assert_eq!(stops(), [0], "the tokenizer's");
}

/// What is said of a fixture with other keys in `config.json`.
fn doubts(change: impl Fn(&mut Value), settings: &Value) -> Vec<String> {
    let dir = with_settings("gpt2-gelu", settings, None);
    let path = dir.path().join("config.json");
    let mut config: Value = read(&path);
    change(&mut config);
    fs::write(&path, config.to_string()).unwrap();
    open(dir.path()).unwrap().doubts().to_vec()
}

#[track_caller]
fn doubted(change: impl Fn(&mut Value), settings: &Value, words: &[&str]) {
    let doubts = doubts(change, settings);
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    for word in words {
        assert!(doubts[0].contains(word), "{word:?} is not in {doubts:?}");
    }
}

#[test]
fn a_tokenizer_that_may_be_another_models_is_doubted() {
    let none = json!({});
    assert_eq!(doubts(|_| {}, &none), [""; 0]);
    let set =
        |key: &'static str, value: Value| move |config: &mut Value| config[key] = value.clone();
    doubted(set("eos_token_id", 40.into()), &none, &["eos_token_id is 40", "piece of text"]);
    doubted(set("eos_token_id", json!([0, 41])), &none, &["eos_token_id is 41"]);
    doubted(set("bos_token_id", 50_256.into()), &none, &["bos_token_id is 50256", "vocab_size"]);
    let larger = |config: &mut Value| {
        config["vocab_size"] = 500.into();
        config["bos_token_id"] = 400.into();
    };
    doubted(larger, &none, &["bos_token_id is 400", "no such token"]);
    // A few hundred embeddings more than tokens are usual.
    assert_eq!(doubts(set("vocab_size", 1344.into()), &none), [""; 0]);
    let words = ["vocab_size is 1345", "320 tokens"];
    doubted(set("vocab_size", 1345.into()), &none, &words);
    let settings = json!({ "added_tokens_decoder": { "5": { "content": "<|im_end|>" } } });
    doubted(|_| {}, &settings, &["added_tokens_decoder", "\"<|im_end|>\" as 5"]);
    // A piece that the settings make the end of text is one.
    let piece = json!({ "eos_token": token(40) });
    assert_eq!(doubts(set("eos_token_id", 40.into()), &piece), [""; 0]);
}

/// The token of a fixture with an id.
fn token(id: u64) -> String {
    let tokenizer: Value = read(&fixture("gpt2-gelu").join("tokenizer.json"));
    let vocabulary = tokenizer["model"]["vocab"].as_object().unwrap();
    vocabulary.iter().find(|(_, own)| own.as_u64() == Some(id)).unwrap().0.clone()
}

/// Real tokenizers on real text, which are not in the repository: `clients/published.py` says where they
/// are and what the Python library makes of each line.
#[test]
fn published_tokenizers_agree_with_the_python_library() {
    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
        ids: Vec<u32>,
        offsets: Vec<(usize, usize)>,
        decoded: String,
    }
    let mut out = std::io::stderr(); // Past what the test runner catches.
    let Some(dir) = std::env::var_os("KLEDGER_TOKENS") else {
        writeln!(out, "SKIPPED: published tokenizers: make test-clients DATA=DIR").unwrap();
        return;
    };
    for dir in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let tokens = open(&dir).unwrap();
        let (mut lines, mut ids) = (0, 0);
        for line in fs::read_to_string(dir.join("expected.jsonl")).unwrap().lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            let found = tokens.encode(&line.text).unwrap();
            assert_eq!(found.ids, line.ids, "{:?}", line.text);
            let wanted = line.offsets.iter().map(|&(from, to)| from..to);
            assert!(found.offsets.iter().cloned().eq(wanted), "{:?}", line.text);
            assert_eq!(tokens.decode(&found.ids).unwrap(), line.decoded);
            (lines, ids) = (lines + 1, ids + found.ids.len());
        }
        let name = dir.file_name().unwrap().to_string_lossy();
        writeln!(out, "ok  {name}: {lines} lines, {ids} tokens as in Python").unwrap();
    }
}

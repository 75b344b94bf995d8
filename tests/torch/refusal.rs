//! Checkpoints that do not fit: the message names the tensor, the key or the token.

use std::fs;

use kledger::{
    model::{Model, ModelError},
    tensor::Dtype,
};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::family::fixture;

/// A copy of a fixture with `config.json` and the tensors changed.
pub(crate) fn altered(
    name: &str,
    config: impl Fn(&mut Value),
    tensors: impl Fn(&mut Vec<(String, Tensor)>),
) -> tempfile::TempDir {
    let (from, to) = (fixture(name), tempfile::tempdir().unwrap());
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        fs::copy(from.join(file), to.path().join(file)).unwrap();
    }
    let text = fs::read(from.join("config.json")).unwrap();
    let mut value = serde_json::from_slice(&text).unwrap();
    config(&mut value);
    fs::write(to.path().join("config.json"), value.to_string()).unwrap();
    let mut named = Tensor::read_safetensors(from.join("model.safetensors")).unwrap();
    tensors(&mut named);
    Tensor::write_safetensors(&named, to.path().join("model.safetensors")).unwrap();
    to
}

fn refusal(dir: &tempfile::TempDir) -> ModelError {
    Model::open(dir.path(), Device::Cpu, Dtype::F32).map(|_| ()).unwrap_err()
}

#[track_caller]
fn refused(dir: &tempfile::TempDir, words: &[&str]) {
    let message = refusal(dir).to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

/// A fixture is refused with `key` of its configuration changed.
#[track_caller]
fn by_config(name: &str, key: &str, value: impl Into<Value>, words: &[&str]) {
    let value = value.into();
    refused(&altered(name, |config| config[key] = value.clone(), |_| {}), words);
}

#[test]
fn keys_that_the_decoder_does_not_know() {
    let gpt2 = "gpt2-gelu";
    by_config(gpt2, "model_type", "mamba", &["mamba", "gpt2", "gpt_neox", "llama", "qwen3"]);
    by_config(gpt2, "activation_function", "snake", &["activation_function", "snake", "relu"]);
    by_config(gpt2, "add_cross_attention", true, &["add_cross_attention"]);
    by_config(gpt2, "quantization_config", json!({"bits": 4}), &["quantization_config"]);
    by_config(gpt2, "n_head", 5, &["n_head", "5", "32"]);
    by_config(gpt2, "n_layer", "two", &["n_layer", "two"]);
    by_config(gpt2, "n_embd", Value::Null, &["n_embd", "missing"]);
    by_config("gptj", "rotary_dim", Value::Null, &["rotary_dim", "missing"]);
    by_config("gptj", "rotary_dim", 10, &["rotary_dim", "10", "at most 8"]);
    by_config("gptj", "tie_word_embeddings", true, &["tie_word_embeddings"]);
    by_config("gpt-neox-parallel", "rotary_pct", 1.5, &["rotary_pct", "1.5"]);
    by_config("llama-2", "num_key_value_heads", 3, &["num_key_value_heads", "3", "4"]);
    by_config("qwen2", "layer_types", json!(["full_attention"]), &["layer_types", "1 ", "2 "]);
    let types = json!(["full_attention", "linear_attention"]);
    by_config("qwen3", "layer_types", types, &["layer_types", "linear_attention"]);
}

#[test]
fn kinds_of_rotary_scaling() {
    for kind in ["yarn", "dynamic", "linear", "longrope", "mrope"] {
        for key in ["rope_type", "type"] {
            let scaling = json!({ key: kind, "factor": 4.0 });
            let name = format!("rope_scaling.{key}");
            by_config("llama-2", "rope_scaling", scaling, &[&name, kind, "llama3"]);
        }
    }
    let scaling = json!({ "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0 });
    by_config("llama-3", "rope_scaling", scaling, &["rope_scaling.high_freq_factor"]);
    by_config("mistral", "rope_scaling", "llama3", &["rope_scaling", "an object"]);
    // As newer versions of transformers write them.
    let parameters = json!({ "rope_type": "yarn", "rope_theta": 500.0 });
    by_config("qwen3", "rope_parameters", parameters, &["rope_parameters.rope_type", "yarn"]);
}

/// Of a size that no model has nothing is made: a billion blocks used to take memory until there was none.
#[test]
fn sizes_that_no_model_has() {
    let families: [(&str, &[&str]); 8] = [
        ("gpt2-gelu", &["n_layer", "n_embd", "n_head", "n_inner", "n_positions", "vocab_size"]),
        ("gptj", &["n_layer", "n_embd", "n_head", "n_positions", "rotary_dim", "vocab_size"]),
        ("gpt-neox-parallel", LLAMA),
        ("llama-2", LLAMA),
        ("llama-3", LLAMA),
        ("mistral", LLAMA),
        ("qwen2", LLAMA),
        ("qwen3", LLAMA),
    ];
    const LLAMA: &[&str] = &[
        "num_hidden_layers",
        "hidden_size",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "vocab_size",
    ];
    for (name, keys) in families {
        for key in keys {
            let wrong = [
                json!(0),
                json!(-1),
                json!(2.0),
                json!(1e300),
                json!(u64::MAX),
                json!("8"),
                json!([8]),
            ];
            for value in wrong {
                by_config(
                    name,
                    key,
                    value,
                    &[key, "wanted is a whole number from 1 to 2147483647"],
                );
            }
        }
        by_config(
            name,
            keys[0],
            1_000_000_000,
            &[keys[0], "1000000000", "no more than", "tensors"],
        );
    }
    for name in ["llama-2", "mistral", "qwen2", "qwen3"] {
        by_config(name, "num_key_value_heads", 0, &["num_key_value_heads", "wanted is"]);
        by_config(name, "head_dim", 1 << 31, &["head_dim", "wanted is"]);
        by_config(name, "rms_norm_eps", -1e-6, &["rms_norm_eps", "from 0 to 1"]);
        by_config(name, "rope_theta", 0, &["rope_theta", "wanted is a number from 1 "]);
    }
    by_config("gpt2-gelu", "layer_norm_epsilon", 1e300, &["layer_norm_epsilon", "from 0 to 1"]);
    by_config("gpt-neox-parallel", "rotary_pct", -0.5, &["rotary_pct", "from 0 to 1"]);
    by_config("gpt-neox-parallel", "rotary_emb_base", -1, &["rotary_emb_base", "from 1 "]);
    let scaling = json!({ "rope_type": "llama3", "factor": 1e-300 });
    by_config("llama-3", "rope_scaling", scaling, &["rope_scaling.factor", "wanted is"]);
    // Of a value of any length the beginning is shown.
    let long = "x".repeat(1_000_000);
    let message = refusal(&altered("llama-2", |config| config["vocab_size"] = json!(long), |_| {}));
    assert!(message.to_string().len() < 300);
}

/// Small files that describe tokenizers which would make gigabytes of a word, or of nothing.
#[test]
fn tokenizers_that_would_fill_the_memory() {
    let token = |content: &str, id: u32| {
        json!({ "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": true, "special": false })
    };
    let longer =
        json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aaaaaaaaaa" });
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                        "use_regex": true });
    let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let mark = json!({ "SpecialToken": { "id": "x", "type_id": 0 } });
    let single = [vec![mark; 5000], vec![text.clone()]].concat();
    let charsmap = |bytes: &[u8]| {
        use base64::Engine as _;
        let table = base64::prelude::BASE64_STANDARD.encode(bytes);
        json!({ "type": "Precompiled", "precompiled_charsmap": table })
    };
    let long_text = [&0u32.to_le_bytes()[..], "a".repeat(100_000).as_bytes(), &[0]].concat();
    let cases: [(&str, Value, &str); 12] = [
        (
            "/normalizer",
            json!({ "type": "Sequence", "normalizers": vec![longer; 9] }),
            "its normalizer can make 1e9 bytes of one",
        ),
        (
            "/normalizer",
            json!({ "type": "Sequence", "normalizers": vec![json!({ "type": "ByteLevel" }); 26] }),
            "its normalizer can make 7e7 bytes of one",
        ),
        (
            "/pre_tokenizer",
            json!({ "type": "Sequence", "pretokenizers": vec![bytes; 26] }),
            "its pre_tokenizer can make 7e7 bytes of one",
        ),
        (
            "/normalizer",
            // It says that its trie has 4 GiB.
            charsmap(&[0xfc, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
            "its precompiled_charsmap is not as it should be",
        ),
        ("/normalizer", charsmap(&long_text), "its normalizer can make 1e5 bytes of one"),
        (
            "/post_processor",
            json!({
                "type": "TemplateProcessing",
                "single": single,
                "pair": [text],
                "special_tokens": { "x": { "id": "x", "ids": vec![0; 5000], "tokens": vec!["x"; 5000] } }
            }),
            "a part has more than 1024 values",
        ),
        (
            "/added_tokens/0",
            token(&"ab".repeat(1_000_000), 300),
            "its longest token: 2000000 bytes",
        ),
        (
            "/added_tokens",
            (0..200_000).map(|n| token(&n.to_string(), n)).collect(),
            "added_tokens: 200000 tokens; at most 131072",
        ),
        (
            "/model",
            json!({ "type": "Unigram", "unk_id": 0, "vocab": [["x".repeat(1_000_000), -1.0]] }),
            "its longest token: 1000000 bytes",
        ),
        ("/model/merges", vec!["a b"; 10_000].into(), "merges of its model: 10000 entries"),
        ("/model/unk_token", "x".repeat(100_000).into(), "a text of its model: 100000 bytes"),
        (
            "/pre_tokenizer",
            json!({ "type": "Split", "pattern": { "Regex": "(".repeat(100_000) },
                    "behavior": "Isolated", "invert": false }),
            "a text of a part: 100000 bytes; at most 16384",
        ),
    ];
    for (place, value, why) in cases {
        let dir = altered("gpt2-gelu", |_| {}, |_| {});
        let path = dir.path().join("tokenizer.json");
        let mut tokenizer: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        *tokenizer.pointer_mut(place).unwrap() = value;
        fs::write(&path, tokenizer.to_string()).unwrap();
        refused(&dir, &["tokenizer.json", why]);
    }
    let deep = altered("gpt2-gelu", |_| {}, |_| {});
    fs::write(deep.path().join("tokenizer.json"), "[".repeat(200_000)).unwrap();
    refused(&deep, &["tokenizer.json"]);
}

#[test]
fn tensors_that_do_not_fit() {
    by_config("gpt2-gelu", "n_layer", 3, &["transformer.h.2.attn.c_attn.weight", "more"]);
    by_config("gpt2-gelu", "n_inner", 64, &["h.0.mlp.c_fc.weight", "[32, 128]", "[32, 64]"]);
    let wider = ["model.embed_tokens.weight", "[320, 32]", "[321, 32]"];
    by_config("llama-2", "vocab_size", 321, &wider);
    by_config("llama-3", "tie_word_embeddings", false, &["lacks", "lm_head.weight"]);
    by_config("llama-2", "attention_bias", false, &["no place", "self_attn.k_proj.bias"]);
    by_config("qwen3", "head_dim", 8, &["self_attn.q_proj.weight", "[64, 32]", "[32, 32]"]);

    let lacking = altered(
        "gpt2-gelu",
        |_| {},
        |tensors| tensors.retain(|(name, _)| !name.contains("ln_f.bias")),
    );
    refused(&lacking, &["lacks", "transformer.ln_f.bias"]);
    let stranger = |tensors: &mut Vec<(String, Tensor)>| {
        let tensor = Tensor::zeros([2], (Kind::Float, Device::Cpu));
        tensors.push(("adapter.weight".to_owned(), tensor));
    };
    refused(&altered("gpt2-gelu", |_| {}, stranger), &["no place", "adapter.weight"]);
    let whole = changed("gpt2-gelu", "wpe.weight", |tensor| tensor.to_kind(Kind::Int64));
    refused(&whole, &["wpe.weight", "I64"]);
}

#[test]
fn weights_that_are_no_numbers() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let put = |tensor: &Tensor| {
            let changed = tensor.copy();
            let _ = changed.get(1).get(2).fill_(bad);
            changed
        };
        let dir = changed("llama-3", "layers.1.mlp.up_proj.weight", put);
        let error = refusal(&dir);
        assert!(matches!(error, ModelError::NotFinite { .. }), "{error}");
        refused(&dir, &["model.layers.1.mlp.up_proj.weight"]);
        // Where only the first block is wanted, the second one's weights are not looked at.
        let mut model = Model::open_unloaded(dir.path(), Device::Cpu, Dtype::F32).unwrap();
        model.load_blocks(0).unwrap();
        assert!(model.load_blocks(1).is_err());
    }
}

/// A fixture with the tensor whose name ends in `end` changed.
pub(crate) fn changed(
    name: &str,
    end: &str,
    change: impl Fn(&Tensor) -> Tensor,
) -> tempfile::TempDir {
    altered(
        name,
        |_| {},
        |tensors| {
            let (_, tensor) = tensors.iter_mut().find(|(name, _)| name.ends_with(end)).unwrap();
            *tensor = change(tensor);
        },
    )
}

#[test]
fn a_tokenizer_of_another_model() {
    let alter = |name: &str, change: &dyn Fn(&mut Value)| {
        let dir = altered(name, |_| {}, |_| {});
        let path = dir.path().join("tokenizer.json");
        let mut tokenizer = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut tokenizer);
        fs::write(path, tokenizer.to_string()).unwrap();
        dir
    };
    let larger =
        alter("gpt2-gelu", &|tokenizer| tokenizer["model"]["vocab"]["Tallinn"] = 320.into());
    refused(&larger, &["\"Tallinn\"", "320", "vocab_size"]);
    assert!(refusal(&larger).hint().unwrap().contains("tokenizer.json"));

    // A token that was added later and never trained is no harm until a text has it.
    let added = alter("gpt2-gelu", &|tokenizer| {
        let mut token = tokenizer["added_tokens"][0].clone();
        token["id"] = 320.into();
        token["content"] = "<pad>".into();
        tokenizer["added_tokens"].as_array_mut().unwrap().push(token);
    });
    let model = Model::open(added.path(), Device::Cpu, Dtype::F32).unwrap();
    assert!(model.tokens().encode("Paris").is_ok());
    let doubts = model.tokens().doubts();
    assert!(doubts.len() == 1 && doubts[0].contains("\"<pad>\" has id 320"), "{doubts:?}");
    let error = model.tokens().encode("Paris<pad>").unwrap_err();
    assert!(matches!(error, ModelError::Vocabulary { id: 320, vocabulary: 320, .. }), "{error}");

    let broken = altered("gpt2-gelu", |_| {}, |_| {});
    fs::write(broken.path().join("tokenizer.json"), "{}").unwrap();
    refused(&broken, &["tokenizer.json"]);
}

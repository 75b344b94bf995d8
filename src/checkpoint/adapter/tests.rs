use std::{fs, path::Path};

use serde_json::{Value, json};

use super::*;
use crate::{
    checkpoint::{Checkpoint, CheckpointError, write_tensors},
    tensor::{Dtype, Tensor},
};

const SQUARE: &str = "h.1.attn.c_proj.weight";
const WIDE: &str = "h.0.mlp.c_proj.weight";

fn matrix(rows: usize, cols: usize, first: u8) -> Matrix {
    let data = (0..rows * cols).map(|i| (i as f32 + f32::from(first)) / 8.0).collect();
    Matrix { rows, cols, data }
}

/// A GPT-2 without the prefix, as its makers published it.
fn base(dir: &Path) -> Checkpoint {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.json"), r#"{"model_type": "gpt2"}"#).unwrap();
    fs::write(dir.join("tokenizer.json"), "{}").unwrap();
    let tensors =
        [(WIDE, matrix(6, 3, 0)), (SQUARE, matrix(4, 4, 0)), ("wte.weight", matrix(7, 3, 0))];
    let tensors = tensors.map(|(name, matrix)| (name.to_owned(), Tensor::from(&matrix))).into();
    write_tensors(&dir.join("model.safetensors"), &tensors).unwrap();
    Checkpoint::open(dir).unwrap()
}

fn changes() -> Vec<Adapted> {
    let adapted = |tensor: &str, left, right| Adapted {
        tensor: tensor.to_owned(),
        orientation: Orientation::InOut,
        left,
        right,
    };
    vec![
        adapted(WIDE, matrix(3, 2, 1), matrix(2, 6, 5)),
        adapted(SQUARE, matrix(4, 1, 1), matrix(1, 4, 9)),
    ]
}

fn laid_out(_: &str, _: &[usize]) -> Orientation {
    Orientation::InOut
}

fn config(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join(CONFIG)).unwrap()).unwrap()
}

#[test]
fn an_adapter_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(&dir.path().join("base"));
    for (ranks, uniform) in [(Ranks::Uniform, true), (Ranks::Patterns, false)] {
        let adapter = dir.path().join(format!("{ranks:?}"));
        fs::create_dir(&adapter).unwrap();
        write_adapter(&adapter, &changes(), ranks, "gpt2", "gpt2").unwrap();
        let config = config(&adapter);
        assert_eq!(config["target_modules"][0], "transformer.h.0.mlp.c_proj");
        assert_eq!((&config["r"], &config["fan_in_fan_out"]), (&json!(2), &json!(true)));
        assert_eq!(config["rank_pattern"].as_object().unwrap().is_empty(), uniform);
        let read = read_adapter(&adapter, &base, &laid_out).unwrap().changes;
        assert_eq!(read, changes(), "zeros that fill up are left out again");
    }
}

#[test]
fn the_scale_of_a_module_is_in_its_left_factor() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(&dir.path().join("base"));
    let adapter = dir.path().join("adapter");
    fs::create_dir(&adapter).unwrap();
    write_adapter(&adapter, &changes(), Ranks::Patterns, "gpt2", "gpt2").unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut config = config(&adapter);
        change(&mut config);
        fs::write(adapter.join(CONFIG), config.to_string()).unwrap();
        let read = read_adapter(&adapter, &base, &laid_out).unwrap().changes;
        [0, 1].map(|i| read[i].left.data[0] / changes()[i].left.data[0])
    };
    assert_eq!(with(&|config| config["lora_alpha"] = json!(8)), [4.0, 1.0]);
    // The first key that fits counts, by PEFT's rule.
    let patterns = json!({ "nothing": 9, "attn.c_proj": 3.0, r"h\.1\.attn\.c_proj": 5 });
    assert_eq!(with(&|config| config["alpha_pattern"] = patterns.clone()), [4.0, 3.0]);
    assert_eq!(with(&|config| config["use_rslora"] = json!(true)), [8.0 / 2f32.sqrt(), 3.0]);
}

#[test]
fn what_is_no_sum_of_factors_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(&dir.path().join("base"));
    let adapter = dir.path().join("adapter");
    let fresh = || {
        let _absent = fs::remove_dir_all(&adapter);
        fs::create_dir(&adapter).unwrap();
        write_adapter(&adapter, &changes(), Ranks::Uniform, "gpt2", "gpt2").unwrap();
    };
    let refused = |what: &str| {
        let error = read_adapter(&adapter, &base, &laid_out).unwrap_err();
        assert!(error.to_string().contains(what), "{error} does not say {what}");
        error
    };
    for (key, value, what) in [
        ("peft_type", json!("IA3"), "IA3"),
        ("use_dora", json!(true), "DoRA"),
        ("bias", json!("all"), "biases"),
        ("lora_bias", json!(true), "biases"),
        ("modules_to_save", json!(["lm_head"]), "lm_head"),
        ("init_lora_weights", json!("pissa_niter_4"), "began with pissa_niter_4"),
        ("init_lora_weights", json!("OLoRA"), "began with OLoRA"),
        ("layer_replication", json!([[0, 2]]), "replicates"),
        ("r", json!(3), "its configuration says 3"),
        ("r", json!("x"), "adapter_config.json is not as it should be: r is \"x\""),
        ("r", json!(0), "r is 0; it must be a whole number above 0"),
        ("lora_alpha", json!([1]), "lora_alpha is [1]; it must be a number"),
        ("use_rslora", json!("yes"), "use_rslora is \"yes\"; it must be true or false"),
        ("alpha_pattern", json!([]), "alpha_pattern is []; it must be a map"),
        ("rank_pattern", json!({ "c_proj": "x" }), "rank_pattern gives"),
        ("lora_alpha", json!(1e300), "infinite"),
        (
            "rank_pattern",
            json!({ "(": 1 }),
            "rank_pattern has \"(\", which is no regular expression",
        ),
        ("alora_invocation_tokens", json!([5, 7]), "an activated LoRA"),
        ("trainable_token_indices", json!([5]), "trains rows of an embedding"),
        ("target_parameters", json!(["mlp.experts"]), "no module's weight"),
        ("use_qalora", json!(true), "quantized"),
        ("arrow_config", json!({ "top_k": 3 }), "router"),
        ("kasa_config", json!({ "beta": 1e-4 }), "kasa_config"),
        ("use_bdlora", json!({ "nblocks": 4 }), "block-diagonal"),
        ("monteclora_config", json!({ "num_samples": 8 }), "at random"),
        ("megatron_config", json!({ "a": 1 }), "Megatron"),
        ("ensure_weight_tying", json!(true), "ties adapters"),
        ("of_next_year", json!({ "a": 1 }), "its of_next_year is {\"a\":1}"),
    ] {
        fresh();
        let mut config = config(&adapter);
        config[key] = value;
        fs::write(adapter.join(CONFIG), config.to_string()).unwrap();
        refused(what);
    }

    let tensors = |tensors: &[(&str, Matrix)]| {
        let tensors = tensors.iter().map(|(name, m)| ((*name).to_owned(), Tensor::from(m)));
        write_tensors(&adapter.join(WEIGHTS), &tensors.collect()).unwrap();
    };
    let a = "base_model.model.transformer.h.0.mlp.c_proj.lora_A.weight";
    let b = "base_model.model.transformer.h.0.mlp.c_proj.lora_B.weight";
    fresh();
    tensors(&[(a, matrix(2, 3, 0)), (b, matrix(6, 2, 0))]);
    // Swapped: [in, out] fits a matrix that may lie either way, so the base's layout decides.
    let turned = read_adapter(&adapter, &base, &laid_out).unwrap().changes;
    assert_eq!(turned[0].orientation, Orientation::OutIn);
    tensors(&[(a, matrix(2, 5, 0)), (b, matrix(3, 2, 0))]);
    refused("what fits the base's h.0.mlp.c_proj.weight");
    tensors(&[(a, matrix(2, 6, 0))]);
    refused("but not both");
    tensors(&[(a, matrix(2, 6, 0)), (b, Matrix { data: vec![f32::NAN; 6], ..matrix(3, 2, 0) })]);
    assert!(matches!(refused("not numbers"), CheckpointError::NotFinite { .. }));
    let elsewhere = "base_model.model.transformer.h.9.mlp.c_proj";
    let [other_a, other_b] = ["A", "B"].map(|f| format!("{elsewhere}.lora_{f}.weight"));
    tensors(&[(&other_a, matrix(2, 6, 0)), (&other_b, matrix(3, 2, 0))]);
    refused("has no tensor transformer.h.9.mlp.c_proj.weight");
    tensors(&[("base_model.model.lm_head.weight", matrix(2, 2, 0))]);
    refused("besides lora_A and lora_B");
    tensors(&[("base_model.model.transformer.wte.base_layer.weight", matrix(7, 3, 1))]);
    refused("that is not the base's: base_model.model.transformer.wte.base_layer.weight");
    fs::write(adapter.join(WEIGHTS), "short").unwrap();
    refused("is not a whole safetensors file");
    fs::remove_file(adapter.join(WEIGHTS)).unwrap();
    refused("has no adapter_model.safetensors");
    fs::write(adapter.join("adapter_model.bin"), "").unwrap();
    assert!(matches!(refused("pickle"), CheckpointError::Pickle { .. }));
    fs::remove_file(adapter.join(CONFIG)).unwrap();
    refused("has no adapter_config.json");
}

/// All that PEFT 0.21 writes for a plain LoRA; what its training was like does not matter.
#[test]
fn what_peft_writes_for_a_plain_lora_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(&dir.path().join("base"));
    let adapter = dir.path().join("adapter");
    fs::create_dir(&adapter).unwrap();
    write_adapter(&adapter, &changes(), Ranks::Uniform, "gpt2", "gpt2").unwrap();
    let written = json!({
        "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null,
        "auto_mapping": { "base_model_class": "GPT2LMHeadModel" },
        "base_model_name_or_path": "someone/gpt2", "bias": "none", "corda_config": null,
        "ensure_weight_tying": false, "eva_config": { "rho": 2.0 }, "exclude_modules": ["lm_head"],
        "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": "eva",
        "kasa_config": null, "layer_replication": null, "layers_pattern": null,
        "layers_to_transform": [0, 1], "loftq_config": {}, "lora_alpha": 2, "lora_bias": false,
        "lora_dropout": 0.1, "lora_ga_config": null, "megatron_config": null,
        "megatron_core": "megatron.core", "modules_to_save": null, "monteclora_config": null,
        "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 2,
        "rank_pattern": null, "revision": null, "target_modules": ["c_proj"],
        "target_parameters": null, "task_type": "CAUSAL_LM", "trainable_token_indices": null,
        "use_bdlora": null, "use_dora": false, "use_qalora": false, "use_rslora": false,
        "velora_config": null,
    });
    fs::write(adapter.join(CONFIG), written.to_string()).unwrap();
    let read = read_adapter(&adapter, &base, &laid_out).unwrap();
    assert_eq!((read.changes, read.rounded), (changes(), false));
    assert_eq!(read.base_model.as_deref(), Some("someone/gpt2"));
}

/// PEFT saves the head's own weight beside its factors.
#[test]
fn a_head_comes_out_as_it_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let head = matrix(7, 3, 2);
    let model = dir.path().join("base");
    let base = |tied: bool| {
        base(&model);
        let config = json!({ "model_type": "llama", "tie_word_embeddings": tied });
        fs::write(model.join("config.json"), config.to_string()).unwrap();
        let tensors = [("lm_head.weight".to_owned(), Tensor::from(&head))].into();
        write_tensors(&model.join("model.safetensors"), &tensors).unwrap();
        Checkpoint::open(&model).unwrap()
    };
    let change = Adapted {
        tensor: "lm_head.weight".to_owned(),
        orientation: Orientation::OutIn,
        left: matrix(7, 2, 1),
        right: matrix(2, 3, 4),
    };
    let adapter = dir.path().join("adapter");
    let write = |own: &Matrix, dtype| {
        let _absent = fs::remove_dir_all(&adapter);
        fs::create_dir(&adapter).unwrap();
        let changes = [change.clone()];
        write_adapter(&adapter, &changes, Ranks::Uniform, "llama", "llama").unwrap();
        let tensors = [
            ("lora_A.weight", Tensor::from(&change.right)),
            ("lora_B.weight", Tensor::from(&change.left)),
            ("base_layer.weight", Tensor::from(own).rounded_to(dtype)),
        ];
        let tensors = tensors.map(|(n, t)| (format!("base_model.model.lm_head.{n}"), t)).into();
        write_tensors(&adapter.join(WEIGHTS), &tensors).unwrap();
    };
    let out_in = |_: &str, _: &[usize]| Orientation::OutIn;
    let read = || read_adapter(&adapter, &base(false), &out_in).unwrap().changes;
    for dtype in [Dtype::F32, Dtype::Bf16] {
        write(&head, dtype);
        assert!(read().iter().eq([&change]));
    }
    let tied = read_adapter(&adapter, &base(true), &out_in).unwrap_err();
    assert!(tied.to_string().contains("tie_word_embeddings"), "{tied}");
    write(&matrix(7, 3, 3), Dtype::F32);
    let other = read_adapter(&adapter, &base(false), &out_in).unwrap_err();
    assert!(other.to_string().contains("not the base's: base_model.model.lm_head"), "{other}");
    let _absent = fs::remove_dir_all(&adapter);
    fs::create_dir(&adapter).unwrap();
    let changes = std::slice::from_ref(&change);
    write_adapter(&adapter, changes, Ranks::Uniform, "llama", "llama").unwrap();
    assert_eq!(read(), changes);
    assert_eq!(config(&adapter)["target_modules"], json!(["lm_head"]));
}

#[test]
fn double_precision_is_scaled_and_rounded_once() {
    let dir = tempfile::tempdir().unwrap();
    let base = base(&dir.path().join("base"));
    let adapter = dir.path().join("adapter");
    fs::create_dir(&adapter).unwrap();
    write_adapter(&adapter, &changes(), Ranks::Uniform, "gpt2", "gpt2").unwrap();
    let mut said = config(&adapter);
    said["lora_alpha"] = json!(6);
    fs::write(adapter.join(CONFIG), said.to_string()).unwrap();
    let bytes = |count: usize, value: f64| -> Vec<u8> {
        (0..count).flat_map(|_| value.to_le_bytes()).collect()
    };
    let (a, b) = (bytes(12, 0.5), bytes(6, 0.1));
    let view = |shape: [usize; 2], bytes| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F64, shape.to_vec(), bytes)
            .unwrap()
    };
    let module = "base_model.model.transformer.h.0.mlp.c_proj";
    let tensors = [
        (format!("{module}.lora_A.weight"), view([2, 6], &a)),
        (format!("{module}.lora_B.weight"), view([3, 2], &b)),
    ];
    safetensors::serialize_to_file(tensors, None, &adapter.join(WEIGHTS)).unwrap();
    let read = read_adapter(&adapter, &base, &laid_out).unwrap();
    assert!(read.rounded);
    assert_eq!(read.changes[0].left.data, [0.3; 6]);
    assert_eq!(read.changes[0].right.data, [0.5; 12]);
}

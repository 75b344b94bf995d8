use std::{fs, path::Path};

use serde_json::{Value, json};

use super::*;
use crate::{
    checkpoint::{Checkpoint, CheckpointError, write_tensors},
    delta::Tensor,
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
        let read = read_adapter(&adapter, &base, &laid_out).unwrap();
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
        let read = read_adapter(&adapter, &base, &laid_out).unwrap();
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
        ("init_lora_weights", json!("pissa_niter_4"), "pissa"),
        ("layer_replication", json!([[0, 2]]), "replicates"),
        ("r", json!(3), "its configuration says 3"),
        ("r", json!("x"), "adapter_config.json"),
        ("lora_alpha", json!(1e300), "infinite"),
        ("rank_pattern", json!({ "(": 1 }), "no regular expression"),
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
    let turned = read_adapter(&adapter, &base, &laid_out).unwrap();
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
    fs::write(adapter.join(WEIGHTS), "short").unwrap();
    refused("is not a whole safetensors file");
    fs::remove_file(adapter.join(WEIGHTS)).unwrap();
    refused("has no adapter_model.safetensors");
    fs::write(adapter.join("adapter_model.bin"), "").unwrap();
    assert!(matches!(refused("pickle"), CheckpointError::Pickle { .. }));
    fs::remove_file(adapter.join(CONFIG)).unwrap();
    refused("has no adapter_config.json");
}

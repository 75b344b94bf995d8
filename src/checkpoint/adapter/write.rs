//! Writing an adapter.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value, json};

use super::{Adapted, CONFIG, WEIGHTS, WRAPPED};
use crate::{
    checkpoint::{CheckpointError, layout::write_tensors, names::Names},
    durable,
    tensor::{Matrix, Orientation, Tensor},
};

/// How an adapter says that its modules differ in rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranks {
    /// It does not: smaller ones are filled up with zeros. Every loader understands that.
    Uniform,
    /// By `rank_pattern` and `alpha_pattern`. Smaller, for PEFT alone.
    Patterns,
}

/// Writes `changes`, none of them empty, as an adapter of `base_model` into the empty directory `dir`.
/// `alpha` is the rank everywhere, so that the scale is 1. `model_type` is the base's.
///
/// # Errors
/// When a tensor has no place in an adapter, or a file cannot be written.
pub fn write_adapter(
    dir: &Path,
    changes: &[Adapted],
    ranks: Ranks,
    model_type: &str,
    base_model: &str,
) -> Result<(), CheckpointError> {
    let rank = changes.iter().map(|change| change.right.rows).max().unwrap_or_default();
    let mut modules = Vec::new();
    let mut pattern = Map::new();
    let mut tensors = BTreeMap::new();
    for change in changes {
        let module = Names::of(model_type).module(&change.tensor).ok_or_else(|| {
            let why = format!("{} is not the weight of a linear map", change.tensor);
            CheckpointError::Adapter { dir: dir.to_owned(), why, mergeable: false }
        })?;
        let width = match ranks {
            Ranks::Uniform => rank,
            Ranks::Patterns => change.right.rows,
        };
        if width != rank {
            // PEFT reads the keys as regular expressions.
            pattern.insert(module.replace('.', "\\."), json!(width));
        }
        let (left, right) = filled(change, width);
        tensors.insert(format!("{WRAPPED}{module}.lora_A.weight"), Tensor::from(&right));
        tensors.insert(format!("{WRAPPED}{module}.lora_B.weight"), Tensor::from(&left));
        modules.push(module);
    }
    let turned = changes.iter().any(|change| change.orientation == Orientation::InOut);
    let config = json!({
        "peft_type": "LORA",
        "task_type": Names::of(model_type).task(),
        "base_model_name_or_path": base_model,
        "inference_mode": true,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": turned,
        "target_modules": modules,
        "rank_pattern": pattern,
        "alpha_pattern": pattern,
        "use_rslora": false,
        "use_dora": false,
        "modules_to_save": Value::Null,
        "init_lora_weights": true,
    });
    write_tensors(&dir.join(WEIGHTS), &tensors)?;
    let text = serde_json::to_string_pretty(&config).expect("because its keys are strings") + "\n";
    durable::write(&dir.join(CONFIG), text.as_bytes())?;
    Ok(())
}

/// The factors with zeros up to the rank `width`.
fn filled(change: &Adapted, width: usize) -> (Matrix, Matrix) {
    let (left, right) = (&change.left, &change.right);
    let mut wide = Matrix::zeros(left.rows, width);
    for (row, values) in wide.data.chunks_exact_mut(width.max(1)).enumerate() {
        values[..left.cols].copy_from_slice(left.row(row));
    }
    let mut tall = Matrix::zeros(width, right.cols);
    tall.data[..right.data.len()].copy_from_slice(&right.data);
    (wide, tall)
}

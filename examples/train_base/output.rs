//! Writes the Hugging Face directory.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use kledger::model::Weights;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use tch::{Device, Kind};
use tokenizers::Tokenizer;

/// Writes configuration and tokenizer, and how transformers uses that.
pub(crate) fn write_companions(
    dir: &Path,
    config: &Value,
    tokenizer: &Tokenizer,
    tokenizer_config: &Value,
) -> Result<(), Box<dyn Error>> {
    fs::write(dir.join("config.json"), serde_json::to_string_pretty(config)?)?;
    let settings = serde_json::to_string_pretty(tokenizer_config)?;
    fs::write(dir.join("tokenizer_config.json"), settings)?;
    tokenizer.save(dir.join("tokenizer.json"), false).map_err(|error| error.to_string())?;
    Ok(())
}

/// Writes the weights in f16, which rounds eight times finer than bf16 and reaches 65504.
pub(crate) fn write_weights(dir: &Path, weights: &Weights) -> Result<(), Box<dyn Error>> {
    let mut stored = BTreeMap::new();
    for (slot, tensor) in weights.iter() {
        let tensor = slot.turn(&tensor.detach().to_device(Device::Cpu)).to_kind(Kind::Half);
        if tensor.isfinite().all().int64_value(&[]) == 0 {
            return Err(format!("{} does not fit f16", slot.name).into());
        }
        let mut bytes = vec![0; tensor.numel() * Dtype::F16.bitsize() / 8];
        tensor.contiguous().f_copy_data_u8(&mut bytes, tensor.numel())?;
        stored.insert(slot.name.as_str(), (slot.stored_shape(), bytes));
    }
    let mut views = BTreeMap::new();
    for (name, (shape, bytes)) in &stored {
        views.insert(*name, TensorView::new(Dtype::F16, shape.clone(), bytes)?);
    }
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    Ok(safetensors::serialize_to_file(views, Some(metadata), &dir.join("model.safetensors"))?)
}

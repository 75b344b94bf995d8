//! Reading an adapter.

use std::{collections::BTreeMap, path::Path};

use super::{Adapted, Adapter, CONFIG, WEIGHTS, WRAPPED, config::Config};
use crate::{
    checkpoint::{
        Checkpoint, CheckpointError, OpenTensors, names::Names, open_tensors::Numbers,
        read::check_dir,
    },
    tensor::{Matrix, Orientation, widths},
};

/// Reads the adapter in `dir` for `base`: what it adds, by tensor, with its scale in the left factor.
/// Ranks that add nothing, with which some writers fill up, are left out, and so are copies of the base's own
/// tensors. `orientation` knows how a tensor of the base is laid out, where its shape does not say;
/// `fan_in_fan_out` is often wrong, and PEFT does not go by it either.
///
/// # Errors
/// When it is no LoRA adapter, does more than adding factors, does not fit the base, or is damaged.
pub fn read_adapter(
    dir: &Path,
    base: &Checkpoint,
    orientation: &dyn Fn(&str, &[usize]) -> Orientation,
) -> Result<Adapter, CheckpointError> {
    let refuse =
        |why: String, mergeable| CheckpointError::Adapter { dir: dir.to_owned(), why, mergeable };
    let malformed = |why: String| refuse(why, false);
    let incomplete = |missing: &str| CheckpointError::Incomplete {
        dir: dir.to_owned(),
        missing: missing.to_owned(),
    };
    check_dir(dir)?;
    let config_path = dir.join(CONFIG);
    if !config_path.exists() {
        return Err(incomplete(CONFIG));
    }
    let config = Config::read(&config_path)?;
    if let Some(refusal) = config.refusal() {
        return Err(refuse(refusal.why, refusal.mergeable));
    }
    let weights = dir.join(WEIGHTS);
    if !weights.exists() {
        let pickle = "adapter_model.bin";
        return Err(if dir.join(pickle).exists() {
            CheckpointError::Pickle { dir: dir.to_owned(), file: pickle.to_owned() }
        } else {
            incomplete(WEIGHTS)
        });
    }
    let names = Names::of(base.model_type()?);
    let file = OpenTensors::open(&weights)?;
    let mut adapter =
        Adapter { changes: Vec::new(), base_model: config.base_model(), rounded: false };
    let mut pairs: BTreeMap<String, [Option<Numbers>; 2]> = BTreeMap::new();
    for name in file.names() {
        match parse(name) {
            Some(Named::Factor(module, factor)) => {
                let numbers = file.numbers(name)?;
                adapter.rounded |= numbers.rounds;
                pairs.entry(module.to_owned()).or_default()[factor] = Some(numbers);
            }
            Some(Named::Weight(weight)) if is_base(&file, name, base, &names, &weight)? => {}
            _ => {
                let why = "it has a tensor besides lora_A and lora_B that is not the base's";
                return Err(refuse(format!("{why}: {name}"), true));
            }
        }
    }
    for (module, pair) in pairs {
        let [Some(right), Some(left)] = pair else {
            return Err(malformed(format!("{module} has lora_A or lora_B but not both")));
        };
        let weight = format!("{module}.weight");
        if names.is_head(&weight) && names.is_tied(base.config()) {
            let why = format!("{module} is the embedding too in the base (tie_word_embeddings)");
            return Err(malformed(why));
        }
        let tensor = names.find(base, &weight).ok_or_else(|| CheckpointError::NoTensor {
            dir: base.dir().to_owned(),
            name: weight.clone(),
        })?;
        let (rank, scale) = config.scale(&module)?;
        if (left.cols, right.rows) != (rank, rank) {
            return Err(malformed(format!(
                "{module} has lora_A of rank {} and lora_B of rank {}; its configuration says {rank}",
                right.rows, left.cols
            )));
        }
        let shape = base.raw(tensor)?.1;
        let likely = orientation(tensor, shape);
        let other = match likely {
            Orientation::OutIn => Orientation::InOut,
            Orientation::InOut => Orientation::OutIn,
        };
        let fits = |orientation: &Orientation| {
            shape.len() == 2 && widths(shape, *orientation) == (left.rows, right.cols)
        };
        let orientation =
            [likely, other].into_iter().find(fits).ok_or_else(|| CheckpointError::Unfit {
                name: format!("the change of {module}"),
                found: vec![left.rows, right.cols],
                wanted: format!("what fits the base's {tensor}, {shape:?}"),
            })?;
        let [left, right] = [scaled(&left, scale), scaled(&right, 1.0)];
        if !left.data.iter().chain(&right.data).all(|value| value.is_finite()) {
            return Err(malformed(format!("its scale {scale} makes {module} infinite")));
        }
        let columns = left.transposed();
        let adds = |row: &[f32]| row.iter().any(|value| *value != 0.0);
        let live: Vec<usize> =
            (0..rank).filter(|&rank| adds(columns.row(rank)) && adds(right.row(rank))).collect();
        if !live.is_empty() {
            let (left, right) = (left.select_columns(&live), right.select_rows(&live));
            adapter.changes.push(Adapted { tensor: tensor.to_owned(), orientation, left, right });
        }
    }
    adapter.changes.sort_by(|a, b| a.tensor.cmp(&b.tensor));
    Ok(adapter)
}

/// What a tensor of an adapter is.
enum Named<'a> {
    /// The factor of a module: 0 for `lora_A`, 1 for `lora_B`.
    Factor(&'a str, usize),
    /// A whole tensor of the model, by its name there.
    Weight(String),
}

/// `base_model.model.<module>.lora_A.weight`; `base_model.model.<module>.base_layer.weight` and
/// `base_model.model.<module>.weight`, which PEFT adds for embeddings and heads.
fn parse(name: &str) -> Option<Named<'_>> {
    let rest = name.strip_prefix(WRAPPED)?.strip_suffix(".weight")?;
    let factor = |suffix, factor| Some(Named::Factor(rest.strip_suffix(suffix)?, factor));
    let module = rest.strip_suffix(".base_layer").unwrap_or(rest);
    factor(".lora_A", 0)
        .or_else(|| factor(".lora_B", 1))
        .or_else(|| Some(Named::Weight(format!("{module}.weight"))))
}

/// Whether a tensor of the adapter is what the base has as `weight`, in as many bits.
fn is_base(
    file: &OpenTensors,
    name: &str,
    base: &Checkpoint,
    names: &Names<'_>,
    weight: &str,
) -> Result<bool, CheckpointError> {
    let Some(ours) = names.find(base, weight) else { return Ok(false) };
    let (ours, theirs) = (base.tensor(ours)?, file.tensor(name)?);
    Ok(ours.rounded_to(theirs.dtype) == theirs)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
fn scaled(numbers: &Numbers, scale: f64) -> Matrix {
    let data = numbers.data.iter().map(|value| (value * scale) as f32).collect();
    Matrix { rows: numbers.rows, cols: numbers.cols, data }
}

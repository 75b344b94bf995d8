//! Reading an adapter.

use std::{collections::BTreeMap, path::Path};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Adapted, CONFIG, WEIGHTS, WRAPPED};
use crate::{
    checkpoint::{
        Checkpoint, CheckpointError, OpenTensors,
        names::Names,
        read::{check_dir, read_json},
    },
    delta::{Matrix, Orientation, widths},
};

/// What `adapter_config.json` says and we must know. Defaults are PEFT's.
#[derive(Deserialize)]
#[serde(default)]
struct Config {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    use_rslora: bool,
    use_dora: bool,
    lora_bias: bool,
    bias: String,
    modules_to_save: Option<Vec<String>>,
    layer_replication: Option<Value>,
    init_lora_weights: Value,
    /// In the order of the file: the first that fits counts.
    rank_pattern: Map<String, Value>,
    alpha_pattern: Map<String, Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            peft_type: String::new(),
            r: 8,
            lora_alpha: 8.0,
            use_rslora: false,
            use_dora: false,
            lora_bias: false,
            bias: "none".to_owned(),
            modules_to_save: None,
            layer_replication: None,
            init_lora_weights: Value::Bool(true),
            rank_pattern: Map::new(),
            alpha_pattern: Map::new(),
        }
    }
}

/// Ways to begin a training that change the base's weights too.
const CHANGES_BASE: &[&str] = &["pissa", "olora", "corda", "loftq", "lora_ga"];

impl Config {
    /// Why this adapter is not a sum of `B @ A`.
    fn refusal(&self) -> Option<String> {
        let begun = self.init_lora_weights.as_str().unwrap_or_default();
        let saved = self.modules_to_save.iter().flatten().next();
        if self.peft_type != "LORA" {
            Some(format!("its peft_type is {:?}; LORA can be", self.peft_type))
        } else if self.use_dora {
            Some("it uses DoRA, which scales the base's weights".to_owned())
        } else if self.bias != "none" || self.lora_bias {
            Some("it trains biases".to_owned())
        } else if self.layer_replication.is_some() {
            Some("it replicates layers".to_owned())
        } else if let Some(module) = saved {
            Some(format!("it has a whole module beside its factors: {module}"))
        } else if CHANGES_BASE.iter().any(|way| begun.starts_with(way)) {
            Some(format!("it began with {begun}, which changes the base's weights"))
        } else {
            None
        }
    }

    /// The rank and the scale of a module.
    fn scale(&self, module: &str) -> Result<(usize, f64), String> {
        let rank = match pattern(&self.rank_pattern, module)? {
            None => self.r,
            Some(value) => value
                .as_u64()
                .and_then(|rank| usize::try_from(rank).ok())
                .ok_or_else(|| format!("its rank_pattern gives {module} the rank {value}"))?,
        };
        let alpha = match pattern(&self.alpha_pattern, module)? {
            None => self.lora_alpha,
            Some(value) => value
                .as_f64()
                .ok_or_else(|| format!("its alpha_pattern gives {module} the alpha {value}"))?,
        };
        #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
        let over = if self.use_rslora { (rank as f64).sqrt() } else { rank as f64 };
        Ok((rank, alpha / over))
    }
}

/// What the first key that fits says of `module`, by PEFT's rule.
fn pattern<'a>(
    patterns: &'a Map<String, Value>,
    module: &str,
) -> Result<Option<&'a Value>, String> {
    for (key, value) in patterns {
        let fits = Regex::new(&format!(r"^(?:.*\.)?(?:{key})$"))
            .map_err(|_| format!("its pattern {key:?} is no regular expression"))?;
        if fits.is_match(module) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Reads the adapter in `dir` for `base`: what it adds, by tensor, with its scale in the left factor.
/// Ranks that add nothing, with which some writers fill up, are left out. `orientation` knows how a
/// tensor of the base is laid out, where its shape does not say; `fan_in_fan_out` is often wrong, and
/// PEFT does not go by it either.
///
/// # Errors
/// When it is no LoRA adapter, does more than adding factors, does not fit the base, or is damaged.
pub fn read_adapter(
    dir: &Path,
    base: &Checkpoint,
    orientation: &dyn Fn(&str, &[usize]) -> Orientation,
) -> Result<Vec<Adapted>, CheckpointError> {
    let refuse = |why: String| CheckpointError::Adapter { dir: dir.to_owned(), why };
    let incomplete = |missing: &str| CheckpointError::Incomplete {
        dir: dir.to_owned(),
        missing: missing.to_owned(),
    };
    check_dir(dir)?;
    let config_path = dir.join(CONFIG);
    if !config_path.exists() {
        return Err(incomplete(CONFIG));
    }
    let config: Config = serde_json::from_value(read_json(&config_path)?)
        .map_err(|error| CheckpointError::Json { path: config_path, why: error.to_string() })?;
    if let Some(why) = config.refusal() {
        return Err(refuse(why));
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
    let file = OpenTensors::open(&weights)?;
    let mut pairs: BTreeMap<String, [Option<Matrix>; 2]> = BTreeMap::new();
    for name in file.names() {
        let (module, factor) = parse(name)
            .ok_or_else(|| refuse(format!("it has a tensor besides lora_A and lora_B: {name}")))?;
        pairs.entry(module.to_owned()).or_default()[factor] = Some(file.matrix(name)?);
    }
    let names = Names::of(base.model_type()?);
    let mut adapted = Vec::new();
    for (module, pair) in pairs {
        let [Some(right), Some(mut left)] = pair else {
            return Err(refuse(format!("{module} has lora_A or lora_B but not both")));
        };
        let tensor = names.find(base, &format!("{module}.weight")).ok_or_else(|| {
            CheckpointError::NoTensor {
                dir: base.dir().to_owned(),
                name: format!("{module}.weight"),
            }
        })?;
        let (rank, scale) = config.scale(&module).map_err(refuse)?;
        if (left.cols, right.rows) != (rank, rank) {
            return Err(refuse(format!(
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
        if scale.to_bits() != 1f64.to_bits() {
            for value in &mut left.data {
                *value = scaled(*value, scale);
            }
            if !left.data.iter().all(|value| value.is_finite()) {
                return Err(refuse(format!("its scale {scale} makes {module} infinite")));
            }
        }
        let columns = left.transposed();
        let adds = |row: &[f32]| row.iter().any(|value| *value != 0.0);
        let live: Vec<usize> =
            (0..rank).filter(|&rank| adds(columns.row(rank)) && adds(right.row(rank))).collect();
        if !live.is_empty() {
            let (left, right) = (left.select_columns(&live), right.select_rows(&live));
            adapted.push(Adapted { tensor: tensor.to_owned(), orientation, left, right });
        }
    }
    adapted.sort_by(|a, b| a.tensor.cmp(&b.tensor));
    Ok(adapted)
}

/// `base_model.model.<module>.lora_A.weight` -> `(<module>, 0)`; 1 for `lora_B`.
fn parse(name: &str) -> Option<(&str, usize)> {
    let rest = name.strip_prefix(WRAPPED)?.strip_suffix(".weight")?;
    let a = rest.strip_suffix(".lora_A").map(|module| (module, 0));
    a.or_else(|| rest.strip_suffix(".lora_B").map(|module| (module, 1)))
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
fn scaled(value: f32, scale: f64) -> f32 {
    (f64::from(value) * scale) as f32
}

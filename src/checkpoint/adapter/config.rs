//! What `adapter_config.json` says.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Map, Value};

use crate::checkpoint::{CheckpointError, read::read_json};

/// The configuration of a plain LoRA: its change is a sum of `B @ A`.
pub(super) struct Config {
    path: PathBuf,
    keys: Map<String, Value>,
    rank: usize,
    alpha: f64,
    use_rslora: bool,
    /// In the order of the file: the first that fits counts.
    ranks: Map<String, Value>,
    alphas: Map<String, Value>,
}

/// Why an adapter is not taken in.
pub(super) struct Refusal {
    pub(super) why: String,
    /// Whether PEFT can merge it into the model's weights.
    pub(super) mergeable: bool,
}

/// Keys that say nothing of what a trained LoRA adds: what it was trained like, and where; its tensors have the
/// modules' names.
const OF_TRAINING: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "velora_config",
];

/// Keys that are read here.
const READ: &[&str] = &[
    "alpha_pattern",
    "bias",
    "init_lora_weights",
    "lora_alpha",
    "modules_to_save",
    "peft_type",
    "r",
    "rank_pattern",
    "use_rslora",
];

/// Keys that make more of an adapter than a sum of `B @ A` where they are set, what that is, and whether PEFT can
/// merge it.
const MORE: &[(&str, &str, bool)] = &[
    ("alora_invocation_tokens", "it is an activated LoRA, which acts on some tokens only", false),
    ("arrow_config", "it is a router among adapters", false),
    ("ensure_weight_tying", "it ties adapters to one another", true),
    ("kasa_config", "it changes the base's weights too", true),
    ("layer_replication", "it replicates layers", false),
    ("lora_bias", "it trains biases", true),
    ("megatron_config", "it is for Megatron's layers", false),
    ("monteclora_config", "it draws its factors at random", false),
    ("target_parameters", "it changes parameters that are no module's weight", true),
    ("trainable_token_indices", "it trains rows of an embedding", true),
    ("use_bdlora", "its factors are block-diagonal", true),
    ("use_dora", "it uses DoRA, which scales the base's weights", true),
    ("use_qalora", "it is for quantized weights", false),
];

/// Ways to begin a training that leave the base's weights alone; others, such as PiSSA, do not.
const LEAVES_BASE: &[&str] = &["true", "false", "gaussian", "eva", "mica", "orthogonal"];

/// Other kinds of adapters that PEFT can merge.
const MERGEABLE: &[&str] = &["ADALORA", "BOFT", "HRA", "IA3", "LOHA", "LOKR", "OFT", "VERA"];

impl Config {
    /// Reads the file at `path`. Values that are left out are PEFT's.
    ///
    /// # Errors
    /// When it is no JSON object, or a value is not what its key stands for.
    pub(super) fn read(path: &Path) -> Result<Self, CheckpointError> {
        let wrong = |why: String| CheckpointError::Json { path: path.to_owned(), why };
        let Value::Object(keys) = read_json(path)? else {
            return Err(wrong("it is no JSON object".to_owned()));
        };
        let said = |key: &str| keys.get(key).filter(|value| !value.is_null());
        let not = |key: &str, value: &Value, what: &str| {
            wrong(format!("{key} is {}; it must be {what}", brief(value)))
        };
        let rank = said("r").map_or(Ok(8), |value| {
            let rank = value.as_u64().and_then(|rank| usize::try_from(rank).ok());
            rank.filter(|rank| *rank > 0).ok_or_else(|| not("r", value, "a whole number above 0"))
        })?;
        let alpha = said("lora_alpha").map_or(Ok(8.0), |value| {
            value.as_f64().ok_or_else(|| not("lora_alpha", value, "a number"))
        })?;
        let use_rslora = said("use_rslora").map_or(Ok(false), |value| {
            value.as_bool().ok_or_else(|| not("use_rslora", value, "true or false"))
        })?;
        let patterns = |key: &str| match said(key) {
            None => Ok(Map::new()),
            Some(Value::Object(patterns)) => Ok(patterns.clone()),
            Some(value) => Err(not(key, value, "a map from names to numbers")),
        };
        let (ranks, alphas) = (patterns("rank_pattern")?, patterns("alpha_pattern")?);
        Ok(Self { path: path.to_owned(), rank, alpha, use_rslora, ranks, alphas, keys })
    }

    /// The model that it says it is for.
    pub(super) fn base_model(&self) -> Option<String> {
        let name = self.keys.get("base_model_name_or_path").and_then(Value::as_str);
        name.filter(|name| !name.is_empty()).map(str::to_owned)
    }

    /// Why it is more than a sum of `B @ A`.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let refuse = |why: String, mergeable| Some(Refusal { why, mergeable });
        let kind = self.keys.get("peft_type").map_or_else(String::new, brief);
        let kind = kind.trim_matches('"');
        if kind != "LORA" {
            let why = format!("its peft_type is {kind:?}; LORA can be");
            return refuse(why, MERGEABLE.contains(&kind));
        }
        let set = |key: &str| self.keys.get(key).is_some_and(is_set);
        if let Some((key, why, mergeable)) = MORE.iter().find(|(key, ..)| set(key)) {
            return refuse(format!("{why} ({key})"), *mergeable);
        }
        let bias = self.keys.get("bias").filter(|bias| is_set(bias));
        if let Some(bias) = bias.filter(|bias| *bias != "none") {
            return refuse(format!("it trains biases (bias is {})", brief(bias)), true);
        }
        if let Some(saved) = self.keys.get("modules_to_save").filter(|saved| is_set(saved)) {
            let module = saved.get(0).unwrap_or(saved);
            let module = module.as_str().map_or_else(|| brief(module), str::to_owned);
            let why = format!("it has a whole module beside its factors: {module}");
            return refuse(why, true);
        }
        let begun = self.keys.get("init_lora_weights").filter(|begun| is_set(begun));
        let begun = begun.map_or_else(|| "true".to_owned(), brief).trim_matches('"').to_owned();
        if !LEAVES_BASE.contains(&begun.to_lowercase().as_str()) {
            let why =
                format!("it began with {begun} (init_lora_weights), which can change the base");
            return refuse(why, true);
        }
        let known = |key: &str| OF_TRAINING.contains(&key) || READ.contains(&key);
        let unknown = self.keys.iter().find(|(key, value)| !known(key) && is_set(value));
        unknown.and_then(|(key, value)| {
            let value = brief(value);
            refuse(format!("its {key} is {value}, and what that means is not known here"), true)
        })
    }

    /// The rank and the scale of a module.
    pub(super) fn scale(&self, module: &str) -> Result<(usize, f64), CheckpointError> {
        let wrong = |why: String| CheckpointError::Json { path: self.path.clone(), why };
        let rank = match pattern("rank_pattern", &self.ranks, module).map_err(wrong)? {
            None => self.rank,
            Some(value) => value
                .as_u64()
                .and_then(|rank| usize::try_from(rank).ok())
                .ok_or_else(|| wrong(format!("rank_pattern gives {module} the rank {value}")))?,
        };
        let alpha = match pattern("alpha_pattern", &self.alphas, module).map_err(wrong)? {
            None => self.alpha,
            Some(value) => value
                .as_f64()
                .ok_or_else(|| wrong(format!("alpha_pattern gives {module} the alpha {value}")))?,
        };
        #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
        let over = if self.use_rslora { (rank as f64).sqrt() } else { rank as f64 };
        Ok((rank, alpha / over))
    }
}

/// Whether a key is more than there.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(values) => !values.is_empty(),
        Value::Object(values) => !values.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// A value as far as a message has room for it.
fn brief(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// What the first key that fits says of `module`, by PEFT's rule.
fn pattern<'a>(
    key: &str,
    patterns: &'a Map<String, Value>,
    module: &str,
) -> Result<Option<&'a Value>, String> {
    for (pattern, value) in patterns {
        let fits = Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$"))
            .map_err(|_| format!("{key} has {pattern:?}, which is no regular expression"))?;
        if fits.is_match(module) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

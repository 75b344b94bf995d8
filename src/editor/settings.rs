//! Settings of MEMIT.
//!
//! A commit records them in canonical form: TOML with every key present, sorted, and numbers printed
//! as short as they round-trip. What a user writes is laid over the preset of the loaded model, so
//! a file with one line is a valid set of settings.

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use tch::Kind;

#[cfg(feature = "torch")]
use crate::model::Spec;

use super::closed::weight::{WEIGHT, WEIGHTS, Weight};

/// What commits and configurations call this editor.
pub const NAME: &str = "memit";

/// The preset of each known model, by family, layers, width and width inside the MLP.
const PRESETS: &[(&str, usize, usize, usize, &str)] = &[
    ("gpt2", 7, 192, 1536, include_str!("presets/base.toml")),
    ("gpt2", 12, 768, 3072, include_str!("presets/gpt2.toml")),
    ("gpt2", 24, 1024, 4096, include_str!("presets/gpt2-medium.toml")),
    ("gpt2", 36, 1280, 5120, include_str!("presets/gpt2-large.toml")),
    ("gpt2", 48, 1600, 6400, include_str!("presets/gpt2-xl.toml")),
    ("gptj", 28, 4096, 16384, include_str!("presets/gpt-j-6b.toml")),
    ("gpt_neox", 44, 6144, 24576, include_str!("presets/gpt-neox-20b.toml")),
    ("llama", 32, 4096, 14336, include_str!("presets/llama-3-8b.toml")),
    ("llama", 32, 4096, 11008, EASYEDIT),
    ("llama", 28, 3072, 8192, EASYEDIT),
    ("mistral", 32, 4096, 14336, EASYEDIT),
    ("qwen2", 28, 3584, 18944, EASYEDIT),
];

/// What EasyEdit's settings of some models add to those of their family.
const EASYEDIT: &str = include_str!("presets/easyedit.toml");

/// What models of a family have in common, under the preset of one.
const FAMILIES: &[(&[&str], &str)] =
    &[(&["llama", "mistral", "qwen2", "qwen3"], include_str!("presets/llama.toml"))];

/// What all presets and all models without one are laid over.
const COMMON: &str = include_str!("presets/common.toml");

/// What `faithful = true` lays over the preset: the choices of the reference implementation. The key is
/// not a setting itself; what it stands for is recorded.
const FAITHFUL: &str = include_str!("presets/faithful.toml");

/// What a setting means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: &'static str,
    /// What it sets.
    pub meaning: &'static str,
    /// The values that it takes.
    pub range: &'static str,
    /// Whether its default is another one for each model.
    pub by_model: bool,
}

const fn setting(key: &'static str, range: &'static str, meaning: &'static str) -> Setting {
    Setting { key, meaning, range, by_model: false }
}

/// All of [`Settings`], by key.
pub const SETTINGS: &[Setting] = &[
    setting("carry", "true or false", "keep the keys of earlier edits as they are"),
    setting(
        "clamp_norm_factor",
        "above 0",
        "longest vector, as a multiple of the state it is added to",
    ),
    setting("early_stop_loss", "0 or more", "loss at which the search for a fact ends"),
    setting(
        "every_context",
        "true or false",
        "solve for the key in every context, not for their mean alone",
    ),
    setting(
        "join_subjects",
        "true or false",
        "search for facts of one subject together, earlier ones too",
    ),
    setting("kl_factor", "0 or more", "weight of keeping what follows \"{subject} is a\""),
    Setting {
        by_model: true,
        ..setting(
            "layers",
            "blocks of the model, ascending",
            "blocks whose MLP is edited; z is at the last",
        )
    },
    setting(
        "locality_factor",
        "0 or more",
        "weight of keeping what follows prompts of the subject's other facts",
    ),
    setting(
        "mom2_update_weight",
        WEIGHTS,
        "how much what the model knows besides outweighs an edit",
    ),
    setting("prefix_count", "0 or more", "context prefixes that are sampled"),
    setting("prefix_tokens", "1 or more", "tokens of a context prefix"),
    setting("rephrase", "true or false", "use a fact's other prompts as contexts too"),
    setting("ridge", "0 or more", "added to C's diagonal, as a part of its mean"),
    setting("solve_factor", "\"f64\" or \"f32\"", "precision in which matrices are factored"),
    Setting {
        by_model: true,
        ..setting("v_loss_layer", "a block of the model", "block after which the loss is read")
    },
    setting("v_lr", "above 0", "step size of the search"),
    setting("v_num_grad_steps", "1 or more", "steps of the search, at most"),
    setting("v_weight_decay", "0 or more", "weight of the vector's length in the loss"),
    setting("z_matmul", "\"f32\" or \"bf16\"", "precision of products while z is sought"),
    setting(
        "z_on",
        "\"base\" or \"current\"",
        "weights on which z is sought: the base's or the edited version's",
    ),
];

/// What settings are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSize {
    /// `model_type` of the checkpoint.
    pub family: String,
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the MLP.
    pub inner: usize,
}

#[cfg(feature = "torch")]
impl From<&Spec> for ModelSize {
    fn from(spec: &Spec) -> Self {
        let (layers, width, inner) = (spec.layers, spec.width, spec.inner);
        Self { family: spec.model_type.to_owned(), layers, width, inner }
    }
}

/// Everything MEMIT can be told. Names are those of the reference implementation where it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether keys of earlier edits join the system, so that they are kept.
    pub carry: bool,
    /// The optimised vector stays within this many times the norm of the state it is added to.
    pub clamp_norm_factor: f64,
    /// Optimisation of a fact ends when its loss is below this.
    pub early_stop_loss: f64,
    /// Whether the system holds the key of every context, or only their mean as in the paper.
    pub every_context: bool,
    /// Whether facts of one subject are sought together, as one change of the state at it, and with them
    /// those edited earlier. The reference implementation seeks each by itself.
    pub join_subjects: bool,
    /// Weight of the divergence of "{subject} is a" from what the model said before.
    pub kl_factor: f64,
    /// The blocks whose MLP is edited, ascending; z lives at the output of the last.
    pub layers: Vec<usize>,
    /// Weight of the divergence of prompts about the subject's other facts, where some are known, from
    /// what the model said before. The reference implementation knows no other facts.
    pub locality_factor: f64,
    /// λ: how much the model's other knowledge weighs against the edit.
    pub mom2_update_weight: Weight,
    /// How many context prefixes are sampled.
    pub prefix_count: usize,
    /// How long each is, in tokens, its first word included.
    pub prefix_tokens: usize,
    /// Whether the fact's other prompts are contexts too, bare and in turns behind the prefixes, where
    /// it has any. The reference implementation knows one prompt for a fact.
    pub rephrase: bool,
    /// Added to the diagonal of C, as a fraction of the diagonal's mean.
    pub ridge: f64,
    /// What the matrices as wide as a layer's input are factored in. Solutions are refined in f64.
    pub solve_factor: SolveFactor,
    /// The block after which the loss is read; the last one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v_loss_layer: Option<usize>,
    /// Step size of Adam.
    pub v_lr: f64,
    /// Forward passes at most; the last makes no step.
    pub v_num_grad_steps: u32,
    /// Weight of the vector's norm in the loss.
    pub v_weight_decay: f64,
    /// What linear maps multiply in while z is sought.
    pub z_matmul: Matmul,
    /// The weights on which z is sought.
    pub z_on: ZOn,
}

/// What attention, MLPs and the head compute in while z is sought. The stream, its norms and all that is
/// kept of a search stay in what the model computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matmul {
    /// 32 bits.
    F32,
    /// 16 bits with the exponents of 32: fast where the processor has it, such as AVX-512 BF16.
    Bf16,
}

#[cfg(feature = "torch")]
impl Matmul {
    /// As the kind of what a stream of kind `stream` enters: a model in 16 bits stays as it is.
    pub(super) fn within(self, stream: Kind) -> Kind {
        match self {
            Self::Bf16 if stream == Kind::Float => Kind::BFloat16,
            Self::Bf16 | Self::F32 => stream,
        }
    }
}

/// What matrices are factored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SolveFactor {
    /// 64 bits.
    F64,
    /// 32 bits: for GPUs that are slow in 64.
    F32,
}

/// The weights on which z is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZOn {
    /// The base, with the changes that were taken in as a whole: a z never depends on earlier edits, so it
    /// can be kept for ever.
    Base,
    /// The version that is edited.
    Current,
}

/// Why settings are refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// There is no such editor.
    #[error("there is no editor {name:?}; there is {known}")]
    Editor {
        /// Its name.
        name: String,
        /// The names of all that there are.
        known: String,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("settings do not parse: {0}")]
    Parse(String),
    /// A value that makes no sense for the method or the model.
    #[error("{key} must be {wanted}, found {found}")]
    Value {
        /// The setting.
        key: String,
        /// What it may be.
        wanted: String,
        /// What it is.
        found: String,
    },
}

impl Settings {
    /// The settings recommended for a model of this size: its preset, or for a model without one
    /// what its family has and a fifth of its blocks, five at most, a little below the middle.
    ///
    /// # Errors
    /// When the model has no blocks.
    pub fn preset(model: &ModelSize) -> Result<Self, SettingsError> {
        Self::over_preset("", model)
    }

    /// What is set for a model of which nothing is known; which blocks are edited depends on the model.
    #[must_use]
    pub fn defaults() -> toml::Table {
        parse(COMMON).expect("because the table for all models is TOML")
    }

    /// Reads settings, taking what they leave out from the model's preset, and checks them. With
    /// `faithful = true` among them the preset does as the reference implementation does.
    ///
    /// # Errors
    /// When a key is unknown, a value is out of range or a layer does not exist.
    pub fn over_preset(text: &str, model: &ModelSize) -> Result<Self, SettingsError> {
        Self::over(text, model, Some(model.layers))
    }

    /// Checks settings as far as that goes without a model: names, kinds, and ranges but for the number of
    /// blocks.
    ///
    /// # Errors
    /// When a key is unknown or no model takes a value.
    pub fn fit_some_model(text: &str) -> Result<(), SettingsError> {
        let any = ModelSize { family: String::new(), layers: 12, width: 0, inner: 0 };
        Self::over(text, &any, None).map(drop)
    }

    /// As [`Settings::over_preset`]; blocks are there below `layers`, if it is known.
    fn over(text: &str, model: &ModelSize, layers: Option<usize>) -> Result<Self, SettingsError> {
        let mut table = by_depth(model)?;
        let family = FAMILIES.iter().find(|(names, _)| names.contains(&model.family.as_str()));
        let size = (model.family.as_str(), model.layers, model.width, model.inner);
        let known = PRESETS
            .iter()
            .find(|&&(family, layers, width, inner, _)| (family, layers, width, inner) == size);
        for preset in family.map(|(_, text)| text).into_iter().chain(known.map(|row| &row.4)) {
            table.extend(parse(preset)?);
        }
        let mut text = parse(text)?;
        match text.remove("faithful") {
            None | Some(toml::Value::Boolean(false)) => {}
            Some(toml::Value::Boolean(true)) => table.extend(parse(FAITHFUL)?),
            Some(other) => require(false, "faithful", "true or false", || other.to_string())?,
        }
        for (key, value) in &text {
            if key == WEIGHT {
                Weight::try_from(value.clone())?;
            } else if let Some(preset) = table.get(key) {
                let alike = preset.same_type(value) || preset.is_float() && value.is_integer();
                require(alike, key, &format!("a value like {preset}"), || value.to_string())?;
            }
        }
        table.extend(text);
        let mut settings: Self = table.try_into().map_err(|e: toml::de::Error| parse_error(&e))?;
        let last = model.layers - 1;
        settings.v_loss_layer.get_or_insert(last);
        settings.check(layers)?;
        Ok(settings)
    }

    /// The one spelling of these settings.
    #[must_use]
    pub fn canonical(&self) -> String {
        toml::to_string(self).expect("because the settings are numbers and names under plain keys")
    }

    /// What a z depends on, in canonical form: of `layers` the last, and nothing that only the solve
    /// reads.
    #[must_use]
    pub fn of_z(&self) -> String {
        let mut table = parse(&self.canonical()).expect("because the canonical form is TOML");
        for key in ["carry", "every_context", "mom2_update_weight", "ridge", "solve_factor"] {
            table.remove(key);
        }
        if let Some(toml::Value::Array(layers)) = table.get_mut("layers") {
            layers.drain(..layers.len() - 1);
        }
        table.to_string()
    }

    /// What context prefixes depend on, in canonical form.
    #[must_use]
    pub fn of_prefixes(&self) -> String {
        format!("{} of {} tokens", self.prefix_count, self.prefix_tokens)
    }

    /// The block at whose output z lives.
    #[must_use]
    pub fn z_layer(&self) -> usize {
        *self.layers.last().expect("because settings without layers are refused")
    }

    /// The block of `layers` after which the loss is read: never below the one where z lives.
    #[must_use]
    pub fn loss_layer(&self, layers: usize) -> usize {
        self.v_loss_layer.unwrap_or(layers - 1).max(self.z_layer())
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        let below = layers.map_or_else(String::new, |layers| format!("below {layers}"));
        let exists = |layer: usize| layers.is_none_or(|layers| layer < layers);
        let ascending = self.layers.is_sorted_by(|a, b| a < b);
        let exist = self.layers.last().is_some_and(|&last| exists(last));
        let wanted = if below.is_empty() {
            "ascending".to_owned()
        } else {
            format!("ascending and {below}")
        };
        require(ascending && exist, "layers", &wanted, || format!("{:?}", self.layers))?;
        if let Some(layer) = self.v_loss_layer {
            require(exists(layer), "v_loss_layer", &below, || layer.to_string())?;
        }
        for (key, value) in [("clamp_norm_factor", self.clamp_norm_factor), ("v_lr", self.v_lr)] {
            let positive = value > 0.0 && value.is_finite();
            require(positive, key, "above zero", || value.to_string())?;
        }
        for (key, value) in [
            ("early_stop_loss", self.early_stop_loss),
            ("kl_factor", self.kl_factor),
            ("locality_factor", self.locality_factor),
            ("ridge", self.ridge),
            ("v_weight_decay", self.v_weight_decay),
        ] {
            let usable = value >= 0.0 && value.is_finite();
            require(usable, key, "zero or more", || value.to_string())?;
        }
        let weight = &self.mom2_update_weight;
        require(weight.fits(self.layers.len()), WEIGHT, WEIGHTS, || {
            toml::Value::from(weight.clone()).to_string()
        })?;
        require(self.v_num_grad_steps > 0, "v_num_grad_steps", "at least 1", || "0".to_owned())?;
        require(self.prefix_tokens > 0, "prefix_tokens", "at least 1", || "0".to_owned())
    }
}

/// Where the published settings are: GPT-2's five blocks begin a quarter of the way up, those of
/// models with rotary positions an eighth to a seventh.
fn by_depth(model: &ModelSize) -> Result<toml::Table, SettingsError> {
    require(model.layers > 0, "layers", "at least one block", || "none".to_owned())?;
    let first = model.layers / if model.family == "gpt2" { 4 } else { 7 };
    let end = first + model.layers.div_ceil(5).min(5);
    let mut table = parse(COMMON)?;
    let layers = (first..end).map(|l| i64::try_from(l).map_or(i64::MAX, |l| l));
    table.insert("layers".to_owned(), layers.collect::<Vec<_>>().into());
    Ok(table)
}

fn parse(text: &str) -> Result<toml::Table, SettingsError> {
    text.parse().map_err(|e| parse_error(&e))
}

fn parse_error(error: &toml::de::Error) -> SettingsError {
    SettingsError::Parse(error.to_string().trim_end().replace('\n', " "))
}

fn require(
    holds: bool,
    key: &str,
    wanted: &str,
    found: impl Fn() -> String,
) -> Result<(), SettingsError> {
    if holds {
        return Ok(());
    }
    Err(SettingsError::Value { key: key.to_owned(), wanted: wanted.to_owned(), found: found() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xl() -> ModelSize {
        ModelSize { family: "gpt2".to_owned(), layers: 48, width: 1600, inner: 6400 }
    }

    #[test]
    fn every_preset_fits_its_model() {
        for &(family, layers, width, inner, _) in PRESETS {
            let model = ModelSize { family: family.to_owned(), layers, width, inner };
            Settings::preset(&model).unwrap();
        }
        for family in ["gpt2", "gptj", "gpt_neox", "llama", "mistral", "qwen2", "qwen3"] {
            for layers in 1..90 {
                let model = ModelSize { family: family.to_owned(), layers, width: 64, inner: 99 };
                let settings = Settings::preset(&model).unwrap();
                assert_eq!(settings.layers.len(), layers.div_ceil(5).min(5));
            }
        }
    }

    #[test]
    fn the_published_settings_of_the_other_families() {
        let of = |family: &str, layers, width, inner| {
            let model = ModelSize { family: family.to_owned(), layers, width, inner };
            let s = Settings::preset(&model).unwrap();
            let (first, last) = (s.layers[0], s.z_layer());
            assert_eq!((s.kl_factor, s.v_loss_layer), (0.0625, Some(layers - 1)), "{family}");
            let steps = s.v_num_grad_steps;
            let weight = s.mom2_update_weight.of(0).unwrap();
            let more = [s.clamp_norm_factor, s.v_lr, s.v_weight_decay, weight];
            (first, last, steps, more)
        };
        assert_eq!(of("gptj", 28, 4096, 16384), (3, 8, 25, [0.75, 0.5, 0.5, 15000.0]));
        assert_eq!(of("gpt_neox", 44, 6144, 24576), (6, 10, 20, [0.3, 0.5, 0.5, 20000.0]));
        // Llama 3 8B, Llama 2 7B, Mistral 7B, Qwen 2.5 7B.
        assert_eq!(of("llama", 32, 4096, 14336), (4, 8, 25, [0.75, 0.1, 0.5, 15000.0]));
        let wide = (4, 8, 25, [4.0, 0.5, 0.001, 15000.0]);
        assert_eq!(of("llama", 32, 4096, 11008), wide);
        assert_eq!(of("mistral", 32, 4096, 14336), wide);
        assert_eq!(of("qwen2", 28, 3584, 18944), wide);
    }

    #[test]
    fn the_published_settings_of_gpt2_xl() {
        let settings = Settings::preset(&xl()).unwrap();
        assert_eq!(settings.layers, [13, 14, 15, 16, 17]);
        assert_eq!(
            (settings.clamp_norm_factor, settings.v_lr, settings.v_num_grad_steps),
            (0.75, 0.5, 20)
        );
        assert_eq!((settings.v_weight_decay, settings.kl_factor), (0.5, 0.0625));
        assert_eq!(settings.mom2_update_weight, Weight::Same(20000.0));
        assert_eq!(settings.v_loss_layer, Some(47));
    }

    #[test]
    fn a_model_without_published_settings_gets_its_weight_from_its_keys() {
        let model = ModelSize { layers: 8, ..xl() };
        let weight = |text: &str| Settings::over_preset(text, &model).map(|s| s.mom2_update_weight);
        assert_eq!(weight("").unwrap(), Weight::Auto);
        assert_eq!(weight("mom2_update_weight = 3").unwrap(), Weight::Same(3.0));
        // What was found is a setting too.
        let found = "layers = [1, 2]\nmom2_update_weight = [42.4, 90.0]\n";
        let settings = Settings::over_preset(found, &model).unwrap();
        assert!(settings.canonical().contains(found.lines().nth(1).unwrap()));
        for wrong in ["'automatic'", "0", "-1.0", "inf", "[1.0]", "[1.0, 'x']", "true"] {
            let error = weight(&format!("layers = [1, 2]\nmom2_update_weight = {wrong}"));
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("mom2_update_weight must be \"auto\", a number"), "{error}");
        }
    }

    #[test]
    fn faithful_settings_are_the_references_and_may_be_changed() {
        let settings = Settings::over_preset("faithful = true\nridge = 1e-3", &xl()).unwrap();
        assert!(!settings.carry && !settings.every_context && !settings.rephrase);
        assert!(!settings.join_subjects);
        assert_eq!((settings.z_on, settings.early_stop_loss), (ZOn::Current, 0.05));
        assert_eq!((settings.ridge, settings.v_num_grad_steps), (0.001, 20));
        assert!(!settings.canonical().contains("faithful"), "what it stands for is recorded");
        let plain = Settings::preset(&xl()).unwrap();
        assert_eq!(Settings::over_preset("faithful = false", &xl()).unwrap(), plain);
        let mistake = Settings::over_preset("faithful = 1", &xl()).unwrap_err().to_string();
        assert_eq!(mistake, "faithful must be true or false, found 1");
    }

    #[test]
    fn canonical_form_is_sorted_complete_and_stable() {
        let settings = Settings::over_preset("v_lr = 1e-1\nkl_factor = 0", &xl());
        // An integer where a float is wanted is a float.
        let canonical = settings.unwrap().canonical();
        assert!(canonical.contains("v_lr = 0.1\n") && canonical.contains("kl_factor = 0.0\n"));
        let keys: Vec<&str> = canonical.lines().map(|l| l.split(' ').next().unwrap()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(keys, SETTINGS.iter().map(|setting| setting.key).collect::<Vec<_>>());
        assert_eq!(Settings::over_preset(&canonical, &xl()).unwrap().canonical(), canonical);
    }

    #[test]
    fn a_z_depends_on_what_its_search_reads() {
        let of = |text: &str| Settings::over_preset(text, &xl()).unwrap().of_z();
        let preset = of("");
        assert_eq!(
            of("carry = false\nmom2_update_weight = 1\nsolve_factor = 'f32'\nlayers = [3, 17]"),
            preset
        );
        for other in ["layers = [13, 14]", "v_lr = 0.1", "rephrase = false", "prefix_count = 4"] {
            assert_ne!(of(other), preset, "{other}");
        }
        assert_ne!(of("z_on = 'current'"), preset);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| Settings::over_preset(text, &xl()).unwrap_err().to_string();
        assert!(message("v_lrr = 1.0").contains("v_lrr"));
        assert_eq!(
            message("layers = [3, 48]"),
            "layers must be ascending and below 48, found [3, 48]"
        );
        assert!(message("layers = []").starts_with("layers must be"));
        assert!(message("layers = [4, 4]").starts_with("layers must be"));
        assert_eq!(message("v_lr = nan"), "v_lr must be above zero, found NaN");
        assert!(message("z_on = 'there'").contains("there"));
        assert_eq!(message("z_matmul = 16"), "z_matmul must be a value like \"f32\", found 16");
        assert_eq!(message("v_lr = 'x'"), "v_lr must be a value like 0.5, found \"x\"");
    }
}

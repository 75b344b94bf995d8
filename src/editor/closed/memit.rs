//! MEMIT: mass-editing memory in a transformer (Meng et al., 2023, algorithm 1).

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use tch::Tensor;

#[cfg(feature = "torch")]
use super::{
    layers::{self, ClosedForm, Hold, Layer, LeastSquares, balanced},
    solve::Solver,
    weight::rounded,
};
use super::{
    method::Closed,
    settings::{self as solving, EVERY_CONTEXT, RIDGE, Solving},
    weight::{WEIGHTS, Weight},
};
use crate::editor::{
    locate::settings::{self as locate, Search},
    method::Recipe,
    presets::{ModelSize, Presets, blocks_by_depth, blocks_value},
    settings::{Defaults, MethodSettings, Setting, SettingsError, listed, not_below_zero, parse},
};
#[cfg(feature = "torch")]
use crate::{
    editor::{error::EditError, settings::canonical},
    engine::{EditJob, EditOutcome, Progress},
    model::Model,
};

/// What commits and configurations call it.
pub const NAME: &str = "memit";

/// Raised when the same input would give another output, by more than rounding does on another machine.
pub const VERSION: u32 = 3;

/// What all presets and all models without one are laid over.
const COMMON: &str = include_str!("../presets/common.toml");

/// What is set for a model of which nobody has published anything.
const UNKNOWN: &str = include_str!("../presets/unknown.toml");

/// What `faithful = true` lays over the preset.
const FAITHFUL: &str = include_str!("../presets/faithful.toml");

/// What EasyEdit's settings of some models add to those of their family.
const EASYEDIT: &str = include_str!("../presets/easyedit.toml");

/// What is published, or was measured.
pub(super) const PRESETS: Presets = Presets {
    families: &[(&["llama", "mistral", "qwen2", "qwen3"], include_str!("../presets/llama.toml"))],
    models: &[
        ("gpt2", 7, 192, 1536, include_str!("../presets/base.toml")),
        ("gpt2", 12, 768, 3072, include_str!("../presets/gpt2.toml")),
        ("gpt2", 24, 1024, 4096, include_str!("../presets/gpt2-medium.toml")),
        ("gpt2", 36, 1280, 5120, include_str!("../presets/gpt2-large.toml")),
        ("gpt2", 48, 1600, 6400, include_str!("../presets/gpt2-xl.toml")),
        ("gptj", 28, 4096, 16384, include_str!("../presets/gpt-j-6b.toml")),
        ("gpt_neox", 44, 6144, 24576, include_str!("../presets/gpt-neox-20b.toml")),
        ("llama", 32, 4096, 14336, include_str!("../presets/llama-3-8b.toml")),
        ("llama", 32, 4096, 11008, EASYEDIT),
        ("llama", 28, 3072, 8192, EASYEDIT),
        ("mistral", 32, 4096, 14336, EASYEDIT),
        ("qwen2", 28, 3584, 18944, EASYEDIT),
    ],
};

/// The setting λ.
pub(super) const WEIGHT: &str = "mom2_update_weight";

/// What it means.
pub(super) const LAMBDA: Setting =
    Setting::new(WEIGHT, WEIGHTS, "how much what the model knows besides outweighs an edit");

/// What only this method is told.
const OWN: &[Setting] = &[LAMBDA, EVERY_CONTEXT, RIDGE];

/// Everything MEMIT can be told. Names are those of the reference implementation where it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether the system holds the key of every context, or only their mean as in the paper.
    pub every_context: bool,
    /// Added to the diagonal of C, as a fraction of the diagonal's mean.
    pub ridge: f64,
    /// λ: how much the model's other knowledge weighs against the edit.
    pub mom2_update_weight: Weight,
    /// How z is sought.
    #[serde(flatten)]
    pub search: Search,
    /// How the change is solved for.
    #[serde(flatten)]
    pub solving: Solving,
}

impl MethodSettings for Settings {
    const WEIGHTS: &'static [&'static str] = &[WEIGHT];

    fn known() -> Vec<&'static Setting> {
        listed(&[locate::SETTINGS, solving::SETTINGS, OWN])
    }

    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError> {
        let (mut preset, mut faithful) = (parse(COMMON)?, parse(FAITHFUL)?);
        preset.insert("layers".to_owned(), blocks_value(&blocks_by_depth(model)?));
        PRESETS.lay_over(&mut preset, model)?;
        if !PRESETS.knows(model) {
            let unknown = parse(UNKNOWN)?;
            // The reference implementation has one set of numbers for all.
            let published = unknown.keys().filter_map(|key| preset.get_key_value(key));
            faithful.extend(published.map(|(key, value)| (key.clone(), value.clone())));
            preset.extend(unknown);
        }
        locate::add_loss_layer(&mut preset, model);
        Ok(Defaults { preset, faithful })
    }

    fn published(model: &ModelSize) -> bool {
        PRESETS.knows(model)
    }

    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError> {
        self.search.check(layers)?;
        self.solving.check()?;
        not_below_zero(&[("ridge", self.ridge)])?;
        self.mom2_update_weight.check(WEIGHT, self.search.layers.len())
    }
}

/// The blocks of a preset.
pub(super) fn blocks_of(preset: &toml::Table) -> &[toml::Value] {
    preset.get("layers").and_then(toml::Value::as_array).map_or(&[], Vec::as_slice)
}

impl Recipe for Settings {
    type Kind = Closed;

    const NAME: &'static str = NAME;
    const VERSION: u32 = VERSION;
    const ABOUT: &'static str = "Mass-editing memory in a transformer (Meng et al., 2023): many facts at once, by least squares over some blocks' \
     MLPs";
}

#[cfg(feature = "torch")]
impl ClosedForm for Settings {
    fn search(&self) -> &Search {
        &self.search
    }

    fn weight(&self) -> Option<(&'static str, &Weight)> {
        Some((WEIGHT, &self.mom2_update_weight))
    }

    fn canonical(&self, weights: &[f64]) -> String {
        let mom2_update_weight = self.mom2_update_weight.or_found(weights);
        canonical(&Self { mom2_update_weight, ..self.clone() })
    }

    fn edit(
        &self,
        model: &mut Model,
        solver: &mut Solver,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EditError> {
        layers::edit(model, solver, self, job, progress)
    }
}

#[cfg(feature = "torch")]
impl LeastSquares for Settings {
    fn solving(&self) -> &Solving {
        &self.solving
    }

    fn every_context(&self) -> bool {
        self.every_context
    }

    fn hold<'a>(
        &self,
        layer: &Layer<'a>,
        _: &mut Solver,
        keys: &mut dyn FnMut() -> Tensor,
    ) -> Result<Hold<'a>, EditError> {
        let prior = |weight| layer.prior(weight, self.ridge);
        let weight = match self.mom2_update_weight.of(layer.number) {
            Some(weight) => weight,
            None => rounded(balanced(layer, prior(1.0), &keys())?),
        };
        Ok(Hold { prior: prior(weight), weight, space: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::editor::{
        locate::settings::{Optimizer, Scale, ZOn},
        settings::canonical,
    };

    fn xl() -> ModelSize {
        ModelSize { family: "gpt2".to_owned(), layers: 48, width: 1600, inner: 6400 }
    }

    #[test]
    fn every_preset_fits_its_model() {
        for &(family, layers, width, inner, _) in PRESETS.models {
            let model = ModelSize { family: family.to_owned(), layers, width, inner };
            Settings::read("", &model).unwrap();
        }
        for family in ["gpt2", "gptj", "gpt_neox", "llama", "mistral", "qwen2", "qwen3"] {
            for layers in 1..90 {
                let model = ModelSize { family: family.to_owned(), layers, width: 64, inner: 99 };
                let settings = Settings::read("", &model).unwrap();
                assert_eq!(settings.search.layers.len(), layers.div_ceil(5).min(5));
            }
        }
    }

    #[test]
    fn the_published_settings_of_the_other_families() {
        let of = |family: &str, layers, width, inner| {
            let model = ModelSize { family: family.to_owned(), layers, width, inner };
            let s = Settings::read("", &model).unwrap();
            let (first, last) = (s.search.layers[0], s.search.z_layer());
            assert_eq!(
                (s.search.kl_factor, s.search.v_loss_layer),
                (0.0625, Some(layers - 1)),
                "{family}"
            );
            let steps = s.search.v_num_grad_steps;
            let weight = s.mom2_update_weight.of(0).unwrap();
            let more = [s.search.clamp_norm_factor, s.search.v_lr, s.search.v_weight_decay, weight];
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
        let settings = Settings::read("", &xl()).unwrap();
        assert_eq!(settings.search.layers, [13, 14, 15, 16, 17]);
        assert_eq!(
            (
                settings.search.clamp_norm_factor,
                settings.search.v_lr,
                settings.search.v_num_grad_steps
            ),
            (0.75, 0.5, 20)
        );
        assert_eq!((settings.search.v_weight_decay, settings.search.kl_factor), (0.5, 0.0625));
        assert_eq!(settings.mom2_update_weight, Weight::Same(20000.0));
        assert_eq!(settings.search.v_loss_layer, Some(47));
    }

    #[test]
    fn a_model_without_published_settings_gets_its_weight_from_its_keys() {
        let model = ModelSize { layers: 8, ..xl() };
        let weight =
            |text: &str| Settings::read(text, &model).map(|s: Settings| s.mom2_update_weight);
        assert_eq!(weight("").unwrap(), Weight::Measured);
        assert_eq!(weight("faithful = true").unwrap(), Weight::Auto);
        assert_eq!(weight("mom2_update_weight = 'auto'").unwrap(), Weight::Auto);
        assert_eq!(weight("mom2_update_weight = 3").unwrap(), Weight::Same(3.0));
        // What was found is a setting too.
        let found = "layers = [1, 2]\nmom2_update_weight = [42.4, 90.0]\n";
        let settings = Settings::read(found, &model).unwrap();
        assert!(canonical(&settings).contains(found.lines().nth(1).unwrap()));
        for wrong in ["'automatic'", "0", "-1.0", "inf", "[1.0]", "[1.0, 'x']", "true"] {
            let error = weight(&format!("layers = [1, 2]\nmom2_update_weight = {wrong}"));
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with("mom2_update_weight must be \"auto\", \"measured\", a number"),
                "{error}"
            );
        }
    }

    #[test]
    fn faithful_settings_are_the_references_and_may_be_changed() {
        let settings = Settings::read("faithful = true\nridge = 1e-3", &xl()).unwrap();
        assert!(!settings.solving.carry && !settings.every_context && !settings.search.rephrase);
        assert!(!settings.search.join_subjects);
        assert_eq!((settings.search.z_on, settings.search.early_stop_loss), (ZOn::Current, 0.05));
        assert_eq!((settings.ridge, settings.search.v_num_grad_steps), (0.001, 20));
        assert!(!canonical(&settings).contains("faithful"), "what it stands for is recorded");
        let plain = Settings::read("", &xl()).unwrap();
        assert_eq!(Settings::read("faithful = false", &xl()).unwrap(), plain);
        let mistake = Settings::read("faithful = 1", &xl()).unwrap_err().to_string();
        assert_eq!(mistake, "faithful must be true or false, found 1");
    }

    #[test]
    fn canonical_form_is_sorted_complete_and_stable() {
        let settings = Settings::read("v_lr = 1e-1\nkl_factor = 0", &xl());
        // An integer where a float is wanted is a float.
        let text = canonical(&settings.unwrap());
        assert!(text.contains("v_lr = 0.1\n") && text.contains("kl_factor = 0.0\n"));
        let keys: Vec<&str> = text.lines().map(|l| l.split(' ').next().unwrap()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        let known = Settings::known().into_iter().map(|setting| setting.key);
        // These came later, and are written where they say something.
        let later = ["carry_keys", "early_stop_drift", "nll_factor_said", "v_optimizer", "v_scale"];
        let known: Vec<&str> = known.filter(|key| !later.contains(key)).collect();
        assert_eq!(keys, known);
        assert_eq!(canonical(&Settings::read(&text, &xl()).unwrap()), text);
    }

    #[test]
    fn what_was_recorded_is_read_as_it_was() {
        // For a model of which nothing is known another scale is set where nothing is said.
        let model = ModelSize { layers: 8, ..xl() };
        let read = |text: &str| Settings::read(text, &model).unwrap();
        assert_eq!(read("").search.v_scale, Scale::State);
        for text in ["", "v_scale = 'absolute'", "faithful = true"] {
            let settings = read(text);
            assert_eq!(read(&canonical(&settings)), settings, "{text}");
        }
        assert_eq!(read("faithful = true").search.v_scale, Scale::Absolute);
        let settings = read("v_optimizer = 'lbfgs'");
        assert_eq!(settings.search.v_optimizer, Optimizer::Lbfgs);
        assert_eq!(read(&canonical(&settings)), settings);
        assert_eq!(read("").search.v_optimizer, Optimizer::Adam);
    }

    #[test]
    fn a_z_depends_on_what_its_search_reads() {
        let of = |text: &str| canonical(&Settings::read(text, &xl()).unwrap().search.of_z());
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
        let message = |text: &str| Settings::read(text, &xl()).unwrap_err().to_string();
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

//! What methods can be told, and how it is read.
//!
//! A commit records settings in canonical form: TOML with every key present, sorted, and numbers printed as short
//! as they round-trip. What a user writes is laid over what suits the loaded model, so a file with one line is a
//! valid set of settings.

#[cfg(any(feature = "torch", test))]
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{closed::Weight, presets::ModelSize};

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
    /// Whether the one spelling of settings leaves it out where it says nothing.
    pub optional: bool,
}

impl Setting {
    pub(super) const fn new(key: &'static str, range: &'static str, meaning: &'static str) -> Self {
        Self { key, meaning, range, by_model: false, optional: false }
    }

    pub(super) const fn by_model(self) -> Self {
        Self { by_model: true, ..self }
    }

    pub(super) const fn optional(self) -> Self {
        Self { optional: true, ..self.by_model() }
    }
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
    /// An editor that stands on what an encoder has not: places that see nothing of what is after them.
    #[error(
        "{editor} needs a model that reads forward, and {model_type} reads both ways: use {others}"
    )]
    ReadsBothWays {
        /// The editor.
        editor: &'static str,
        /// `model_type` of the model.
        model_type: &'static str,
        /// Those that can edit it.
        others: String,
    },
    /// Not TOML, or a value of the wrong type.
    #[error("settings do not parse: {0}")]
    Parse(String),
    /// There is no such setting.
    #[error("there is no setting {key:?}{}; there is {known}", having(elsewhere))]
    Key {
        /// Its key.
        key: String,
        /// The editors that have it.
        elsewhere: Vec<&'static str>,
        /// The keys of all that there are.
        known: String,
    },
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

/// Which editors have what another has not.
fn having(editors: &[&str]) -> String {
    match editors {
        [] => String::new(),
        [editor] => format!(", which {editor} has"),
        _ => format!(", which {} have", editors.join(" and ")),
    }
}

/// What is set where nothing is said.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// What suits the model.
    pub preset: toml::Table,
    /// What `faithful = true` lays over it: the choices of the original implementation. The key is not a setting
    /// itself; what it stands for is recorded.
    pub faithful: toml::Table,
}

/// The settings of a method.
pub trait MethodSettings: DeserializeOwned {
    /// Keys whose values are weights (see [`Weight`]).
    const WEIGHTS: &'static [&'static str] = &[];

    /// Keys whose values are of several types and are checked as they are read.
    const FREE: &'static [&'static str] = &[];

    /// All that there are, by key.
    fn known() -> Vec<&'static Setting>;

    /// What is set for a model where nothing is said.
    ///
    /// # Errors
    /// When the model has no blocks.
    fn defaults(model: &ModelSize) -> Result<Defaults, SettingsError>;

    /// Whether somebody has published settings for a model of this size, or they were measured.
    fn published(model: &ModelSize) -> bool;

    /// Whether they make sense, for a model of so many `layers` if that is known.
    ///
    /// # Errors
    /// When a value is out of range or a layer does not exist.
    fn check(&self, layers: Option<usize>) -> Result<(), SettingsError>;

    /// Reads settings, taking what they leave out from what suits the model, and checks them.
    ///
    /// # Errors
    /// When a key is unknown, a value is out of range or a layer does not exist.
    fn read(text: &str, model: &ModelSize) -> Result<Self, SettingsError> {
        let settings: Self = over(Self::defaults(model)?, text)?;
        settings.check(Some(model.layers))?;
        Ok(settings)
    }

    /// Checks settings as far as that goes without a model: names, kinds, and ranges but for the number of
    /// blocks.
    ///
    /// # Errors
    /// When a key is unknown or no model takes a value.
    fn fit_some_model(text: &str) -> Result<(), SettingsError> {
        let defaults = Self::defaults(&ModelSize::any())?;
        let settings: Self = over(defaults, text)?;
        settings.check(None)
    }
}

/// Lays `text` over `defaults`. What is complete is read as it is: it was recorded, and what it leaves out says nothing.
fn over<S: MethodSettings>(defaults: Defaults, text: &str) -> Result<S, SettingsError> {
    let known = S::known();
    let mut text = parse(text)?;
    let complete = known.iter().all(|one| one.optional || text.contains_key(one.key));
    let mut table = if complete { toml::Table::new() } else { defaults.preset };
    match text.remove("faithful") {
        None | Some(toml::Value::Boolean(false)) => {}
        Some(toml::Value::Boolean(true)) => table.extend(defaults.faithful),
        Some(other) => require(false, "faithful", "true or false", || other.to_string())?,
    }
    for (key, value) in &text {
        if !known.iter().any(|setting| setting.key == key) {
            let known: Vec<&str> = known.iter().map(|setting| setting.key).collect();
            let (key, known) = (key.clone(), known.join(", "));
            return Err(SettingsError::Key { key, elsewhere: Vec::new(), known });
        }
        if S::WEIGHTS.contains(&key.as_str()) {
            Weight::read(key, value)?;
        } else if let Some(preset) = table.get(key).filter(|_| !S::FREE.contains(&key.as_str())) {
            let alike = preset.same_type(value) || preset.is_float() && value.is_integer();
            require(alike, key, &format!("a value like {preset}"), || value.to_string())?;
        }
    }
    table.extend(text);
    // A preset can know more than this method has.
    table.retain(|key, _| known.iter().any(|setting| setting.key == key));
    table.try_into().map_err(|error: toml::de::Error| parse_error(&error))
}

/// The one spelling of settings.
#[cfg(any(feature = "torch", test))]
pub(super) fn canonical(settings: &impl Serialize) -> String {
    let table = toml::Table::try_from(settings);
    table.expect("because settings are numbers and names under plain keys").to_string()
}

/// The settings of several lists, by key.
pub(super) fn listed(lists: &[&'static [Setting]]) -> Vec<&'static Setting> {
    let mut all: Vec<&Setting> = lists.iter().copied().flatten().collect();
    all.sort_unstable_by_key(|setting| setting.key);
    all
}

pub(super) fn parse(text: &str) -> Result<toml::Table, SettingsError> {
    text.parse().map_err(|e| parse_error(&e))
}

fn parse_error(error: &toml::de::Error) -> SettingsError {
    SettingsError::Parse(error.to_string().trim_end().replace('\n', " "))
}

pub(super) fn require(
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

/// Each value has to be above zero, and a number.
pub(super) fn above_zero(values: &[(&str, f64)]) -> Result<(), SettingsError> {
    values.iter().try_for_each(|&(key, value)| {
        require(value > 0.0 && value.is_finite(), key, "above zero", || value.to_string())
    })
}

/// Each value has to be zero or more, and a number.
pub(super) fn not_below_zero(values: &[(&str, f64)]) -> Result<(), SettingsError> {
    values.iter().try_for_each(|&(key, value)| {
        require(value >= 0.0 && value.is_finite(), key, "zero or more", || value.to_string())
    })
}

/// Blocks have to be there, each once and in order; all are where `layers` is not known.
pub(super) fn blocks(
    key: &str,
    blocks: &[usize],
    layers: Option<usize>,
) -> Result<(), SettingsError> {
    let ascending = blocks.is_sorted_by(|a, b| a < b);
    let exist = blocks.last().is_some_and(|&last| layers.is_none_or(|layers| last < layers));
    let wanted = match layers {
        Some(layers) => format!("ascending and below {layers}"),
        None => "ascending".to_owned(),
    };
    require(ascending && exist, key, &wanted, || format!("{blocks:?}"))
}

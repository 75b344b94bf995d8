//! Settings that can be left to be found for each layer, such as λ.

use serde::{Deserialize, Serialize};

use crate::editor::settings::SettingsError;

/// A weight of the edited layers, such as λ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum Weight {
    /// What the layer's own keys ask for.
    Auto,
    /// That, times what the check of the edit finds best: the ledger edits several times.
    Measured,
    /// The same for every layer.
    Same(f64),
    /// One for each layer.
    Each(Vec<f64>),
}

impl Weight {
    /// What suits a model: what its keys ask for, or if nobody has `published` anything what is best of some.
    pub(super) const fn usual(published: bool) -> &'static str {
        if published { "auto" } else { "measured" }
    }

    /// What was found for each layer.
    #[must_use]
    pub fn found(weights: Vec<f64>) -> Self {
        match weights[..] {
            [weight] => Self::Same(weight),
            _ => Self::Each(weights),
        }
    }

    /// What was found for the layers where it is to be found.
    #[must_use]
    pub fn or_found(&self, weights: &[f64]) -> Self {
        match self {
            Self::Auto | Self::Measured if !weights.is_empty() => Self::found(weights.to_vec()),
            _ => self.clone(),
        }
    }

    /// That of the edited layer number `i`; `None` where it is still to be found.
    #[must_use]
    pub fn of(&self, i: usize) -> Option<f64> {
        match self {
            Self::Auto | Self::Measured => None,
            Self::Same(weight) => Some(*weight),
            Self::Each(weights) => weights.get(i).copied(),
        }
    }
}

impl Weight {
    /// The value of the setting `key`.
    pub(in crate::editor) fn read(key: &str, value: &toml::Value) -> Result<Self, SettingsError> {
        let number = |value: &toml::Value| match value {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a setting that is an integer is a small one"
            )]
            toml::Value::Integer(number) => Some(*number as f64),
            toml::Value::Float(number) => Some(*number),
            _ => None,
        };
        let weight = match value {
            toml::Value::String(text) if text == "auto" => Some(Self::Auto),
            toml::Value::String(text) if text == "measured" => Some(Self::Measured),
            toml::Value::Array(each) => {
                each.iter().map(number).collect::<Option<_>>().map(Self::Each)
            }
            one => number(one).map(Self::Same),
        };
        weight.ok_or_else(|| Self::refused(key, value))
    }

    /// Makes sure that it can be the setting `key` where so many layers are edited.
    pub(super) fn check(&self, key: &str, layers: usize) -> Result<(), SettingsError> {
        let positive = |weight: &f64| *weight > 0.0 && weight.is_finite();
        let fits = match self {
            Self::Auto | Self::Measured => true,
            Self::Same(weight) => positive(weight),
            Self::Each(weights) => weights.len() == layers && weights.iter().all(positive),
        };
        if fits { Ok(()) } else { Err(Self::refused(key, &self.clone().into())) }
    }

    fn refused(key: &str, value: &toml::Value) -> SettingsError {
        let (key, wanted) = (key.to_owned(), WEIGHTS.to_owned());
        SettingsError::Value { key, wanted, found: value.to_string() }
    }
}

impl TryFrom<toml::Value> for Weight {
    type Error = SettingsError;

    fn try_from(value: toml::Value) -> Result<Self, SettingsError> {
        Self::read("a weight", &value)
    }
}

impl From<Weight> for toml::Value {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Auto => Self::from("auto"),
            Weight::Measured => Self::from("measured"),
            Weight::Same(weight) => Self::from(weight),
            Weight::Each(weights) => Self::from(weights),
        }
    }
}

/// What a weight may be.
pub(in crate::editor) const WEIGHTS: &str =
    "\"auto\", \"measured\", a number above zero, or such a number for each of layers";

/// A number as it is recorded where it was found: three digits, so that rounding elsewhere does not show in it.
#[cfg(feature = "torch")]
pub(super) fn rounded(found: f64) -> f64 {
    format!("{found:.2e}").parse().expect("because it was printed as a number")
}

//! The setting λ, which can be left to be found.

use serde::{Deserialize, Serialize};

use crate::editor::settings::SettingsError;

/// λ of the edited layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum Weight {
    /// What the layer's own keys ask for.
    Auto,
    /// The same for every layer.
    Same(f64),
    /// One for each layer.
    Each(Vec<f64>),
}

impl Weight {
    /// What was found for each layer.
    #[must_use]
    pub fn found(weights: Vec<f64>) -> Self {
        match weights[..] {
            [weight] => Self::Same(weight),
            _ => Self::Each(weights),
        }
    }

    /// λ of the edited layer number `i`; `None` where it is still to be found.
    #[must_use]
    pub fn of(&self, i: usize) -> Option<f64> {
        match self {
            Self::Auto => None,
            Self::Same(weight) => Some(*weight),
            Self::Each(weights) => weights.get(i).copied(),
        }
    }

    /// Whether it can be the setting where so many layers are edited.
    pub(in crate::editor) fn fits(&self, layers: usize) -> bool {
        let positive = |weight: &f64| *weight > 0.0 && weight.is_finite();
        match self {
            Self::Auto => true,
            Self::Same(weight) => positive(weight),
            Self::Each(weights) => weights.len() == layers && weights.iter().all(positive),
        }
    }
}

impl TryFrom<toml::Value> for Weight {
    type Error = SettingsError;

    fn try_from(value: toml::Value) -> Result<Self, SettingsError> {
        let number = |value: &toml::Value| match value {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a setting that is an integer is a small one"
            )]
            toml::Value::Integer(number) => Some(*number as f64),
            toml::Value::Float(number) => Some(*number),
            _ => None,
        };
        let weight = match &value {
            toml::Value::String(text) if text == "auto" => Some(Self::Auto),
            toml::Value::Array(each) => {
                each.iter().map(number).collect::<Option<_>>().map(Self::Each)
            }
            one => number(one).map(Self::Same),
        };
        weight.ok_or_else(|| SettingsError::Value {
            key: WEIGHT.to_owned(),
            wanted: WEIGHTS.to_owned(),
            found: value.to_string(),
        })
    }
}

impl From<Weight> for toml::Value {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Auto => Self::from("auto"),
            Weight::Same(weight) => Self::from(weight),
            Weight::Each(weights) => Self::from(weights),
        }
    }
}

/// The setting that is a [`Weight`].
pub(in crate::editor) const WEIGHT: &str = "mom2_update_weight";

/// What it may be.
pub(in crate::editor) const WEIGHTS: &str =
    "\"auto\", a number above zero, or such a number for each of layers";

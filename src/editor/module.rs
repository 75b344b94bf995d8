//! Linear maps of a block, whatever a family calls them.

use serde::{Deserialize, Serialize};

use super::settings::{SettingsError, require};
#[cfg(feature = "torch")]
use crate::model::{Part, Spec};

/// What the setting `modules` may name.
pub(super) const MODULES: &str = "of \"mlp\", \"mlp-down\", \"mlp-up\", \"mlp-gate\", \"attention-in\", \"query\", \
                                  \"key\", \"value\", \"attention-out\" and \"block\"";

/// Linear maps of a block, whatever a family calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Module {
    /// All maps of the MLP: up, gate where there is one, and down.
    Mlp,
    /// The MLP's down projection.
    MlpDown,
    /// The MLP's up projection.
    MlpUp,
    /// What the up projection is multiplied by.
    MlpGate,
    /// Queries, keys and values, be they computed together or apart.
    AttentionIn,
    /// Queries, where they are computed apart.
    Query,
    /// Keys, where they are computed apart.
    Key,
    /// Values, where they are computed apart.
    Value,
    /// Attention's output map.
    AttentionOut,
    /// All that there is, norms too.
    Block,
}

#[cfg(feature = "torch")]
impl Module {
    /// Whether a part belongs to it.
    pub(super) const fn has(self, part: Part) -> bool {
        match self {
            Self::Mlp => matches!(part, Part::MlpUp | Part::MlpGate | Part::MlpDown),
            Self::MlpDown => matches!(part, Part::MlpDown),
            Self::MlpUp => matches!(part, Part::MlpUp),
            Self::MlpGate => matches!(part, Part::MlpGate),
            Self::AttentionIn => {
                matches!(part, Part::QueryKeyValue | Part::Query | Part::Key | Part::Value)
            }
            Self::Query => matches!(part, Part::Query),
            Self::Key => matches!(part, Part::Key),
            Self::Value => matches!(part, Part::Value),
            Self::AttentionOut => matches!(part, Part::AttentionOut),
            Self::Block => part.in_block(),
        }
    }

    /// Whether a model of this kind has one.
    fn is_in(self, spec: &Spec) -> bool {
        match self {
            Self::MlpGate => spec.has(Part::MlpGate),
            Self::Query | Self::Key | Self::Value => spec.has(Part::Query),
            _ => true,
        }
    }
}

/// Some maps, each once.
pub(super) fn some_once(modules: &[Module]) -> Result<(), SettingsError> {
    let once = (1..modules.len()).all(|i| !modules[..i].contains(&modules[i]));
    require(once && !modules.is_empty(), "modules", "some, each once", || format!("{modules:?}"))
}

/// Whether a model of this kind has what `modules` name.
///
/// # Errors
/// When it has not.
#[cfg(feature = "torch")]
pub(super) fn fit(modules: &[Module], spec: &Spec) -> Result<(), SettingsError> {
    let missing = modules.iter().find(|module| !module.is_in(spec));
    let wanted = || format!("what a {} has", spec.model_type);
    require(missing.is_none(), "modules", &wanted(), || {
        let missing = missing.and_then(|module| toml::Value::try_from(module).ok());
        missing.map_or_else(String::new, |module| module.to_string())
    })
}

//! How an edit is made.

use crate::{
    commit::{Artefact, Spec},
    engine::EngineError,
    id::Id,
    ledger::requirements::Requirements,
};

/// How an edit is made, over what the repository is set to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EditOptions {
    /// Name of the editor, in place of the repository's.
    pub editor: Option<String>,
    /// Settings of the editor, over the repository's and the preset's.
    pub settings: toml::Table,
    /// Seed, in place of the repository's.
    pub seed: Option<u64>,
    /// What the editor was trained to, in place of the newest that fits.
    pub artefact: Option<Id<Artefact>>,
    /// What the edit must reach, over what the repository requires.
    pub require: Requirements,
}

impl EditOptions {
    /// The same for what `spec` made: with its editor, its settings, its seed and its artefact where these options say nothing. With another
    /// editor named, nothing of the spec counts.
    ///
    /// # Errors
    /// When the spec's settings do not parse.
    pub(crate) fn as_made_with(&self, spec: Option<&Spec>) -> Result<Self, EngineError> {
        let Some(spec) = spec.filter(|_| self.editor.is_none()) else { return Ok(self.clone()) };
        let parsed = spec.settings.parse::<toml::Table>();
        let mut settings = parsed.map_err(|error| EngineError::Settings(error.to_string()))?;
        settings.extend(self.settings.clone());
        Ok(Self {
            editor: Some(spec.editor.clone()),
            settings,
            seed: self.seed.or(Some(spec.seed)),
            artefact: self.artefact.or(spec.artefact),
            require: self.require,
        })
    }
}

//! Which editor makes an edit, and what it is set to.

use crate::{
    commit::{Artefact, Spec},
    engine::{Description, EditorSpec, Engine, EngineError},
    id::Id,
    ledger::{config::Config, edit::options::EditOptions, error::LedgerError, repo::Repo},
};

/// What an editor is set to.
pub(crate) struct Setup {
    pub(crate) editor: EditorSpec,
    pub(crate) description: Description,
    pub(crate) seed: u64,
    /// What the editor was trained to, where that is named.
    pub(crate) named_artefact: Option<Id<Artefact>>,
}

impl Setup {
    /// Settles the editor and its settings: the preset, the repository's, then the command's.
    pub(crate) fn settle(
        repo: &Repo,
        engine: &dyn Engine,
        options: &EditOptions,
    ) -> Result<Self, LedgerError> {
        let EditOptions { editor, settings, seed, artefact, .. } = options;
        let config = repo.config();
        let by_file = editor.is_none();
        let editor = editor.as_ref().unwrap_or(&config.editor).clone();
        let mut table = config.settings.get(&editor).cloned().unwrap_or_default();
        table.extend(settings.clone());
        let read = |table: &toml::Table| {
            let text = toml::to_string(table).map_err(|e| EngineError::Settings(e.to_string()))?;
            engine.settle(&editor, &text)
        };
        let (editor, description) = read(&table).map_err(|error| {
            // What is wrong without the command's settings too is in the file.
            let own = config.settings.get(&editor).cloned().unwrap_or_default();
            match error {
                EngineError::Settings(why)
                    if (by_file || !own.is_empty()) && read(&own).is_err() =>
                {
                    let path = repo.root().join(Repo::DIR).join(Config::FILE);
                    LedgerError::Config { path, why: format!("[settings.{editor}] {why}") }
                }
                error => error.into(),
            }
        })?;
        let seed = seed.unwrap_or(config.seed);
        Ok(Self { editor, description, seed, named_artefact: *artefact })
    }

    /// Whether `spec` has the context prefixes that this setup would sample.
    pub(crate) fn samples_as(&self, spec: &Spec, engine: &dyn Engine) -> bool {
        (&spec.editor, spec.editor_version, spec.seed)
            == (&self.editor.name, self.editor.version, self.seed)
            && engine
                .settle(&spec.editor, &spec.settings)
                .is_ok_and(|(_, made)| made.prefix_settings == self.description.prefix_settings)
    }
}

//! What editors were trained to, and which of it an edit is made with.

use std::collections::BTreeMap;

use super::{earlier::Earlier, setup::Setup};
use crate::{
    checkpoint::Base,
    commit::Artefact,
    engine::Engine,
    id::Id,
    ledger::{error::LedgerError, repo::Repo, state::open::Stored},
    tensor::Tensor,
};

/// What an editor was trained to.
pub(crate) struct Parameters {
    pub(crate) id: Id<Artefact>,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl Setup {
    /// The artefact that an edit of `base` is made with: the one that is named, else the newest that fits.
    ///
    /// # Errors
    /// When there is none, or the named one is of something else.
    pub(crate) fn artefact(
        &self,
        engine: &dyn Engine,
        base: Id<Base>,
        earlier: &Earlier,
    ) -> Result<Stored<Artefact>, LedgerError> {
        let made = |artefact: &Artefact| {
            (&artefact.editor, artefact.editor_version) == (&self.editor.name, self.editor.version)
        };
        let edits_alike = |artefact: &Artefact| {
            let trained = engine.settle(&artefact.editor, &artefact.settings);
            trained.is_ok_and(|(_, trained)| trained.artefact == self.description.artefact)
        };
        let misfit = |artefact: &Artefact| {
            if !made(artefact) {
                let (editor, version) = (&artefact.editor, artefact.editor_version);
                Some(format!("it is of {editor}, version {version}"))
            } else if artefact.base != base {
                Some("it was trained on another base".to_owned())
            } else if !edits_alike(artefact) {
                Some("it was trained to edit other tensors".to_owned())
            } else {
                None
            }
        };
        let editor = self.editor.name.clone();
        let Some(named) = self.named_artefact else {
            let fitting = earlier.artefacts.iter().find(|(_, artefact)| misfit(artefact).is_none());
            return fitting.cloned().ok_or(LedgerError::NoArtefact { editor });
        };
        let found = earlier.artefacts.iter().find(|(id, _)| *id == named);
        let (id, artefact) = found.ok_or(LedgerError::NoArtefact { editor: editor.clone() })?;
        match misfit(artefact) {
            None => Ok((*id, artefact.clone())),
            Some(why) => Err(LedgerError::ForeignArtefact { artefact: named, editor, why }),
        }
    }
}

impl Repo {
    /// Reads the parameters of an artefact.
    ///
    /// # Errors
    /// When its file is missing or damaged.
    pub(crate) fn parameters(
        &self,
        (id, artefact): Stored<Artefact>,
    ) -> Result<Parameters, LedgerError> {
        let file = self.store().tensors().open(artefact.file)?;
        let names = file.contents().tensors.iter().map(|entry| entry.name.clone());
        let read = |name: String| Ok((name.clone(), file.tensor(&name)?));
        let tensors = names.map(read).collect::<Result<_, LedgerError>>()?;
        Ok(Parameters { id, tensors })
    }
}

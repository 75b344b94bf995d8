//! What editors were trained to, and which of it an edit is made with.

use std::collections::BTreeMap;

use super::{attempt::Job, earlier::Earlier, setup::Setup};
use crate::{
    checkpoint::Base,
    codec::id_of,
    commit::Artefact,
    delta::{DENSE, TensorFile},
    engine::Engine,
    id::Id,
    ledger::{error::LedgerError, lineage::line::Line, repo::Repo, state::open::Stored},
    store::OpenTensorFile,
    tensor::Tensor,
};

/// What an editor was trained to.
pub(crate) struct Parameters {
    pub(crate) id: Id<Artefact>,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

/// What of an artefact is a change of the base that its edits stand on: the tensors of `contents` that are whole changes.
/// `None` where edits are of the base itself.
pub(crate) fn stands_on(contents: &TensorFile) -> Option<TensorFile> {
    let entries = contents.tensors.iter();
    let whole = entries.filter(|entry| changed(&entry.name).is_some()).cloned().collect::<Vec<_>>();
    (!whole.is_empty()).then_some(TensorFile { tensors: whole })
}

/// The tensor that an artefact's tensor of this name is a whole change of, if it is of one.
pub(crate) fn changed(name: &str) -> Option<&str> {
    name.strip_suffix(DENSE)?.strip_suffix('.')
}

/// Whether versions of `line` have what edits by an artefact of these `contents` stand on.
fn is_trained(line: &Line, contents: &TensorFile) -> bool {
    let Some(whole) = stands_on(contents) else { return true };
    let file = id_of(&whole);
    line.entries().iter().any(|entry| entry.delta.is_whole() && entry.delta.file == file)
}

impl Setup {
    /// The artefacts that an edit of `base` can be made with, the newest first: the one that is named, or all that fit.
    ///
    /// # Errors
    /// When there is none, or the named one is of something else.
    fn artefacts(
        &self,
        engine: &dyn Engine,
        base: Id<Base>,
        earlier: &Earlier,
    ) -> Result<Vec<Stored<Artefact>>, LedgerError> {
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
            let fitting = earlier.artefacts.iter();
            let fitting: Vec<_> =
                fitting.filter(|(_, artefact)| misfit(artefact).is_none()).cloned().collect();
            let none = fitting.is_empty().then_some(LedgerError::NoArtefact { editor });
            return none.map_or(Ok(fitting), Err);
        };
        let found = earlier.artefacts.iter().find(|(id, _)| *id == named);
        let (id, artefact) = found.ok_or(LedgerError::NoArtefact { editor: editor.clone() })?;
        match misfit(artefact) {
            None => Ok(vec![(*id, artefact.clone())]),
            Some(why) => Err(LedgerError::ForeignArtefact { artefact: named, editor, why }),
        }
    }
}

impl Repo {
    /// What an edit is made with: the newest artefact that fits and whose edits the version can have.
    ///
    /// # Errors
    /// When there is none, the named one is of something else, the version lacks what edits stand on, or a file is missing
    /// or damaged.
    pub(crate) fn parameters(
        &self,
        setup: &Setup,
        engine: &dyn Engine,
        job: &Job<'_>,
    ) -> Result<Parameters, LedgerError> {
        let fitting = setup.artefacts(engine, job.base, job.earlier)?;
        let newest = fitting[0].0;
        for (id, artefact) in fitting {
            let file = self.store().tensors().open(artefact.file)?;
            if is_trained(job.line, file.contents()) {
                let tensors = all_of(&file)?;
                return Ok(Parameters { id, tensors });
            }
        }
        let editor = setup.editor.name.clone();
        Err(LedgerError::NotTrained { artefact: newest, editor })
    }
}

/// All tensors of a file, by name.
fn all_of(file: &OpenTensorFile) -> Result<BTreeMap<String, Tensor>, LedgerError> {
    let names = file.contents().tensors.iter().map(|entry| entry.name.clone());
    names.map(|name| Ok((name.clone(), file.tensor(&name)?))).collect()
}

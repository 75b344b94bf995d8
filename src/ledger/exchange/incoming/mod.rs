//! A change on its way in: read from a file for each kind of source, and fit for the base.

mod artefact;
mod checkpoint;
mod delta;
pub(crate) mod peft;
mod trained;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::bundle::Bundled;
use crate::{
    checkpoint::{Base, Checkpoint, Names},
    commit::Artefact,
    engine::Progress,
    fact::Fact,
    id::Id,
    ledger::{error::LedgerError, repo::Repo},
    tensor::Orientation,
};

/// Where a change comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportSource {
    /// A directory that `export` wrote as [`Delta`](crate::ledger::verb::export::ExportFormat::Delta).
    Delta(PathBuf),
    /// A LoRA adapter as PEFT saves it.
    Peft(PathBuf),
    /// A checkpoint that was trained on from a version: its difference to that.
    Checkpoint(PathBuf),
    /// The change of the base that an editor was trained to, on which its edits stand.
    Artefact(Id<Artefact>),
}

impl ImportSource {
    /// The directory, or what it is called.
    pub(crate) fn dir(&self) -> PathBuf {
        match self {
            Self::Delta(dir) | Self::Peft(dir) | Self::Checkpoint(dir) => dir.clone(),
            Self::Artefact(id) => PathBuf::from(format!("artefact {id:.12}")),
        }
    }

    /// What the user calls it: the directory's name.
    fn name(&self) -> String {
        let dir = self.dir();
        dir.file_name()
            .map_or_else(|| dir.display().to_string(), |name| name.to_string_lossy().into_owned())
    }
}

/// What the user says of a source besides where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// Of a checkpoint: the version that it was trained on from. Else it is found.
    pub(crate) trained_from: Option<&'a str>,
    /// Of an adapter: whether it may say that it is for another model.
    pub(crate) any_base: bool,
}

/// A change, read and fit for the base.
pub(crate) struct Incoming {
    /// What it is, in words.
    pub(crate) source: String,
    /// Oldest first.
    pub(crate) deltas: Vec<Bundled>,
    pub(crate) facts: Vec<Fact>,
    /// What it means if it changes nothing.
    unchanged: &'static str,
    pub(crate) notes: Vec<String>,
}

impl Incoming {
    /// Reads `source` and makes sure that it fits the base and changes something.
    ///
    /// # Errors
    /// When it is damaged, for another base, of a kind that is no sum of weights, or changes nothing; when a checkpoint
    /// was trained on from an edited version and nobody says so; when `progress` asks to stop.
    pub(crate) fn read(
        repo: &Repo,
        source: &ImportSource,
        said: Said<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Self, LedgerError> {
        let (receiver, name) = (Receiver::read(repo)?, source.name());
        let incoming = match source {
            ImportSource::Delta(dir) => delta::read(&receiver, dir, &name)?,
            ImportSource::Peft(dir) => peft::read(&receiver, dir, &name, said.any_base)?,
            ImportSource::Checkpoint(dir) => {
                checkpoint::read(&receiver, dir, &name, said.trained_from, progress)?
            }
            ImportSource::Artefact(id) => artefact::read(&receiver, *id, &name)?,
        };
        if incoming.deltas.iter().all(|delta| delta.changes.is_empty()) {
            let (dir, why) = (source.dir(), incoming.unchanged);
            return Err(LedgerError::NothingToImport { dir, why });
        }
        Ok(incoming)
    }
}

/// What a source is read against: HEAD's version of the base.
struct Receiver<'a> {
    repo: &'a Repo,
    base: Arc<Checkpoint>,
    base_id: Id<Base>,
    model_type: String,
    /// How tensors are laid out that HEAD's deltas change.
    laid_out: BTreeMap<String, Orientation>,
}

impl<'a> Receiver<'a> {
    fn read(repo: &'a Repo) -> Result<Self, LedgerError> {
        let ledger = repo.read()?;
        ledger.require_no_task()?;
        let (_, head) = ledger.head_commit()?;
        let line = ledger.line(&head)?;
        drop(ledger);
        let base = repo.base()?;
        let tensors = line.entries().iter().flat_map(|entry| &entry.delta.tensors);
        let laid_out = tensors.map(|tensor| (tensor.name.clone(), tensor.orientation)).collect();
        let model_type = base.model_type()?.to_owned();
        Ok(Self { repo, base, base_id: head.base, model_type, laid_out })
    }

    /// How the base lays a tensor out: as the deltas that are there say, or as its architecture does. Both have to
    /// agree on it, since their factors are added up.
    fn orientation(&self, tensor: &str, shape: &[usize]) -> Orientation {
        let known = self.laid_out.get(tensor).copied();
        known.unwrap_or_else(|| Names::of(&self.model_type).orientation(tensor, shape))
    }
}

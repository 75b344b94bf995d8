//! `export`: a version, or its changes alone, to somewhere else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    checkpoint::Ranks,
    commit::Commit,
    durable,
    engine::Progress,
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        exchange::outgoing::{
            Format, Outgoing, Told, Written, delta::Deltas, factors::Fidelity, merged::Merged,
            peft::Peft,
        },
        state::checkout::{is_empty, real_dir},
    },
};

/// What `export` wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportReport {
    /// The version.
    pub commit: Id<Commit>,
    /// The directory written.
    pub dir: PathBuf,
    /// How.
    pub format: ExportFormat,
    /// Tensors that differ from the base.
    pub tensors: Vec<String>,
    /// Bytes written.
    pub bytes: u64,
    /// Of an adapter: its rank.
    pub rank: Option<u64>,
    /// Of an adapter that vLLM takes: the least `--max-lora-rank` that it needs for it.
    pub max_lora_rank: Option<u64>,
    /// Of an adapter whose rank was cut down: how far it is from the version.
    pub fidelity: Option<Fidelity>,
    /// What is worth knowing about who can load it.
    pub notes: Vec<String>,
}

/// How a version is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// A Hugging Face directory that shares nothing with the repository.
    #[default]
    Merged,
    /// A LoRA adapter of one rank, for every loader.
    Peft,
    /// A LoRA adapter whose modules have ranks of their own, for PEFT.
    PeftPatterns,
    /// The deltas, for other repositories.
    Delta,
}

/// What to export besides the version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// How.
    pub format: ExportFormat,
    /// Of an adapter: the rank it may have. Larger changes are approximated.
    pub max_rank: Option<usize>,
    /// What an adapter and the model card call the base; else what its configuration says, or where the
    /// repository keeps it.
    pub base_model: Option<String>,
}

impl Repo {
    /// Writes the version that `revision` names to the new or empty directory `dir`. HEAD stays
    /// where it is. An engine is opened only where a rank has to be cut down.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, an adapter cannot
    /// hold it, or the directory is not empty or cannot be written.
    pub fn export(
        &self,
        revision: &str,
        dir: &Path,
        options: &ExportOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<ExportReport, LedgerError> {
        let ledger = self.read()?;
        let id = ledger.resolve(revision)?;
        let told = Told::read(&ledger, ledger.commit(id)?)?;
        drop(ledger);
        let dir = free(dir)?;
        let version = Outgoing::build(self, id, told, options.base_model.as_deref())?;
        let mut peft =
            |ranks| Peft::fit(self, &version, ranks, options.max_rank, &mut *open, &mut *progress);
        let format: Box<dyn Format> = match options.format {
            ExportFormat::Merged => Box::new(Merged),
            ExportFormat::Peft => Box::new(peft(Ranks::Uniform)?),
            ExportFormat::PeftPatterns => Box::new(peft(Ranks::Patterns)?),
            ExportFormat::Delta => Box::new(Deltas),
        };

        progress.start("files", None);
        let mut written = Written::default();
        let filled = durable::fill_dir(&dir, |dir| {
            written = format.write(&version, dir)?;
            Ok::<_, LedgerError>(())
        })?;
        filled.place_new()?;
        progress.finish("");
        let bytes = size(&dir).map_err(|source| LedgerError::Read { path: dir.clone(), source })?;
        Ok(ExportReport {
            commit: id,
            format: options.format,
            tensors: version.weights.into_keys().collect(),
            bytes,
            rank: written.rank,
            max_lora_rank: written.max_lora_rank,
            fidelity: written.fidelity,
            notes: written.notes,
            dir,
        })
    }
}

/// `dir` with its links followed, if nothing is in its way.
fn free(dir: &Path) -> Result<PathBuf, LedgerError> {
    match real_dir(dir)? {
        None => Ok(dir.to_owned()),
        Some(dir) if is_empty(&dir)? => Ok(dir),
        Some(dir) => Err(LedgerError::NotEmpty { dir }),
    }
}

/// Bytes in the files of `dir`.
fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

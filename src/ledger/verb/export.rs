//! `export`: a version, or its changes alone, to somewhere else.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use safetensors::tensor::TensorView;
use serde::Serialize;

use crate::{
    checkpoint,
    delta::{Change, ChangeForm, Matrix, Orientation, Version},
    durable,
    id::Id,
    ledger::{Commit, LedgerError, Repo, manifest::Manifest, version},
};

/// What `export` wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// How a version is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// A Hugging Face directory that shares nothing with the repository.
    Merged,
    /// The deltas' factors and a manifest.
    Delta,
}

/// The factors of an exported delta.
const FACTORS: &str = "delta.safetensors";
/// What they are.
const FACTORS_MANIFEST: &str = "delta.json";

/// What is to be added to one tensor of the base.
#[derive(Serialize)]
struct TensorManifest {
    tensor: String,
    orientation: Orientation,
    outputs: usize,
    inputs: usize,
    /// `left @ right` has this rank; `None` for a whole change.
    rank: Option<usize>,
    /// Hash of the tensor in the version.
    result: String,
}

#[derive(Serialize)]
struct FactorsManifest {
    format: &'static str,
    base: String,
    commit: String,
    tensors: Vec<TensorManifest>,
    facts: Vec<String>,
}

impl Repo {
    /// Writes the version that `revision` names to the new or empty directory `dir`. HEAD stays
    /// where it is.
    ///
    /// # Errors
    /// When there is no such revision, its weights are not those its commit names, or the directory
    /// is not empty or cannot be written.
    pub fn export(
        &self,
        revision: &str,
        dir: &Path,
        format: ExportFormat,
    ) -> Result<ExportReport, LedgerError> {
        let ledger = self.read()?;
        let id = ledger.resolve(revision)?;
        let commit = ledger.commit(id)?;
        let line = ledger.line(&commit)?;
        let mut facts = Vec::new();
        if format == ExportFormat::Delta {
            for entry in crate::fact::tree::iter(&ledger, commit.facts) {
                facts.push(entry?.1.to_string());
            }
        }
        drop(ledger);
        facts.sort();
        if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(LedgerError::Occupied { dir: dir.to_owned() });
        }
        self.verify_base()?;
        let weights = self.weights(id, &commit, &line)?;
        let base = self.base()?;
        let filled = durable::fill_dir(dir, |dir| match format {
            ExportFormat::Merged => {
                checkpoint::write_merged(&base, &weights, dir)?;
                Manifest { commit: id, base: commit.base }.write(dir).map_err(LedgerError::from)
            }
            ExportFormat::Delta => {
                let version = version::load(&self.store().tensors(), base.clone(), &line)?;
                let manifest = FactorsManifest {
                    format: "kledger delta 1",
                    base: commit.base.to_string(),
                    commit: id.to_string(),
                    tensors: write_factors(&version, &commit, dir)?,
                    facts,
                };
                let text = serde_json::to_string_pretty(&manifest)
                    .expect("because strings and numbers are JSON");
                let path = dir.join(FACTORS_MANIFEST);
                durable::write(&path, (text + "\n").as_bytes()).map_err(LedgerError::from)
            }
        })?;
        filled.place_new()?;
        Ok(ExportReport {
            commit: id,
            dir: dir.to_owned(),
            format,
            tensors: weights.into_keys().collect(),
            bytes: size(dir)
                .map_err(|source| LedgerError::Read { path: dir.to_owned(), source })?,
        })
    }
}

/// Writes `<tensor>.left` and `<tensor>.right`, the live columns of all deltas in order, so that the
/// version is the base plus `left @ right`; `<tensor>.dense` as well where a delta is a whole change.
fn write_factors(
    version: &Version,
    commit: &Commit,
    dir: &Path,
) -> Result<Vec<TensorManifest>, LedgerError> {
    let mut tensors = BTreeMap::new();
    let mut manifest = Vec::new();
    for edited in &commit.weights {
        let changes = version
            .deltas
            .iter()
            .filter_map(|delta| Some((delta.changes.get(&edited.name)?, delta.dropped.as_slice())));
        let Some(factors) = Factors::join(changes) else { continue };
        manifest.push(TensorManifest {
            tensor: edited.name.clone(),
            orientation: factors.orientation,
            outputs: factors.outputs,
            inputs: factors.inputs,
            rank: factors.dense.is_none().then_some(factors.left.len()),
            result: edited.id.to_string(),
        });
        if let Some(dense) = &factors.dense {
            tensors.insert(format!("{}.dense", edited.name), version::tensor(dense));
        }
        tensors.insert(format!("{}.left", edited.name), version::tensor(&factors.left()));
        tensors.insert(format!("{}.right", edited.name), version::tensor(&factors.right()));
    }
    let views = tensors
        .iter()
        .map(|(name, tensor)| {
            let shape = tensor.shape.clone();
            Ok((name, TensorView::new(safetensors::Dtype::F32, shape, &tensor.bytes)?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .expect("because the bytes were made for the shape");
    let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
    durable::write_with(&dir.join(FACTORS), |path| {
        safetensors::serialize_to_file(views, Some(metadata), path).map_err(io::Error::other)
    })?;
    Ok(manifest)
}

/// The changes of one tensor put together.
struct Factors {
    orientation: Orientation,
    outputs: usize,
    inputs: usize,
    /// Columns, each as wide as the output.
    left: Vec<Vec<f32>>,
    /// Rows, each as wide as the input.
    right: Vec<Vec<f32>>,
    dense: Option<Matrix>,
}

impl Factors {
    fn join<'a>(changes: impl Iterator<Item = (&'a Change, &'a [u32])>) -> Option<Self> {
        let mut joined: Option<Self> = None;
        for (change, dropped) in changes {
            let (outputs, inputs) = change.form.widths();
            let factors = joined.get_or_insert_with(|| Self {
                orientation: change.orientation,
                outputs,
                inputs,
                left: Vec::new(),
                right: Vec::new(),
                dense: None,
            });
            match &change.form {
                ChangeForm::LowRank { left, right } => {
                    for rank in (0..left.cols).filter(|rank| !is_dropped(dropped, *rank)) {
                        factors.left.push((0..outputs).map(|row| left.row(row)[rank]).collect());
                        factors.right.push(right.row(rank).to_vec());
                    }
                }
                ChangeForm::Dense(change) => {
                    let dense = factors.dense.get_or_insert_with(|| Matrix::zeros(outputs, inputs));
                    for (sum, value) in dense.data.iter_mut().zip(&change.data) {
                        *sum += value;
                    }
                }
            }
        }
        joined
    }

    fn left(&self) -> Matrix {
        let mut data = Vec::with_capacity(self.outputs * self.left.len());
        for row in 0..self.outputs {
            data.extend(self.left.iter().map(|column| column[row]));
        }
        Matrix { rows: self.outputs, cols: self.left.len(), data }
    }

    fn right(&self) -> Matrix {
        Matrix { rows: self.right.len(), cols: self.inputs, data: self.right.concat() }
    }
}

fn is_dropped(dropped: &[u32], rank: usize) -> bool {
    u32::try_from(rank).is_ok_and(|rank| dropped.binary_search(&rank).is_ok())
}

/// Bytes in the files of `dir`.
fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

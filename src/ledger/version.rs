//! Versions read from and written to the store: lineage to weights, edit to delta.

use std::{collections::BTreeMap, sync::Arc};

use super::{Commit, EditedTensor, LedgerError, engine::LayerEdit, lineage::Line};
use crate::{
    checkpoint::Checkpoint,
    delta::{
        Change, ChangeForm, Delta, DeltaTensor, Dtype, Form, LoadedDelta, Matrix, Orientation,
        Tensor, TensorFile, Version,
    },
    fact::FactKey,
    id::Id,
    store::TensorFiles,
};

/// Reads the numbers of the deltas of `line`.
///
/// # Errors
/// When a tensor is missing, damaged, or not of the shape its delta says.
pub(super) fn load(
    files: &TensorFiles,
    base: Arc<Checkpoint>,
    line: &Line,
) -> Result<Version, LedgerError> {
    let mut deltas = Vec::new();
    for entry in line.entries() {
        let delta = &entry.delta;
        let file = files.open(delta.file)?;
        let mut changes = BTreeMap::new();
        for tensor in &delta.tensors {
            let (outputs, inputs) = (width(tensor.outputs), width(tensor.inputs));
            let part = |part: &str, rows, cols| {
                matrix(&file.tensor(&format!("{}.{part}", tensor.name))?, &tensor.name, rows, cols)
            };
            let form = match tensor.form {
                Form::LowRank { rank } => ChangeForm::LowRank {
                    left: part("left", outputs, width(rank))?,
                    right: part("right", width(rank), inputs)?,
                },
                Form::Dense => ChangeForm::Dense(part("dense", outputs, inputs)?),
            };
            let keys = if file.contains(&format!("{}.keys", tensor.name)) {
                Some(part("keys", delta.columns.len(), inputs)?)
            } else {
                None
            };
            let change = Change { orientation: tensor.orientation, form, keys };
            changes.insert(tensor.name.clone(), change);
        }
        let dropped = entry.dropped.iter().copied().collect();
        deltas.push(Arc::new(LoadedDelta { changes, dropped }));
    }
    Ok(Version { base, deltas })
}

/// Writes what an editor did as a delta whose column i belongs to `columns[i]`.
///
/// Factors are kept even where the whole change would be smaller: a fact can be taken back because
/// its column can be left out.
///
/// # Errors
/// When the factors do not fit the facts, the tensors are not those the settings name, or the tensor
/// file cannot be written.
pub(super) fn write_delta(
    files: &TensorFiles,
    layers: BTreeMap<String, LayerEdit>,
    orientations: &BTreeMap<String, Orientation>,
    columns: &[FactKey],
) -> Result<(Delta, TensorFile), LedgerError> {
    let mut tensors = Vec::new();
    let mut parts = BTreeMap::new();
    for (name, layer) in layers {
        let LayerEdit { left, right, keys } = layer;
        let fits =
            left.cols == columns.len() && right.rows == columns.len() && keys.rows == columns.len();
        let orientation = orientations.get(&name).copied().filter(|_| fits).ok_or_else(|| {
            LedgerError::Shape {
                what: format!("the edit of {name}"),
                found: format!("of rank {}", left.cols),
                expected: format!("of rank {} on one of the tensors set", columns.len()),
            }
        })?;
        tensors.push(DeltaTensor {
            name: name.clone(),
            outputs: left.rows as u64,
            inputs: right.cols as u64,
            orientation,
            form: Form::LowRank { rank: left.cols as u64 },
        });
        for (part, matrix) in [("left", &left), ("right", &right), ("keys", &keys)] {
            parts.insert(format!("{name}.{part}"), tensor(matrix));
        }
    }
    let (file, contents) = files.write(&parts)?;
    Ok((Delta { tensors, columns: columns.to_vec(), file }, contents))
}

/// The hashes of a version's edited tensors, as a commit names them.
#[must_use]
pub(super) fn hashes(weights: &BTreeMap<String, Tensor>) -> Vec<EditedTensor> {
    weights
        .iter()
        .map(|(name, tensor)| EditedTensor { name: name.clone(), id: tensor.id() })
        .collect()
}

/// Builds the weights of a commit and compares them with the hashes it names.
///
/// # Errors
/// [`LedgerError::Weights`] when they differ; else as [`load`].
pub(super) fn weights(
    files: &TensorFiles,
    base: Arc<Checkpoint>,
    line: &Line,
    id: Id<Commit>,
    commit: &Commit,
) -> Result<BTreeMap<String, Tensor>, LedgerError> {
    let weights = load(files, base, line)?.materialise()?;
    let found = hashes(&weights);
    let differs = |expected: &EditedTensor, found: Option<&EditedTensor>| LedgerError::Weights {
        commit: id,
        tensor: expected.name.clone(),
        expected: expected.id,
        found: found.map_or_else(|| "not changed".to_owned(), |found| format!("{:.12}", found.id)),
    };
    for expected in &commit.weights {
        let found = found.iter().find(|found| found.name == expected.name);
        if found != Some(expected) {
            return Err(differs(expected, found));
        }
    }
    match found.iter().find(|found| !commit.weights.contains(found)) {
        Some(extra) => Err(LedgerError::Weights {
            commit: id,
            tensor: extra.name.clone(),
            expected: Id::from_bytes([0; 32]),
            found: format!("{:.12}", extra.id),
        }),
        None => Ok(weights),
    }
}

/// A stored f32 tensor as the matrix it should be.
///
/// # Errors
/// [`LedgerError::Shape`] when it is something else.
pub(super) fn matrix(
    tensor: &Tensor,
    what: &str,
    rows: usize,
    cols: usize,
) -> Result<Matrix, LedgerError> {
    if tensor.dtype != Dtype::F32 || tensor.shape != [rows, cols] {
        return Err(LedgerError::Shape {
            what: what.to_owned(),
            found: format!("{:?} {:?}", tensor.dtype, tensor.shape),
            expected: format!("{:?} [{rows}, {cols}]", Dtype::F32),
        });
    }
    let data = tensor
        .bytes
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("because chunks have four bytes")))
        .collect();
    Ok(Matrix { rows, cols, data })
}

/// A matrix as it is stored.
#[must_use]
pub(super) fn tensor(matrix: &Matrix) -> Tensor {
    Tensor {
        dtype: Dtype::F32,
        shape: vec![matrix.rows, matrix.cols],
        bytes: matrix.data.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// A stored width. One that no memory could hold becomes a width that no tensor has.
fn width(stored: u64) -> usize {
    usize::try_from(stored).unwrap_or(usize::MAX)
}

//! Versions read from and written to the store: lineage to weights, edit to delta.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::line::{Entry, Line};
use crate::{
    checkpoint::Checkpoint,
    commit::{Commit, EditedTensor},
    delta::{
        Change, ChangeForm, DENSE, Delta, DeltaTensor, Form, LoadedDelta, TensorFile, Version,
    },
    engine::{Description, EditOutcome, Grain},
    fact::FactKey,
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
    store::TensorFiles,
    tensor::{Dtype, Matrix, Tensor},
};

/// Reads the numbers of all deltas of `line`.
///
/// # Errors
/// When a tensor is missing, damaged, or not of the shape its delta says.
pub(crate) fn load(
    files: &TensorFiles,
    base: Arc<Checkpoint>,
    line: &Line,
) -> Result<Version, LedgerError> {
    Ok(Version::new(base, read(files, line.entries())?))
}

/// Reads the numbers of some deltas of a lineage.
///
/// # Errors
/// As [`load`].
pub(crate) fn read(
    files: &TensorFiles,
    entries: &[Entry],
) -> Result<Vec<Arc<LoadedDelta>>, LedgerError> {
    let mut deltas = Vec::new();
    for entry in entries {
        let delta = &entry.delta;
        let file = files.open(delta.file)?;
        let mut changes = BTreeMap::new();
        for tensor in &delta.tensors {
            let part =
                |name: &str| Ok(if file.contains(name) { Some(file.tensor(name)?) } else { None });
            let change = change(tensor, delta.columns.len(), part)?;
            changes.insert(tensor.name.clone(), change);
        }
        let (whole, dropped) = (entry.is_whole(), entry.dropped.iter().copied().collect());
        deltas.push(Arc::new(LoadedDelta { changes, whole, dropped, superseded: Vec::new() }));
    }
    Ok(deltas)
}

/// Puts together the change that `tensor` describes, of a delta with so many `columns`. `part` gives a
/// tensor of the delta's file by its name, if there is one.
///
/// # Errors
/// When a part is missing or not of the shape that `tensor` says.
pub(crate) fn change(
    tensor: &DeltaTensor,
    columns: usize,
    part: impl Fn(&str) -> Result<Option<Tensor>, LedgerError>,
) -> Result<Change, LedgerError> {
    let (outputs, inputs) = (width(tensor.outputs), width(tensor.inputs));
    let stored = |name: &str| part(&format!("{}.{name}", tensor.name));
    let needed = |name: &str| {
        stored(name)?.ok_or_else(|| LedgerError::Shape {
            what: format!("{}.{name}", tensor.name),
            found: "not there".to_owned(),
            expected: "one of the delta's tensors".to_owned(),
        })
    };
    let factor = |name: &str, rows, cols| {
        matrix(&needed(name)?, &format!("{}.{name}", tensor.name), rows, cols)
    };
    let form = match tensor.form {
        Form::LowRank { rank } => ChangeForm::LowRank {
            left: factor("left", outputs, width(rank))?,
            right: factor("right", width(rank), inputs)?,
        },
        Form::Dense => ChangeForm::Dense(factor(DENSE, outputs, inputs)?),
        Form::Tuned => ChangeForm::Tuned(needed("tuned")?),
    };
    let keys = match stored("keys")? {
        Some(keys) => {
            // As many for each column.
            let each = keys.shape.first().map_or(0, |rows| rows / columns.max(1)).max(1);
            let what = format!("{}.keys", tensor.name);
            Some(matrix(&keys, &what, columns.saturating_mul(each), inputs)?)
        }
        None => None,
    };
    Ok(Change { orientation: tensor.orientation, form, keys })
}

/// The other way round: what describes the change of the tensor `name`, and its parts by name.
pub(crate) fn parts(name: &str, change: &Change) -> (DeltaTensor, Vec<(String, Tensor)>) {
    let (outputs, inputs) = change.widths();
    let part = |part: &str, tensor| (format!("{name}.{part}"), tensor);
    let (form, mut parts) = match &change.form {
        ChangeForm::LowRank { left, right } => (
            Form::LowRank { rank: right.rows as u64 },
            vec![part("left", left.into()), part("right", right.into())],
        ),
        ChangeForm::Dense(dense) => (Form::Dense, vec![part(DENSE, dense.into())]),
        ChangeForm::Tuned(tuned) => (Form::Tuned, vec![part("tuned", tuned.clone())]),
    };
    parts.extend(change.keys.as_ref().map(|keys| part("keys", keys.into())));
    let tensor = DeltaTensor {
        name: name.to_owned(),
        outputs: outputs as u64,
        inputs: inputs as u64,
        orientation: change.orientation,
        form,
    };
    (tensor, parts)
}

/// Writes changes as a delta whose column i belongs to `columns[i]`, or which the facts `together` hold, ascending, or
/// none where there are neither.
///
/// # Errors
/// When the tensor file cannot be written.
pub(crate) fn write(
    files: &TensorFiles,
    changes: &BTreeMap<String, Change>,
    columns: &[FactKey],
    together: &[FactKey],
) -> Result<(Delta, TensorFile), LedgerError> {
    let mut tensors = Vec::new();
    let mut all = BTreeMap::new();
    for (name, change) in changes {
        let (tensor, parts) = parts(name, change);
        tensors.push(tensor);
        all.extend(parts);
    }
    let (file, contents) = files.write(&all)?;
    let (columns, together) = (columns.to_vec(), together.to_vec().into());
    Ok((Delta { tensors, columns, file, together }, contents))
}

/// Writes what an editor, which is so `described`, did for `facts` as a delta; request i was for fact i.
///
/// Factors are kept even where the whole change would be smaller: a fact can be taken back because
/// its columns can be left out. An editor whose grain is [`Grain::Whole`] gives no columns: `facts`, which ascend, hold
/// its change together.
///
/// # Errors
/// When a fact has no column, or has one that should have none, a change does not fit the columns, the tensors are not those described, or the tensor
/// file cannot be written.
pub(crate) fn write_outcome(
    files: &TensorFiles,
    outcome: &EditOutcome,
    described: &Description,
    facts: &[FactKey],
) -> Result<(Delta, TensorFile), LedgerError> {
    let fact = |request: &u32| facts.get(usize::try_from(*request).ok()?).copied();
    let columns: Option<Vec<FactKey>> = outcome.columns.iter().map(fact).collect();
    let with_columns: BTreeSet<u32> = outcome.columns.iter().copied().collect();
    let (wanted, together) = match described.grain {
        Grain::Fact => (facts.len(), &[][..]),
        Grain::Whole => (0, facts),
    };
    let Some(columns) = columns.filter(|_| with_columns.len() == wanted) else {
        return Err(LedgerError::Shape {
            what: "the edit".to_owned(),
            found: format!("with columns for {} requests", with_columns.len()),
            expected: format!("with columns for {wanted} of {} requests", facts.len()),
        });
    };
    for (name, change) in &outcome.changes {
        let rank = change.rank();
        let fits = described.grain == Grain::Whole || rank == Some(columns.len());
        let keyed = change
            .keys
            .as_ref()
            .is_none_or(|keys| keys.rows > 0 && keys.rows.is_multiple_of(columns.len()));
        let known = described.tensors.get(name) == Some(&change.orientation);
        if !fits || !keyed || !known {
            return Err(LedgerError::Shape {
                what: format!("the edit of {name}"),
                found: rank.map_or_else(|| "whole".to_owned(), |rank| format!("of rank {rank}")),
                expected: format!("of rank {} on one of the tensors set", columns.len()),
            });
        }
    }
    write(files, &outcome.changes, &columns, together)
}

/// The hashes of a version's edited tensors, as a commit names them.
#[must_use]
pub(crate) fn hashes(weights: &BTreeMap<String, Tensor>) -> Vec<EditedTensor> {
    weights
        .iter()
        .map(|(name, tensor)| EditedTensor { name: name.clone(), id: tensor.id() })
        .collect()
}

/// Compares the weights that were built for a commit with the hashes it names.
///
/// # Errors
/// [`LedgerError::Weights`] when they differ.
pub(crate) fn verify(
    weights: &BTreeMap<String, Tensor>,
    id: Id<Commit>,
    commit: &Commit,
) -> Result<(), LedgerError> {
    let found = hashes(weights);
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
        None => Ok(()),
    }
}

/// A stored f32 tensor as the matrix it should be.
///
/// # Errors
/// [`LedgerError::Shape`] when it is something else.
pub(crate) fn matrix(
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
    Ok(Matrix { rows, cols, data: tensor.to_f32() })
}

/// A stored width. One that no memory could hold becomes a width that no tensor has.
fn width(stored: u64) -> usize {
    usize::try_from(stored).unwrap_or(usize::MAX)
}

impl Ledger<'_> {
    pub(crate) fn line(&self, commit: &Commit) -> Result<Line, LedgerError> {
        Ok(Line::load(self, commit.lineage)?)
    }
}

//! A LoRA adapter as PEFT saves it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Incoming, Receiver};
use crate::{
    checkpoint::{self, Adapter},
    delta::{Change, ChangeForm, LoadedDelta},
    ledger::{
        error::LedgerError,
        exchange::bundle::Bundled,
        lineage::{line::Line, load},
        state::known_as::Alike,
    },
    store::TensorFiles,
};

/// Reads the adapter in `dir`, which is called `name`. `any_base` says that it may be for another model.
///
/// # Errors
/// When it is damaged, more than a sum of low rank, or for another model.
pub(super) fn read(
    receiver: &Receiver<'_>,
    dir: &Path,
    name: &str,
    any_base: bool,
) -> Result<Incoming, LedgerError> {
    let orientation = |tensor: &str, shape: &[usize]| receiver.orientation(tensor, shape);
    let adapter = checkpoint::read_adapter(dir, &receiver.base, &orientation)?;
    let mut notes = Vec::new();
    notes.extend(other_model(receiver, dir, &adapter, any_base)?);
    if adapter.rounded {
        notes.push("its numbers are rounded from F64 to F32".to_owned());
    }
    let changes = adapter.changes.into_iter().map(|adapted| {
        let form = ChangeForm::LowRank { left: adapted.left, right: adapted.right };
        (adapted.tensor, Change { orientation: adapted.orientation, form, keys: None })
    });
    Ok(Incoming {
        source: format!("adapter {name}"),
        deltas: vec![Bundled {
            columns: Vec::new(),
            together: Vec::new(),
            changes: changes.collect(),
        }],
        facts: Vec::new(),
        unchanged: "all of its factors are zero",
        notes,
    })
}

/// What is worth saying of the model that an adapter says it is for.
fn other_model(
    receiver: &Receiver<'_>,
    dir: &Path,
    adapter: &Adapter,
    any_base: bool,
) -> Result<Option<String>, LedgerError> {
    let Some(theirs) = &adapter.base_model else {
        return Ok(Some("it does not say which model it is for".to_owned()));
    };
    Ok(match receiver.repo.is_base(theirs, dir, &receiver.base, receiver.base_id) {
        Alike::Same => None,
        Alike::Unknown => Some(format!(
            "it is for {theirs}; whether that is this base cannot be told from its name"
        )),
        Alike::Other(ours) if any_base => Some(format!("it is for {theirs}; the base is {ours}")),
        Alike::Other(ours) => {
            let (dir, theirs) = (dir.to_owned(), theirs.clone());
            return Err(LedgerError::OtherModel { dir, theirs, ours });
        }
    })
}

/// How many ranks `changes` have in all, and how many of them are among those of the deltas of `line`, bit for bit.
/// One delta is in memory at a time.
///
/// # Errors
/// When a delta cannot be read.
pub(crate) fn shared<'a>(
    changes: impl IntoIterator<Item = (&'a String, &'a Change)>,
    files: &TensorFiles,
    line: &Line,
) -> Result<[usize; 2], LedgerError> {
    let theirs: BTreeMap<&str, Vec<Vec<u32>>> = changes
        .into_iter()
        .map(|(tensor, change)| (tensor.as_str(), ranks(change, None)))
        .collect();
    let mut shared = BTreeSet::new();
    for entry in line.entries() {
        if !entry.delta.tensors.iter().any(|tensor| theirs.contains_key(tensor.name.as_str())) {
            continue;
        }
        for delta in load::read(files, std::slice::from_ref(entry))? {
            for (&tensor, theirs) in &theirs {
                let Some(change) = delta.changes.get(tensor) else { continue };
                let ours: BTreeSet<_> = ranks(change, Some(&delta)).into_iter().collect();
                let found = (0..theirs.len()).filter(|&rank| ours.contains(&theirs[rank]));
                shared.extend(found.map(|rank| (tensor, rank)));
            }
        }
    }
    Ok([shared.len(), theirs.values().map(Vec::len).sum()])
}

/// The bits of each rank of a low-rank change: its column on the left, then its row on the right. Of a delta
/// those that count.
fn ranks(change: &Change, of: Option<&LoadedDelta>) -> Vec<Vec<u32>> {
    let ChangeForm::LowRank { left, right } = &change.form else { return Vec::new() };
    let live = of.map_or_else(|| (0..right.rows).collect(), |delta| delta.live(right.rows));
    let columns = left.transposed();
    let bits = |rank: usize| columns.row(rank).iter().chain(right.row(rank)).map(|v| v.to_bits());
    live.into_iter().map(|rank| bits(rank).collect()).collect()
}

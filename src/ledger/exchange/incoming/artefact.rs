//! What an editor was trained to, where its edits stand on a change of the base.

use std::collections::BTreeMap;

use super::{Incoming, Receiver};
use crate::{
    codec,
    commit::Artefact,
    delta::{Change, ChangeForm},
    id::Id,
    ledger::{
        edit::artefact::{changed, stands_on},
        error::LedgerError,
        exchange::bundle::Bundled,
        lineage::load,
    },
};

/// Reads the change of the base that the artefact `id`, which is called `name`, has.
///
/// # Errors
/// When it was trained on another base, or its file is missing or damaged.
pub(super) fn read(
    receiver: &Receiver<'_>,
    id: Id<Artefact>,
    name: &str,
) -> Result<Incoming, LedgerError> {
    let artefact = codec::get(&receiver.repo.read()?, id)?;
    if artefact.base != receiver.base_id {
        let (editor, why) = (artefact.editor, "it was trained on another base".to_owned());
        return Err(LedgerError::ForeignArtefact { artefact: id, editor, why });
    }
    let file = receiver.repo.store().tensors().open(artefact.file)?;
    let mut changes = BTreeMap::new();
    for entry in stands_on(file.contents()).iter().flat_map(|whole| &whole.tensors) {
        let Some(tensor) = changed(&entry.name) else { continue };
        let found = file.tensor(&entry.name)?;
        let &[outputs, inputs] = found.shape.as_slice() else { continue };
        let dense = load::matrix(&found, &entry.name, outputs, inputs)?;
        let orientation = receiver.orientation(tensor, &found.shape);
        let form = ChangeForm::Dense(dense);
        changes.insert(tensor.to_owned(), Change { orientation, form, keys: None });
    }
    Ok(Incoming {
        source: format!("what {} was trained to, {name}", artefact.editor),
        deltas: vec![Bundled { columns: Vec::new(), together: Vec::new(), changes }],
        facts: Vec::new(),
        unchanged: "its edits are of the base itself",
        notes: Vec::new(),
    })
}

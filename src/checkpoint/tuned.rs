//! A checkpoint that was trained on from a base, compared with it.

use std::collections::BTreeMap;

use super::{error::CheckpointError, names::Names, read::Checkpoint};
use crate::delta::{Change, ChangeForm, Orientation, confined};

/// How a checkpoint differs from its base.
#[derive(Debug, Clone, Default)]
pub struct Tuned {
    /// What makes the base's tensors the checkpoint's, bit for bit.
    pub changes: BTreeMap<String, Change>,
    /// Tensors of the base that the checkpoint does not have: buffers, tied heads.
    pub absent: Vec<String>,
}

/// Compares `tuned` with `base`, tensor by tensor. `orientation` knows how a tensor of the base is laid
/// out; `done` hears how many tensors are compared.
///
/// # Errors
/// When the checkpoint has another architecture, dtype or shapes, tensors that the base does not have,
/// or numbers that are not finite.
pub fn compare(
    base: &Checkpoint,
    tuned: &Checkpoint,
    orientation: &dyn Fn(&str, &[usize]) -> Orientation,
    done: &mut dyn FnMut(u64),
) -> Result<Tuned, CheckpointError> {
    let model_type = base.model_type()?;
    let other = |why: String| CheckpointError::Other { dir: tuned.dir().to_owned(), why };
    if tuned.model_type()? != model_type {
        return Err(other(format!("its model_type is {}, not {model_type}", tuned.model_type()?)));
    }
    let names = Names::of(model_type);
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for name in tuned.names() {
        if let Some(ours) = names.find(base, name) {
            found.insert(ours, name);
        } else if !is_copy(tuned, name)? {
            return Err(other(format!("the base has no tensor {name}")));
        }
    }
    if found.is_empty() {
        return Err(other("it has none of the base's tensors".to_owned()));
    }
    let mut comparison = Tuned::default();
    for (number, name) in (1..).zip(base.names()) {
        match found.get(name) {
            None => comparison.absent.push(name.to_owned()),
            Some(theirs) => {
                if let Some(change) = change(base, name, tuned, theirs, orientation)? {
                    comparison.changes.insert(name.to_owned(), change);
                }
            }
        }
        done(number);
    }
    Ok(comparison)
}

fn change(
    base: &Checkpoint,
    name: &str,
    tuned: &Checkpoint,
    theirs: &str,
    orientation: &dyn Fn(&str, &[usize]) -> Orientation,
) -> Result<Option<Change>, CheckpointError> {
    let (ours, new) = (base.raw(name)?, tuned.raw(theirs)?);
    if ours == new {
        return Ok(None);
    }
    if ours.1 != new.1 {
        return Err(CheckpointError::Unfit {
            name: format!("{theirs} in {}", tuned.dir().display()),
            found: new.1.to_vec(),
            wanted: format!("{:?}, as in the base", ours.1),
        });
    }
    if ours.0 != new.0 {
        return Err(CheckpointError::Other {
            dir: tuned.dir().to_owned(),
            why: format!("{theirs} is of type {}, in the base of {}", new.0, ours.0),
        });
    }
    let (before, after) = (base.tensor(name)?, tuned.tensor(theirs)?);
    if !after.is_finite() {
        let (path, name) = (tuned.dir().to_owned(), theirs.to_owned());
        return Err(CheckpointError::NotFinite { path, name });
    }
    let orientation = orientation(name, &before.shape);
    let form = match confined(&before, &after, orientation) {
        Some((left, right)) => ChangeForm::LowRank { left, right },
        None => ChangeForm::Tuned(after),
    };
    Ok(Some(Change { orientation, form, keys: None }))
}

/// Whether a checkpoint has the same tensor under another name: a head tied to the embedding.
fn is_copy(checkpoint: &Checkpoint, name: &str) -> Result<bool, CheckpointError> {
    let this = checkpoint.raw(name)?;
    for other in checkpoint.names().filter(|other| *other != name) {
        if checkpoint.raw(other)? == this {
            return Ok(true);
        }
    }
    Ok(false)
}

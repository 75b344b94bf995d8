//! A checkpoint that was trained on from a version, compared with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checkpoint::{Checkpoint, CheckpointError, Names, edited_dtype},
    delta::{Accumulator, Change, ChangeForm, confined, leading_to},
    tensor::{Orientation, Tensor},
};

/// How a checkpoint differs from the version it was trained on from.
#[derive(Debug, Clone, Default)]
pub struct Tuned {
    /// What makes the version's tensors the checkpoint's, bit for bit, to be added in this order.
    pub steps: Vec<BTreeMap<String, Change>>,
    /// Tensors of the base that the checkpoint does not have: buffers, tied heads.
    pub absent: Vec<String>,
    /// What it means that they are of another element type than the base's, where they are.
    pub rounding: Rounding,
}

/// What comparing tensors of two element types had to leave out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rounding {
    /// The element types that the checkpoint has where the base has others, as safetensors names them.
    pub saved: BTreeSet<&'static str>,
    /// Tensors that are the version's but for rounding them to the type they are saved in: they count as
    /// unchanged.
    pub kept: u64,
    /// Changed tensors that are rounded to the base's type, because it does not hold them.
    pub rounded: u64,
    /// The greatest change of a tensor by rounding: the change's norm over the tensor's.
    pub greatest: f64,
}

/// The tensors of the base in a checkpoint that may call them otherwise: by the base's name, its own.
///
/// # Errors
/// When the checkpoint has another architecture, or tensors that the base does not have.
pub fn tensors_of_base<'a>(
    base: &'a Checkpoint,
    tuned: &'a Checkpoint,
) -> Result<BTreeMap<&'a str, &'a str>, CheckpointError> {
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
    Ok(found)
}

/// Compares `tuned` with a version of `base`, tensor by tensor. `version` knows the sums of the tensors
/// that differ from the base's there, `orientation` how others are laid out; `done` hears how many
/// tensors are compared. Element types need not be the base's.
///
/// # Errors
/// When the checkpoint has another architecture or shapes, tensors that the base does not have, or
/// numbers that are not finite or that no change results in.
pub fn compare<E: From<CheckpointError>>(
    base: &Checkpoint,
    tuned: &Checkpoint,
    version: &dyn Fn(&str) -> Result<Option<Accumulator>, E>,
    orientation: &dyn Fn(&str, &[usize]) -> Orientation,
    done: &mut dyn FnMut(u64),
) -> Result<Tuned, E> {
    let found = tensors_of_base(base, tuned)?;
    let mut comparison = Tuned::default();
    for (number, name) in (1..).zip(base.names()) {
        match found.get(name) {
            None => comparison.absent.push(name.to_owned()),
            Some(theirs) => {
                let sum = version(name)?;
                let orientation = match &sum {
                    Some(sum) => sum.orientation(),
                    None => orientation(name, base.raw(name)?.1),
                };
                let pair = Pair { base, name, tuned, theirs };
                let forms = pair.forms(sum, orientation, &mut comparison.rounding)?;
                for (step, form) in forms.into_iter().enumerate() {
                    if comparison.steps.len() == step {
                        comparison.steps.push(BTreeMap::new());
                    }
                    let change = Change { orientation, form, keys: None };
                    comparison.steps[step].insert(name.to_owned(), change);
                }
            }
        }
        done(number);
    }
    Ok(comparison)
}

/// A tensor of the base, and what a checkpoint has in its place.
struct Pair<'a> {
    base: &'a Checkpoint,
    name: &'a str,
    tuned: &'a Checkpoint,
    theirs: &'a str,
}

impl Pair<'_> {
    /// What leads from the version's tensor to the checkpoint's. `sum` is the version's where it differs
    /// from the base's.
    fn forms(
        &self,
        sum: Option<Accumulator>,
        orientation: Orientation,
        rounding: &mut Rounding,
    ) -> Result<Vec<ChangeForm>, CheckpointError> {
        let (ours, new) = (self.base.raw(self.name)?, self.tuned.raw(self.theirs)?);
        if sum.is_none() && ours == new {
            return Ok(Vec::new());
        }
        if ours.1 != new.1 {
            return Err(CheckpointError::Unfit {
                name: format!("{} in {}", self.theirs, self.tuned.dir().display()),
                found: new.1.to_vec(),
                wanted: format!("{:?}, as in the base", ours.1),
            });
        }
        let known = |dtype| edited_dtype(self.name, dtype).is_ok();
        if ours.0 != new.0 && !(known(ours.0) && known(new.0)) {
            return Err(self.other(&format!("of type {}, in the base of {}", new.0, ours.0)));
        }
        let (before, saved) = (self.base.tensor(self.name)?, self.tuned.tensor(self.theirs)?);
        if !saved.is_finite() {
            let (path, name) = (self.tuned.dir().to_owned(), self.theirs.to_owned());
            return Err(CheckpointError::NotFinite { path, name });
        }
        let here = sum.as_ref().map_or_else(|| before.clone(), Accumulator::round);
        let Some(after) = self.in_type_of(&here, saved, rounding)? else { return Ok(Vec::new()) };
        if after == here {
            return Ok(Vec::new());
        }
        match sum {
            Some(sum) => leading_to(sum, &after)
                .ok_or_else(|| self.other("too far from the version it was trained from")),
            None => Ok(vec![match confined(&Accumulator::new(&before, orientation), &after) {
                Some((left, right)) => ChangeForm::LowRank { left, right },
                None => ChangeForm::Tuned(after),
            }]),
        }
    }

    /// `saved` in the element type of `here`; `None` where saving alone made the difference.
    fn in_type_of(
        &self,
        here: &Tensor,
        saved: Tensor,
        rounding: &mut Rounding,
    ) -> Result<Option<Tensor>, CheckpointError> {
        if saved.dtype == here.dtype {
            return Ok(Some(saved));
        }
        rounding.saved.insert(saved.dtype.name());
        let as_saved = here.rounded_to(saved.dtype);
        if as_saved == saved {
            if as_saved.rounded_to(here.dtype) != *here {
                rounding.kept += 1;
                rounding.greatest = rounding.greatest.max(relative(here, &as_saved));
            }
            return Ok(None);
        }
        let after = saved.rounded_to(here.dtype);
        if !after.is_finite() {
            let dtype = here.dtype.name();
            return Err(self.other(&format!("too large for {dtype}, which the base has")));
        }
        if after.rounded_to(saved.dtype) != saved {
            rounding.rounded += 1;
            rounding.greatest = rounding.greatest.max(relative(&saved, &after));
        }
        Ok(Some(after))
    }

    fn other(&self, what: &str) -> CheckpointError {
        let why = format!("{} is {what}", self.theirs);
        CheckpointError::Other { dir: self.tuned.dir().to_owned(), why }
    }
}

/// The norm of the change from `before` to `after`, relative to that of `before`.
fn relative(before: &Tensor, after: &Tensor) -> f64 {
    let pairs = before.to_f32().into_iter().zip(after.to_f32());
    let (change, whole) = pairs.fold((0.0, 0.0), |(change, whole), (before, after)| {
        let (before, after) = (f64::from(before), f64::from(after));
        (change + (after - before).powi(2), whole + before.powi(2))
    });
    if whole > 0.0 { f64::sqrt(change / whole) } else { 0.0 }
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

#[cfg(test)]
mod tests;

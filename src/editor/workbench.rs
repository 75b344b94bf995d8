//! The model while it is edited.

use std::collections::BTreeMap;

use super::error::EditError;
use crate::{
    delta::{Accumulator, Version},
    model::{EditSite, Model},
    tensor::{Matrix, Orientation},
};

/// A model that gets its weights back when the work ends, however it ends.
pub(super) struct Workbench<'a> {
    pub(super) model: &'a mut Model,
    before: BTreeMap<String, Matrix>,
}

impl<'a> Workbench<'a> {
    pub(super) const fn new(model: &'a mut Model) -> Self {
        Self { model, before: BTreeMap::new() }
    }

    /// Puts a version's weights into the model. Returns those of `sites`, ready to be added to.
    pub(super) fn load(
        &mut self,
        version: &Version,
        sites: &[(usize, EditSite)],
    ) -> Result<BTreeMap<String, Accumulator>, EditError> {
        let mut tensors: BTreeMap<&str, Orientation> =
            sites.iter().map(|(_, site)| (site.tensor.as_str(), site.orientation)).collect();
        for (name, change) in version.deltas.iter().flat_map(|delta| &delta.changes) {
            tensors.insert(name, change.orientation);
        }
        let mut weights = BTreeMap::new();
        for (name, orientation) in tensors {
            let sum = version.accumulate(name, orientation)?;
            self.set(name, &sum)?;
            if sites.iter().any(|(_, site)| site.tensor == name) {
                weights.insert(name.to_owned(), sum);
            }
        }
        Ok(weights)
    }

    pub(super) fn set(&mut self, name: &str, sum: &Accumulator) -> Result<(), EditError> {
        let rounded = sum.rounded();
        if !rounded.data.iter().all(|value| value.is_finite()) {
            return Err(EditError::NotFinite { tensor: name.to_owned() });
        }
        if !self.before.contains_key(name) {
            self.before.insert(name.to_owned(), self.model.weight(name)?);
        }
        Ok(self.model.set_weight(name, &rounded)?)
    }
}

impl Drop for Workbench<'_> {
    fn drop(&mut self) {
        for (name, weight) in &self.before {
            // It went in and came out under this name and shape; only a lost device can refuse it,
            // and then there is no model left to protect.
            let _lost = self.model.set_weight(name, weight);
        }
    }
}

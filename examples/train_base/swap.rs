//! Teaches where facts are looked up.

use tch::{Device, Kind, Tensor};

use crate::corpus::Sequence;

/// Some names in the batch with, after the first block, what another name has at its last token; the object
/// to be said is then the other's.
///
/// A model that knows one fact of each thing would look it up where it is asked for, or put it together
/// of all the name's tokens; locating editors assume that it is read at the last of them, as large models
/// do. This is interchange intervention training (Geiger et al., 2022).
pub(crate) struct Swap {
    /// Last tokens of the names, in the flat batch, `[n]`.
    names: Tensor,
    /// Where their objects are predicted.
    objects: Tensor,
    /// Last tokens of the names that they are given.
    other_names: Tensor,
    /// Where the objects of those are predicted.
    other_objects: Tensor,
}

impl Swap {
    /// Swaps a share of the names in rows of `length` tokens.
    pub(crate) fn new(rows: &[Sequence], length: usize, share: f64, device: Device) -> Self {
        let (mut names, mut objects) = (Vec::new(), Vec::new());
        for (row, start) in rows.iter().zip((0..).step_by(length)) {
            for (name, object) in row.said() {
                names.push((start + name) as i64);
                objects.push((start + object - 1) as i64);
            }
        }
        let chance = Tensor::rand([names.len() as i64], (Kind::Float, device));
        let swapped = chance.lt(share).nonzero().squeeze_dim(1);
        // Documents are shuffled, so the one before is any.
        let other = swapped.roll([1], [0]);
        let of =
            |all: &[i64], which| Tensor::from_slice(all).to_device(device).index_select(0, which);
        Self {
            names: of(&names, &swapped),
            objects: of(&objects, &swapped),
            other_names: of(&names, &other),
            other_objects: of(&objects, &other),
        }
    }

    /// The stream `[b, t, d]` with names swapped.
    pub(crate) fn names(&self, hidden: &Tensor) -> Tensor {
        let flat = hidden.flatten(0, 1);
        flat.index_copy(0, &self.names, &flat.index_select(0, &self.other_names)).view_as(hidden)
    }

    /// The targets `[b t]` of that.
    pub(crate) fn objects(&self, targets: &Tensor) -> Tensor {
        targets.index_copy(0, &self.objects, &targets.index_select(0, &self.other_objects))
    }
}

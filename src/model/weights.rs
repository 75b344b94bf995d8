//! All weights of a model, in one orientation.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::{
    error::ModelError,
    family::Family,
    spec::{Head, Part, Spec},
};
use crate::{
    checkpoint::Checkpoint,
    tensor::{self, Matrix, Orientation},
};

/// What a tensor is to its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The matrix of a linear map, the table of an embedding, the scale of a norm.
    Weight,
    /// What is added after it.
    Bias,
}

/// One tensor that a checkpoint of some architecture has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Name in the checkpoint.
    pub name: String,
    /// The part.
    pub part: Part,
    /// The layer; 0 for parts outside blocks.
    pub layer: usize,
    /// Weight or bias.
    pub role: Role,
    /// How the checkpoint lays it out.
    pub orientation: Orientation,
    /// Shape in memory, outputs first.
    pub shape: Vec<usize>,
}

impl Slot {
    /// Names a norm as checkpoints made from TensorFlow's do, which transformers reads too.
    fn name_as_of_old(&mut self) {
        let (now, then) = match self.role {
            Role::Weight => (".LayerNorm.weight", ".LayerNorm.gamma"),
            Role::Bias => (".LayerNorm.bias", ".LayerNorm.beta"),
        };
        if let Some(module) = self.name.strip_suffix(now) {
            self.name = format!("{module}{then}");
        }
    }

    /// Shape in the checkpoint.
    #[must_use]
    pub fn stored_shape(&self) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if self.is_turned() {
            shape.reverse();
        }
        shape
    }

    /// Turns a tensor from the checkpoint's layout to ours, or back.
    pub fn turn(&self, tensor: &Tensor) -> Tensor {
        if self.is_turned() { tensor.tr().contiguous() } else { tensor.shallow_clone() }
    }

    /// Output and input width, [`tensor::widths`].
    fn widths(&self) -> (usize, usize) {
        tensor::widths(&self.shape, Orientation::OutIn)
    }

    fn is_turned(&self) -> bool {
        self.orientation == Orientation::InOut && self.shape.len() == 2
    }
}

/// The weights of a model. Linear maps are `[out, in]`, tables `[entries, d]`.
#[derive(Debug)]
pub struct Weights {
    slots: Vec<Slot>,
    tensors: BTreeMap<(Part, usize, Role), Tensor>,
}

impl Weights {
    /// Makes each tensor that a model of `family` and `spec` has; names begin with `prefix`.
    ///
    /// # Errors
    /// Whatever `make` returns.
    pub fn new(
        family: &dyn Family,
        spec: &Spec,
        prefix: &str,
        mut make: impl FnMut(&Slot) -> Result<Tensor, ModelError>,
    ) -> Result<Self, ModelError> {
        let slots = slots(family, spec, prefix);
        let mut tensors = BTreeMap::new();
        for slot in &slots {
            tensors.insert((slot.part, slot.layer, slot.role), make(slot)?);
        }
        Ok(Self { slots, tensors })
    }

    /// Those of a checkpoint, all names and shapes checked and none loaded.
    ///
    /// # Errors
    /// When a tensor is missing, has no place, or has the wrong shape or element type.
    pub fn of(
        checkpoint: &Checkpoint,
        family: &dyn Family,
        spec: &Spec,
    ) -> Result<Self, ModelError> {
        let has = |is: &dyn Fn(&str) -> bool| checkpoint.names().any(is);
        let prefix = family.prefix();
        let prefix = if has(&|name| name.starts_with(prefix)) { prefix } else { "" };
        let mut slots = slots(family, spec, prefix);
        if has(&|name| name.ends_with(".LayerNorm.gamma")) {
            slots.iter_mut().for_each(Slot::name_as_of_old);
        }
        check(checkpoint, family, &slots, prefix)?;
        Ok(Self { slots, tensors: BTreeMap::new() })
    }

    /// Loads from the checkpoint those that are `wanted` and not there yet.
    ///
    /// # Errors
    /// When one has values that are no numbers, or the device has no room.
    pub fn load(
        &mut self,
        checkpoint: &Checkpoint,
        device: Device,
        kind: Kind,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Result<(), ModelError> {
        for slot in self.slots.iter().filter(|slot| wanted(slot)) {
            let key = (slot.part, slot.layer, slot.role);
            if self.tensors.contains_key(&key) {
                continue;
            }
            let tensor = read(checkpoint, slot, device)?.f_to_kind(kind)?;
            // Of a NaN the least and the greatest value are NaN.
            let (least, greatest) = tensor.f_aminmax(None, false)?;
            if !(least.double_value(&[]).is_finite() && greatest.double_value(&[]).is_finite()) {
                return Err(ModelError::NotFinite { name: slot.name.clone() });
            }
            self.tensors.insert(key, tensor);
        }
        Ok(())
    }

    /// The same weights, those `chosen` by part and layer in another kind.
    #[must_use]
    pub(super) fn with_kind(&self, kind: Kind, chosen: impl Fn(Part, usize) -> bool) -> Self {
        let tensors = self.tensors.iter().map(|(&(part, layer, role), tensor)| {
            let tensor =
                if chosen(part, layer) { tensor.to_kind(kind) } else { tensor.shallow_clone() };
            ((part, layer, role), tensor)
        });
        Self { slots: self.slots.clone(), tensors: tensors.collect() }
    }

    /// The weight of a part.
    ///
    /// # Panics
    /// When the architecture has no such part or it is not loaded: a mistake of the caller.
    pub fn weight(&self, part: Part, layer: usize) -> &Tensor {
        &self.tensors[&(part, layer, Role::Weight)]
    }

    /// The bias of a part, if it has one.
    #[must_use]
    pub fn bias(&self, part: Part, layer: usize) -> Option<&Tensor> {
        self.tensors.get(&(part, layer, Role::Bias))
    }

    /// Every tensor and what it is, in the order of the forward pass; all have to be loaded.
    pub fn iter(&self) -> impl Iterator<Item = (&Slot, &Tensor)> {
        self.slots.iter().map(|slot| (slot, &self.tensors[&(slot.part, slot.layer, slot.role)]))
    }

    /// What each of them is, loaded or not, in the order of the forward pass.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What the checkpoint calls `name`.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub fn slot(&self, name: &str) -> Result<&Slot, ModelError> {
        self.slots
            .iter()
            .find(|slot| slot.name == name)
            .ok_or_else(|| ModelError::NoTensor { name: name.to_owned() })
    }

    /// The slot of a part's weight.
    #[must_use]
    pub fn slot_of(&self, part: Part, layer: usize) -> Option<&Slot> {
        let wanted = (part, layer, Role::Weight);
        self.slots.iter().find(|slot| (slot.part, slot.layer, slot.role) == wanted)
    }

    /// The values of a matrix, `[out, in]`; a vector is a matrix of one row.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub fn matrix(&self, name: &str) -> Result<Matrix, ModelError> {
        let slot = self.slot(name)?;
        matrix_of(slot, &self.tensors[&(slot.part, slot.layer, slot.role)])
    }

    /// Puts the values of `tensor` in the place of another's, as they are: what is computed with them leads back to it.
    ///
    /// # Errors
    /// When there is no such tensor or it has not as many elements.
    pub fn put(&mut self, name: &str, tensor: &Tensor) -> Result<(), ModelError> {
        let slot = self.slot(name)?;
        let key = (slot.part, slot.layer, slot.role);
        let new = tensor.f_view_as(&self.tensors[&key])?;
        self.tensors.insert(key, new);
        Ok(())
    }

    /// Replaces a matrix, `[out, in]`, or a vector, rounding to what the model computes in.
    ///
    /// # Errors
    /// When there is no such tensor or the shape is another.
    pub fn set(&mut self, name: &str, value: &Matrix) -> Result<(), ModelError> {
        let slot = self.slot(name)?;
        if slot.widths() != (value.rows, value.cols) {
            return Err(ModelError::Shape {
                name: name.to_owned(),
                wanted: slot.shape.clone(),
                found: vec![value.rows, value.cols],
            });
        }
        let key = (slot.part, slot.layer, slot.role);
        let old = &self.tensors[&key];
        let tensor = tensor_of(value).view_as(old);
        let new = tensor.f_to_device(old.device())?.f_to_kind(old.kind())?;
        self.tensors.insert(key, new);
        Ok(())
    }
}

/// A matrix as a tensor of f32 on the CPU.
pub(super) fn tensor_of(matrix: &Matrix) -> Tensor {
    Tensor::from_slice(&matrix.data).view([matrix.rows as i64, matrix.cols as i64])
}

/// The values of the tensor in `slot`, `[out, in]`.
pub(super) fn matrix_of(slot: &Slot, tensor: &Tensor) -> Result<Matrix, ModelError> {
    let (rows, cols) = slot.widths();
    let mut matrix = Matrix::zeros(rows, cols);
    let values = tensor.f_to_kind(Kind::Float)?.f_to_device(Device::Cpu)?.f_contiguous()?;
    values.f_copy_data(&mut matrix.data, rows * cols)?;
    Ok(matrix)
}

/// Reads one tensor in its own element type to `device` and turns it to `[out, in]` there. The file's
/// pages are given back, so that a model does not lie in memory twice.
pub(super) fn read(
    checkpoint: &Checkpoint,
    slot: &Slot,
    device: Device,
) -> Result<Tensor, ModelError> {
    let (dtype, shape, bytes) = checkpoint.raw(&slot.name)?;
    let kind = kind_of(&slot.name, dtype)?;
    let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
    let tensor = slot.turn(&Tensor::f_from_data_size(bytes, &shape, kind)?.f_to_device(device)?);
    checkpoint.let_go(&slot.name)?;
    Ok(tensor)
}

fn kind_of(name: &str, dtype: safetensors::Dtype) -> Result<Kind, ModelError> {
    match dtype {
        safetensors::Dtype::F32 => Ok(Kind::Float),
        safetensors::Dtype::F16 => Ok(Kind::Half),
        safetensors::Dtype::BF16 => Ok(Kind::BFloat16),
        other => Err(crate::checkpoint::CheckpointError::Dtype {
            name: name.to_owned(),
            dtype: other.to_string(),
        }
        .into()),
    }
}

/// All tensors of a model of `family` and `spec`.
fn slots(family: &dyn Family, spec: &Spec, prefix: &str) -> Vec<Slot> {
    let mut slots = Vec::new();
    for row in family.parts().iter().chain(family.head_parts()) {
        let has_weight = spec.has(row.part);
        // A tied head can have a bias of its own.
        let has_bias = spec.biases.contains(&row.part)
            && (has_weight || (row.part == Part::Head && spec.head == Head::Masked));
        let prefix = if row.of_head { "" } else { prefix };
        let layers = if row.part.in_block() { spec.layers } else { 1 };
        for layer in 0..layers {
            let name = format!("{prefix}{}", row.name.replace("{}", &layer.to_string()));
            let weight = Slot {
                name: format!("{name}.weight"),
                part: row.part,
                layer,
                role: Role::Weight,
                orientation: row.orientation,
                shape: row.part.shape(spec),
            };
            let bias = has_bias.then(|| Slot {
                name: format!("{name}.bias"),
                role: Role::Bias,
                shape: weight.shape[..1].to_vec(),
                ..weight.clone()
            });
            slots.extend(has_weight.then_some(weight));
            slots.extend(bias);
        }
    }
    slots
}

/// Compares what the checkpoint has with what the architecture needs.
fn check(
    checkpoint: &Checkpoint,
    family: &dyn Family,
    slots: &[Slot],
    prefix: &str,
) -> Result<(), ModelError> {
    let by_name: BTreeMap<&str, &Slot> =
        slots.iter().map(|slot| (slot.name.as_str(), slot)).collect();
    // A tied head may be stored a second time under its own name.
    let tied_head = |name: &str| {
        let mut rows = family.parts().iter().chain(family.head_parts());
        rows.any(|row| row.part == Part::Head && name.strip_suffix(".weight") == Some(row.name))
    };
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();

    let present: std::collections::BTreeSet<&str> = checkpoint.names().collect();
    let missing: Vec<&str> =
        by_name.keys().copied().filter(|name| !present.contains(name)).collect();
    if !missing.is_empty() {
        return Err(ModelError::MissingTensors { names: names(missing) });
    }
    let extra: Vec<&str> = present
        .iter()
        .copied()
        .filter(|name| !by_name.contains_key(name) && !tied_head(name))
        .filter(|name| !family.is_buffer(name.strip_prefix(prefix).unwrap_or(name)))
        .collect();
    if !extra.is_empty() {
        return Err(ModelError::ExtraTensors {
            model_type: family.model_type().to_owned(),
            names: names(extra),
        });
    }
    for slot in slots {
        let (dtype, found, _) = checkpoint.raw(&slot.name)?;
        kind_of(&slot.name, dtype)?;
        if found != slot.stored_shape() {
            return Err(ModelError::Shape {
                name: slot.name.clone(),
                wanted: slot.stored_shape(),
                found: found.to_vec(),
            });
        }
    }
    Ok(())
}

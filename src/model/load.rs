//! A model as a user has it: decoder, tokenizer and the checkpoint they came from.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::{
    config::Config,
    decoder::Decoder,
    device::DeviceChoice,
    error::ModelError,
    families::family,
    spec::{Part, Spec},
    tokens::Tokens,
    weights::{Slot, Weights, matrix_of, read},
};
use crate::{
    checkpoint::Checkpoint,
    tensor::{Dtype, Matrix, Orientation},
};

/// An opened checkpoint, ready to compute. Its weights are frozen: they ask for no gradient.
#[derive(Debug)]
pub struct Model {
    checkpoint: Checkpoint,
    decoder: Decoder,
    tokens: Tokens,
    device: Device,
    kind: Kind,
}

/// A matrix that editors change: a block's down projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditSite {
    /// Name in the checkpoint.
    pub tensor: String,
    /// How the checkpoint lays it out.
    pub orientation: Orientation,
    /// Width of what comes out, d.
    pub outputs: usize,
    /// Width of what goes in: the width of the keys.
    pub inputs: usize,
}

impl Model {
    /// Opens the Hugging Face checkpoint in `dir`, to compute on `device` in `dtype`.
    ///
    /// # Errors
    /// When files are missing or damaged, the architecture is not known, the tensors or the tokenizer
    /// do not fit it, or the device has no room.
    pub fn open(dir: &Path, device: Device, dtype: Dtype) -> Result<Self, ModelError> {
        let mut model = Self::open_unloaded(dir, device, dtype)?;
        model.load()?;
        Ok(model)
    }

    /// Opens a checkpoint and checks all that can be checked without its weights; they are loaded by
    /// [`Model::load`] or [`Model::load_blocks`] before the first pass.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open_unloaded(dir: &Path, device: Device, dtype: Dtype) -> Result<Self, ModelError> {
        let checkpoint = Checkpoint::open(dir)?;
        let config = Config::new(checkpoint.config(), checkpoint.names().count());
        let architectures = config.words("architectures")?.unwrap_or_default();
        let family = family(checkpoint.model_type()?, &architectures)?;
        for key in ["quantization_config", "is_encoder_decoder", "add_cross_attention"] {
            config.refuse(key)?;
        }
        let spec = family.spec(config)?;
        let weights = Weights::of(&checkpoint, family, &spec)?;
        let tokens = Tokens::open(dir, family, spec.vocabulary)?.asked_as(dir, &spec)?;
        let decoder = Decoder::new(spec, weights);
        Ok(Self { checkpoint, decoder, tokens, device, kind: kind(dtype) })
    }

    /// Loads every weight that is not loaded yet.
    ///
    /// # Errors
    /// When one has values that are no numbers, or the device has no room.
    pub fn load(&mut self) -> Result<(), ModelError> {
        self.load_those(|_| true)
    }

    /// Loads what a pass through the blocks up to `last` needs.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_blocks(&mut self, last: usize) -> Result<(), ModelError> {
        self.load_those(|slot| match slot.part {
            part if part.is_embedding() => true,
            part => part.in_block() && slot.layer <= last,
        })
    }

    fn load_those(&mut self, wanted: impl Fn(&Slot) -> bool) -> Result<(), ModelError> {
        let weights = self.decoder.weights_mut();
        weights.load(&self.checkpoint, self.device, self.kind, wanted)
    }

    /// Sizes and switches.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        self.decoder.spec()
    }

    /// Where it computes, as `--device` names it.
    #[must_use]
    pub fn device_name(&self) -> String {
        match self.device {
            Device::Cuda(number) => DeviceChoice::Cuda(number),
            _ => DeviceChoice::Cpu,
        }
        .to_string()
    }

    /// What it computes in.
    #[must_use]
    pub const fn dtype(&self) -> Dtype {
        match self.kind {
            Kind::Half => Dtype::F16,
            Kind::BFloat16 => Dtype::Bf16,
            _ => Dtype::F32,
        }
    }

    /// The tokenizer.
    #[must_use]
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The decoder.
    #[must_use]
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The checkpoint it was opened from.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// What an editor changes in a block.
    ///
    /// # Errors
    /// When there is no such block.
    pub fn edit_site(&self, layer: usize) -> Result<EditSite, ModelError> {
        let layers = self.spec().layers;
        let slot = self
            .decoder
            .weights()
            .slot_of(Part::MlpDown, layer)
            .ok_or(ModelError::NoLayer { layer, layers })?;
        Ok(EditSite {
            tensor: slot.name.clone(),
            orientation: slot.orientation,
            outputs: slot.shape[0],
            inputs: slot.shape[1],
        })
    }

    /// A matrix as it is now, `[out, in]`.
    ///
    /// # Errors
    /// When there is no such matrix.
    pub fn weight(&self, name: &str) -> Result<Matrix, ModelError> {
        self.decoder.weights().matrix(name)
    }

    /// A matrix as the checkpoint has it, `[out, in]`.
    ///
    /// # Errors
    /// When there is no such matrix.
    pub fn base_weight(&self, name: &str) -> Result<Matrix, ModelError> {
        let slot = self.decoder.weights().slot(name)?;
        matrix_of(slot, &read(&self.checkpoint, slot, Device::Cpu)?)
    }

    /// Replaces a matrix, `[out, in]`.
    ///
    /// # Errors
    /// When there is no such matrix or the shape is another.
    pub fn set_weight(&mut self, name: &str, value: &Matrix) -> Result<(), ModelError> {
        self.load_those(|slot| slot.name == name)?;
        self.decoder.weights_mut().set(name, value)
    }

    /// Computes with the values of `tensor`, `[out, in]`, from now on, so that gradients reach it.
    ///
    /// # Errors
    /// When there is no such matrix or the shape is another.
    pub fn put_weight(&mut self, name: &str, tensor: &Tensor) -> Result<(), ModelError> {
        self.load_those(|slot| slot.name == name)?;
        self.decoder.weights_mut().put(name, tensor)
    }
}

/// libtorch's name of an element type.
const fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::Bf16 => Kind::BFloat16,
    }
}

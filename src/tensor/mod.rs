//! Tensors as data: a dtype, a shape and little-endian bytes.

mod layout;
mod matrix;

use bincode::{Decode, Encode};
use half::{bf16, f16};

use crate::id::{Id, Kind};
pub use layout::{Orientation, widths};
pub use matrix::Matrix;

/// Element types of the tensors that are edited and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE single precision.
    F32 = 0,
    /// IEEE half precision.
    F16 = 1,
    /// The upper half of an IEEE single.
    Bf16 = 2,
}

impl Dtype {
    /// Bytes per element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// What safetensors calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }
}

/// Marks ids of tensors: the hash of the dtype's name, the dimensions and the raw bytes, never of a
/// container's.
#[derive(Debug, Clone, Copy)]
pub struct TensorKind;

impl Kind for TensorKind {
    const NAME: &'static str = "tensor";
}

/// Id of a tensor's dtype, shape and content.
pub type TensorId = Id<TensorKind>;

/// A tensor in memory, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// `dtype.size() * shape.product()` bytes, little-endian.
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// Content id.
    #[must_use]
    pub fn id(&self) -> TensorId {
        tensor_id(self.dtype.name(), &self.shape, &self.bytes)
    }

    /// Its elements, widened.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let halves = || self.bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
        match self.dtype {
            Dtype::F32 => {
                let words = self.bytes.chunks_exact(4);
                words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            Dtype::F16 => halves().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::Bf16 => halves().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        }
    }

    /// Its elements in another type, rounded to nearest, ties to even.
    #[must_use]
    pub fn rounded_to(&self, dtype: Dtype) -> Self {
        let values = self.to_f32().into_iter();
        let bytes = match dtype {
            _ if dtype == self.dtype => self.bytes.clone(),
            Dtype::F32 => values.flat_map(f32::to_le_bytes).collect(),
            Dtype::F16 => values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect(),
            Dtype::Bf16 => values.flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect(),
        };
        Self { dtype, shape: self.shape.clone(), bytes }
    }

    /// Whether no element is infinite or not a number.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        // All bits of the exponent set: infinite or not a number.
        match self.dtype {
            Dtype::F32 => self.bytes.chunks_exact(4).all(|b| b[3] & 0x7f < 0x7f || b[2] < 0x80),
            Dtype::Bf16 => self.bytes.chunks_exact(2).all(|b| b[1] & 0x7f < 0x7f || b[0] < 0x80),
            Dtype::F16 => self.bytes.chunks_exact(2).all(|b| b[1] & 0x7c < 0x7c),
        }
    }
}

/// Content id of a tensor that lies in `bytes`, its dtype named as in safetensors: also for element
/// types that are never edited.
#[must_use]
pub fn tensor_id(dtype: &str, shape: &[usize], bytes: &[u8]) -> TensorId {
    let mut head = (dtype.len() as u64).to_le_bytes().to_vec();
    head.extend(dtype.as_bytes());
    head.extend((shape.len() as u64).to_le_bytes());
    for &dimension in shape {
        head.extend((dimension as u64).to_le_bytes());
    }
    let mut hasher = TensorId::hasher();
    hasher.update(&head);
    hasher.update_rayon(bytes);
    Id::from_bytes(*hasher.finalize().as_bytes())
}

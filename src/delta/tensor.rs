//! Tensors as data: a dtype, a shape and little-endian bytes.

use bincode::{Decode, Encode};

use crate::id::{Id, Kind};

/// Element types of the tensors that are edited and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an IEEE single.
    Bf16,
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

/// A row-major matrix of f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// `rows * cols` values.
    pub data: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }
}

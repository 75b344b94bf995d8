//! Tensors as data: a dtype, a shape and little-endian bytes.

use bincode::{Decode, Encode};
use half::{bf16, f16};

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

impl From<&Matrix> for Tensor {
    fn from(matrix: &Matrix) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: vec![matrix.rows, matrix.cols],
            bytes: matrix.data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

impl Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// Ones on the diagonal.
    #[must_use]
    pub fn identity(size: usize) -> Self {
        let mut identity = Self::zeros(size, size);
        identity.data.iter_mut().step_by(size + 1).for_each(|value| *value = 1.0);
        identity
    }

    /// These rows of it, in this order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let data = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { rows: rows.len(), cols: self.cols, data }
    }

    /// These columns of it, in this order.
    #[must_use]
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        let mut data = Vec::with_capacity(self.rows * columns.len());
        for row in 0..self.rows {
            let row = self.row(row);
            data.extend(columns.iter().map(|&column| row[column]));
        }
        Self { rows: self.rows, cols: columns.len(), data }
    }

    /// Rows for columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let column = |col: usize| self.data[col..].iter().step_by(self.cols).copied();
        let data = (0..self.cols).flat_map(column).collect();
        Self { rows: self.cols, cols: self.rows, data }
    }

    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }
}

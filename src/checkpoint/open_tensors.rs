//! One safetensors file by itself.

use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::tensor::TensorInfo;

use super::{
    error::CheckpointError,
    read::{edited_dtype, open_shard},
};
use crate::tensor::Tensor;

/// A safetensors file, mapped.
pub struct OpenTensors {
    path: PathBuf,
    map: Mmap,
    start: usize,
    tensors: Vec<(String, TensorInfo)>,
}

/// A matrix in as many bits as any file has.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Row-major.
    pub(super) data: Vec<f64>,
    /// Whether f32 does not hold all of it.
    pub(super) rounds: bool,
}

impl OpenTensors {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// When it is missing, truncated or malformed.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let (map, tensors, start) = open_shard(path)?;
        Ok(Self { path: path.to_owned(), map, start, tensors })
    }

    /// Names of its tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// A copy of one tensor, all of whose elements must be finite numbers.
    ///
    /// # Errors
    /// When there is no such tensor or it holds something else.
    pub fn tensor(&self, name: &str) -> Result<Tensor, CheckpointError> {
        let info = self.info(name)?;
        let tensor = Tensor {
            dtype: edited_dtype(name, info.dtype)?,
            shape: info.shape.clone(),
            bytes: self.bytes(info).to_vec(),
        };
        if tensor.is_finite() { Ok(tensor) } else { Err(self.not_finite(name)) }
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, CheckpointError> {
        let found = self.tensors.iter().find(|(other, _)| other == name);
        found.map(|(_, info)| info).ok_or_else(|| CheckpointError::NoTensor {
            dir: self.path.clone(),
            name: name.to_owned(),
        })
    }

    fn bytes(&self, info: &TensorInfo) -> &[u8] {
        let (from, to) = info.data_offsets;
        &self.map[self.start + from..self.start + to]
    }

    fn not_finite(&self, name: &str) -> CheckpointError {
        CheckpointError::NotFinite { path: self.path.clone(), name: name.to_owned() }
    }

    /// A tensor of two dimensions, also one in F64.
    ///
    /// # Errors
    /// As [`OpenTensors::tensor`], and when it has another number of dimensions.
    pub(super) fn numbers(&self, name: &str) -> Result<Numbers, CheckpointError> {
        let info = self.info(name)?;
        let &[rows, cols] = info.shape.as_slice() else {
            return Err(CheckpointError::Unfit {
                name: name.to_owned(),
                found: info.shape.clone(),
                wanted: "two dimensions".to_owned(),
            });
        };
        if info.dtype != safetensors::Dtype::F64 {
            let data = self.tensor(name)?.to_f32().into_iter().map(f64::from).collect();
            return Ok(Numbers { rows, cols, data, rounds: false });
        }
        let (words, _) = self.bytes(info).as_chunks();
        let data: Vec<f64> = words.iter().map(|word| f64::from_le_bytes(*word)).collect();
        if !data.iter().all(|value| value.is_finite()) {
            return Err(self.not_finite(name));
        }
        #[expect(clippy::cast_possible_truncation, reason = "whether anything is lost is asked")]
        let rounds = data.iter().any(|value| f64::from(*value as f32).to_bits() != value.to_bits());
        Ok(Numbers { rows, cols, data, rounds })
    }
}

impl std::fmt::Debug for OpenTensors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenTensors").field("path", &self.path).finish_non_exhaustive()
    }
}

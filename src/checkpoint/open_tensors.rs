//! One safetensors file by itself.

use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::tensor::TensorInfo;

use super::{
    error::CheckpointError,
    read::{edited_dtype, open_shard},
};
use crate::delta::{Matrix, Tensor};

/// A safetensors file, mapped.
pub struct OpenTensors {
    path: PathBuf,
    map: Mmap,
    start: usize,
    tensors: Vec<(String, TensorInfo)>,
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
        let info = self.tensors.iter().find(|(other, _)| other == name);
        let (_, info) = info.ok_or_else(|| CheckpointError::NoTensor {
            dir: self.path.clone(),
            name: name.to_owned(),
        })?;
        let (from, to) = info.data_offsets;
        let tensor = Tensor {
            dtype: edited_dtype(name, info.dtype)?,
            shape: info.shape.clone(),
            bytes: self.map[self.start + from..self.start + to].to_vec(),
        };
        if tensor.is_finite() {
            Ok(tensor)
        } else {
            Err(CheckpointError::NotFinite { path: self.path.clone(), name: name.to_owned() })
        }
    }

    /// A tensor of two dimensions in f32.
    ///
    /// # Errors
    /// As [`OpenTensors::tensor`], and when it has another number of dimensions.
    pub fn matrix(&self, name: &str) -> Result<Matrix, CheckpointError> {
        let tensor = self.tensor(name)?;
        let &[rows, cols] = tensor.shape.as_slice() else {
            return Err(CheckpointError::Unfit {
                name: name.to_owned(),
                found: tensor.shape,
                wanted: "two dimensions".to_owned(),
            });
        };
        Ok(Matrix { rows, cols, data: tensor.to_f32() })
    }
}

impl std::fmt::Debug for OpenTensors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenTensors").field("path", &self.path).finish_non_exhaustive()
    }
}

//! Tensor files: the numbers of deltas, covariances and z vectors, as immutable safetensors files.
//!
//! A file is named by the id of its table of contents ([`TensorFile`]): names, types, shapes and the hash
//! of each tensor's bytes. So a file proves itself, and its container's bytes do not matter.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use safetensors::{SafeTensorError, SafeTensors, View};

use super::{StoreError, leftovers, pack::fan_out};
use crate::{
    codec,
    delta::{TensorEntry, TensorFile},
    durable,
    id::Id,
    tensor::{Dtype, Tensor, tensor_id},
};

/// The folder of tensor files.
#[derive(Debug, Clone)]
pub struct TensorFiles {
    root: PathBuf,
}

impl TensorFiles {
    /// Those in the folder `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Removes the folder with everything in it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove(self) -> Result<(), StoreError> {
        leftovers::remove(std::slice::from_ref(&self.root)).map(drop)
    }

    /// Where the file with this id is, or would be.
    #[must_use]
    pub fn path(&self, id: Id<TensorFile>) -> PathBuf {
        fan_out(&self.root, &id.to_string()).with_extension("safetensors")
    }

    /// Writes `tensors` as one file and waits until it is on disk. Writing it again is nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(
        &self,
        tensors: &BTreeMap<String, Tensor>,
    ) -> Result<(Id<TensorFile>, TensorFile), StoreError> {
        let contents = TensorFile::of(tensors);
        let id = codec::id_of(&contents);
        let path = self.path(id);
        if path.exists() && self.open(id).is_ok() {
            return Ok((id, contents));
        }
        if let Some(folder) = path.parent() {
            durable::create_dir(folder)?;
        }
        durable::step("tensors: before the file is written");
        durable::write_with(&path, |temporary| {
            let views = tensors.iter().map(|(name, tensor)| (name.as_str(), Whole(tensor)));
            safetensors::serialize_to_file(views, None, temporary).map_err(|error| match error {
                SafeTensorError::IoError(source) => source,
                other => io::Error::other(other),
            })
        })?;
        durable::make_read_only(&path)?;
        Ok((id, contents))
    }

    /// Opens the file with this id and verifies every tensor in it.
    ///
    /// # Errors
    /// When it is missing, cut short, or not what its name says.
    pub fn open(&self, id: Id<TensorFile>) -> Result<OpenTensorFile, StoreError> {
        let path = self.path(id);
        let file = durable::call("tensors: open", || durable::open_below(&self.root, &path))
            .map_err(|error| StoreError::read(&path, error))?;
        let map = map(&file).map_err(|error| StoreError::read(&path, error))?;
        let tensors = SafeTensors::deserialize(&map)
            .map_err(|error| StoreError::damaged(&path, error.to_string()))?;
        let mut entries = Vec::new();
        for (name, view) in tensors.tensors() {
            let dtype = dtype(view.dtype())
                .ok_or_else(|| StoreError::damaged(&path, "it has elements of another type"))?;
            entries.push(TensorEntry {
                name,
                dtype,
                shape: view.shape().iter().map(|&n| n as u64).collect(),
                id: tensor_id(dtype.name(), view.shape(), view.data()),
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let contents = TensorFile { tensors: entries };
        if codec::id_of(&contents) != id {
            return Err(StoreError::damaged(
                &path,
                "its tensors do not have the hashes in its name",
            ));
        }
        Ok(OpenTensorFile { path, map, contents })
    }
}

/// A tensor file whose contents have been verified.
#[derive(Debug)]
pub struct OpenTensorFile {
    path: PathBuf,
    map: Mmap,
    contents: TensorFile,
}

impl OpenTensorFile {
    /// What is in it.
    #[must_use]
    pub const fn contents(&self) -> &TensorFile {
        &self.contents
    }

    /// Whether it holds a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.contents.tensors.iter().any(|entry| entry.name == name)
    }

    /// A copy of one tensor.
    ///
    /// # Errors
    /// When it holds no tensor of this name.
    pub fn tensor(&self, name: &str) -> Result<Tensor, StoreError> {
        let absent = || StoreError::damaged(&self.path, format!("it has no tensor {name}"));
        let tensors = SafeTensors::deserialize(&self.map).map_err(|_| absent())?;
        let view = tensors.tensor(name).map_err(|_| absent())?;
        let dtype = dtype(view.dtype()).ok_or_else(absent)?;
        Ok(Tensor { dtype, shape: view.shape().to_vec(), bytes: view.data().to_vec() })
    }
}

struct Whole<'a>(&'a Tensor);

impl View for Whole<'_> {
    fn dtype(&self) -> safetensors::Dtype {
        match self.0.dtype {
            Dtype::F32 => safetensors::Dtype::F32,
            Dtype::F16 => safetensors::Dtype::F16,
            Dtype::Bf16 => safetensors::Dtype::BF16,
        }
    }
    fn shape(&self) -> &[usize] {
        &self.0.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0.bytes)
    }
    fn data_len(&self) -> usize {
        self.0.bytes.len()
    }
}

const fn dtype(named: safetensors::Dtype) -> Option<Dtype> {
    match named {
        safetensors::Dtype::F32 => Some(Dtype::F32),
        safetensors::Dtype::F16 => Some(Dtype::F16),
        safetensors::Dtype::BF16 => Some(Dtype::Bf16),
        _ => None,
    }
}

#[expect(unsafe_code, reason = "mapping is the only way to read part of a large file in place")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: tensor files are read-only and never changed; bytes that change all the same are caught
    // by their hashes.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn no_byte_of_a_tensor_file_changes_unnoticed() {
        let dir = tempfile::tempdir().unwrap();
        let files = TensorFiles::new(dir.path());
        let tensor = |bytes: &[u8]| Tensor {
            dtype: Dtype::F32,
            shape: vec![1, bytes.len() / 4],
            bytes: bytes.to_vec(),
        };
        let tensors =
            [("a".to_owned(), tensor(&[1; 8])), ("b".to_owned(), tensor(&[2; 12]))].into();
        let (id, contents) = files.write(&tensors).unwrap();
        assert_eq!(files.write(&tensors).unwrap().0, id);
        let open = files.open(id).unwrap();
        assert_eq!(open.contents(), &contents);
        assert_eq!(open.tensor("b").unwrap(), tensors["b"]);
        assert!(open.tensor("c").is_err() && !open.contains("c"));
        drop(open);

        let path = files.path(id);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            fs::write(&path, &changed).unwrap();
            // A space that became another space-like byte in the header's padding is no change.
            if let Ok(open) = files.open(id) {
                assert_eq!(open.tensor("a").unwrap(), tensors["a"], "byte {at}");
            }
            fs::write(&path, &whole[..at]).unwrap();
            assert!(files.open(id).is_err(), "{at} bytes");
        }
    }
}

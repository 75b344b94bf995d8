//! How a version lies on disk as a Hugging Face checkpoint.
//!
//! A checkout is several safetensors shards under one index. Edited tensors have a shard of their
//! own; a shard none of whose tensors is edited is shared with the base (a reflink where the file
//! system has them, else a hard link, else a copy); of a shard that holds both, the unedited rest is
//! copied. No tensor is in two shards.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use safetensors::{SafeTensorError, View};

use super::{
    error::CheckpointError,
    read::{Checkpoint, INDEX},
};
use crate::{
    durable::{self, WriteError},
    tensor::{Dtype, Tensor},
};

/// The shard of a checkout that holds the edited tensors.
pub const EDITED_SHARD: &str = "model-edited.safetensors";

/// One tensor on its way into a file.
pub(super) struct Entry<'a> {
    dtype: safetensors::Dtype,
    shape: &'a [usize],
    bytes: &'a [u8],
}

impl<'a> Entry<'a> {
    fn edited(tensor: &'a Tensor) -> Self {
        let dtype = match tensor.dtype {
            Dtype::F32 => safetensors::Dtype::F32,
            Dtype::F16 => safetensors::Dtype::F16,
            Dtype::Bf16 => safetensors::Dtype::BF16,
        };
        Self { dtype, shape: &tensor.shape, bytes: &tensor.bytes }
    }

    pub(super) fn unedited(
        checkpoint: &'a Checkpoint,
        name: &str,
    ) -> Result<Self, CheckpointError> {
        let (dtype, shape, bytes) = checkpoint.raw(name)?;
        Ok(Self { dtype, shape, bytes })
    }
}

impl View for Entry<'_> {
    fn dtype(&self) -> safetensors::Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Writes the version that has `edited` in place of the base's tensors into the empty directory
/// `target`, sharing what can be shared with the base. Returns the names of the files that are the base's.
///
/// # Errors
/// When the base cannot be read or `target` cannot be written.
pub fn write_checkout(
    base: &Checkpoint,
    edited: &BTreeMap<String, Tensor>,
    target: &Path,
) -> Result<Vec<String>, CheckpointError> {
    copy_companions(base, target)?;
    let mut shared = Vec::new();
    let mut index = BTreeMap::new();
    for (file, names) in base.shards() {
        let kept: BTreeSet<&str> =
            names.iter().map(String::as_str).filter(|name| !edited.contains_key(*name)).collect();
        if kept.is_empty() {
            continue;
        }
        let path = target.join(file);
        if kept.len() == names.len() {
            share(&base.dir().join(file), &path)?;
            shared.push(file.to_owned());
        } else {
            write_shard(&path, entries(base, &BTreeMap::new(), kept.iter().copied())?)?;
        }
        index.extend(kept.into_iter().map(|name| (name.to_owned(), file.to_owned())));
    }
    if !edited.is_empty() {
        let names = edited.keys().map(String::as_str);
        write_shard(&target.join(EDITED_SHARD), entries(base, edited, names)?)?;
        index.extend(edited.keys().map(|name| (name.clone(), EDITED_SHARD.to_owned())));
    }
    write_index(base, &index, target)?;
    Ok(shared)
}

/// Writes the version as one self-contained `model.safetensors` with its configuration and
/// tokenizer into the empty directory `target`.
///
/// # Errors
/// As [`write_checkout`].
pub fn write_merged(
    base: &Checkpoint,
    edited: &BTreeMap<String, Tensor>,
    target: &Path,
) -> Result<(), CheckpointError> {
    copy_companions(base, target)?;
    write_shard(&target.join("model.safetensors"), entries(base, edited, base.names())?)
}

/// Writes tensors as one safetensors file.
///
/// # Errors
/// When it cannot be written.
pub fn write_tensors(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<(), CheckpointError> {
    write_shard(
        path,
        tensors.iter().map(|(name, tensor)| (name.as_str(), Entry::edited(tensor))).collect(),
    )
}

fn entries<'a>(
    base: &'a Checkpoint,
    edited: &'a BTreeMap<String, Tensor>,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<(&'a str, Entry<'a>)>, CheckpointError> {
    names
        .map(|name| {
            let entry = match edited.get(name) {
                Some(tensor) => Entry::edited(tensor),
                None => Entry::unedited(base, name)?,
            };
            Ok((name, entry))
        })
        .collect()
}

/// Writes one safetensors file. The metadata has the one key that `transformers` asks for; with a
/// single key the file's bytes are a function of its tensors.
pub(super) fn write_shard(
    path: &Path,
    tensors: Vec<(&str, Entry<'_>)>,
) -> Result<(), CheckpointError> {
    let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
    durable::write_with(path, |temporary| {
        safetensors::serialize_to_file(tensors, Some(metadata), temporary).map_err(|error| {
            match error {
                SafeTensorError::IoError(source) => source,
                other => io::Error::other(other),
            }
        })
    })?;
    Ok(())
}

/// Writes the table that says which shard holds which tensor.
pub(super) fn write_index(
    base: &Checkpoint,
    shards: &BTreeMap<String, String>,
    target: &Path,
) -> Result<(), CheckpointError> {
    let mut total = 0;
    for name in shards.keys() {
        total += base.raw(name)?.2.len();
    }
    let index = serde_json::json!({ "metadata": { "total_size": total }, "weight_map": shards });
    let text = serde_json::to_string_pretty(&index).expect("because its keys are strings") + "\n";
    durable::write(&target.join(INDEX), text.as_bytes())?;
    Ok(())
}

fn copy_companions(base: &Checkpoint, target: &Path) -> Result<(), CheckpointError> {
    for (name, bytes) in base.companions()? {
        durable::write(&target.join(name), &bytes)?;
    }
    Ok(())
}

/// Makes `to` the same file as `from`, at the least cost the file system allows.
fn share(from: &Path, to: &Path) -> Result<(), CheckpointError> {
    durable::step("checkout: before a shard is linked");
    let reflinked = reflink_copy::reflink(from, to).is_ok();
    if !reflinked {
        if fs::hard_link(from, to).is_ok() {
            // It is the base's file, which has been synced.
            return Ok(());
        }
        fs::copy(from, to).map_err(|source| WriteError { path: to.to_owned(), source })?;
    }
    durable::step("checkout: before a shard is synced");
    Ok(durable::sync(to)?)
}

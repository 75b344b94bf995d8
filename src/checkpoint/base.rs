//! The base: the unedited checkpoint of a repository, copied once and named by its content.

use std::{collections::BTreeMap, fs, path::Path};

use bincode::{Decode, Encode};

use super::{
    error::CheckpointError,
    layout::{Entry, write_index, write_shard},
    links,
    read::{COMPANIONS, Checkpoint, INDEX, SINGLE},
};
use crate::{
    codec::Object,
    delta::{TensorId, tensor_id},
    durable,
    id::{Id, Kind},
};

/// The fingerprint of a checkpoint: what it says and computes, not how its files are cut.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Base {
    /// `model_type` of its configuration.
    pub model_type: String,
    /// Configuration and tokenizer files, sorted by name.
    pub files: Vec<BaseFile>,
    /// All tensors, sorted by name.
    pub tensors: Vec<BaseTensor>,
}

/// A small file of the base.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BaseFile {
    /// Name in the checkpoint's directory.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// Hash of its bytes.
    pub id: Id<FileKind>,
}

/// A tensor of the base.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BaseTensor {
    /// Name in the checkpoint.
    pub name: String,
    /// Element type as safetensors names it; also types that are never edited.
    pub dtype: String,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
    /// Hash of dtype, shape and bytes.
    pub id: TensorId,
}

/// Marks ids of whole small files.
#[derive(Debug, Clone, Copy)]
pub struct FileKind;

impl Kind for FileKind {
    const NAME: &'static str = "file";
}

impl Kind for Base {
    const NAME: &'static str = "base";
}

impl Object for Base {
    const TAG: u8 = 0x23;
}

/// Tensors that editors change in the known families. Each gets a shard of its own in the base, so
/// that a checkout can share all others with it.
const EDITED_SUFFIXES: &[&str] =
    &["mlp.c_proj.weight", "mlp.fc_out.weight", "mlp.dense_4h_to_h.weight", "mlp.down_proj.weight"];

/// Copies the checkpoint in `source` into the empty directory `target` and takes its fingerprint.
///
/// The copy's files are read-only, because checkouts share them. `done` hears the bytes copied so
/// far and the bytes there are.
///
/// # Errors
/// When the checkpoint is incomplete or damaged, a link in it leads elsewhere, or the copy cannot be written.
pub fn import(
    source: &Path,
    target: &Path,
    done: &mut dyn FnMut(u64, u64),
) -> Result<Base, CheckpointError> {
    for name in COMPANIONS.iter().chain(&[INDEX, SINGLE]) {
        links::check(source, name)?;
    }
    let checkpoint = Checkpoint::open(source)?;
    for (shard, _) in checkpoint.shards() {
        links::check(source, shard)?;
    }
    let mut files = Vec::new();
    for (name, bytes) in checkpoint.companions()? {
        files.push(BaseFile {
            name: name.to_owned(),
            size: bytes.len() as u64,
            id: Id::of(&bytes),
        });
        let path = target.join(name);
        durable::write(&path, &bytes)?;
        durable::make_read_only(&path)?;
    }

    let mut total = 0;
    for name in checkpoint.names() {
        total += checkpoint.raw(name)?.2.len() as u64;
    }
    let mut tensors = Vec::new();
    let mut index = BTreeMap::new();
    let mut copied = 0;
    done(copied, total);
    for (number, names) in cut(&checkpoint).into_iter().enumerate() {
        let file = format!("model-{:05}.safetensors", number + 1);
        let mut entries = Vec::new();
        for &name in &names {
            let (dtype, shape, bytes) = checkpoint.raw(name)?;
            tensors.push(BaseTensor {
                name: name.to_owned(),
                dtype: dtype.to_string(),
                shape: shape.iter().map(|&n| n as u64).collect(),
                id: tensor_id(&dtype.to_string(), shape, bytes),
            });
            index.insert(name.to_owned(), file.clone());
            copied += bytes.len() as u64;
            entries.push((name, Entry::unedited(&checkpoint, name)?));
        }
        let path = target.join(&file);
        write_shard(&path, entries)?;
        for name in &names {
            checkpoint.let_go(name)?;
        }
        durable::make_read_only(&path)?;
        done(copied, total);
    }
    write_index(&checkpoint, &index, target)?;
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Base { model_type: checkpoint.model_type()?.to_owned(), files, tensors })
}

/// Which tensors share a shard in the copy: each likely to be edited alone, the rest as the source
/// has them.
fn cut(checkpoint: &Checkpoint) -> Vec<Vec<&str>> {
    let mut shards = Vec::new();
    for (_, names) in checkpoint.shards() {
        let (edited, rest): (Vec<&str>, Vec<&str>) = names
            .iter()
            .map(String::as_str)
            .partition(|name| EDITED_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)));
        shards.extend((!rest.is_empty()).then_some(rest));
        shards.extend(edited.into_iter().map(|name| vec![name]));
    }
    shards
}

/// What differs between the copy in `dir` and its fingerprint: a line for each file or tensor.
///
/// # Errors
/// When the copy cannot be opened at all.
pub fn verify(dir: &Path, base: &Base) -> Result<Vec<String>, CheckpointError> {
    let checkpoint = Checkpoint::open(dir)?;
    let mut found = Vec::new();
    for file in &base.files {
        let path = dir.join(&file.name);
        match fs::read(&path) {
            Ok(bytes) if Id::of(&bytes) == file.id => {}
            Ok(_) => found.push(format!("{} has changed", path.display())),
            Err(error) => found.push(format!("{} cannot be read: {error}", path.display())),
        }
    }
    for tensor in &base.tensors {
        let same = checkpoint.raw(&tensor.name).and_then(|(dtype, shape, bytes)| {
            let same = tensor_id(&dtype.to_string(), shape, bytes) == tensor.id;
            checkpoint.let_go(&tensor.name)?;
            Ok(same)
        });
        match same {
            Ok(true) => {}
            Ok(false) => found.push(format!("tensor {} has changed", tensor.name)),
            Err(error) => found.push(error.to_string()),
        }
    }
    Ok(found)
}

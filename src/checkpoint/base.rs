//! The base: the unedited checkpoint of a repository, copied once and named by its content.

use std::{collections::BTreeMap, io, path::Path};

use bincode::{Decode, Encode};

use super::{
    error::CheckpointError,
    layout::{Entry, write_index, write_shard},
    links,
    read::{COMPANION_LIMIT, COMPANIONS, Checkpoint, INDEX, SINGLE},
};
use crate::{
    codec::{self, Object},
    durable::{self, Stamp},
    id::{Id, Kind},
    tensor::{TensorId, tensor_id},
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
const EDITED_SUFFIXES: &[&str] = &[
    "mlp.c_proj.weight",
    "mlp.fc_out.weight",
    "mlp.dense_4h_to_h.weight",
    "mlp.down_proj.weight",
    "output.dense.weight",
    "ffn.lin2.weight",
];

/// Copies the checkpoint in `source` into the empty directory `target` and takes its fingerprint.
///
/// The copy's files are read-only, because checkouts share them. `done` hears the bytes copied so
/// far and the bytes there are.
///
/// # Errors
/// When the checkpoint is incomplete or damaged, a link in it points outside, or the copy cannot be written.
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

/// Files of a copy of a base that were compared with its fingerprint and are what they should be.
///
/// As long as a file has its stamp it need not be read again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Verified {
    /// The fingerprint.
    pub base: Id<Base>,
    /// The files, sorted by name.
    pub files: Vec<VerifiedFile>,
}

/// A file that is what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VerifiedFile {
    /// Name in the copy's directory.
    pub name: String,
    /// Its stamp before it was read.
    pub stamp: Stamp,
    /// BLAKE3 hash of its bytes.
    pub hash: [u8; 32],
}

impl Kind for Verified {
    const NAME: &'static str = "verified base";
}

impl Object for Verified {
    const TAG: u8 = 0x24;
}

impl Verified {
    /// Nothing verified yet.
    #[must_use]
    pub const fn nothing(base: Id<Base>) -> Self {
        Self { base, files: Vec::new() }
    }

    /// Forgets files that may have been written after they were read: those that are not older than the
    /// file `noted`, in which this was kept.
    #[must_use]
    pub fn noted_in(mut self, noted: &Stamp) -> Self {
        self.files.retain(|file| file.stamp.is_before(noted));
        self
    }

    /// What is known of a file, if it is still the same.
    ///
    /// # Errors
    /// When the system does not say.
    fn file(&self, dir: &Path, name: &str) -> io::Result<Option<&VerifiedFile>> {
        let found = self.files.iter().find(|file| file.name == name);
        let stamp = Stamp::of(&dir.join(name))?;
        Ok(found.filter(|file| stamp == Some(file.stamp)))
    }

    /// The hash of a verified file's bytes.
    #[must_use]
    pub fn hash(&self, name: &str) -> Option<blake3::Hash> {
        let file = self.files.iter().find(|file| file.name == name)?;
        Some(blake3::Hash::from_bytes(file.hash))
    }

    /// Whether all files of the copy in `dir` are known and have their stamps. Reads none of them.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn holds(&self, dir: &Path) -> io::Result<bool> {
        for file in &self.files {
            if self.file(dir, &file.name)?.is_none() {
                return Ok(false);
            }
        }
        // Everything follows from the table of shards, so it is among them.
        Ok(self.files.iter().any(|file| file.name == INDEX))
    }
}

/// Which files of a copy are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All of them.
    All,
    /// Those that are not known to be unchanged.
    Changed,
}

/// What differs between the copy in `dir` and its fingerprint, a line for each file or tensor, and what is
/// then known of its files.
///
/// # Errors
/// When the copy cannot be opened at all.
pub fn verify(
    dir: &Path,
    base: &Base,
    known: &Verified,
    reading: Reading,
) -> Result<(Vec<String>, Verified), CheckpointError> {
    let checkpoint = Checkpoint::open(dir)?;
    let (mut found, mut verified) = (Vec::new(), Verified::nothing(codec::id_of(base)));
    // The stamp is from before the file is read, so what is written meanwhile shows.
    let mut examine = |name: &str, differences: &mut dyn FnMut() -> Vec<String>| {
        let path = dir.join(name);
        let read = |source| CheckpointError::Read { path: path.clone(), source };
        let before = Stamp::of(&path).map_err(read)?;
        let same = known.file(dir, name).map_err(read)?;
        let mut differs = Vec::new();
        if reading == Reading::All || same.is_none() {
            differs = differences();
        }
        if let (Some(stamp), true) = (before, differs.is_empty()) {
            let hash = match same {
                Some(file) => file.hash,
                None => *durable::hash_file(&path).map_err(read)?.as_bytes(),
            };
            verified.files.push(VerifiedFile { name: name.to_owned(), stamp, hash });
        }
        found.extend(differs);
        Ok::<_, CheckpointError>(())
    };
    for file in &base.files {
        let path = dir.join(&file.name);
        examine(&file.name, &mut || match durable::read_regular(&path, COMPANION_LIMIT) {
            Ok(bytes) if Id::of(&bytes) == file.id => Vec::new(),
            Ok(_) => vec![format!("{} has changed", path.display())],
            Err(error) => vec![format!("{} cannot be read: {error}", path.display())],
        })?;
    }
    let wanted: BTreeMap<&str, &BaseTensor> =
        base.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    for (file, names) in checkpoint.shards() {
        examine(file, &mut || {
            let mut differs = Vec::new();
            for name in names {
                let same = checkpoint.raw(name).and_then(|(dtype, shape, bytes)| {
                    let id = tensor_id(&dtype.to_string(), shape, bytes);
                    checkpoint.let_go(name)?;
                    Ok(wanted.get(name.as_str()).is_some_and(|tensor| tensor.id == id))
                });
                match same {
                    Ok(true) => {}
                    Ok(false) => differs.push(format!("tensor {name} has changed")),
                    Err(error) => differs.push(error.to_string()),
                }
            }
            differs
        })?;
    }
    examine(INDEX, &mut || {
        let missing = wanted.keys().filter(|name| checkpoint.name(name).is_none());
        missing.map(|name| format!("tensor {name} is missing")).collect()
    })?;
    found.sort();
    verified.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((found, verified))
}

//! Reading a Hugging Face checkpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    path::{Component, Path, PathBuf},
};

use memmap2::{Mmap, UncheckedAdvice};
use safetensors::{SafeTensorError, SafeTensors, tensor::TensorInfo};
use serde_json::Value;

use super::error::CheckpointError;
use crate::{
    durable::{open_regular, read_regular},
    tensor::{Dtype, Tensor},
};

/// The one weight file of a checkpoint that is not cut into shards. Where it is, loaders do not look for shards.
pub const SINGLE: &str = "model.safetensors";
/// The table that says which shard holds which tensor.
pub const INDEX: &str = "model.safetensors.index.json";

/// How long a JSON file of a checkpoint or an adapter may be. The index of a model of 600 000 million
/// parameters has 9 MiB.
pub const JSON_LIMIT: u64 = 16 << 20;

/// How long any other file beside the weights may be. The largest tokenizers have 35 MiB.
pub const COMPANION_LIMIT: u64 = 64 << 20;

/// How long the header of a safetensors file may be, which lists its tensors.
const HEADER_LIMIT: u64 = 16 << 20;

/// Files that belong to a version besides its weights, where a checkpoint has them.
pub(super) const COMPANIONS: &[&str] = &[
    "added_tokens.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
];

/// An open checkpoint: configuration in memory, tensors mapped from their files.
pub struct Checkpoint {
    dir: PathBuf,
    config: Value,
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Place>,
}

struct Shard {
    file: String,
    names: Vec<String>,
    map: Mmap,
}

struct Place {
    shard: usize,
    start: usize,
    info: TensorInfo,
}

impl Checkpoint {
    /// Opens the checkpoint in `dir`: `config.json`, `tokenizer.json`, and `model.safetensors` or the
    /// shards of `model.safetensors.index.json`.
    ///
    /// # Errors
    /// When a file is missing, truncated or malformed, or the index does not fit the shards.
    pub fn open(dir: &Path) -> Result<Self, CheckpointError> {
        Self::open_with(dir, &["config.json", "tokenizer.json"])
    }

    /// As [`Checkpoint::open`], for who needs no tokenizer: it may be missing.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_weights(dir: &Path) -> Result<Self, CheckpointError> {
        Self::open_with(dir, &["config.json"])
    }

    fn open_with(dir: &Path, required: &[&str]) -> Result<Self, CheckpointError> {
        let incomplete = |missing: &str| CheckpointError::Incomplete {
            dir: dir.to_owned(),
            missing: missing.to_owned(),
        };
        check_dir(dir)?;
        for required in required {
            if !dir.join(required).exists() {
                return Err(incomplete(required));
            }
        }
        let config = read_json(&dir.join("config.json"))?;
        let (index_path, single) = (dir.join(INDEX), dir.join(SINGLE));
        let files: BTreeSet<String>;
        let mut weight_map = BTreeMap::new();
        if index_path.exists() {
            weight_map = read_weight_map(&index_path)?;
            files = weight_map.values().cloned().collect();
        } else if single.exists() {
            files = [SINGLE.to_owned()].into();
        } else if let Some(file) = pickle(dir) {
            return Err(CheckpointError::Pickle { dir: dir.to_owned(), file });
        } else {
            return Err(incomplete(SINGLE));
        }

        let mut shards = Vec::new();
        let mut tensors = BTreeMap::new();
        for file in files {
            let path = dir.join(&file);
            if !path.exists() {
                return Err(incomplete(&file));
            }
            let (map, infos, start) = open_shard(&path)?;
            let mut names = Vec::new();
            for (name, info) in infos {
                // A shard may hold more than the index gives it; the index decides.
                if weight_map.get(&name).is_some_and(|shard| *shard != file) {
                    continue;
                }
                if !weight_map.is_empty() && !weight_map.contains_key(&name) {
                    continue;
                }
                names.push(name.clone());
                tensors.insert(name, Place { shard: shards.len(), start, info });
            }
            shards.push(Shard { file, names, map });
        }
        if let Some((tensor, shard)) =
            weight_map.iter().find(|(name, _)| !tensors.contains_key(*name))
        {
            return Err(CheckpointError::Index {
                index: index_path,
                tensor: tensor.clone(),
                shard: shard.clone(),
            });
        }
        Ok(Self { dir: dir.to_owned(), config, shards, tensors })
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `config.json`.
    #[must_use]
    pub const fn config(&self) -> &Value {
        &self.config
    }

    /// `model_type` of the configuration.
    ///
    /// # Errors
    /// When the configuration does not say.
    pub fn model_type(&self) -> Result<&str, CheckpointError> {
        self.config.get("model_type").and_then(Value::as_str).ok_or_else(|| CheckpointError::Json {
            path: self.dir.join("config.json"),
            why: "it has no model_type".to_owned(),
        })
    }

    /// What a model that tells classes of texts apart calls them, in no order; none of another model.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        let heads =
            self.config.get("architectures").and_then(Value::as_array).into_iter().flatten();
        let mut heads = heads.filter_map(Value::as_str);
        let tells_apart = heads.any(|head| head.ends_with("ForSequenceClassification"));
        let classes = tells_apart.then(|| self.config.get("id2label")?.as_object()).flatten();
        classes.into_iter().flat_map(|classes| classes.values()).filter_map(Value::as_str)
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// `name` as this checkpoint keeps it, if it has a tensor of this name.
    #[must_use]
    pub fn name(&self, name: &str) -> Option<&str> {
        self.tensors.get_key_value(name).map(|(name, _)| name.as_str())
    }

    /// The weight files and the names of the tensors taken from each.
    pub fn shards(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.shards.iter().map(|shard| (shard.file.as_str(), shard.names.as_slice()))
    }

    /// The small files beside the weights: name and bytes.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn companions(&self) -> Result<Vec<(&'static str, Vec<u8>)>, CheckpointError> {
        let mut found = Vec::new();
        for &name in COMPANIONS {
            let path = self.dir.join(name);
            match read_regular(&path, COMPANION_LIMIT) {
                Ok(bytes) => found.push((name, bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(CheckpointError::Read { path, source }),
            }
        }
        Ok(found)
    }

    fn place(&self, name: &str) -> Result<&Place, CheckpointError> {
        self.tensors.get(name).ok_or_else(|| CheckpointError::NoTensor {
            dir: self.dir.clone(),
            name: name.to_owned(),
        })
    }

    /// Element type, dimensions and little-endian bytes of a tensor of any type, in place.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub fn raw(
        &self,
        name: &str,
    ) -> Result<(safetensors::Dtype, &[usize], &[u8]), CheckpointError> {
        let place = self.place(name)?;
        let (from, to) = place.info.data_offsets;
        let bytes = &self.shards[place.shard].map[place.start + from..place.start + to];
        Ok((place.info.dtype, &place.info.shape, bytes))
    }

    /// Gives the memory back that holds the bytes of a tensor, until they are asked for again.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub fn let_go(&self, name: &str) -> Result<(), CheckpointError> {
        let place = self.place(name)?;
        let (from, to) = place.info.data_offsets;
        let map = &self.shards[place.shard].map;
        #[expect(unsafe_code, reason = "the system is told through C")]
        // SAFETY: the map is of a file and read-only, so pages that are dropped are read again.
        let advised = unsafe {
            map.unchecked_advise_range(UncheckedAdvice::DontNeed, place.start + from, to - from)
        };
        // It is advice: where it is not taken, memory is used a little longer.
        let _not_taken = advised;
        Ok(())
    }

    /// A copy of a tensor that can be edited.
    ///
    /// # Errors
    /// When there is no such tensor or its elements are of another type.
    pub fn tensor(&self, name: &str) -> Result<Tensor, CheckpointError> {
        let (dtype, shape, bytes) = self.raw(name)?;
        let dtype = edited_dtype(name, dtype)?;
        Ok(Tensor { dtype, shape: shape.to_vec(), bytes: bytes.to_vec() })
    }
}

/// The element type of a tensor that can be edited.
pub(crate) fn edited_dtype(
    name: &str,
    dtype: safetensors::Dtype,
) -> Result<Dtype, CheckpointError> {
    match dtype {
        safetensors::Dtype::F32 => Ok(Dtype::F32),
        safetensors::Dtype::F16 => Ok(Dtype::F16),
        safetensors::Dtype::BF16 => Ok(Dtype::Bf16),
        other => Err(CheckpointError::Dtype { name: name.to_owned(), dtype: other.to_string() }),
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint").field("dir", &self.dir).finish_non_exhaustive()
    }
}

pub(super) type OpenShard = (Mmap, Vec<(String, TensorInfo)>, usize);

/// Maps a safetensors file and checks that its header and its length agree.
pub(super) fn open_shard(path: &Path) -> Result<OpenShard, CheckpointError> {
    let read = |source| CheckpointError::Read { path: path.to_owned(), source };
    let file = open_regular(path).map_err(read)?;
    let map = map_file(&file).map_err(read)?;
    let damaged = |why: String| CheckpointError::Damaged { path: path.to_owned(), why };
    let stated = map.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if stated > HEADER_LIMIT {
        let why = format!("its header is said to have {stated} bytes, of at most {HEADER_LIMIT}");
        return Err(damaged(why));
    }
    let invalid = |error: SafeTensorError| damaged(error.to_string());
    let (header, metadata) = SafeTensors::read_metadata(&map).map_err(invalid)?;
    let mut infos: Vec<(String, TensorInfo)> =
        metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
    infos.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((map, infos, header + 8))
}

#[expect(unsafe_code, reason = "mapping is the only way to read part of a large file in place")]
fn map_file(file: &File) -> io::Result<Mmap> {
    // SAFETY: a file that another process cuts short while it is mapped would end this one with a
    // signal; bytes that change are caught by their hashes. Files of a base are read-only.
    unsafe { Mmap::map(file) }
}

pub(super) fn read_json(path: &Path) -> Result<Value, CheckpointError> {
    let read = |source| CheckpointError::Read { path: path.to_owned(), source };
    let text = read_regular(path, JSON_LIMIT).map_err(read)?;
    serde_json::from_slice(&text)
        .map_err(|error| CheckpointError::Json { path: path.to_owned(), why: error.to_string() })
}

/// Makes sure that there is a directory.
pub(crate) fn check_dir(dir: &Path) -> Result<(), CheckpointError> {
    if dir.is_dir() { Ok(()) } else { Err(CheckpointError::NoDir { dir: dir.to_owned() }) }
}

/// Which shard holds which tensor. Shards are files in the same directory and nothing else.
fn read_weight_map(path: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let wrong = |why: String| CheckpointError::Json { path: path.to_owned(), why };
    let index = read_json(path)?;
    let map = index
        .get("weight_map")
        .and_then(Value::as_object)
        .filter(|map| !map.is_empty())
        .ok_or_else(|| wrong("it has no weight_map".to_owned()))?;
    let mut weight_map = BTreeMap::new();
    for (tensor, shard) in map {
        let shard = shard.as_str().unwrap_or_default();
        let mut parts = Path::new(shard).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !plain {
            return Err(wrong(format!("{shard:?} is not the name of a file beside it")));
        }
        weight_map.insert(tensor.clone(), shard.to_owned());
    }
    Ok(weight_map)
}

fn pickle(dir: &Path) -> Option<String> {
    ["pytorch_model.bin", "pytorch_model.bin.index.json"]
        .into_iter()
        .find(|name| dir.join(name).exists())
        .map(str::to_owned)
}

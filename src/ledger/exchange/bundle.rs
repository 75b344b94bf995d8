//! A version's deltas as files that travel: what `export --format delta` writes and `import` reads.
//!
//! `delta.json` says what is there: the base, and for each delta its tensors and the facts that its
//! columns belong to. `delta-1.safetensors` and so on hold the numbers, laid out as in the store.
//! `facts.nt` holds the facts and the words for them, as `kledger add` reads them. Columns that no
//! longer count do not travel.

use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{self, Base, Checkpoint, CheckpointError},
    codec,
    commit::EditedTensor,
    delta::{Change, DeltaTensor, LoadedDelta, TensorFile, Version},
    durable,
    fact::{
        Fact, FactKey, StageError,
        read::{Format, ReadError, read_triples},
    },
    id::Id,
    ledger::{
        error::LedgerError,
        lineage::{line::Line, load},
    },
};

const MANIFEST: &str = "delta.json";
pub(crate) const FACTS: &str = "facts.nt";
/// How long the manifest may be: it has a line of some 75 bytes for each fact of a delta.
const LIMIT: u64 = 256 << 20;
/// What the manifest begins with.
const FORMAT: &str = "kledger delta 1";

/// Bytes that the source may have: it becomes part of a commit.
const SOURCE: usize = 1024;

/// What travels.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// What the deltas are to be added to.
    pub(crate) base: Id<Base>,
    /// Where they come from, in words.
    pub(crate) source: String,
    /// Oldest first.
    pub(crate) deltas: Vec<Bundled>,
    /// The tensors of the version that was exported, by which the deltas are verified.
    pub(crate) weights: Vec<EditedTensor>,
    /// The facts of all columns and the words for them.
    pub(crate) facts: Vec<Fact>,
}

/// One delta.
#[derive(Debug)]
pub(crate) struct Bundled {
    /// Column i of every factor belongs to fact i; empty for a delta without columns of facts.
    pub(crate) columns: Vec<FactKey>,
    /// Facts that hold it together, ascending, where there are no columns.
    pub(crate) together: Vec<FactKey>,
    pub(crate) changes: BTreeMap<String, Change>,
}

/// What a manifest has to say first.
#[derive(Deserialize)]
struct Stated {
    format: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: String,
    base: String,
    source: String,
    deltas: Vec<ManifestDelta>,
    /// Hashes of the version's tensors.
    weights: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct ManifestDelta {
    /// Id of the numbers.
    file: String,
    tensors: Vec<DeltaTensor>,
    columns: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    together: Vec<String>,
}

impl Bundle {
    /// What is live of `version`, whose lineage is `line`.
    pub(crate) fn of(version: &Version, line: &Line) -> Vec<Bundled> {
        let deltas = line.entries().iter().zip(&version.deltas);
        deltas
            .map(|(entry, delta)| {
                let columns = &entry.delta.columns;
                let live = delta.live(columns.len());
                Bundled {
                    columns: live.into_iter().map(|column| columns[column]).collect(),
                    together: entry.delta.together.to_vec(),
                    changes: delta.live_changes(),
                }
            })
            .collect()
    }

    /// Writes it into the empty directory `dir`.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), LedgerError> {
        let mut deltas = Vec::new();
        for (number, delta) in (1..).zip(&self.deltas) {
            let mut tensors = Vec::new();
            let mut all = BTreeMap::new();
            for (name, change) in &delta.changes {
                let (tensor, parts) = load::parts(name, change);
                tensors.push(tensor);
                all.extend(parts);
            }
            checkpoint::write_tensors(&dir.join(numbers(number)), &all)?;
            let file = codec::id_of(&TensorFile::of(&all)).to_string();
            let ids = |facts: &[FactKey]| facts.iter().map(ToString::to_string).collect();
            let (columns, together) = (ids(&delta.columns), ids(&delta.together));
            deltas.push(ManifestDelta { file, tensors, columns, together });
        }
        let weights = self.weights.iter();
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            base: self.base.to_string(),
            source: self.source.clone(),
            deltas,
            weights: weights.map(|t| (t.name.clone(), t.id.to_string())).collect(),
        };
        let text = serde_json::to_string_pretty(&manifest)
            .expect("because strings and numbers are JSON")
            + "\n";
        durable::write(&dir.join(MANIFEST), text.as_bytes())?;
        let facts: String = self.facts.iter().map(|fact| format!("{fact}\n")).collect();
        durable::write(&dir.join(FACTS), facts.as_bytes())?;
        Ok(())
    }

    /// Reads the one in `dir`.
    ///
    /// # Errors
    /// When a file is missing, malformed, or does not fit the others.
    pub(crate) fn read(dir: &Path) -> Result<Self, LedgerError> {
        checkpoint::check_dir(dir)?;
        let path = dir.join(MANIFEST);
        let wrong = |why: String| CheckpointError::Json { path: path.clone(), why };
        let text = durable::read_regular(&path, LIMIT).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => LedgerError::NoBundle { dir: dir.to_owned() },
            _ => LedgerError::Read { path: path.clone(), source },
        })?;
        let stated: Stated =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let format = stated.format.unwrap_or_default();
        if format != FORMAT {
            return Err(
                wrong(format!("its format is {format:?}; this program reads {FORMAT:?}")).into()
            );
        }
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if manifest.source.len() > SOURCE {
            let found = manifest.source.len();
            return Err(
                wrong(format!("its source has {found} bytes; at most {SOURCE} are taken")).into()
            );
        }
        let mut deltas = Vec::new();
        for (number, delta) in (1..).zip(&manifest.deltas) {
            let ids = |texts: &[String]| {
                let ids = texts.iter().map(|key| parsed(key).map_err(&wrong));
                ids.collect::<Result<Vec<FactKey>, _>>()
            };
            let (columns, together) = (ids(&delta.columns)?, ids(&delta.together)?);
            if !together.is_sorted_by(|a, b| a < b) || !(columns.is_empty() || together.is_empty())
            {
                let why = "facts that hold a delta together ascend, and it has no columns";
                return Err(wrong(why.to_owned()).into());
            }
            let path = dir.join(numbers(number));
            let file = checkpoint::OpenTensors::open(&path)?;
            let mut all = BTreeMap::new();
            for name in file.names() {
                all.insert(name.to_owned(), file.tensor(name)?);
            }
            let id = codec::id_of(&TensorFile::of(&all));
            if id != parsed(&delta.file).map_err(&wrong)? {
                let why = "its tensors are not those that were exported".to_owned();
                return Err(CheckpointError::Damaged { path, why }.into());
            }
            let mut changes = BTreeMap::new();
            for tensor in &delta.tensors {
                let part = |name: &str| Ok(all.get(name).cloned());
                let change = load::change(tensor, columns.len(), part)
                    .map_err(|error| damaged(dir, error))?;
                if !columns.is_empty() && change.rank() != Some(columns.len()) {
                    let why = format!("{} does not have a column for each fact", tensor.name);
                    return Err(wrong(why).into());
                }
                changes.insert(tensor.name.clone(), change);
            }
            deltas.push(Bundled { columns, together, changes });
        }
        let path = dir.join(FACTS);
        let file =
            durable::open_regular(&path).map_err(|source| LedgerError::Read { path, source })?;
        let facts = read_triples(BufReader::new(file), Format::NTriples, FACTS)
            .map(|read| read.map(|(fact, _)| fact))
            .collect::<Result<Vec<_>, ReadError>>()
            .map_err(StageError::from)?;
        let weights = manifest.weights.iter().map(|(name, id)| {
            Ok(EditedTensor { name: name.clone(), id: parsed(id).map_err(&wrong)? })
        });
        Ok(Self {
            base: parsed(&manifest.base).map_err(&wrong)?,
            weights: weights.collect::<Result<_, CheckpointError>>()?,
            source: manifest.source,
            deltas,
            facts,
        })
    }

    /// Makes sure that the deltas make of `base` what they made of it where they were exported.
    ///
    /// # Errors
    /// When they do not.
    pub(crate) fn verify(&self, dir: &Path, base: Arc<Checkpoint>) -> Result<(), LedgerError> {
        let wrong = |why: String| LedgerError::Bundle { dir: dir.to_owned(), why };
        let deltas = self.deltas.iter().map(|delta| {
            let whole = delta.columns.is_empty() && delta.together.is_empty();
            let changes = delta.changes.clone();
            Arc::new(LoadedDelta { changes, whole, dropped: Vec::new(), superseded: Vec::new() })
        });
        let version = Version::new(base, deltas.collect());
        let made = load::hashes(&version.materialise()?);
        let differs = |expected: &&EditedTensor| !made.contains(expected);
        match self
            .weights
            .iter()
            .find(differs)
            .or_else(|| made.iter().find(|made| !self.weights.contains(made)))
        {
            Some(tensor) => Err(wrong(format!(
                "{} does not come out as it was where it was exported",
                tensor.name
            ))),
            None => Ok(()),
        }
    }
}

fn numbers(number: usize) -> String {
    format!("delta-{number}.safetensors")
}

fn parsed<T>(id: &str) -> Result<Id<T>, String> {
    id.parse().map_err(|_| format!("{id:?} is not an id"))
}

/// What would be damage in the store is bad input here.
fn damaged(dir: &Path, error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Shape { what, found, expected } => CheckpointError::Damaged {
            path: dir.to_owned(),
            why: format!("{what} is {found}, expected {expected}"),
        }
        .into(),
        other => other,
    }
}

//! The index: what is current, and where everything is.
//!
//! Everything in it comes from packs and journal. sled holds what changes; where objects are is in sled
//! only until it goes into sorted runs ([`Places`]). Values are at most 4 KiB: larger ones would end up in
//! files that sled never syncs.

use std::{
    collections::BTreeMap,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use sled::{
    Transactional, Tree,
    transaction::{ConflictableTransactionError, TransactionError},
};

use super::{
    StoreError,
    journal::{Entry, Operation, Position},
    pack::Packs,
    place::{Place, Record},
    places::Places,
    refs::Head,
};
use crate::{
    codec::{self, Object},
    delta::TensorFile,
    durable,
    id::{Id, Kind},
    ledger::Commit,
};

/// Keys of what there is once.
const HEAD: &[u8] = b"head";
const POSITION: &[u8] = b"position";
/// Records that are sorted in memory at a time while an index is built.
const MANY: usize = 1 << 18;

pub(super) struct Index {
    dir: PathBuf,
    db: sled::Db,
    /// Where objects and z vectors are.
    places: Places,
    /// Full ref name -> commit.
    refs: Tree,
    /// Sequence, big-endian -> operation.
    operations: Tree,
    /// Name -> hash of an object that is current without being a commit.
    roots: Tree,
    /// [`HEAD`], [`POSITION`], and what [`Places`] keeps there.
    meta: Tree,
}

/// An operation under its own tag, as the index keeps it.
#[derive(bincode::Encode, bincode::Decode)]
pub(super) struct Logged(Operation);

impl Kind for Logged {
    const NAME: &'static str = "operation";
}
impl Object for Logged {
    const TAG: u8 = 0x32;
}

/// HEAD under its own tag, as the index keeps it.
#[derive(bincode::Encode, bincode::Decode)]
pub(super) struct Current(Head);

impl Kind for Current {
    const NAME: &'static str = "head";
}
impl Object for Current {
    const TAG: u8 = 0x33;
}

impl Index {
    /// Opens the index, making an empty one where there is none.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let new = !dir.join("db").exists();
        if new {
            durable::create_dir(dir)?;
        }
        // Among damages that sled meets when it opens there are some that make it panic.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            sled::Config::new().path(dir).cache_capacity(64 << 20).flush_every_ms(None).open()
        }));
        let db = match opened {
            Ok(Ok(db)) => db,
            Ok(Err(error)) => return Err(failed(dir, error)),
            Err(_) => return Err(StoreError::damaged(dir, "sled cannot make sense of it")),
        };
        let tree = |name: &str| db.open_tree(name).map_err(|error| failed(dir, error));
        let meta = tree("meta")?;
        let index = Self {
            dir: dir.to_owned(),
            places: Places::open(dir, tree("places")?, meta.clone())?,
            refs: tree("refs")?,
            operations: tree("operations")?,
            roots: tree("roots")?,
            meta,
            db,
        };
        if new {
            index.flush()?;
            durable::sync(&dir.join("conf"))?;
            durable::sync(dir)?;
        }
        Ok(index)
    }

    fn guard<T>(&self, read: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        guard(&self.dir, read)
    }

    fn value<T: Object>(&self, tree: &Tree, key: &[u8]) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.guard(|| tree.get(key))? else { return Ok(None) };
        let value = codec::decode(&bytes).map_err(|error| StoreError::decode(&self.dir, &error))?;
        Ok(Some(value))
    }

    pub(super) fn position(&self) -> Result<Position, StoreError> {
        Ok(self.value(&self.meta, POSITION)?.unwrap_or_default())
    }

    pub(super) fn head(&self) -> Result<Option<Head>, StoreError> {
        Ok(self.value::<Current>(&self.meta, HEAD)?.map(|current| current.0))
    }

    pub(super) fn root(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
        self.guard(|| self.roots.get(name))?.map(|bytes| self.hash(&bytes)).transpose()
    }

    fn hash(&self, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
        bytes.try_into().map_err(|_| StoreError::damaged(&self.dir, "a hash has not 32 bytes"))
    }

    pub(super) fn reference(&self, name: &str) -> Result<Option<Id<Commit>>, StoreError> {
        let found = self.guard(|| self.refs.get(name))?;
        found.map(|bytes| self.hash(&bytes).map(Id::from_bytes)).transpose()
    }

    pub(super) fn refs(&self) -> Result<BTreeMap<String, Id<Commit>>, StoreError> {
        let refs = self.named(&self.refs)?.into_iter();
        Ok(refs.map(|(name, hash)| (name, Id::from_bytes(hash))).collect())
    }

    pub(super) fn roots(&self) -> Result<BTreeMap<String, [u8; 32]>, StoreError> {
        self.named(&self.roots)
    }

    /// A tree from names to hashes.
    fn named(&self, tree: &Tree) -> Result<BTreeMap<String, [u8; 32]>, StoreError> {
        let pairs = self.guard(|| tree.iter().collect::<sled::Result<Vec<_>>>())?;
        let mut named = BTreeMap::new();
        for (name, hash) in pairs {
            let name = String::from_utf8(name.to_vec())
                .map_err(|_| StoreError::damaged(&self.dir, "a name is not UTF-8"))?;
            named.insert(name, self.hash(&hash)?);
        }
        Ok(named)
    }

    pub(super) fn operations_before(
        &self,
        sequence: u64,
    ) -> impl Iterator<Item = Result<Operation, StoreError>> + '_ {
        self.operations.range(..operation_key(sequence)).rev().map(|pair| {
            let (_, bytes) = pair.map_err(|error| failed(&self.dir, error))?;
            let logged: Logged =
                codec::decode(&bytes).map_err(|error| StoreError::decode(&self.dir, &error))?;
            Ok(logged.0)
        })
    }

    pub(super) fn z(&self, key: &[u8; 32]) -> Result<Option<(Id<TensorFile>, u32)>, StoreError> {
        Ok(match self.places.get(key)? {
            Some(Place::Row { file, row }) => Some((file, row)),
            _ => None,
        })
    }

    /// An object's bytes, from its pack; whoever asked checks their hash.
    pub(super) fn object(
        &self,
        packs: &Packs,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(bytes) = packs.preloaded(hash) {
            return Ok(Some(bytes));
        }
        match self.places.get(hash)? {
            Some(Place::Object { pack, offset, length }) => {
                packs.read_at(pack, offset, length).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Reads all that was stored together with an object.
    pub(super) fn preload(&self, packs: &Packs, hash: &[u8; 32]) -> Result<(), StoreError> {
        match self.places.get(hash)? {
            Some(Place::Object { pack, .. }) => packs.preload(pack),
            _ => Ok(()),
        }
    }

    pub(super) fn contains(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(matches!(self.places.get(hash)?, Some(Place::Object { .. })))
    }

    /// Hashes of objects that begin with `prefix` (whole bytes) and have the tag `tag`.
    pub(super) fn starting_with(
        &self,
        packs: &Packs,
        prefix: &[u8],
        tag: u8,
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let mut found = Vec::new();
        for (hash, place) in self.places.starting_with(prefix)? {
            if let Place::Object { pack, offset, length } = place
                && packs.read_at(pack, offset, length.min(1))?.first() == Some(&tag)
            {
                found.push(hash);
            }
        }
        Ok(found)
    }

    /// Takes in records of the journal. Doing it again changes nothing.
    pub(super) fn apply(
        &self,
        packs: &Packs,
        records: &[(Entry, Position)],
    ) -> Result<(), StoreError> {
        let (mut places, mut done) = (Vec::new(), 0);
        for (at, (entry, _)) in records.iter().enumerate() {
            if let Some(id) = entry.pack {
                places.extend(packs.read(id)?.places(packs)?);
            }
            if places.len() >= MANY || at + 1 == records.len() {
                self.add(std::mem::take(&mut places), &records[done..=at])?;
                done = at + 1;
            }
        }
        Ok(())
    }

    /// Takes in records of the journal, and `places`, those of everything in their packs.
    pub(super) fn add(
        &self,
        places: Vec<Record>,
        records: &[(Entry, Position)],
    ) -> Result<(), StoreError> {
        self.places.insert(places)?;
        records.iter().try_for_each(|(entry, position)| self.log(&entry.operation, *position))
    }

    fn log(&self, operation: &Operation, position: Position) -> Result<(), StoreError> {
        durable::step("index: before refs are moved");
        (&self.refs, &self.operations, &self.roots, &self.meta)
            .transaction(|(refs, operations, roots, meta)| {
                for update in &operation.refs {
                    match update.new {
                        Some(commit) => refs.insert(update.name.as_bytes(), commit.as_bytes())?,
                        None => refs.remove(update.name.as_bytes())?,
                    };
                }
                if let Some(head) = &operation.head {
                    meta.insert(HEAD, codec::encode(&Current(head.new.clone())))?;
                }
                for update in &operation.roots {
                    match &update.new {
                        Some(hash) => roots.insert(update.name.as_bytes(), hash)?,
                        None => roots.remove(update.name.as_bytes())?,
                    };
                }
                let key = operation_key(operation.sequence);
                operations.insert(&key, codec::encode(&Logged(operation.clone())))?;
                meta.insert(POSITION, codec::encode(&position))?;
                Ok::<(), ConflictableTransactionError<()>>(())
            })
            .map_err(|error| match error {
                TransactionError::Storage(error) => failed(&self.dir, error),
                TransactionError::Abort(()) => unreachable!("because nothing aborts it"),
            })
    }

    /// Waits until everything is on disk: sled's own `flush` does not.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        durable::step("index: before it is flushed");
        self.guard(|| self.db.flush())?;
        let path = self.dir.join("db");
        File::open(&path)
            .and_then(|file| file.sync_data())
            .map_err(|error| StoreError::write(&path, error))?;
        self.places.tidy()
    }

    /// Files in it that are not used: a killed process left them behind.
    pub(super) fn strays(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.places.strays()
    }

    /// All that the index says, for comparing with the packs.
    pub(super) fn everything(&self) -> Result<Everything, StoreError> {
        let collect = |tree: &Tree| {
            self.guard(|| {
                tree.iter()
                    .map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
                    .collect::<sled::Result<BTreeMap<_, _>>>()
            })
        };
        Ok(Everything {
            places: self.places.starting_with(&[])?,
            refs: collect(&self.refs)?,
            operations: collect(&self.operations)?,
            roots: collect(&self.roots)?,
            head: self.head()?,
            position: self.position()?,
        })
    }
}

/// What is in an index.
#[derive(PartialEq, Eq)]
pub(super) struct Everything {
    pub(super) places: BTreeMap<[u8; 32], Place>,
    pub(super) refs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) operations: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) roots: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) head: Option<Head>,
    pub(super) position: Position,
}

/// Reads, turning sled's errors and panics on damaged pages into ours.
pub(super) fn guard<T>(
    dir: &Path,
    read: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| failed(dir, error)),
        Err(_) => Err(StoreError::damaged(dir, "sled cannot make sense of it")),
    }
}

#[expect(clippy::big_endian_bytes, reason = "sled sorts keys by their bytes")]
const fn operation_key(sequence: u64) -> [u8; 8] {
    sequence.to_be_bytes()
}

/// How long to wait for sled's own lock, which a process that just ended may still hold.
pub(super) const SLED_LOCK_WAIT: Duration = Duration::from_secs(2);

/// Whether sled refused because another handle has its folder.
pub(super) fn is_locked(error: &StoreError) -> bool {
    matches!(error, StoreError::Read { source, .. } if source.to_string().contains("could not acquire lock"))
}

pub(super) fn failed(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
            StoreError::Read { path: dir.to_owned(), source }
        }
        sled::Error::Io(source)
            if matches!(
                source.kind(),
                std::io::ErrorKind::StorageFull
                    | std::io::ErrorKind::PermissionDenied
                    | std::io::ErrorKind::ReadOnlyFilesystem
                    | std::io::ErrorKind::QuotaExceeded
            ) =>
        {
            StoreError::write(dir, source)
        }
        other => StoreError::damaged(dir, other.to_string()),
    }
}

//! sled, and nothing but sled.
//!
//! Everything in it comes from packs and journal. Values are at most 4 KiB (larger ones would end up in
//! files that sled never syncs); larger objects are found through their place in a pack.

use std::{
    collections::BTreeMap,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use sled::{
    Batch, Transactional, Tree,
    transaction::{ConflictableTransactionError, TransactionError},
};

use super::{
    StoreError,
    journal::{Entry, Operation, Position},
    pack::{self, Pack, Place},
    refs::Head,
    transaction::ZMemo,
};
use crate::{
    codec::{self, Object},
    delta::TensorFile,
    durable,
    id::{Id, Kind},
    ledger::Commit,
};

/// The largest object kept in sled itself. sled reads all it holds when it opens and keeps two copies
/// for a while, so only what a log reads is worth its place there; nodes of trees stay in their packs.
const INLINE: usize = 512;
/// Objects put into sled at a time while an index is built.
const BATCH: usize = 4096;

/// First byte of a value in the tree of objects.
const IS_OBJECT: u8 = 0;
const IS_PLACE: u8 = 1;

pub(super) struct Index {
    dir: PathBuf,
    db: sled::Db,
    /// Hash -> [`IS_OBJECT`] and the bytes, or [`IS_PLACE`] and pack, offset, length.
    objects: Tree,
    /// Full ref name -> commit.
    refs: Tree,
    /// Sequence, big-endian -> operation.
    operations: Tree,
    /// Key of a z vector -> tensor file, row.
    z_memo: Tree,
    /// Name -> hash of an object that is current without being a commit.
    roots: Tree,
    /// `head`, `position`.
    meta: Tree,
}

/// An operation under its own tag, as the index keeps it.
#[derive(bincode::Encode, bincode::Decode)]
struct Logged(Operation);

impl Kind for Logged {
    const NAME: &'static str = "operation";
}
impl Object for Logged {
    const TAG: u8 = 0x32;
}

/// HEAD under its own tag, as the index keeps it.
#[derive(bincode::Encode, bincode::Decode)]
struct Current(Head);

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
        let index = Self {
            dir: dir.to_owned(),
            objects: tree("objects")?,
            refs: tree("refs")?,
            operations: tree("operations")?,
            z_memo: tree("z")?,
            roots: tree("roots")?,
            meta: tree("meta")?,
            db,
        };
        if new {
            index.flush()?;
            durable::sync(&dir.join("conf"))?;
            durable::sync(dir)?;
        }
        Ok(index)
    }

    /// Reads, turning sled's errors and panics on damaged pages into ours.
    fn guard<T>(&self, read: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(result) => result.map_err(|error| failed(&self.dir, error)),
            Err(_) => Err(StoreError::damaged(&self.dir, "sled cannot make sense of it")),
        }
    }

    fn value<T: Object>(&self, tree: &Tree, key: &[u8]) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.guard(|| tree.get(key))? else { return Ok(None) };
        let value = codec::decode(&bytes).map_err(|error| StoreError::decode(&self.dir, &error))?;
        Ok(Some(value))
    }

    pub(super) fn position(&self) -> Result<Position, StoreError> {
        Ok(self.value(&self.meta, b"position")?.unwrap_or_default())
    }

    pub(super) fn head(&self) -> Result<Option<Head>, StoreError> {
        Ok(self.value::<Current>(&self.meta, b"head")?.map(|current| current.0))
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
        let Some(bytes) = self.guard(|| self.z_memo.get(key))? else { return Ok(None) };
        let (file, row) = bytes
            .split_first_chunk::<32>()
            .and_then(|(file, row)| Some((*file, u32::from_le_bytes(row.try_into().ok()?))))
            .ok_or_else(|| {
                StoreError::damaged(&self.dir, "a place of a z vector has not 36 bytes")
            })?;
        Ok(Some((Id::from_bytes(file), row)))
    }

    /// An object's bytes, from here or from its pack; whoever asked checks their hash.
    pub(super) fn object(&self, packs: &Path, hash: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(value) = self.guard(|| self.objects.get(hash))? else { return Ok(None) };
        match value.split_first() {
            Some((&IS_OBJECT, bytes)) => Ok(Some(bytes.to_vec())),
            Some((&IS_PLACE, place)) => pack::read_at(packs, self.place(place)?).map(Some),
            _ => Err(StoreError::damaged(&self.dir, "an object is neither here nor in a pack")),
        }
    }

    fn place(&self, bytes: &[u8]) -> Result<Place, StoreError> {
        let place = bytes.split_first_chunk::<32>().and_then(|(pack, rest)| {
            let (offset, length) = rest.split_first_chunk::<8>()?;
            Some(Place {
                pack: Id::from_bytes(*pack),
                offset: u64::from_le_bytes(*offset),
                length: u64::from_le_bytes(length.try_into().ok()?),
            })
        });
        place.ok_or_else(|| StoreError::damaged(&self.dir, "a place in a pack has not 48 bytes"))
    }

    pub(super) fn contains(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        self.guard(|| self.objects.contains_key(hash))
    }

    /// Hashes of objects that begin with `prefix` (whole bytes) and have the tag `tag`.
    pub(super) fn starting_with(
        &self,
        packs: &Path,
        prefix: &[u8],
        tag: u8,
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let keys = self
            .guard(|| self.objects.scan_prefix(prefix).keys().collect::<sled::Result<Vec<_>>>())?;
        let mut found = Vec::new();
        for key in keys {
            if self.object(packs, &key)?.is_some_and(|bytes| bytes.first() == Some(&tag)) {
                found.push(self.hash(&key)?);
            }
        }
        Ok(found)
    }

    /// Takes in one record of the journal. Doing it again changes nothing.
    pub(super) fn apply(
        &self,
        packs: &Path,
        entry: &Entry,
        position: Position,
    ) -> Result<(), StoreError> {
        let mut memos = Vec::new();
        if let Some(id) = entry.pack {
            let contents = pack::read(packs, id)?;
            durable::step("index: before objects are taken in");
            let mut batch = Batch::default();
            for (count, (hash, range)) in contents.entries.iter().enumerate() {
                let bytes = contents.object(range);
                if bytes.first() == Some(&ZMemo::TAG) {
                    let memo: ZMemo = codec::decode(bytes)
                        .map_err(|error| StoreError::decode(&pack::path(packs, id), &error))?;
                    memos.push(memo);
                }
                batch.insert(hash, object_value(id, bytes, range.start));
                if count % BATCH == BATCH - 1 {
                    let full = std::mem::take(&mut batch);
                    self.guard(|| self.objects.apply_batch(full))?;
                }
            }
            self.guard(|| self.objects.apply_batch(batch))?;
        }

        let operation = &entry.operation;
        durable::step("index: before refs are moved");
        (&self.refs, &self.operations, &self.z_memo, &self.roots, &self.meta)
            .transaction(|(refs, operations, z_memo, roots, meta)| {
                for update in &operation.refs {
                    match update.new {
                        Some(commit) => refs.insert(update.name.as_bytes(), commit.as_bytes())?,
                        None => refs.remove(update.name.as_bytes())?,
                    };
                }
                for memo in &memos {
                    for place in &memo.places {
                        let value =
                            [memo.file.as_bytes().as_slice(), &place.row.to_le_bytes()].concat();
                        z_memo.insert(&place.key, value)?;
                    }
                }
                if let Some(head) = &operation.head {
                    meta.insert(b"head", codec::encode(&Current(head.new.clone())))?;
                }
                for update in &operation.roots {
                    match &update.new {
                        Some(hash) => roots.insert(update.name.as_bytes(), hash)?,
                        None => roots.remove(update.name.as_bytes())?,
                    };
                }
                let key = operation_key(operation.sequence);
                operations.insert(&key, codec::encode(&Logged(operation.clone())))?;
                meta.insert(b"position", codec::encode(&position))?;
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
            .map_err(|error| StoreError::write(&path, error))
    }

    /// All objects and z places the index holds, for comparing with the packs.
    pub(super) fn everything(&self) -> Result<Everything, StoreError> {
        let collect = |tree: &Tree| {
            self.guard(|| {
                tree.iter()
                    .map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
                    .collect::<sled::Result<BTreeMap<_, _>>>()
            })
        };
        Ok(Everything {
            objects: collect(&self.objects)?,
            refs: collect(&self.refs)?,
            operations: collect(&self.operations)?,
            z_memo: collect(&self.z_memo)?,
            roots: collect(&self.roots)?,
            meta: collect(&self.meta)?,
        })
    }
}

/// What is in an index, tree by tree.
#[derive(PartialEq, Eq)]
pub(super) struct Everything {
    pub(super) objects: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) refs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) operations: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) z_memo: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) roots: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) meta: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[expect(clippy::big_endian_bytes, reason = "sled sorts keys by their bytes")]
const fn operation_key(sequence: u64) -> [u8; 8] {
    sequence.to_be_bytes()
}

fn object_value(pack: Id<Pack>, bytes: &[u8], offset: usize) -> Vec<u8> {
    if bytes.len() <= INLINE {
        return [&[IS_OBJECT], bytes].concat();
    }
    let (offset, length) = (offset as u64, bytes.len() as u64);
    [&[IS_PLACE], pack.as_bytes().as_slice(), &offset.to_le_bytes(), &length.to_le_bytes()].concat()
}

/// How long to wait for sled's own lock, which a process that just ended may still hold.
pub(super) const SLED_LOCK_WAIT: Duration = Duration::from_secs(2);

/// Whether sled refused because another handle has its folder.
pub(super) fn is_locked(error: &StoreError) -> bool {
    matches!(error, StoreError::Read { source, .. } if source.to_string().contains("could not acquire lock"))
}

fn failed(dir: &Path, error: sled::Error) -> StoreError {
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

//! The index: what is current, and where everything is.
//!
//! Everything in it comes from packs and journal. sled holds what changes, and a [`Summary`] of that is
//! in a file; where objects are is in sled only until it goes into sorted runs ([`Places`]). Values are
//! at most 4 KiB: larger ones would end up in files that sled never syncs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sled::{Transactional, Tree, transaction::ConflictableTransactionError};

use super::{
    StoreError,
    border::{self, Apart, failed},
    journal::{Entry, Operation, Position},
    leftovers,
    pack::Packs,
    place::{Place, Record},
    places::Places,
    refs::Head,
    summary::{Pairs, Summary, Table},
};
use crate::{
    codec::{self, Object},
    commit::Commit,
    delta::TensorFile,
    durable,
    id::{Id, Kind},
};

/// Keys of what there is once.
const HEAD: &[u8] = b"head";
const POSITION: &[u8] = b"position";
/// A file that is there while sled may lack what the journal says: it failed when it was told.
const STALE: &str = "stale";
/// Records that are sorted in memory at a time while an index is built.
const MANY: usize = 1 << 18;

pub(super) struct Index {
    dir: PathBuf,
    /// Not where only a [`Summary`] was read.
    sled: Option<Sled>,
    /// Where objects and z vectors are.
    places: Places,
    /// Full ref name -> commit.
    refs: Table,
    /// Name -> hash of an object that is current without being a commit.
    roots: Table,
    /// [`HEAD`], [`POSITION`], and what [`Places`] keeps there.
    meta: Arc<Table>,
}

/// What is in sled alone.
struct Sled {
    db: sled::Db,
    /// Sequence, big-endian -> operation.
    operations: Tree,
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
        let db = open(dir)?;
        let tree = |name: &'static str| {
            let db = db.clone();
            border::apart(dir, move || db.open_tree(name))
        };
        let table = |name: &'static str| tree(name).map(Table::Sled);
        let (places, refs, roots, meta) =
            (table("places")?, table("refs")?, table("roots")?, table("meta")?);
        let sled = Some(Sled { operations: tree("operations")?, db });
        let index = Self::of(dir, sled, places, refs, roots, meta)?;
        if new {
            index.flush()?;
            durable::sync(&dir.join("conf"))?;
            durable::sync(dir)?;
        }
        Ok(index)
    }

    /// What can be read of the index in `dir`, and whether all its places can; `None` where sled cannot open it.
    pub(super) fn salvage(dir: &Path) -> Result<Option<(Everything, bool)>, StoreError> {
        if !dir.join("db").is_file() {
            return Ok(None);
        }
        let read = || {
            let config =
                sled::Config::new().path(dir).cache_capacity(64 << 20).flush_every_ms(None);
            let db = Apart::of(dir, border::apart(dir, move || config.open())?);
            let tree = |name: &'static str| {
                let db = db.clone();
                Ok::<_, StoreError>(Apart::of(dir, border::apart(dir, move || db.open_tree(name))?))
            };
            let all = |name: &'static str| {
                let tree = tree(name)?;
                Table::Sled(tree.clone()).starting_with(dir, &[])
            };
            let mut all = Everything {
                places: BTreeMap::new(),
                refs: all("refs")?,
                operations: all("operations")?,
                roots: all("roots")?,
                meta: all("meta")?,
            };
            let recent = Table::Sled(tree("places")?.clone());
            let meta = Arc::new(Table::Read(std::mem::take(&mut all.meta)));
            all.meta = meta.starting_with(dir, &[])?;
            let places = Places::open(dir, recent, meta).and_then(|it| it.starting_with(&[]));
            all.meta.retain(|key, _| matches!(key.as_slice(), HEAD | POSITION));
            match places {
                Ok(places) => Ok((Everything { places, ..all }, true)),
                Err(error) if error.is_damage() => Ok((all, false)),
                Err(error) => Err(error),
            }
        };
        match read() {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a `summary` of the index in `dir` says, for reading all but the operations.
    pub(super) fn summarised(dir: &Path, summary: Summary) -> Result<Self, StoreError> {
        let Summary { places, refs, roots, meta } = summary;
        let [places, refs, roots, meta] = [places, refs, roots, meta].map(Table::Read);
        Self::of(dir, None, places, refs, roots, meta)
    }

    fn of(
        dir: &Path,
        sled: Option<Sled>,
        places: Table,
        refs: Table,
        roots: Table,
        meta: Table,
    ) -> Result<Self, StoreError> {
        let meta = Arc::new(meta);
        let places = Places::open(dir, places, Arc::clone(&meta))?;
        Ok(Self { dir: dir.to_owned(), sled, places, refs, roots, meta })
    }

    /// All but the operations and what is in runs.
    pub(super) fn summary(&self) -> Result<Summary, StoreError> {
        let all = |table: &Table| table.starting_with(&self.dir, &[]);
        let (refs, roots, meta) = (all(&self.refs)?, all(&self.roots)?, all(&self.meta)?);
        Ok(Summary { places: all(self.places.recent_table())?, refs, roots, meta })
    }

    /// Writes the summary, if it can be.
    pub(super) fn summarise(&self) {
        if let Ok(summary) = self.summary() {
            summary.write(&self.dir);
        }
    }

    /// Whether sled is open, and not only a summary read.
    pub(super) const fn has_operations(&self) -> bool {
        self.sled.is_some()
    }

    /// Notes that sled failed after the journal had taken in what sled was told.
    pub(super) fn mark_stale(&self) {
        // Where this cannot be written either, sled is still behind the journal, and catches up.
        let _ignored = durable::write_below(&self.dir, &self.dir.join(STALE), b"");
    }

    /// Whether the index in `dir` is to be made anew.
    pub(super) fn is_stale(dir: &Path) -> bool {
        dir.join(STALE).exists()
    }

    fn sled(&self) -> &Sled {
        self.sled.as_ref().expect("because every caller has opened sled")
    }

    fn value<T: Object>(&self, table: &Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        let Some(bytes) = table.get(&self.dir, key)? else { return Ok(None) };
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
        self.roots.get(&self.dir, name.as_bytes())?.map(|bytes| self.hash(&bytes)).transpose()
    }

    fn hash(&self, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
        bytes.try_into().map_err(|_| StoreError::damaged(&self.dir, "a hash has not 32 bytes"))
    }

    pub(super) fn reference(&self, name: &str) -> Result<Option<Id<Commit>>, StoreError> {
        let found = self.refs.get(&self.dir, name.as_bytes())?;
        found.map(|bytes| self.hash(&bytes).map(Id::from_bytes)).transpose()
    }

    pub(super) fn refs(&self) -> Result<BTreeMap<String, Id<Commit>>, StoreError> {
        let refs = self.named(&self.refs)?.into_iter();
        Ok(refs.map(|(name, hash)| (name, Id::from_bytes(hash))).collect())
    }

    pub(super) fn roots(&self) -> Result<BTreeMap<String, [u8; 32]>, StoreError> {
        self.named(&self.roots)
    }

    /// A table from names to hashes.
    fn named(&self, table: &Table) -> Result<BTreeMap<String, [u8; 32]>, StoreError> {
        let mut named = BTreeMap::new();
        for (name, hash) in table.starting_with(&self.dir, &[])? {
            let name = String::from_utf8(name)
                .map_err(|_| StoreError::damaged(&self.dir, "a name is not UTF-8"))?;
            named.insert(name, self.hash(&hash)?);
        }
        Ok(named)
    }

    pub(super) fn operations_before(
        &self,
        sequence: u64,
    ) -> impl Iterator<Item = Result<Operation, StoreError>> + '_ {
        self.sled().operations.range(..operation_key(sequence)).rev().map(|pair| {
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

    /// An object's bytes, from its pack; the caller checks their hash.
    pub(super) fn object(
        &self,
        packs: &Packs,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(bytes) = packs.at_hand(hash) {
            return Ok(Some(bytes));
        }
        match self.places.get(hash)? {
            Some(Place::Object { pack, at }) => packs.object(pack, at, hash).map(Some),
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

    /// Those of `hashes`, which ascend, of objects that are stored.
    pub(super) fn stored(&self, hashes: &[[u8; 32]]) -> Result<BTreeSet<[u8; 32]>, StoreError> {
        self.places.objects_of(hashes)
    }

    /// Hashes of objects that begin with `prefix` (whole bytes) and have the tag `tag`.
    pub(super) fn starting_with(
        &self,
        packs: &Packs,
        prefix: &[u8],
        tag: u8,
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let places = self.places.starting_with(prefix)?.into_iter();
        let mut objects: Vec<_> = places
            .filter_map(|(hash, place)| match place {
                Place::Object { pack, at } => Some((pack, at, hash)),
                Place::Row { .. } => None,
            })
            .collect();
        // What is in one block is read together.
        objects.sort_unstable();
        let mut found = Vec::new();
        for (pack, at, hash) in objects {
            if packs.object(pack, at, &hash)?.first() == Some(&tag) {
                found.push(hash);
            }
        }
        found.sort_unstable();
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
        let trees = (
            self.refs.tree().clone(),
            self.sled().operations.clone(),
            self.roots.tree().clone(),
            self.meta.tree().clone(),
        );
        let operation = operation.clone();
        border::apart(&self.dir, move || {
            let done = (&trees.0, &trees.1, &trees.2, &trees.3).transaction(
                |(refs, operations, roots, meta)| {
                    for update in &operation.refs {
                        match update.new {
                            Some(commit) => {
                                refs.insert(update.name.as_bytes(), commit.as_bytes())?
                            }
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
                },
            );
            done.map_err(border::in_transaction)
        })
    }

    /// Waits until everything is on disk: sled's own `flush` does not.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        durable::step("index: before it is flushed");
        let db = self.sled().db.clone();
        border::apart(&self.dir, move || db.flush())?;
        durable::sync(&self.dir.join("db"))?;
        // From here on all is on disk. What is left over is removed the next time.
        let _ignored = self.places.tidy();
        self.summarise();
        Ok(())
    }

    /// Files in it that are not used: a killed process left them behind.
    pub(super) fn strays(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.places.strays()
    }

    /// All that the index says, for comparing with the packs.
    pub(super) fn everything(&self) -> Result<Everything, StoreError> {
        let all = |table: &Table| table.starting_with(&self.dir, &[]);
        let mut meta = all(&self.meta)?;
        meta.retain(|key, _| matches!(key.as_slice(), HEAD | POSITION));
        Ok(Everything {
            places: self.places.starting_with(&[])?,
            refs: all(&self.refs)?,
            operations: all(&Table::Sled(self.sled().operations.clone()))?,
            roots: all(&self.roots)?,
            meta,
        })
    }
}

/// Opens sled. Its snapshots only save it from reading its log from the beginning, and it does not open with
/// one that is empty, as a full disk leaves it.
fn open(dir: &Path) -> Result<sled::Db, StoreError> {
    let is_empty_snapshot = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("snap.") && fs::metadata(path).is_ok_and(|file| file.len() == 0)
    };
    if let Ok(mut empty) = leftovers::list(dir) {
        empty.retain(is_empty_snapshot);
        leftovers::remove(&empty)?;
    }
    let path = dir.to_owned();
    border::apart(dir, move || {
        sled::Config::new().path(path).cache_capacity(64 << 20).flush_every_ms(None).open()
    })
}

/// What is in an index.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Everything {
    pub(super) places: BTreeMap<[u8; 32], Place>,
    pub(super) refs: Pairs,
    pub(super) operations: Pairs,
    pub(super) roots: Pairs,
    /// HEAD and position.
    pub(super) meta: Pairs,
}

impl Everything {
    /// What packs and the journal's `records` give.
    pub(super) fn of(packs: &Packs, records: &[(Entry, Position)]) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for (entry, position) in records {
            if let Some(id) = entry.pack {
                all.places.extend(packs.read(id)?.places(packs)?);
            }
            let operation = &entry.operation;
            log(&mut all.refs, &mut all.roots, &mut all.meta, operation, *position);
            let logged = codec::encode(&Logged(operation.clone()));
            all.operations.insert(operation_key(operation.sequence).to_vec(), logged);
        }
        Ok(all)
    }

    /// A summary that says where everything is.
    pub(super) fn into_summary(self) -> Summary {
        let Self { places, refs, roots, meta, .. } = self;
        let places = places.into_iter();
        let places =
            places.map(|(hash, place)| (hash.to_vec(), place.to_bytes().to_vec())).collect();
        Summary { places, refs, roots, meta }
    }

    /// Its operations by number, as far as they can be read.
    pub(super) fn logged(&self) -> BTreeMap<u64, Operation> {
        let logged = self.operations.values();
        let logged = logged.filter_map(|bytes| codec::decode::<Logged>(bytes).ok());
        logged.map(|Logged(operation)| (operation.sequence, operation)).collect()
    }

    /// How much of the journal it has taken in.
    pub(super) fn position(&self) -> Position {
        position(&self.meta)
    }

    /// What is current by its full name, HEAD as "HEAD".
    pub(super) fn current(&self) -> State {
        state(&self.refs, &self.roots, &self.meta)
    }
}

/// What is current: refs, roots and HEAD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) refs: BTreeMap<String, Id<Commit>>,
    pub(super) roots: BTreeMap<String, [u8; 32]>,
    pub(super) head: Option<Head>,
}

impl Summary {
    /// Takes in an operation and the `places` of what came with it.
    pub(super) fn take_in(
        &mut self,
        operation: &Operation,
        position: Position,
        places: Vec<Record>,
    ) {
        let places = places.into_iter();
        self.places.extend(places.map(|(hash, place)| (hash.to_vec(), place.to_bytes().to_vec())));
        log(&mut self.refs, &mut self.roots, &mut self.meta, operation, position);
    }

    /// How much of the journal it has taken in.
    pub(super) fn position(&self) -> Position {
        position(&self.meta)
    }

    /// What is current.
    pub(super) fn current(&self) -> State {
        state(&self.refs, &self.roots, &self.meta)
    }
}

fn position(meta: &Pairs) -> Position {
    meta.get(POSITION).and_then(|bytes| codec::decode(bytes).ok()).unwrap_or_default()
}

/// What is current according to an index's tables; entries that cannot be read are left out.
fn state(refs: &Pairs, roots: &Pairs, meta: &Pairs) -> State {
    let named = |(name, hash): (&Vec<u8>, &Vec<u8>)| {
        Some((String::from_utf8(name.clone()).ok()?, <[u8; 32]>::try_from(hash.as_slice()).ok()?))
    };
    let head = meta.get(HEAD).and_then(|bytes| codec::decode::<Current>(bytes).ok());
    let refs = refs.iter().filter_map(named);
    State {
        refs: refs.map(|(name, hash)| (name, Id::from_bytes(hash))).collect(),
        roots: roots.iter().filter_map(named).collect(),
        head: head.map(|current| current.0),
    }
}

/// Takes an operation into tables as [`Index::log`] does into sled's.
fn log(
    refs: &mut Pairs,
    roots: &mut Pairs,
    meta: &mut Pairs,
    operation: &Operation,
    position: Position,
) {
    let put = |table: &mut Pairs, name: &str, hash: Option<&[u8; 32]>| {
        let name = name.as_bytes().to_vec();
        match hash {
            Some(hash) => table.insert(name, hash.to_vec()),
            None => table.remove(&name),
        };
    };
    for update in &operation.refs {
        put(refs, &update.name, update.new.as_ref().map(Id::as_bytes));
    }
    for update in &operation.roots {
        put(roots, &update.name, update.new.as_ref());
    }
    if let Some(head) = &operation.head {
        meta.insert(HEAD.to_vec(), codec::encode(&Current(head.new.clone())));
    }
    meta.insert(POSITION.to_vec(), codec::encode(&position));
}

#[expect(clippy::big_endian_bytes, reason = "sled sorts keys by their bytes")]
const fn operation_key(sequence: u64) -> [u8; 8] {
    sequence.to_be_bytes()
}

/// How long to wait for sled's own lock, which a process that just ended may still hold.
pub(super) const SLED_LOCK_WAIT: Duration = Duration::from_secs(2);

/// Whether sled refused because another handle has its folder.
pub(super) fn is_locked(error: &StoreError) -> bool {
    matches!(error, StoreError::Read { source, .. } if border::is_locked(source))
}

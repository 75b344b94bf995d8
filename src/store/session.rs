//! The store while its index is open.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
    time::Instant,
};

use super::{
    Store, StoreError,
    border::Apart,
    collection::{self, COLLECTED, Collection},
    index::{self, Everything, Index},
    journal::{Entry, Journal, Operation, Position, RefUpdate},
    pack::Packs,
    place::Record,
    rebuild,
    refs::Head,
    summary::Summary,
};
use crate::{
    codec::{self, Object, ObjectError, Objects},
    commit::Commit,
    delta::TensorFile,
    id::Id,
    store::lock::{Lock, PAUSE},
};

/// The branch HEAD names in a new store.
pub(super) const FIRST_BRANCH: &str = "main";

/// The store while its index is open. Other processes that change it wait: keep it short.
pub struct Session {
    dir: PathBuf,
    index: Apart<Index>,
    packs: Packs,
    journal: Journal,
    /// A session that only reads, once it had to open sled.
    opened: OnceLock<Box<Self>>,
    /// What to go on with, once the journal has taken in a transaction and sled has not.
    after: OnceLock<Box<Self>>,
    // Dropped last: the index must be closed before another process may open it.
    hold: Hold,
}

/// What a session has of the store.
enum Hold {
    /// All of it: the index is open in sled.
    Alone(Lock),
    /// One moment of it, to be read.
    Moment,
    /// What [`Hold::Alone`] of another has, without sled.
    After,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens the index; where the machine does not let that be done (a full disk, no permission to write),
    /// what is stored can still be read, and a command that writes is told why it cannot.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        match Self::open_to_write(dir) {
            Err(error) if error.is_of_the_machine() => Self::unwritten(dir).map_err(|_| error),
            other => other,
        }
    }

    /// Opens the index. A process that is killed can leave one that sled cannot open; all that is in it is in
    /// packs and journal, so it is built again if these are whole.
    fn open_to_write(dir: &Path) -> Result<Self, StoreError> {
        let lock = Lock::acquire(dir)?;
        let index = dir.join("ledger");
        if Index::is_stale(&index) {
            return Self::rebuilt(dir, lock);
        }
        match Self::open_index(&index) {
            Ok(index) => Self::caught_up(dir, lock, index),
            Err(error) if error.is_damage() => Self::rebuilt(dir, lock),
            Err(error) => Err(error),
        }
    }

    /// What there is to read of a store that cannot be written.
    fn unwritten(dir: &Path) -> Result<Self, StoreError> {
        if let Some(session) = Self::summarised(dir) {
            return Ok(session);
        }
        let (packs, records) = (Packs::of(dir), rebuild::sources(dir)?);
        let summary = Everything::of(&packs, &records)?.into_summary();
        Ok(Self::of(dir, Index::summarised(&dir.join("ledger"), summary)?, Hold::Moment))
    }

    /// Opens the index as it is.
    pub(super) fn with_lock(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        let index = Self::open_index(&dir.join("ledger"))?;
        Self::caught_up(dir, lock, index)
    }

    /// Takes in what the journal has beyond the index: a process may have been killed between the two.
    fn caught_up(dir: &Path, lock: Lock, index: Index) -> Result<Self, StoreError> {
        let session = Self::of(dir, index, Hold::Alone(lock));
        let known = session.index.position()?;
        if known == Position::default() {
            // There was no index: nothing but the journal says what there is to be in it.
            rebuild::whole(dir)?;
        }
        if !session.journal.ends_at(known) {
            let mut records = session.journal.records(known)?;
            let collected =
                |(entry, _): &(Entry, _)| collection::made_by(&entry.operation).is_some();
            if known != Position::default() && records.iter().any(collected) {
                // An index of before has what gc removed; only a new one is without it.
                return session.anew();
            }
            collection::settle(session.packs(), &mut records)?;
            if !records.is_empty() {
                session.index.apply(session.packs(), &records)?;
                session.index.flush()?;
            }
        }
        Ok(session)
    }

    fn of(dir: &Path, index: Index, hold: Hold) -> Self {
        let (packs, journal) = (Packs::of(dir), Journal::of(dir));
        let (opened, after) = (OnceLock::new(), OnceLock::new());
        Self {
            dir: dir.to_owned(),
            index: Apart::of(dir, index),
            packs,
            journal,
            opened,
            after,
            hold,
        }
    }

    /// As [`Store::view`](super::Store::view).
    pub(super) fn view(dir: &Path) -> Result<Self, StoreError> {
        match Self::summarised(dir) {
            Some(session) => Ok(session),
            // Opening sled will say what is wrong.
            None => {
                let session = Self::open(dir)?;
                if matches!(session.hold, Hold::Alone(_)) {
                    session.index.summarise();
                }
                Ok(session)
            }
        }
    }

    /// What the summary says, if it is about the whole journal.
    pub(super) fn summarised(dir: &Path) -> Option<Self> {
        let ledger = dir.join("ledger");
        let index = Index::summarised(&ledger, Summary::read(&ledger)?).ok()?;
        let session = Self::of(dir, index, Hold::Moment);
        session.journal.ends_at(session.position().ok()?).then_some(session)
    }

    /// This session, or one with the store to itself where this one only reads.
    pub(super) fn opened(&self) -> Result<&Self, StoreError> {
        if !matches!(self.hold, Hold::Moment) {
            return Ok(self);
        }
        if let Some(session) = self.opened.get() {
            return Ok(session);
        }
        let session = Box::new(Self::open_to_write(&self.dir)?);
        Ok(self.opened.get_or_init(|| session))
    }

    /// Makes sure that something can be changed: [`Store::session`] also gives one that can only read.
    ///
    /// # Errors
    /// What is in the way.
    pub fn require_writable(&self) -> Result<(), StoreError> {
        self.opened().map(drop)
    }

    /// The index that says what is current.
    fn index(&self) -> &Index {
        self.after.get().map_or(&self.index, |after| after.index())
    }

    /// Builds the index again from packs and journal.
    fn anew(self) -> Result<Self, StoreError> {
        let Self { dir, index, hold, .. } = self;
        drop(index);
        let lock = match hold {
            Hold::Alone(lock) => lock,
            Hold::Moment | Hold::After => Lock::acquire(&dir)?,
        };
        rebuild::Rebuilt::of(&dir, &rebuild::sources(&dir)?)?.replace()?;
        Self::with_lock(&dir, lock)
    }

    /// As [`Store::rebuild`](super::Store::rebuild).
    pub(super) fn rebuilt(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        let (records, is_confirmed) = rebuild::whole(dir)?;
        // One that is only stale was told nothing that is not in the journal.
        let is_known = is_confirmed || Index::is_stale(&dir.join("ledger"));
        let rebuilt = rebuild::Rebuilt::of(dir, &records)?;
        // What is built from may lack what the damaged index could tell, unless something says that it does not.
        if is_known {
            rebuilt.replace()?;
        } else {
            rebuilt.put_beside(dir)?;
        }
        Self::with_lock(dir, lock)
    }

    /// sled's lock can outlive the process or handle that had it by a moment.
    pub(super) fn open_index(dir: &Path) -> Result<Index, StoreError> {
        let start = Instant::now();
        loop {
            match Index::open(dir) {
                Err(error) if index::is_locked(&error) => {
                    if start.elapsed() > index::SLED_LOCK_WAIT {
                        return Err(StoreError::Busy { dir: dir.to_owned(), pid: None });
                    }
                    thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    /// The store's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) const fn packs(&self) -> &Packs {
        &self.packs
    }

    /// What is current.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn head(&self) -> Result<Head, StoreError> {
        Ok(self.index().head()?.unwrap_or_else(|| Head::Branch(FIRST_BRANCH.to_owned())))
    }

    /// All refs by full name, and where they are.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn refs(&self) -> Result<BTreeMap<String, Id<Commit>>, StoreError> {
        self.index().refs()
    }

    /// Where the ref with this full name is, if it exists.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn reference(&self, name: &str) -> Result<Option<Id<Commit>>, StoreError> {
        self.index().reference(name)
    }

    /// Hash of the object that is current under this name without being a commit.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn root(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
        self.index().root(name)
    }

    /// Everything that is current without being a commit, by name.
    pub(super) fn roots(&self) -> Result<BTreeMap<String, [u8; 32]>, StoreError> {
        self.index().roots()
    }

    /// Hashes of all objects with the tag `tag`.
    pub(super) fn with_tag(&self, tag: u8) -> Result<Vec<[u8; 32]>, StoreError> {
        self.index().starting_with(self.packs(), &[], tag)
    }

    /// Whether an object is stored under this hash.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn contains(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        self.index().contains(hash)
    }

    /// Those of `hashes`, which ascend, of objects that are stored.
    pub(super) fn stored(&self, hashes: &[[u8; 32]]) -> Result<BTreeSet<[u8; 32]>, StoreError> {
        self.index().stored(hashes)
    }

    /// Reads all that was stored together with an object, if it is not much, in one go. A command that asks what a
    /// commit changed then has most of it at hand.
    ///
    /// # Errors
    /// When the index is damaged or the objects' file cannot be read.
    pub fn preload(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        self.index().preload(self.packs(), hash)
    }

    /// Commits whose id begins with these hexadecimal digits.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn commits_with_prefix(&self, digits: &str) -> Result<Vec<Id<Commit>>, StoreError> {
        let bytes: Option<Vec<u8>> = (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok())
            .collect();
        let Some(bytes) = bytes else { return Ok(Vec::new()) };
        let found = self.index().starting_with(self.packs(), &bytes, Commit::TAG)?;
        let ids = found.into_iter().map(Id::<Commit>::from_bytes);
        Ok(ids.filter(|id| id.to_string().starts_with(digits)).collect())
    }

    /// The first operation all of whose objects are kept; gc may have removed what earlier ones name.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn kept_since(&self) -> Result<u64, StoreError> {
        match self.root(COLLECTED)? {
            Some(hash) => Ok(codec::get(self, Id::<Collection>::from_bytes(hash))?.since),
            None => Ok(0),
        }
    }

    /// The operation log, newest first.
    pub fn operations(&self) -> impl Iterator<Item = Result<Operation, StoreError>> + '_ {
        self.operations_before(u64::MAX)
    }

    /// The operations with numbers below `sequence`, newest first.
    pub fn operations_before(
        &self,
        sequence: u64,
    ) -> impl Iterator<Item = Result<Operation, StoreError>> + '_ {
        let end = self.position().map(|position| position.sequence + 1);
        let found = end.and_then(|end| self.logged_before(sequence.min(end)));
        let (operations, failed) = match found {
            Ok(operations) => (Some(operations), None),
            Err(error) => (None, Some(Err(error))),
        };
        failed.into_iter().chain(operations.into_iter().flatten())
    }

    /// The operations with numbers below `end`, newest first: sled's, or where it cannot be opened the journal's.
    fn logged_before(
        &self,
        end: u64,
    ) -> Result<Box<dyn Iterator<Item = Result<Operation, StoreError>> + '_>, StoreError> {
        let opened = match self.opened() {
            Ok(opened) => opened,
            Err(error) if error.is_of_the_machine() => self,
            Err(error) => return Err(error),
        };
        if opened.index().has_operations() {
            return Ok(Box::new(opened.index().operations_before(end)));
        }
        let records = self.journal.records(Position::default())?.into_iter().rev();
        let operations = records.map(|(entry, _)| entry.operation);
        Ok(Box::new(operations.skip_while(move |operation| operation.sequence >= end).map(Ok)))
    }

    /// Where the ref with this full name was, newest first.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn reflog(&self, name: &str) -> Result<Vec<RefUpdate>, StoreError> {
        let mut moves = Vec::new();
        for operation in self.operations() {
            moves.extend(operation?.refs.into_iter().filter(|update| update.name == name));
        }
        Ok(moves)
    }

    /// Where the z vector with this key is: tensor file and row.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn z(&self, key: &[u8; 32]) -> Result<Option<(Id<TensorFile>, u32)>, StoreError> {
        self.index().z(key)
    }

    pub(super) fn position(&self) -> Result<Position, StoreError> {
        self.index().position()
    }

    /// Adds a record to the journal, then to the index, with the `places` of everything in its pack.
    /// From the moment it is in the journal the transaction has happened, whatever becomes of this process,
    /// and of sled: what it does not take in, it is told the next time.
    pub(super) fn record(&self, entry: Entry, places: Vec<Record>) -> Result<(), StoreError> {
        if let Some(after) = self.after.get() {
            return after.record(entry, places);
        }
        let before = self.index.summary()?;
        let position = self.journal.append(self.index.position()?, &entry)?;
        let pack = entry.pack;
        let records = [(entry, position)];
        let taken_in = self.index.has_operations()
            && self.index.add(places, &records).and_then(|()| self.index.flush()).is_ok();
        if !taken_in {
            let places = pack.map(|pack| self.packs.read(pack)?.places(&self.packs)).transpose();
            let [(entry, _)] = &records;
            self.go_on(before, &entry.operation, position, places.ok().flatten());
        }
        Store::keep_room(&self.dir);
        Ok(())
    }

    /// Goes on without sled, which failed: with what it said `before`, and what the journal has taken in since.
    /// The next session has it anew.
    fn go_on(
        &self,
        mut before: Summary,
        operation: &Operation,
        position: Position,
        places: Option<Vec<Record>>,
    ) {
        self.index.mark_stale();
        before.take_in(operation, position, places.unwrap_or_default());
        let dir = self.dir.join("ledger");
        before.write(&dir);
        // Where not even this can be read, the reader gets the error.
        if let Ok(index) = Index::summarised(&dir, before) {
            let _first = self.after.set(Box::new(Self::of(&self.dir, index, Hold::After)));
        }
    }

    /// Adds a record to the journal and builds the index again from all of it.
    pub(super) fn record_anew(self, entry: &Entry) -> Result<Self, StoreError> {
        self.journal.append(self.position()?, entry)?;
        self.anew()
    }

    /// Files of the index that are not used.
    pub(super) fn strays(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.index().strays()
    }

    pub(super) fn everything(&self) -> Result<Everything, StoreError> {
        self.index().everything()
    }
}

impl Objects for Session {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        self.index().object(self.packs(), hash).map_err(|error| ObjectError::Read(Box::new(error)))
    }
}

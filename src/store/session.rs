//! The store while its index is open.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Seek, Write},
    path::{Path, PathBuf},
    slice,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use fs4::fs_std::FileExt;

use super::{
    StoreError,
    collection::{self, COLLECTED, Collection},
    index::{self, Everything, Index},
    journal::{Entry, Journal, Operation, Position, RefUpdate},
    leftovers,
    pack::Packs,
    place::Record,
    refs::Head,
    summary::Summary,
};
use crate::{
    codec::{self, Object, ObjectError, Objects},
    delta::TensorFile,
    id::Id,
    ledger::Commit,
};

/// How long to wait for another process.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// The branch HEAD names in a new store.
const FIRST_BRANCH: &str = "main";

/// kledger's own lock on a store: it covers packs and journal as well as sled.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits some seconds for the lock.
    pub(super) fn acquire(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let open =
            || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open().map_err(|error| StoreError::write(&path, error))?;
        let start = Instant::now();
        while !file.try_lock_exclusive().map_err(|error| StoreError::write(&path, error))? {
            if start.elapsed() > PATIENCE {
                let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(StoreError::Busy { dir: dir.to_owned(), pid });
            }
            thread::sleep(PAUSE);
        }
        // Only for the message of whoever finds the lock held; nothing depends on it.
        let _ignored = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// The store while its index is open. Other processes that change it wait: keep it short.
pub struct Session {
    dir: PathBuf,
    index: Index,
    packs: Packs,
    journal: Journal,
    /// A session that reads a summary, once it had to open sled.
    opened: OnceLock<Box<Self>>,
    // Dropped last: the index must be closed before another process may open it.
    lock: Option<Lock>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens the index. A process that is killed can leave one that sled cannot open; all that is in it
    /// is in packs and journal, so it is built again.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = Lock::acquire(dir)?;
        match Self::open_index(&dir.join("ledger")) {
            Ok(index) => Self::caught_up(dir, lock, index),
            Err(error) if error.is_damage() => Self::rebuilt(dir, lock),
            Err(error) => Err(error),
        }
    }

    /// Opens the index as it is.
    pub(super) fn with_lock(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        let index = Self::open_index(&dir.join("ledger"))?;
        Self::caught_up(dir, lock, index)
    }

    /// Takes in what the journal has beyond the index: a process may have been killed between the two.
    fn caught_up(dir: &Path, lock: Lock, index: Index) -> Result<Self, StoreError> {
        let session = Self::of(dir, index, Some(lock));
        let known = session.index.position()?;
        if session.journal.length()? != known.length {
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

    fn of(dir: &Path, index: Index, lock: Option<Lock>) -> Self {
        let (packs, journal) = (Packs::of(dir), Journal::of(dir));
        Self { dir: dir.to_owned(), index, packs, journal, opened: OnceLock::new(), lock }
    }

    /// As [`Store::view`](super::Store::view).
    pub(super) fn view(dir: &Path) -> Result<Self, StoreError> {
        match Self::summarised(dir) {
            Some(session) => Ok(session),
            // Whatever is wrong, whoever opens sled finds it out.
            None => {
                let session = Self::open(dir)?;
                session.index.summarise()?;
                Ok(session)
            }
        }
    }

    /// What the summary says, if it is about the whole journal.
    pub(super) fn summarised(dir: &Path) -> Option<Self> {
        let ledger = dir.join("ledger");
        let index = Index::summarised(&ledger, Summary::read(&ledger)?).ok()?;
        let session = Self::of(dir, index, None);
        session.journal.ends_at(session.position().ok()?).then_some(session)
    }

    /// This session, or one with sled open where this one reads a summary.
    pub(super) fn opened(&self) -> Result<&Self, StoreError> {
        if self.lock.is_some() {
            return Ok(self);
        }
        if let Some(session) = self.opened.get() {
            return Ok(session);
        }
        let session = Box::new(Self::open(&self.dir)?);
        Ok(self.opened.get_or_init(|| session))
    }

    /// Builds the index again from packs and journal; the old one is kept beside it until that is
    /// complete.
    fn anew(self) -> Result<Self, StoreError> {
        let Self { dir, index, lock, .. } = self;
        drop(index);
        Self::rebuilt(&dir, lock.expect("because an index that is open is locked"))
    }

    /// As [`Store::rebuild`](super::Store::rebuild).
    pub(super) fn rebuilt(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        let (index, aside) = (dir.join("ledger"), dir.join("ledger.old"));
        leftovers::remove(slice::from_ref(&aside))?;
        match fs::rename(&index, &aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::write(&index, error));
            }
            _ => {}
        }
        let session = Self::with_lock(dir, lock)?;
        leftovers::remove(slice::from_ref(&aside))?;
        Ok(session)
    }

    /// sled's lock can outlive the process or handle that had it by a moment.
    fn open_index(dir: &Path) -> Result<Index, StoreError> {
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
        Ok(self.index.head()?.unwrap_or_else(|| Head::Branch(FIRST_BRANCH.to_owned())))
    }

    /// All refs by full name, and where they are.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn refs(&self) -> Result<BTreeMap<String, Id<Commit>>, StoreError> {
        self.index.refs()
    }

    /// Where the ref with this full name is, if it exists.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn reference(&self, name: &str) -> Result<Option<Id<Commit>>, StoreError> {
        self.index.reference(name)
    }

    /// Hash of the object that is current under this name without being a commit.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn root(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
        self.index.root(name)
    }

    /// Everything that is current without being a commit, by name.
    pub(super) fn roots(&self) -> Result<BTreeMap<String, [u8; 32]>, StoreError> {
        self.index.roots()
    }

    /// Hashes of all objects with the tag `tag`.
    pub(super) fn with_tag(&self, tag: u8) -> Result<Vec<[u8; 32]>, StoreError> {
        self.index.starting_with(self.packs(), &[], tag)
    }

    /// Whether an object is stored under this hash.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn contains(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        self.index.contains(hash)
    }

    /// Reads all that was stored together with an object, if it is not much, in one go. Whoever asks what a
    /// commit changed then has most of it at hand.
    ///
    /// # Errors
    /// When the index is damaged or the objects' file cannot be read.
    pub fn preload(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        self.index.preload(self.packs(), hash)
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
        let found = self.index.starting_with(self.packs(), &bytes, Commit::TAG)?;
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
        let opened = self.opened().and_then(|opened| Ok((opened, self.position()?.sequence + 1)));
        let (operations, failed) = match opened {
            Ok((opened, end)) => (Some(opened.index.operations_before(sequence.min(end))), None),
            Err(error) => (None, Some(Err(error))),
        };
        failed.into_iter().chain(operations.into_iter().flatten())
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
        self.index.z(key)
    }

    pub(super) fn position(&self) -> Result<Position, StoreError> {
        self.index.position()
    }

    /// Adds a record to the journal, then to the index, with the `places` of everything in its pack.
    /// From the moment it is in the journal the transaction has happened, whatever becomes of this process.
    pub(super) fn record(&self, entry: Entry, places: Vec<Record>) -> Result<(), StoreError> {
        let position = self.journal.append(self.position()?, &entry)?;
        self.index.add(places, &[(entry, position)])?;
        self.index.flush()
    }

    /// Adds a record to the journal and builds the index again from all of it.
    pub(super) fn record_anew(self, entry: &Entry) -> Result<Self, StoreError> {
        self.journal.append(self.position()?, entry)?;
        self.anew()
    }

    /// Files of the index that are not used.
    pub(super) fn strays(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.index.strays()
    }

    pub(super) fn everything(&self) -> Result<Everything, StoreError> {
        self.index.everything()
    }
}

impl Objects for Session {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        self.index.object(self.packs(), hash).map_err(|error| ObjectError::Read(Box::new(error)))
    }
}

//! A checkout and the move of HEAD that belongs to it, as one step.
//!
//! A directory is exchanged and a journal grows; no system does both at once. So what is about to
//! happen is written down before, under the store's lock, and the note is removed after. Whoever opens
//! the ledger and finds it knows that its writer is gone, and completes what was begun if the new
//! directory is in its place, or forgets it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use bincode::{Decode, Encode};

use super::{Actor, Commit, LedgerError, manifest::Manifest, read::Ledger, write::Change};
use crate::{
    codec::{self, Object},
    durable::{self, FilledDir, WriteError},
    id::{Id, Kind},
    store::{Head, RefChange, RootUpdate, StoreError, Transaction},
};

/// The note's name in the store.
const FILE: &str = "landing";

/// What happens when a directory is put in its place.
#[derive(Encode, Decode)]
pub(super) struct Landing {
    /// The directory's absolute path.
    dir: Vec<u8>,
    /// The version in it.
    commit: Id<Commit>,
    refs: Vec<RefChange>,
    head: Option<(Head, Head)>,
    roots: Vec<RootUpdate>,
    time: i64,
    author: String,
    command: String,
    /// New objects by hash.
    objects: BTreeMap<[u8; 32], Vec<u8>>,
}

impl Kind for Landing {
    const NAME: &'static str = "landing";
}

impl Object for Landing {
    const TAG: u8 = 0x16;
    // Version 1 had no objects; no note of it outlives the command after the one that was killed.
    const VERSION: u8 = 2;
}

impl Change {
    /// Puts `filled`, which holds `commit`, in its place and makes this change, or neither.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] when something is not as it was read; a write error.
    pub(super) fn land(
        self,
        ledger: &Ledger<'_>,
        actor: &Actor,
        filled: FilledDir,
        commit: Id<Commit>,
    ) -> Result<(), LedgerError> {
        self.permit(ledger)?;
        let transaction = self.transaction(actor);
        if transaction.is_nothing() {
            return Ok(filled.place()?.keep()?);
        }
        let dir = std::path::absolute(filled.path())
            .map_err(|source| WriteError { path: filled.path().to_owned(), source })?;
        let note = ledger.session.dir().join(FILE);
        let landing = Landing::new(&dir, commit, &transaction)
            .map_err(|source| LedgerError::Read { path: std::env::temp_dir(), source })?;
        durable::write(&note, &codec::seal(&landing))?;
        let done = filled.place().map_err(LedgerError::from).and_then(|placed| {
            match ledger.transact(transaction) {
                Ok(()) => Ok(placed),
                Err(error) => {
                    placed.put_back()?;
                    Err(error)
                }
            }
        });
        forget(&note)?;
        Ok(done?.keep()?)
    }
}

/// Whether a process left something half done in the store `dir`, or is about to do it.
pub(super) fn is_begun(dir: &Path) -> bool {
    dir.join(FILE).exists()
}

/// Completes or forgets what a killed process left half done.
///
/// # Errors
/// When it cannot be completed; it then waits for the next command.
pub(super) fn complete(ledger: &Ledger<'_>) -> Result<(), LedgerError> {
    let note = ledger.session.dir().join(FILE);
    let bytes = match fs::read(&note) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(LedgerError::Read { path: note, source }),
    };
    // A damaged note is forgotten: the checkout says what it holds, and HEAD is where it was.
    if let Some(landing) = codec::unseal::<Landing>(&bytes) {
        let dir = PathBuf::from(OsString::from_vec(landing.dir.clone()));
        durable::recover_dir(&dir)?;
        if Manifest::read(&dir).is_some_and(|manifest| manifest.commit == landing.commit) {
            match ledger.session.transact(landing.into()) {
                // It had been done already.
                Ok(())
                | Err(
                    StoreError::HeadMoved
                    | StoreError::RefMoved { .. }
                    | StoreError::RootMoved { .. },
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(forget(&note)?)
}

fn forget(note: &Path) -> Result<(), WriteError> {
    durable::step("landing: before the note is removed");
    fs::remove_file(note).map_err(|source| WriteError { path: note.to_owned(), source })
}

impl Landing {
    fn new(dir: &Path, commit: Id<Commit>, transaction: &Transaction) -> io::Result<Self> {
        Ok(Self {
            dir: dir.as_os_str().as_bytes().to_vec(),
            commit,
            refs: transaction.refs.clone(),
            head: transaction.head.clone(),
            roots: transaction.roots.clone(),
            time: transaction.time,
            author: transaction.author.clone(),
            command: transaction.command.clone(),
            objects: transaction.objects.in_memory()?,
        })
    }
}

impl From<Landing> for Transaction {
    fn from(landing: Landing) -> Self {
        let Landing { refs, head, roots, time, author, command, objects, .. } = landing;
        Self {
            objects: objects.into_iter().collect(),
            refs,
            head,
            roots,
            time,
            author,
            command,
            ..Self::default()
        }
    }
}

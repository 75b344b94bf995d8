//! A checkout and the move of HEAD that belongs to it, as one step.
//!
//! Files get their places and a journal grows; no system does both at once. So what is about to happen is
//! written down before, under the store's lock, and the note is removed after. The files have a plan of
//! their own ([`durable::Plan`]), which is written next. A command that opens the ledger and finds the note knows that
//! its writer is gone: where there is a plan, or the directory holds the version already, he completes what
//! was begun, and where there is not he forgets it.
//!
//! When something fails before the journal has it, the files are put back. What fails afterwards, when the old
//! files are removed, does not undo what has happened: the next command does it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use bincode::{Decode, Encode};

use super::{
    checkout::{Filled, SetAside},
    manifest::Manifest,
    open::Ledger,
    update::Update,
};
use crate::{
    codec::{self, Object},
    commit::Commit,
    durable::{self, WriteError},
    id::{Id, Kind},
    ledger::{actor::Actor, error::LedgerError},
    store::{Head, RefChange, RootUpdate, StoreError, Transaction},
};

/// The note's name in the store.
const FILE: &str = "landing";

/// What happens when a version gets its place in a directory.
#[derive(Encode, Decode)]
pub(crate) struct PendingCheckout {
    /// The absolute path of the workplace in the directory.
    workplace: Vec<u8>,
    /// The version.
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

impl Kind for PendingCheckout {
    const NAME: &'static str = "landing";
}

impl Object for PendingCheckout {
    const TAG: u8 = 0x16;
    // Version 1 had no objects, version 2 the directory. No note outlives the command after the one that was
    // killed.
    const VERSION: u8 = 3;
}

impl Update {
    /// Puts the files of `filled` in their places and makes this change, or neither. Returns which files had
    /// to make room.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] when something is not as it was read, [`LedgerError::InTheWay`] when something
    /// would be lost; a write error.
    pub(crate) fn land(
        self,
        ledger: &Ledger<'_>,
        actor: &Actor,
        filled: Filled,
    ) -> Result<Vec<SetAside>, LedgerError> {
        self.permit(ledger)?;
        let transaction = self.transaction(actor);
        let note = ledger.session.dir().join(FILE);
        let workplace = filled.files.workplace().to_owned();
        let landing = PendingCheckout::new(&workplace, filled.id, &transaction)
            .map_err(|source| LedgerError::Read { path: std::env::temp_dir(), source })?;
        let placed = filled.place(|| Ok(durable::write(&note, &codec::seal(&landing))?));
        let done = placed.and_then(|swap| match ledger.make(transaction) {
            Ok(()) => Ok(swap),
            // The next command finds the note, and makes what may not have been made.
            Err(error @ LedgerError::Store(StoreError::Undecided { .. })) => Err(error),
            Err(error) => {
                swap.put_back()?;
                Err(error)
            }
        });
        let kept = match done {
            Ok(swap) => swap.keep().unwrap_or_default(),
            Err(error) => {
                // Files that could not be put back are not left between two versions: the next command goes on.
                if !durable::is_begun(&workplace) {
                    forget(&note)?;
                }
                return Err(error);
            }
        };
        // It has happened. What is left of it the next command tidies up.
        if !durable::is_begun(&workplace) {
            let _next_time = forget(&note);
        }
        Ok(kept.into_iter().map(SetAside::from).collect())
    }
}

/// Whether a process left something half done in the store `dir`, or is about to do it.
pub(crate) fn is_begun(dir: &Path) -> bool {
    dir.join(FILE).exists()
}

/// Completes or forgets what a killed process left half done.
///
/// # Errors
/// When it cannot be completed; it then waits for the next command.
pub(crate) fn complete(ledger: &Ledger<'_>) -> Result<(), LedgerError> {
    let note = ledger.session.dir().join(FILE);
    let bytes = match durable::read(&note) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(LedgerError::Read { path: note, source }),
    };
    // A damaged note is forgotten: the checkout says what it holds, and HEAD is where it was.
    if let Some(landing) = codec::unseal::<PendingCheckout>(&bytes) {
        let workplace = PathBuf::from(OsString::from_vec(landing.workplace.clone()));
        let swap = durable::resume(&workplace)?;
        let dir = workplace.parent().unwrap_or(Path::new("/"));
        if Manifest::read(dir).is_some_and(|manifest| manifest.commit == landing.commit) {
            match ledger.make(landing.into()) {
                // It had been done already.
                Ok(()) | Err(LedgerError::Moved { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(swap) = swap {
            swap.keep()?;
        }
        durable::sweep(dir)?;
    }
    Ok(forget(&note)?)
}

fn forget(note: &Path) -> Result<(), WriteError> {
    durable::step("landing: before the note is removed");
    match durable::call("landing: remove", || fs::remove_file(note)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(WriteError { path: note.to_owned(), source })
        }
        _ => Ok(()),
    }
}

impl Ledger<'_> {
    /// Makes the change that belongs to a checkout, if there is one.
    fn make(&self, transaction: Transaction) -> Result<(), LedgerError> {
        if transaction.is_nothing() { Ok(()) } else { self.transact(transaction) }
    }
}

impl PendingCheckout {
    fn new(workplace: &Path, commit: Id<Commit>, transaction: &Transaction) -> io::Result<Self> {
        Ok(Self {
            workplace: workplace.as_os_str().as_bytes().to_vec(),
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

impl From<PendingCheckout> for Transaction {
    fn from(landing: PendingCheckout) -> Self {
        let PendingCheckout { refs, head, roots, time, author, command, objects, .. } = landing;
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

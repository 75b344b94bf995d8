//! The border to sled: its errors, panics and waits that never end become errors of ours.
//!
//! Where the disk fails, sled may answer, panic, or wait for a thread of its own that is gone. So what makes it
//! write, and letting go of it, which does too, is done on a thread that can be left behind.

use std::{
    io,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use sled::transaction::TransactionError;

use super::StoreError;
use crate::durable;

/// How long sled may take for one thing that it is asked to do. Many times what a slow disk needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Has sled do `work` on a thread of its own, and waits for it only so long.
pub(super) fn apart<T: Send + 'static>(
    dir: &Path,
    work: impl FnOnce() -> sled::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let (done, result) = mpsc::channel();
    let run = move || {
        // The waiting thread may have gone.
        let _ignored = done.send(catch_unwind(AssertUnwindSafe(work)));
    };
    thread::Builder::new()
        .name("index".to_owned())
        .spawn(run)
        .map_err(|error| StoreError::write(dir, error))?;
    match result.recv_timeout(durable::patience().unwrap_or(PATIENCE)) {
        Ok(Ok(result)) => result.map_err(|error| failed(dir, error)),
        Ok(Err(panic)) => Err(panicked(dir, panic.as_ref())),
        Err(_) => Err(StoreError::Stuck { path: dir.to_owned() }),
    }
}

/// Something that sled is behind, which is let go of on a thread of its own.
pub(super) struct Apart<T: Send + 'static> {
    dir: PathBuf,
    held: Option<T>,
}

impl<T: Send + 'static> Apart<T> {
    pub(super) fn of(dir: &Path, held: T) -> Self {
        Self { dir: dir.to_owned(), held: Some(held) }
    }
}

impl<T: Send + 'static> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("because it is held until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Apart<T> {
    fn drop(&mut self) {
        let held = self.held.take();
        // What sled was told is in the journal.
        let _ignored = apart(&self.dir, move || {
            drop(held);
            Ok(())
        });
    }
}

/// Reads, turning sled's errors and panics on damaged pages into ours.
pub(super) fn guard<T>(
    dir: &Path,
    read: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| failed(dir, error)),
        Err(panic) => Err(panicked(dir, panic.as_ref())),
    }
}

/// What became of a transaction that nothing aborts.
pub(super) fn in_transaction(error: TransactionError<()>) -> sled::Error {
    match error {
        TransactionError::Storage(error) => error,
        TransactionError::Abort(()) => unreachable!("because nothing aborts it"),
    }
}

pub(super) fn failed(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if is_of_writing(&source) => StoreError::write(dir, source),
        sled::Error::Io(source) if is_locked(&source) || is_of_the_system(&source) => {
            StoreError::read(dir, source)
        }
        other => StoreError::damaged(dir, other.to_string()),
    }
}

/// Whether sled refused because another handle has its folder.
pub(super) fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

fn is_of_writing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::QuotaExceeded
    )
}

/// Whether the system said so, and not sled of what it read. An error that sled says again has become text.
fn is_of_the_system(error: &io::Error) -> bool {
    error.raw_os_error().is_some() || is_said_of_the_system(&error.to_string())
}

fn is_said_of_the_system(text: &str) -> bool {
    text.contains("Os { code: ")
}

/// sled panics on damage it does not expect, and where the system fails it.
fn panicked(dir: &Path, panic: &(dyn std::any::Any + Send)) -> StoreError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    match text.or_else(|| panic.downcast_ref::<&str>().copied()) {
        Some(text) if text.contains("SystemTimeError") => StoreError::Clock,
        Some(text) if is_said_of_the_system(text) => {
            StoreError::Read { path: dir.to_owned(), source: io::Error::other(text.to_owned()) }
        }
        _ => StoreError::damaged(dir, "sled cannot make sense of it"),
    }
}

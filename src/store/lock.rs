//! The lock that one process at a time has on sled.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fs4::fs_std::FileExt;

use super::StoreError;
use crate::durable;

/// How long to wait for another process.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before looking again.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// kledger's own lock on a store: it covers packs and journal as well as sled.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits some seconds for the lock.
    pub(super) fn acquire(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let mut file = durable::call("lock: open", || durable::open_or_create(&path))
            .map_err(|error| StoreError::opened(&path, error))?;
        let start = Instant::now();
        while !file.try_lock_exclusive().map_err(|error| StoreError::write(&path, error))? {
            if start.elapsed() > PATIENCE {
                let text =
                    durable::read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let pid = text.and_then(|text| text.trim().parse().ok());
                return Err(StoreError::Busy { dir: dir.to_owned(), pid });
            }
            thread::sleep(PAUSE);
        }
        // Only for the message of a process that finds the lock held; nothing depends on it.
        let _ignored = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

//! Who has a store open: what nobody may remove from it meanwhile.
//!
//! Every program that has a store open shares a lock on the file `in-use`, from the moment it opens the
//! store until it is done with it. Only who has that lock alone may remove files or objects: others may
//! be reading them, or be about to record what refers to them.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process, thread,
    time::Instant,
};

use fs4::fs_std::FileExt;

use super::{
    StoreError,
    lock::{PATIENCE, PAUSE},
};
use crate::durable;

/// A share in the lock, given back when dropped.
#[derive(Debug)]
pub(super) struct Guard {
    dir: PathBuf,
    file: File,
}

impl Guard {
    /// Waits some seconds for the process that has the lock alone.
    pub(super) fn share(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("in-use");
        let file = durable::call("in-use: open", || match durable::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Where it cannot be made nothing can be removed either.
                durable::open_or_create(&path).or_else(|error| match error.kind() {
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        durable::open(&dir.join("format"))
                    }
                    _ => Err(error),
                })
            }
            opened => opened,
        });
        let file = file.map_err(|error| StoreError::opened(&path, error))?;
        let guard = Self { dir: dir.to_owned(), file };
        guard.wait_for(FileExt::try_lock_shared)?;
        Ok(guard)
    }

    /// Waits some seconds for everybody else to be done, and runs `act` alone.
    pub(super) fn alone<T, E: From<StoreError>>(
        &self,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let waited = self.wait_for(FileExt::try_lock_exclusive).map_err(E::from);
        let result = waited.and_then(|()| act());
        // Asking for the lock alone gives the share away, had by now or not.
        self.wait_for(FileExt::try_lock_shared)?;
        result
    }

    fn wait_for(&self, lock: impl Fn(&File) -> io::Result<bool>) -> Result<(), StoreError> {
        let start = Instant::now();
        loop {
            match lock(&self.file) {
                Ok(true) => return Ok(()),
                Ok(false) if start.elapsed() > PATIENCE => {
                    return Err(StoreError::Busy { dir: self.dir.clone(), pid: self.other() });
                }
                Ok(false) => thread::sleep(PAUSE),
                Err(error) => return Err(StoreError::write(&self.dir.join("in-use"), error)),
            }
        }
    }

    /// One of the other processes that have the lock, where the system tells.
    fn other(&self) -> Option<u32> {
        let inode = self.file.metadata().ok()?.ino().to_string();
        let locks = fs::read_to_string("/proc/locks").ok()?;
        // 1: FLOCK  ADVISORY  READ 1234 fe:00:5678 0 EOF
        let mut pids = locks.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|word| *word == "FLOCK")?;
            let (pid, place) = (words.get(at + 3)?, words.get(at + 4)?);
            (place.rsplit(':').next() == Some(&inode)).then(|| pid.parse().ok())?
        });
        pids.find(|pid| *pid != process::id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_beside_one_who_is_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Guard::share(dir.path()).unwrap(), Guard::share(dir.path()).unwrap());
        assert!(!other.file.try_lock_exclusive().unwrap(), "while another has a share");
        FileExt::try_lock_shared(&other.file).unwrap();
        drop(other);
        one.alone(|| {
            let late = File::open(dir.path().join("in-use")).unwrap();
            assert!(!FileExt::try_lock_shared(&late).unwrap(), "beside one who is alone");
            Ok::<_, StoreError>(())
        })
        .unwrap();
        Guard::share(dir.path()).unwrap();
    }
}

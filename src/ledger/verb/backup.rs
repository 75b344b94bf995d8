//! `backup`: a copy of the repository that is whole, whatever others do meanwhile.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    durable,
    engine::Progress,
    ledger::{Config, LedgerError, Repo, state::checkout::real_dir},
    store::{
        StoreError,
        backup::{Backup, share},
    },
};

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// Where the backup is.
    pub dir: PathBuf,
    /// The last operation in it.
    pub operation: u64,
    /// Files that it did not have.
    pub files: u64,
    /// As many of them share their bytes with the repository's.
    pub shared: u64,
    /// Bytes copied.
    pub bytes: u64,
}

impl Repo {
    /// Makes `dir` a repository with all that this one has, or brings an earlier backup there up to date.
    /// Others can go on working in this one.
    ///
    /// # Errors
    /// [`StoreError::NotABackup`] when something else is in `dir`, [`LedgerError::NoDirectory`] when it is none;
    /// when something is damaged, or cannot be written.
    pub fn backup(
        &self,
        dir: &Path,
        progress: &mut dyn Progress,
    ) -> Result<BackupReport, LedgerError> {
        progress.start("backup", None);
        real_dir(dir)?;
        let to = dir.join(Self::DIR);
        let is_taken =
            !to.exists() && fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if is_taken {
            let why = "it holds something else";
            return Err(StoreError::NotABackup { dir: dir.to_owned(), why }.into());
        }
        let done = self.store().backup(&to, |done| {
            copy_all(&self.base_dir(), &to.join("base"), done)?;
            let config = self.root().join(Self::DIR).join(Config::FILE);
            let bytes = durable::read(&config).map_err(|error| StoreError::read(&config, error))?;
            Ok::<_, LedgerError>(durable::write(&to.join(Config::FILE), &bytes)?)
        })?;
        progress.finish("");
        let Backup { operations, files, shared, bytes } = done;
        let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        Ok(BackupReport { dir, operation: operations, files, shared, bytes })
    }
}

/// Copies the files in `from`, which are never changed.
fn copy_all(from: &Path, to: &Path, done: &mut Backup) -> Result<(), LedgerError> {
    let unread = |source| LedgerError::Read { path: from.to_owned(), source };
    durable::create_dir(to)?;
    for entry in fs::read_dir(from).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_all(&path, &target, done)?;
        } else {
            share(&path, &target, done)?;
        }
    }
    Ok(())
}

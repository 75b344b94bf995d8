//! Files in a store that nothing names: written by a process that was killed before it was done, kept
//! from an edit that was refused, or no longer wanted.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::StoreError;
use crate::durable;

/// Files in the folders of `root` that are not `named`.
pub(super) fn strays(root: &Path, named: &BTreeSet<PathBuf>) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    for entry in list(root)? {
        if is_dir(&entry) {
            found.extend(list(&entry)?.into_iter().filter(|path| !named.contains(path)));
        } else {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}

/// What was left in the store's own directory: half-written files, indexes that were replaced.
pub(super) fn beside(store: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let is_left = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Hidden files and directories are temporary: nothing of a store is hidden.
        name.starts_with('.') || name == "ledger.old"
    };
    let mut found = list(store)?;
    found.retain(is_left);
    found.sort();
    Ok(found)
}

/// Removes files and directories, and returns how many bytes they had.
pub(super) fn remove(paths: &[PathBuf]) -> Result<u64, StoreError> {
    let mut freed = 0;
    for path in paths {
        freed += length(path);
        durable::step("leftovers: before a file is removed");
        let removed = durable::call("leftovers: remove", || {
            if is_dir(path) { fs::remove_dir_all(path) } else { fs::remove_file(path) }
        });
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::write(path, error));
            }
            _ => {}
        }
    }
    Ok(freed)
}

/// Whether it is a directory, and not a link to one.
fn is_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// How many bytes a file or directory has.
pub(super) fn length(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if metadata.is_dir() {
        list(path).map_or(0, |entries| entries.iter().map(|entry| length(entry)).sum())
    } else {
        metadata.len()
    }
}

pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| StoreError::read(dir, error))
}

//! A store is made of plain files and directories.
//!
//! A store can come from somebody else. A link in it would have kledger read, write or remove its target, which
//! is none of the store's, and a pipe would have it wait for ever. So opening a store first checks whether
//! there is anything of that kind in it. Packs and tensor files, which can be many, are only looked at as
//! far as their folders; each is opened with [`durable::open_below`], which follows no link either, nor one that came in
//! since.

use std::{
    fs::{self, FileType},
    io::ErrorKind,
    path::Path,
};

use super::StoreError;

/// Folders of folders of files that are opened one by one.
const FANNED_OUT: [&str; 2] = ["packs", "tensors"];

/// Makes sure that everything in the store `dir` is a file or a directory. `dir` itself may be a link: its owner
/// made it.
///
/// # Errors
/// [`StoreError::NotPlain`] names the first that is not.
pub(super) fn check(dir: &Path) -> Result<(), StoreError> {
    check_in(dir, &|folder| {
        let fanned_out = FANNED_OUT.iter().any(|name| dir.join(name) == folder);
        if fanned_out { Depth::Names } else { Depth::All }
    })
}

/// How far a folder is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What is in it.
    Names,
    /// What is in it, and in the folders in it.
    All,
}

fn check_in(dir: &Path, depth: &impl Fn(&Path) -> Depth) -> Result<(), StoreError> {
    let failed = |error| StoreError::read(dir, error);
    let entries = match fs::read_dir(dir) {
        // Another process removes what it no longer needs.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let found = match entry.file_type() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other.map_err(failed)?,
        };
        if let Some(what) = not_plain(found) {
            return Err(StoreError::NotPlain { what, path: entry.path() });
        }
        if found.is_dir() && depth(dir) == Depth::All {
            check_in(&entry.path(), depth)?;
        }
    }
    Ok(())
}

/// What something is that is neither a file nor a directory.
fn not_plain(found: FileType) -> Option<&'static str> {
    if found.is_symlink() {
        Some("a link")
    } else if found.is_file() || found.is_dir() {
        None
    } else {
        Some("a pipe, a socket or a device")
    }
}

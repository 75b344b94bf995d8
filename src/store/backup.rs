//! Copies of a store, made while others work in it.
//!
//! Packs and tensor files are never changed, and nobody removes one while this process has the store open. So
//! a copy is what the journal named at one moment: those files first, and the journal, up to a record
//! that is whole, at the end. A copy that is broken off is the one of before with files that nothing names yet.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    Store, StoreError, collection,
    format::FORMAT,
    journal::{Journal, Position},
    leftovers,
    lock::Lock,
    pack::Packs,
};
use crate::durable;

/// What [`Store::backup`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backup {
    /// The last operation in the copy.
    pub operations: u64,
    /// Files that were not there.
    pub files: u64,
    /// As many of them share their bytes with this store's.
    pub shared: u64,
    /// Bytes of the others.
    pub bytes: u64,
}

impl Store {
    /// Makes `to` a copy of this store, or brings up to date the one that is there; what it has is not copied
    /// again. `others` copies what is beside the store's own files, before the copy counts.
    ///
    /// # Errors
    /// [`StoreError::NotABackup`] when something else is there; when the journal or a file it names is damaged;
    /// when something cannot be written.
    pub fn backup<E: From<StoreError>>(
        &self,
        to: &Path,
        others: impl FnOnce(&mut Backup) -> Result<(), E>,
    ) -> Result<Backup, E> {
        let dir = self.dir();
        let journal = Journal::of(dir);
        let mut records = journal.records(Position::default())?;
        let end = records.last().map_or_else(Position::default, |(_, end)| *end);
        is_backup(dir, to, &journal, end)?;
        durable::create_dir(to).map_err(StoreError::from)?;
        let _lock = Lock::acquire(to)?;

        let mut done = Backup { operations: end.sequence, ..Backup::default() };
        let packs = Packs::of(dir);
        collection::settle(&packs, &mut records)?;
        for pack in records.iter().filter_map(|(entry, _)| entry.pack) {
            copy(&packs.path(pack), dir, to, &mut done)?;
        }
        for file in leftovers::strays(&dir.join("tensors"), &[].into())? {
            copy(&file, dir, to, &mut done)?;
        }
        for folder in ["packs", "tensors"] {
            durable::create_dir(&to.join(folder)).map_err(StoreError::from)?;
        }
        // So that it can be locked where nothing can be written.
        let in_use = to.join("in-use");
        if !in_use.exists() {
            durable::write(&in_use, b"").map_err(StoreError::from)?;
        }
        others(&mut done)?;
        let journal_bytes = journal.beginning(end)?;
        let write = |name: &str, bytes: &[u8]| {
            durable::write(&to.join(name), bytes).map_err(StoreError::from)
        };
        write("journal", &journal_bytes)?;
        write("format", format!("{FORMAT}\n").as_bytes())?;
        Ok(done)
    }
}

/// Refuses to write to `to` unless nothing is there, or an earlier copy of the store in `dir`.
fn is_backup(dir: &Path, to: &Path, journal: &Journal, end: Position) -> Result<(), StoreError> {
    let refused = |why| Err(StoreError::NotABackup { dir: to.to_owned(), why });
    let whole = |path: &Path| path.canonicalize().ok();
    let above = to.ancestors().find_map(whole);
    if above.zip(whole(dir)).is_some_and(|(above, dir)| above.starts_with(dir)) {
        return refused("it is in this repository itself");
    }
    if fs::symlink_metadata(to).is_err() {
        return Ok(());
    }
    let Ok(found) = durable::read(&to.join("journal")) else {
        // A first copy that was broken off has files, and no journal yet.
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            matches!(name, "packs" | "tensors" | "base" | "lock" | "in-use" | "config.toml")
                || name.starts_with('.')
        };
        let all_ours = leftovers::list(to)?.iter().all(is_ours);
        return if all_ours { Ok(()) } else { refused("it holds something else") };
    };
    let ours = journal.beginning(end)?;
    if !ours.starts_with(&found) || found.is_empty() {
        return refused("it holds another history");
    }
    Ok(())
}

/// Makes the file `from`, which is never changed, be in `to` as it is in `dir`.
fn copy(from: &Path, dir: &Path, to: &Path, done: &mut Backup) -> Result<(), StoreError> {
    let name = from.strip_prefix(dir).expect("because it is in the store");
    share(from, &to.join(name), done)
}

/// Makes `to` a file with the bytes of `from`, which is never changed, at the least cost that the file
/// system allows; nothing where it is there.
///
/// # Errors
/// When it cannot be written.
pub fn share(from: &Path, to: &Path, done: &mut Backup) -> Result<(), StoreError> {
    let length = durable::open(from).and_then(|file| file.metadata());
    let length = length.map_err(|error| StoreError::read(from, error))?.len();
    if fs::symlink_metadata(to).is_ok_and(|there| there.is_file() && there.len() == length) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        durable::create_dir(folder)?;
    }
    durable::step("backup: before a file is copied");
    let mut is_shared = true;
    durable::write_with(to, |temporary| {
        fs::remove_file(temporary)?;
        durable::call("backup: link", || fs::hard_link(from, temporary))
            .or_else(|_| durable::call("backup: clone", || reflink_copy::reflink(from, temporary)))
            .or_else(|_| {
                is_shared = false;
                durable::call("backup: copy", || copied(from, temporary))
            })
    })?;
    done.files += 1;
    if is_shared {
        done.shared += 1;
    } else {
        done.bytes += length;
    }
    Ok(())
}

/// Copies bytes and permissions; where `from` has become a link it is not followed.
fn copied(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = durable::open(from)?;
    let mut target = File::create_new(to)?;
    io::copy(&mut source, &mut target)?;
    target.set_permissions(source.metadata()?.permissions())
}

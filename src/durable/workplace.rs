//! Directories in which something is made before it gets its place.
//!
//! A process that works in one holds a lock on it, so one that is not locked was left behind by a process that
//! is gone. It has a mark in it, a file of fixed contents: whatever looks like a workplace and has no mark
//! may be anybody's, and is left alone.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use fs4::fs_std::FileExt;

use super::{At, WriteError, call, claim, stamp::is_there};

/// The file that says whose the directory is.
const MARK: &str = "made-by-kledger";
const MARK_TEXT: &[u8] = b"kledger works here, and removes this directory when it is done\n";
/// Workplaces are called `.kledger.<process>-<number>.new`.
const NAME: &str = "kledger";
const SUFFIX: &str = "new";

/// A directory to make something in.
#[derive(Debug)]
pub(super) struct Workplace {
    path: PathBuf,
    /// Says to others that somebody is at work in it.
    _lock: File,
}

impl Workplace {
    /// Makes one in `parent`.
    pub(super) fn make(parent: &Path) -> Result<Self, WriteError> {
        loop {
            let path = claim(&parent.join(NAME), SUFFIX, |path| {
                call("workplace: create", || fs::create_dir(path))
            })
            .at(parent)?;
            // Until it is locked, another process may take it for a leftover and remove it.
            match lock(&path).at(&path)? {
                None => {}
                Some(lock) => {
                    let work = Self { path, _lock: lock };
                    let mark = work.path.join(MARK);
                    fs::write(&mark, MARK_TEXT).at(&mark)?;
                    fs::create_dir(work.incoming()).at(&work.path)?;
                    return Ok(work);
                }
            }
        }
    }

    /// The one at `path`, if it is one and nobody is at work in it.
    pub(super) fn abandoned(path: &Path) -> io::Result<Option<Self>> {
        if !is_workplace(path) {
            return Ok(None);
        }
        let work = lock(path)?.map(|lock| Self { path: path.to_owned(), _lock: lock });
        // Somebody may have been about to remove it, or to make it.
        Ok(work.filter(|work| is_workplace(&work.path)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where what is new is made.
    pub(super) fn incoming(&self) -> PathBuf {
        self.path.join("new")
    }

    /// Where what is old waits to be removed.
    pub(super) fn old(&self) -> PathBuf {
        self.path.join("old")
    }

    /// Where what must not be lost waits for a place.
    pub(super) fn aside(&self) -> PathBuf {
        self.path.join("aside")
    }

    /// Where notes are about what is done in it.
    pub(super) fn notes(path: &Path) -> PathBuf {
        path.join("notes")
    }

    /// Removes it with what is new in it. Where something else is in it, it stays.
    pub(super) fn remove(&self) -> io::Result<()> {
        gone(fs::remove_dir_all(self.incoming()))?;
        gone(fs::remove_dir_all(Self::notes(&self.path)))?;
        gone(fs::remove_dir(self.old()))?;
        gone(fs::remove_dir(self.aside()))?;
        for entry in fs::read_dir(&self.path).into_iter().flatten() {
            if entry?.file_name() != MARK {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
        }
        gone(fs::remove_file(self.path.join(MARK)))?;
        gone(fs::remove_dir(&self.path))
    }
}

/// Whether `path` is a workplace: by its name and its mark, or by its name alone where nothing is in it.
pub fn is_workplace(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !is_name(&name) || !fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return false;
    }
    let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    match is_there(&path.join(MARK)) {
        Ok(true) => fs::read(path.join(MARK)).is_ok_and(|text| text == MARK_TEXT),
        Ok(false) => empty(),
        Err(_) => false,
    }
}

/// All workplaces in `dir`.
pub(super) fn workplaces(dir: &Path) -> Result<Vec<PathBuf>, WriteError> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.at(dir)?.path();
        if is_workplace(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_name(name: &str) -> bool {
    let ours = name.strip_prefix('.').and_then(|name| name.strip_suffix(SUFFIX));
    let ours = ours.and_then(|name| name.strip_suffix('.')?.strip_prefix(NAME));
    let writer = ours.and_then(|name| name.strip_prefix('.')?.split_once('-'));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    writer.is_some_and(|(process, number)| digits(process) && digits(number))
}

/// Locks the directory, if it is there and nobody else has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(lock) => Ok((lock.try_lock_exclusive()? && path.is_dir()).then_some(lock)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

//! Files and directories that are whole or absent after a crash.
//!
//! A file is written under a temporary name beside its target, synced, renamed, and its directory
//! synced. A directory is filled under a temporary name and exchanged for the old one. Temporary names
//! belong to one writer, so two processes can write the same thing at once. Each step passes a fault
//! point, so that tests can end the process there.
//!
//! This module knows nothing of what it writes.

mod dir;

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

use rustix::{fs::OFlags, io::Errno};

pub use dir::{FilledDir, PlacedDir, fill_dir, recover_dir, replace_dir, sweep};

/// A file or directory could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// What was to be written.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl WriteError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("the disk is full: free some space and run the command again")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Some("the place is read-only for you: check its permissions and how it is mounted")
            }
            _ => None,
        }
    }
}

trait At<T> {
    fn at(self, path: &Path) -> Result<T, WriteError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, WriteError> {
        self.map_err(|source| WriteError { path: path.to_owned(), source })
    }
}

/// Writes `bytes` to `path`, replacing what was there.
///
/// # Errors
/// When any step fails; the old file, if any, is then still in place.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |temporary| fs::write(temporary, bytes))
}

/// Has `fill` write a temporary file, then puts it in `path`'s place.
///
/// # Errors
/// As [`write()`].
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), WriteError> {
    write_named(path, |temporary| fill(temporary).map(|()| path.to_owned())).map(drop)
}

/// Has `fill` write a temporary file beside `path` and say what it is to be called, on the same file system.
/// Returns that.
///
/// # Errors
/// As [`write()`].
pub fn write_named(
    path: &Path,
    fill: impl FnOnce(&Path) -> io::Result<PathBuf>,
) -> Result<PathBuf, WriteError> {
    step("file: before it is written");
    let temporary = claim(path, "tmp", |path| File::create_new(path).map(drop)).at(path)?;
    // What `fill` calls may make the file anew, for its owner's eyes only.
    let permissions = fs::metadata(&temporary).map(|metadata| metadata.permissions());
    let written = fill(&temporary).and_then(|target| {
        fs::set_permissions(&temporary, permissions?)?;
        step("file: before it is synced");
        File::open(&temporary)?.sync_all()?;
        step("file: before it is renamed");
        fs::rename(&temporary, &target).map(|()| target)
    });
    if written.is_err() {
        // Nothing more can be done if this fails as well; `fsck` mentions what is left over.
        let _ignored = fs::remove_file(&temporary);
    }
    let target = written.at(path)?;
    sync_parent(&target)?;
    Ok(target)
}

/// Opens a file for reading. Where `path` is a link it is not followed, and where it is a pipe it is not waited for:
/// see [`is_link`].
///
/// # Errors
/// When it is not there, is a link, or cannot be read.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// The bytes of a file, opened as by [`open`].
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether [`open`] or [`read`] failed because the file is a link.
#[must_use]
pub fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Creates `path` and the directories above it that are missing, and syncs what was created.
///
/// # Errors
/// When one cannot be created.
pub fn create_dir(path: &Path) -> Result<(), WriteError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_dir(parent)?;
    }
    step("directory: before it is created");
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other.at(path),
    }?;
    sync_parent(path)
}

/// Takes everybody's permission to write the file.
///
/// # Errors
/// When the permissions cannot be changed.
pub fn make_read_only(path: &Path) -> Result<(), WriteError> {
    let mut permissions = fs::metadata(path).at(path)?.permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).at(path)
}

/// Waits until the file or directory at `path` is on disk.
///
/// # Errors
/// When the system says that it is not.
pub fn sync(path: &Path) -> Result<(), WriteError> {
    File::open(path).and_then(|file| file.sync_all()).at(path)
}

fn sync_parent(path: &Path) -> Result<(), WriteError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))
}

/// Makes a file or directory that is this writer's alone, `dir/.name.<process>-<number>.<suffix>` for
/// `dir/name`: hidden and on the same file system.
fn claim(
    path: &Path,
    suffix: &str,
    create: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let mut number = 0u64;
    loop {
        let temporary = beside(path, &format!("{}-{number}.{suffix}", process::id()));
        match create(&temporary) {
            // Another thread's, a dead process's, or one's of another machine.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            other => return other.map(|()| temporary),
        }
    }
}

/// `dir/name` -> `dir/.name.<suffix>`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// A place where a crash must do no harm.
///
/// In builds with debug assertions, `KLEDGER_FAULT=n` aborts the process at the n-th place it
/// passes (counted from 1), and `KLEDGER_FAULT_LOG=file` has every place's name appended to that
/// file. In other builds this is nothing.
pub fn step(name: &str) {
    #[cfg(debug_assertions)]
    fault::pass(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod fault {
    use std::{
        env,
        fs::OpenOptions,
        io::Write,
        process,
        sync::atomic::{AtomicU64, Ordering},
    };

    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn pass(name: &str) {
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(log) = env::var_os("KLEDGER_FAULT_LOG") {
            let file = OpenOptions::new().create(true).append(true).open(log);
            file.and_then(|mut file| writeln!(file, "{name}"))
                .expect("because the test that asks for a log can be written to");
        }
        let fatal = env::var("KLEDGER_FAULT").ok().and_then(|n| n.parse().ok());
        if fatal == Some(number) {
            process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two processes that wrote the same file at once used to write the same temporary file.
    #[test]
    fn two_writers_of_a_file_do_not_meet() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        write_with(&file, |first| {
            fs::write(first, "first")?;
            write(&file, b"second").unwrap();
            assert_eq!(fs::read_to_string(first)?, "first");
            assert_eq!(fs::read_to_string(&file)?, "second");
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "first");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_old_one() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        write(&file, b"one").unwrap();
        let failed = write_with(&file, |temporary| {
            fs::write(temporary, "tw")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.unwrap_err().hint().unwrap().contains("disk is full"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left over");
    }
}

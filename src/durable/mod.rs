//! Files and directories that are whole or absent after a crash.
//!
//! A file is written under a temporary name beside its target, synced, renamed, and its directory
//! synced. A directory is filled under a temporary name, and files that are replaced together are written to
//! a directory of their own first. Temporary names belong to one writer, so two processes can write the same
//! thing at once. Each step passes a fault point, so that tests can end the process there.
//!
//! Files that somebody else made are opened by [`open_regular`], which a pipe or a device does not hold up.
//!
//! This module knows nothing of what it writes.

mod dir;
mod files;
mod regular;
mod stamp;
mod workplace;

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags, openat},
    io::Errno,
};

pub use dir::{FilledDir, fill_dir, sweep};
pub use files::{NewFiles, Plan, SetAside, Swap, fill_files, is_begun, is_plain, lock, resume};
pub use regular::{open_regular, read_regular};
pub use stamp::{Stamp, hash_file, is_there};
pub use workplace::is_workplace;

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
    let create = |path: &Path| call("file: create", || File::create_new(path).map(drop));
    let temporary = claim(path, "tmp", create).at(path)?;
    // What `fill` calls may make the file anew, for its owner's eyes only.
    let permissions = fs::metadata(&temporary).map(|metadata| metadata.permissions());
    let filled = call("file: write", || Ok(())).and_then(|()| fill(&temporary));
    let written = filled.and_then(|target| {
        let permissions = permissions?;
        if !is_shared(&temporary)? {
            call("file: set permissions", || fs::set_permissions(&temporary, permissions.clone()))?;
        }
        step("file: before it is synced");
        call("file: sync", || File::open(&temporary)?.sync_all())?;
        step("file: before it is renamed");
        call("file: rename", || fs::rename(&temporary, &target))?;
        Ok(target)
    });
    if written.is_err() {
        // Nothing more can be done if this fails as well; `fsck` mentions what is left over.
        let _ignored = fs::remove_file(&temporary);
    }
    let target = written.at(path)?;
    sync_parent(&target)?;
    Ok(target)
}

/// Whether a file has other names: its permissions are theirs too.
fn is_shared(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata(path)?.nlink() > 1)
}

/// Opens a file for reading. Where `path` is a link it is not followed, and where it is a pipe it is not waited for:
/// see [`is_link`].
///
/// # Errors
/// When it is not there, is a link, or cannot be read.
pub fn open(path: &Path) -> io::Result<File> {
    unfollowed(OpenOptions::new().read(true), path)
}

/// Opens the file at `path` for reading and writing, and makes an empty one where there is none. Links and pipes as in
/// [`open`].
///
/// # Errors
/// When it is a link, or cannot be made or written.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    unfollowed(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

/// Opens the file at `path`, which is there, for writing. Links and pipes as in [`open`].
///
/// # Errors
/// When it is not there, is a link, or cannot be written.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    unfollowed(OpenOptions::new().write(true), path)
}

fn unfollowed(how: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    how.custom_flags(flags.bits().cast_signed()).open(path)
}

/// Opens the file at `path`, which is below `folder`, for reading. Neither `folder` nor what is below it is followed
/// where it is a link, be it put there meanwhile: each is opened in the one above it. What leads to `folder` is.
///
/// # Errors
/// When it is not below `folder`, as [`open`] otherwise.
pub fn open_below(folder: &Path, path: &Path) -> io::Result<File> {
    below(folder, path, OFlags::RDONLY)
}

/// The bytes of a file, opened as by [`open_below`].
///
/// # Errors
/// As [`open_below`].
pub fn read_below(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_below(folder, path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes `bytes` those of the file at `path`, opened as by [`open_below`], which need not be there yet. After a crash it
/// may have some of them.
///
/// # Errors
/// When it cannot be opened so, or not written.
pub fn write_below(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    below(folder, path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?.write_all(bytes)
}

fn below(folder: &Path, path: &Path, last: OFlags) -> io::Result<File> {
    let names = path.strip_prefix(folder).map_err(io::Error::other)?;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut above = open(folder)?;
    if let Some(opened) = below_at_once(&above, names, flags | last) {
        return opened;
    }
    let mut names = names.iter().peekable();
    while let Some(name) = names.next() {
        let how = if names.peek().is_some() { OFlags::RDONLY } else { last };
        // As a new file of `File::create` has them; the user's mask takes from these.
        above = File::from(openat(&above, name, flags | how, Mode::from_raw_mode(0o666))?);
    }
    Ok(above)
}

/// The same in one call, where the system has it: Linux since 5.6, unless a sandbox refuses it.
#[cfg(target_os = "linux")]
fn below_at_once(folder: &File, names: &Path, flags: OFlags) -> Option<io::Result<File>> {
    use rustix::fs::{ResolveFlags, openat2};
    let mode = if flags.contains(OFlags::CREATE) { 0o666 } else { 0 };
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    match openat2(folder, names, flags, Mode::from_raw_mode(mode), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => None,
        opened => Some(opened.map(File::from).map_err(io::Error::from)),
    }
}

#[cfg(not(target_os = "linux"))]
const fn below_at_once(_: &File, _: &Path, _: OFlags) -> Option<io::Result<File>> {
    None
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

/// Whether opening a file failed because of a link that is not followed.
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
    match call("directory: create", || fs::create_dir(path)) {
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
    call("file: make read-only", || fs::set_permissions(path, permissions.clone())).at(path)
}

/// Waits until the file or directory at `path` is on disk.
///
/// # Errors
/// When the system says that it is not.
pub fn sync(path: &Path) -> Result<(), WriteError> {
    call("sync", || File::open(path)?.sync_all()).at(path)
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

/// Makes a system call, and makes it again where a signal interrupted it.
///
/// In builds with debug assertions, `KLEDGER_FAIL=EIO@n` has the n-th of all these calls (counted from 1)
/// fail with that error in place of being made, `EIO@n+` that one and all after it, and
/// `KLEDGER_FAIL_LOG=file` has every call's name appended to that file.
///
/// # Errors
/// What the call says.
pub fn call<T>(name: &str, mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        #[cfg(debug_assertions)]
        let made = fault::fail(name).map_or_else(&mut make, Err);
        #[cfg(not(debug_assertions))]
        let made = {
            let _ = name;
            make()
        };
        match made {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// How long a test wants others to be waited for: `KLEDGER_PATIENCE`, in milliseconds, in builds with debug
/// assertions.
pub(crate) fn patience() -> Option<Duration> {
    #[cfg(debug_assertions)]
    return fault::number("KLEDGER_PATIENCE").map(Duration::from_millis);
    #[cfg(not(debug_assertions))]
    None
}

#[cfg(debug_assertions)]
mod fault {
    use std::{
        env,
        ffi::OsString,
        fs::OpenOptions,
        io::{self, Write},
        process,
        sync::atomic::{AtomicU64, Ordering},
    };

    use rustix::io::Errno;

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static CALLED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn pass(name: &str) {
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        note(env::var_os("KLEDGER_FAULT_LOG"), name);
        if self::number("KLEDGER_FAULT") == Some(number) {
            process::abort();
        }
    }

    /// The error that a test wants here.
    pub(super) fn fail(name: &str) -> Option<io::Error> {
        let at = CALLED.fetch_add(1, Ordering::SeqCst) + 1;
        note(env::var_os("KLEDGER_FAIL_LOG"), name);
        let wanted = env::var("KLEDGER_FAIL").ok()?;
        let (error, when) = wanted.split_once('@')?;
        let (first, last) = match when.strip_suffix('+') {
            Some(first) => (first.parse().ok()?, u64::MAX),
            None => (when.parse().ok()?, when.parse().ok()?),
        };
        let error = match error {
            "EIO" => Errno::IO,
            "ENOSPC" => Errno::NOSPC,
            "EMFILE" => Errno::MFILE,
            "EINTR" => Errno::INTR,
            "EACCES" => Errno::ACCESS,
            _ => return None,
        };
        (first..=last).contains(&at).then(|| error.into())
    }

    fn note(log: Option<OsString>, name: &str) {
        let Some(log) = log else { return };
        let file = OpenOptions::new().create(true).append(true).open(log);
        file.and_then(|mut file| writeln!(file, "{name}"))
            .expect("because the test that asks for a log can be written to");
    }

    pub(super) fn number(name: &str) -> Option<u64> {
        env::var(name).ok()?.parse().ok()
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

//! Directories that are replaced whole.
//!
//! Whoever fills a directory holds a lock on it, so a directory under a temporary name that is not
//! locked was left behind by a process that is gone.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use fs4::fs_std::FileExt;

use super::{At, WriteError, beside, call, claim, create_dir, step, sync, sync_parent};

/// A directory that is complete but not yet in its place. Dropping it removes it.
#[derive(Debug)]
pub struct FilledDir {
    path: PathBuf,
    temporary: PathBuf,
    placed: bool,
    /// Says to others that somebody is at work on it.
    _lock: File,
}

/// A directory in its place, and the one that was there before, if any, beside it.
#[derive(Debug)]
pub struct PlacedDir {
    path: PathBuf,
    /// Where the old directory is.
    old: Option<PathBuf>,
}

/// Has `fill` fill an empty temporary directory that is to take `path`'s place.
///
/// # Errors
/// When `fill` fails or a step does; nothing is then left of it.
pub fn fill_dir<E: From<WriteError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<FilledDir, E> {
    recover_dir(path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_dir(parent)?;
    }
    step("directory: before it is filled");
    let (temporary, lock) = locked_dir(path).at(path)?;
    let filled = FilledDir { path: path.to_owned(), temporary, placed: false, _lock: lock };
    fill(&filled.temporary)?;
    sync(&filled.temporary)?;
    Ok(filled)
}

/// Has `fill` fill an empty temporary directory, then puts it in `path`'s place.
///
/// # Errors
/// When `fill` fails or a step does; the old directory is then still in place.
pub fn replace_dir<E: From<WriteError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    fill_dir(path, fill)?.place()?.keep()?;
    Ok(())
}

/// Makes a temporary directory and locks it.
fn locked_dir(path: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let temporary =
            claim(path, "new", |path| call("directory: create", || fs::create_dir(path)))?;
        // Until it is locked, another process may take it for a leftover and remove it.
        match File::open(&temporary) {
            Ok(lock) if lock.try_lock_exclusive()? && temporary.is_dir() => {
                return Ok((temporary, lock));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}

impl FilledDir {
    /// Where it belongs.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place.
    ///
    /// Where the system can exchange two directories in one step (Linux on the usual file systems), a
    /// crash leaves the old directory or the new one. Elsewhere there is a moment when the old one is
    /// only under a temporary name, from which [`recover_dir`] puts it back.
    ///
    /// # Errors
    /// When it cannot be; the old directory is then still in place.
    pub fn place(mut self) -> Result<PlacedDir, WriteError> {
        step("directory: before it is put in place");
        let (path, new) = (self.path.as_path(), self.temporary.as_path());
        let old = if !path.exists() {
            call("directory: rename", || fs::rename(new, path)).at(path)?;
            None
        } else if exchange(new, path).is_ok() {
            Some(new.to_owned())
        } else {
            let old = beside(path, "old");
            call("directory: rename", || fs::rename(path, &old)).at(path)?;
            call("directory: rename", || fs::rename(new, path)).at(path)?;
            Some(old)
        };
        step("directory: before its place is synced");
        self.placed = true;
        sync_parent(&self.path)?;
        Ok(PlacedDir { path: self.path.clone(), old })
    }

    /// Puts it where nothing is, or an empty directory.
    ///
    /// # Errors
    /// When something is there, or it cannot be put there.
    pub fn place_new(mut self) -> Result<(), WriteError> {
        step("directory: before it is put in place");
        call("directory: rename", || fs::rename(&self.temporary, &self.path)).at(&self.path)?;
        step("directory: before its place is synced");
        self.placed = true;
        sync_parent(&self.path)
    }
}

impl Drop for FilledDir {
    fn drop(&mut self) {
        if !self.placed {
            // Nothing more can be done if this fails; the leftover is swept the next time.
            let _ignored = fs::remove_dir_all(&self.temporary);
        }
    }
}

impl PlacedDir {
    /// Removes the old directory.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn keep(self) -> Result<(), WriteError> {
        step("directory: before the old one is removed");
        match &self.old {
            Some(old) => call("directory: remove", || fs::remove_dir_all(old)).at(old),
            None => Ok(()),
        }
    }

    /// Puts the old directory back and removes the new one.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn put_back(self) -> Result<(), WriteError> {
        let path = self.path.as_path();
        let new = match &self.old {
            Some(old) if exchange(old, path).is_ok() => old.clone(),
            old => {
                let new = claim(path, "new", |new| fs::rename(path, new)).at(path)?;
                if let Some(old) = old {
                    fs::rename(old, path).at(path)?;
                }
                new
            }
        };
        sync_parent(path)?;
        fs::remove_dir_all(&new).at(&new)
    }
}

#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    call("directory: exchange", || Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?))
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Tidies up after processes that were killed while they replaced `path`: puts the old directory
/// back if the new one did not take its place, and removes what is left over. What others are filling
/// now is left alone.
///
/// # Errors
/// When a leftover cannot be moved or removed.
pub fn recover_dir(path: &Path) -> Result<(), WriteError> {
    let old = beside(path, "old");
    if old.exists() && !path.exists() {
        fs::rename(&old, path).at(path)?;
    }
    remove_unlocked(&old).at(&old)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    sweep_for(parent.unwrap_or(Path::new(".")), |target| target == name).map(drop)
}

/// Removes the directories that killed processes left half filled in `dir`, and returns their paths.
///
/// # Errors
/// When one cannot be removed.
pub fn sweep(dir: &Path) -> Result<Vec<PathBuf>, WriteError> {
    sweep_for(dir, |_| true)
}

/// Removes what was to take the place of a name that is `wanted`.
fn sweep_for(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, WriteError> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(Vec::new()) };
    let mut removed = Vec::new();
    for entry in entries {
        let entry = entry.at(dir)?;
        let name = entry.file_name();
        let path = entry.path();
        if target(&name.to_string_lossy()).is_some_and(&wanted)
            && path.is_dir()
            && remove_unlocked(&path).at(&path)?
        {
            removed.push(path);
        }
    }
    Ok(removed)
}

/// The directory whose place one called `name` was to take, if [`locked_dir`] gives such names:
/// `.name.<process>-<number>.new` for `name`.
fn target(name: &str) -> Option<&str> {
    let (target, writer) = name.strip_prefix('.')?.strip_suffix(".new")?.rsplit_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_ours = writer.split_once('-').is_some_and(|(id, number)| digits(id) && digits(number));
    is_ours.then_some(target)
}

/// Returns whether there was something to remove.
fn remove_unlocked(dir: &Path) -> io::Result<bool> {
    match File::open(dir) {
        Ok(lock) if lock.try_lock_exclusive()? => fs::remove_dir_all(dir).map(|()| true),
        Ok(_) => Ok(false),
        // Somebody else swept it, or there was none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::write, *};

    fn put(dir: &Path, text: &str) -> Result<(), WriteError> {
        replace_dir(dir, |new| write(&new.join("file"), text.as_bytes()))
    }

    fn text(dir: &Path) -> String {
        fs::read_to_string(dir.join("file")).unwrap()
    }

    fn beside_it(dir: &Path) -> usize {
        fs::read_dir(dir.parent().unwrap()).unwrap().count() - usize::from(dir.exists())
    }

    #[test]
    fn a_directory_is_replaced_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        put(&dir, "one").unwrap();
        put(&dir, "two").unwrap();
        assert_eq!(text(&dir), "two");
        let failed = replace_dir(&dir, |new| {
            write(&new.join("file"), b"three")?;
            write(&new.join("absent/file"), b"four")
        });
        assert!(failed.is_err());
        assert_eq!((text(&dir).as_str(), beside_it(&dir)), ("two", 0));
    }

    #[test]
    fn what_was_placed_can_be_put_back() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("model");
        for before in [None, Some("one")] {
            if let Some(before) = before {
                put(&dir, before).unwrap();
            }
            let filled = fill_dir(&dir, |new| write(&new.join("file"), b"two")).unwrap();
            let placed = filled.place().unwrap();
            assert_eq!(text(&dir), "two");
            placed.put_back().unwrap();
            assert_eq!(dir.exists().then(|| text(&dir)).as_deref(), before);
            assert_eq!(beside_it(&dir), 0, "nothing is left over");
        }
    }

    #[test]
    fn leftovers_of_a_killed_process_are_put_right() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("model");
        put(&dir, "one").unwrap();
        fs::rename(&dir, beside(&dir, "old")).unwrap();
        fs::create_dir(beside(&dir, "77-0.new")).unwrap();
        let others = root.path().join(".model.mine.new");
        fs::create_dir(&others).unwrap();
        recover_dir(&dir).unwrap();
        assert_eq!(text(&dir), "one");
        assert!(others.is_dir(), "not a name of ours");
        assert_eq!(beside_it(&dir), 1);
    }

    #[test]
    fn what_is_there_is_not_replaced_by_something_new() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("model");
        let fill = || fill_dir(&dir, |new| write(&new.join("file"), b"new")).unwrap();
        let (first, second) = (fill(), fill());
        fs::create_dir(&dir).unwrap();
        first.place_new().unwrap();
        write(&dir.join("more"), b"mine").unwrap();
        second.place_new().unwrap_err();
        assert!(dir.join("more").is_file());
        assert_eq!(beside_it(&dir), 0, "nothing is left over");
    }

    /// Two processes that check out at once used to fill the same directory: the second swept what
    /// the first had written, and the first went on writing into the second's.
    #[test]
    fn two_writers_do_not_meet() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("model");
        let first = fill_dir(&dir, |first| {
            write(&first.join("file"), b"first")?;
            put(&dir, "second")?;
            assert_eq!(text(first), "first", "swept by the other");
            write(&first.join("more"), b"first")
        });
        let first = first.unwrap();
        assert_eq!((text(&dir).as_str(), dir.join("more").exists()), ("second", false));
        first.place().unwrap().keep().unwrap();
        assert_eq!((text(&dir).as_str(), dir.join("more").exists()), ("first", true));
        assert_eq!(beside_it(&dir), 0);
    }
}

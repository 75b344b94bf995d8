//! Directories that get their place when they are whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    At, WriteError, call, create_dir, files,
    files::Unfinished,
    stamp::is_there,
    step, sync, sync_parent,
    workplace::{Workplace, workplaces},
};

/// A directory that is complete but not yet in its place. Dropping it removes it.
#[derive(Debug)]
pub struct FilledDir {
    path: PathBuf,
    work: Workplace,
}

/// Has `fill` fill an empty directory that is to get the place `path`, where nothing is yet.
///
/// # Errors
/// When `fill` fails or a step does; nothing is then left of it.
pub fn fill_dir<E: From<WriteError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<FilledDir, E> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    sweep(parent)?;
    create_dir(parent)?;
    step("directory: before it is filled");
    let filled = FilledDir { path: path.to_owned(), work: Workplace::make(parent)? };
    fill(&filled.work.incoming())?;
    sync(&filled.work.incoming())?;
    Ok(filled)
}

impl FilledDir {
    /// Puts it where nothing is, or an empty directory.
    ///
    /// # Errors
    /// When something is there, or it cannot be put there.
    pub fn place_new(self) -> Result<(), WriteError> {
        step("directory: before it is put in place");
        call("directory: rename", || fs::rename(self.work.incoming(), &self.path)).at(&self.path)?;
        // Where it cannot be removed it is swept the next time.
        let _ignored = self.work.remove();
        step("directory: before its place is synced");
        sync_parent(&self.path)
    }

    /// Puts it in the place of a directory of ours, which goes.
    ///
    /// Where the system can exchange two directories in one step (Linux on the usual file systems), a
    /// crash leaves the old one or the new one; on other systems perhaps none.
    ///
    /// # Errors
    /// When it cannot be put there; the old directory is then still in place.
    pub fn replace(self) -> Result<(), WriteError> {
        step("directory: before it is put in place");
        let (path, new) = (self.path.as_path(), self.work.incoming());
        if !is_there(path).at(path)? {
            call("directory: rename", || fs::rename(&new, path)).at(path)?;
        } else if exchange(&new, path).is_err() {
            let old = self.work.old();
            call("directory: rename", || fs::rename(path, &old)).at(path)?;
            call("directory: rename", || fs::rename(&new, path)).at(path)?;
        }
        step("directory: before its place is synced");
        sync_parent(path)
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

impl Drop for FilledDir {
    fn drop(&mut self) {
        // Nothing more can be done if this fails; the leftover is swept the next time.
        let _ignored = self.work.remove();
    }
}

/// Ends what killed processes began in `dir`: files that were being replaced are, and what else they left is
/// removed. Returns the paths of what is gone. What others are at now is left alone.
///
/// # Errors
/// When it cannot be ended.
pub fn sweep(dir: &Path) -> Result<Vec<PathBuf>, WriteError> {
    let mut removed = Vec::new();
    for path in workplaces(dir)? {
        match files::unfinished(&path)? {
            Unfinished::Swap(swap) => drop(swap.keep()?),
            Unfinished::Nothing(work) => work.remove().at(&path)?,
            Unfinished::Others => continue,
        }
        removed.push(path);
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::{super::write, *};

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_is_made_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        let failed = fill_dir(&dir, |new| {
            write(&new.join("file"), b"one")?;
            write(&new.join("absent/file"), b"two")
        });
        assert!(failed.is_err());
        assert_eq!(names(&root.path().join("a")), [""; 0]);
        let filled = fill_dir(&dir, |new| write(&new.join("file"), b"one")).unwrap();
        assert!(!dir.exists());
        filled.place_new().unwrap();
        assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "one");
        assert_eq!(names(&root.path().join("a")), ["b"]);
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
        assert_eq!(names(&dir), ["file", "more"]);
        assert_eq!(names(root.path()), ["model"], "nothing is left over");
    }

    /// Directories were told by their names alone, and `.model.old` took the place of `model`.
    #[test]
    fn only_what_has_the_mark_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let theirs = [".model.old", ".model.77-0.new", ".kledger.77-0.new", ".kledger.mine.new"];
        for name in theirs {
            fs::create_dir(root.path().join(name)).unwrap();
            write(&root.path().join(name).join("thesis"), b"years of work").unwrap();
        }
        let left = Workplace::make(root.path()).unwrap();
        let path = left.path().to_owned();
        assert_eq!(sweep(root.path()).unwrap(), [""; 0].map(PathBuf::from), "somebody is at it");
        drop(left);
        assert_eq!(sweep(root.path()).unwrap(), [path]);
        for name in theirs {
            assert!(root.path().join(name).join("thesis").exists(), "{name}");
        }
        assert_eq!(names(root.path()).len(), theirs.len());
    }
}

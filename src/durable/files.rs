//! Files of a directory that are replaced together, beside others that stay.
//!
//! The directory is the user's: there are files in it that are nobody else's business, it may be a mount
//! point or the target of a link, and somebody may stand in it. So it is not exchanged for another one.
//! The new files are written to a [workplace](super::workplace) inside it and then renamed, one by one. No
//! file is copied, none is out of the file system that it was in, and those that stay are not touched.
//!
//! What is to happen is written down before the first file moves. Each step is a rename into the workplace
//! or out of it, and where a file is says whether its step was taken, so a process that finds a plan that nobody is
//! at goes on from where it was left: forward, always. Only the process that began it can go back, when
//! something fails.
//!
//! Somebody who looks in between finds files missing and not a mixture: what makes the directory whole, the
//! last ones of the plan, goes first and comes last.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Component, Path, PathBuf},
};

use fs4::fs_std::FileExt;
use serde::{Deserialize, Serialize};

use super::{
    At, WriteError, call, create_dir,
    stamp::{Stamp, is_there},
    step, sweep, sync,
    workplace::Workplace,
    write,
};

/// What the name of a file ends with that had to make room.
const KEPT: &str = "orig";

/// A directory and the workplace in it. Dropping it removes the workplace, unless what was begun there has
/// still to be gone on with.
#[derive(Debug)]
struct Place {
    dir: PathBuf,
    work: Workplace,
    /// Whether the directory was made for this.
    made: bool,
}

/// New files that are whole but not yet in their places. Dropping them removes them.
#[derive(Debug)]
pub struct NewFiles(Place);

/// What is to be replaced by what.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The new files, in the order in which they get their places.
    pub place: Vec<String>,
    /// Files that go, each as it was seen. One that is another by then is set aside.
    pub replace: BTreeMap<String, Stamp>,
    /// Files that are set aside even where nothing new gets their place.
    pub aside: BTreeSet<String>,
}

/// A file that had to make room and is kept: its name, and the name it has now.
pub type SetAside = (String, String);

/// New files in their places, and old ones that can still be brought back.
#[derive(Debug)]
pub struct Swap {
    at: Place,
    plan: Plan,
    /// The new files' stamps, where this process has put them in place.
    placed: BTreeMap<String, Stamp>,
    /// One swap at a time.
    _lock: File,
}

/// What was left in a workplace.
pub(super) enum Unfinished {
    /// A swap that was begun; it is now done, but for keeping it.
    Swap(Swap),
    /// Nothing that anybody could go on with.
    Nothing(Workplace),
    /// Somebody is at it.
    Others,
}

/// Has `fill` write files that are to get their places in `dir`, which is made where it is not there.
///
/// # Errors
/// When `fill` fails or a step does; nothing is then left of it.
pub fn fill_files<E: From<WriteError>>(
    dir: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<NewFiles, E> {
    let made = !is_there(dir).at(dir)?;
    create_dir(dir)?;
    let dir = dir.canonicalize().at(dir)?;
    sweep(&dir)?;
    step("files: before they are written");
    let files = NewFiles(Place { work: Workplace::make(&dir)?, dir, made });
    fill(&files.incoming())?;
    sync(&files.incoming())?;
    Ok(files)
}

impl NewFiles {
    /// The directory they are for, by its real name.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Where they are now.
    #[must_use]
    pub fn incoming(&self) -> PathBuf {
        self.0.work.incoming()
    }

    /// The workplace they are in, by which [`resume`] finds what was begun there.
    #[must_use]
    pub fn workplace(&self) -> &Path {
        self.0.work.path()
    }

    /// Puts them in their places as `make` plans, which is asked when nobody else can replace files there.
    ///
    /// # Errors
    /// When `make` refuses, or a step fails; all files are then where they were. Where not even that could be
    /// reached [`is_begun`] says so, and [`resume`] or [`sweep`] go on.
    pub fn swap<E: From<WriteError>>(
        self,
        make: impl FnOnce(&Self) -> Result<Plan, E>,
    ) -> Result<Swap, E> {
        let lock = lock(self.dir())?;
        let plan = make(&self)?;
        let mut placed = BTreeMap::new();
        for name in &plan.place {
            let path = self.incoming().join(name);
            placed.extend(Stamp::of(&path).at(&path)?.map(|stamp| (name.clone(), stamp)));
        }
        let text = serde_json::to_vec(&plan).expect("because its keys are strings");
        let swap = Swap { at: self.0, plan, placed, _lock: lock };
        let work = &swap.at.work;
        for folder in [work.old(), work.aside(), Workplace::notes(work.path())] {
            create_dir(&folder)?;
        }
        step("files: before what is to be done is written");
        if let Err(error) = write(&swap.at.plan(), &text) {
            // It may be there for all that.
            let _ignored = fs::remove_file(swap.at.plan());
            return Err(error.into());
        }
        if let Err(error) = swap.forward() {
            swap.put_back()?;
            return Err(error.into());
        }
        Ok(swap)
    }
}

impl Swap {
    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.at.dir
    }

    /// Takes every step that was not taken yet.
    fn forward(&self) -> Result<(), WriteError> {
        let Place { dir, work, .. } = &self.at;
        let Plan { place, replace, aside } = &self.plan;
        let gone = replace.keys().chain(aside).filter(|name| !place.contains(name));
        for name in place.iter().rev().chain(gone) {
            let comes = place.contains(name);
            if comes && !is_there(&work.incoming().join(name)).at(dir)? {
                // It is in its place.
                continue;
            }
            let at = dir.join(name);
            if !is_there(&at).at(&at)? {
                continue;
            }
            let found = Stamp::of(&at).at(&at)?;
            if found.is_some() && found.as_ref() == replace.get(name) {
                step("files: before an old file is taken away");
                rename_new(&at, &work.old().join(name)).at(&at)?;
            } else if comes || aside.contains(name) {
                step("files: before a file is set aside");
                rename_free(&at, &work.aside(), name)?;
            }
        }
        for name in place {
            let new = work.incoming().join(name);
            if is_there(&new).at(&new)? {
                let at = dir.join(name);
                step("files: before a new file is put in place");
                rename_new(&new, &at).at(&at)?;
            }
        }
        step("files: before their places are synced");
        for folder in [dir, &work.incoming(), &work.old(), &work.aside()] {
            if is_there(folder).at(folder)? {
                sync(folder)?;
            }
        }
        Ok(())
    }

    /// Removes the old files, and gives those that had to make room a name beside their old ones.
    ///
    /// # Errors
    /// When it cannot be done; [`is_begun`] then says so, and [`sweep`] does it later.
    pub fn keep(self) -> Result<Vec<SetAside>, WriteError> {
        let Place { dir, work, .. } = &self.at;
        let mut kept = Vec::new();
        for name in names(&work.old())? {
            let old = work.old().join(&name);
            // A process that had it open may have written to it until now.
            let unchanged = Stamp::of(&old).at(&old)?.as_ref() == self.plan.replace.get(&name);
            step("files: before an old file is removed");
            if unchanged {
                call("files: remove", || fs::remove_file(&old)).at(&old)?;
            } else {
                let to = rename_free(&old, dir, &format!("{name}.{KEPT}"))?;
                kept.push((name, to));
            }
        }
        for name in names(&work.aside())? {
            step("files: before what was set aside gets its name");
            let to = rename_free(&work.aside().join(&name), dir, &format!("{name}.{KEPT}"))?;
            kept.push((name, to));
        }
        sync(dir)?;
        step("files: before what was to be done is forgotten");
        let plan = self.at.plan();
        call("files: forget", || fs::remove_file(&plan)).at(&plan)?;
        kept.sort();
        Ok(kept)
    }

    /// Brings the old files back and takes the new ones away.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn put_back(self) -> Result<(), WriteError> {
        let Place { dir, work, .. } = &self.at;
        for name in self.plan.place.iter().rev() {
            let (at, new) = (dir.join(name), work.incoming().join(name));
            // What somebody else has put there since is not ours to take away.
            let is_ours = Stamp::of(&at).at(&at)?.as_ref() == self.placed.get(name);
            if is_ours && !is_there(&new).at(&new)? {
                rename_new(&at, &new).at(&at)?;
            }
        }
        let first = |name: &String| self.plan.place.iter().position(|last| last == name);
        for folder in [work.old(), work.aside()] {
            let mut back = names(&folder)?;
            back.sort_by_key(first);
            for name in back {
                let (from, to) = (folder.join(&name), dir.join(&name));
                match rename_new(&from, &to) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        rename_free(&from, dir, &format!("{name}.{KEPT}"))?;
                    }
                    other => other.at(&to)?,
                }
            }
        }
        // All names are back. Where they are not on disk yet the plan may come back as well, and is gone on with.
        let _not_yet = sync(dir);
        let plan = self.at.plan();
        call("files: forget", || fs::remove_file(&plan)).at(&plan)
    }
}

impl Place {
    fn plan(&self) -> PathBuf {
        plan(self.work.path())
    }
}

/// The file that says what is to be done.
fn plan(workplace: &Path) -> PathBuf {
    Workplace::notes(workplace).join("plan")
}

impl Drop for Place {
    fn drop(&mut self) {
        if !is_begun(self.work.path()) {
            // Nothing more can be done if this fails; the leftover is swept the next time.
            let _ignored = self.work.remove();
            if self.made {
                let _not_empty = fs::remove_dir(&self.dir);
            }
        }
    }
}

/// Whether files were being put in their places from this workplace when its process ended or gave up.
#[must_use]
pub fn is_begun(workplace: &Path) -> bool {
    plan(workplace).exists()
}

/// Goes on with what was begun in `workplace` by a process that is gone; `None` where nothing was.
///
/// # Errors
/// When that cannot be done.
pub fn resume(workplace: &Path) -> Result<Option<Swap>, WriteError> {
    match unfinished(workplace)? {
        Unfinished::Swap(swap) => Ok(Some(swap)),
        Unfinished::Nothing(_) | Unfinished::Others => Ok(None),
    }
}

/// What was left in `workplace`. A swap that was begun is done up to its end.
pub(super) fn unfinished(workplace: &Path) -> Result<Unfinished, WriteError> {
    let Some(work) = Workplace::abandoned(workplace).at(workplace)? else {
        return Ok(Unfinished::Others);
    };
    let path = plan(workplace);
    let dir = workplace.parent().unwrap_or(Path::new("."));
    let plan: Plan = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other).at(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Unfinished::Nothing(work));
        }
        Err(error) => return Err(error).at(&path),
    };
    // A directory that somebody was given may hold a plan of his making.
    if !plan.place.iter().chain(plan.replace.keys()).chain(&plan.aside).all(|name| is_plain(name)) {
        return Err(io::Error::other("it names files outside the directory")).at(&path);
    }
    let at = Place { dir: dir.to_owned(), work, made: false };
    let swap = Swap { at, plan, placed: BTreeMap::new(), _lock: lock(dir)? };
    swap.forward()?;
    Ok(Unfinished::Swap(swap))
}

/// Whether `name` is that of something in a directory, and nothing else.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let part = parts.next();
    parts.next().is_none() && part == Some(Component::Normal(name.as_ref()))
}

/// Waits until nobody else replaces files in `dir`. As long as what is returned is held, nobody does.
///
/// # Errors
/// When the directory cannot be locked.
pub fn lock(dir: &Path) -> Result<File, WriteError> {
    let lock = File::open(dir).at(dir)?;
    lock.lock_exclusive().at(dir)?;
    Ok(lock)
}

fn names(dir: &Path) -> Result<Vec<String>, WriteError> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(dir) {
        // An earlier process has removed it already.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        entries => entries.at(dir)?,
    };
    for entry in entries {
        names.push(entry.at(dir)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Renames where nothing is.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        let renamed = call("files: rename", || {
            Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
        });
        let unknown = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP].map(Errno::raw_os_error);
        match renamed {
            // Not on every file system.
            Err(error) if error.raw_os_error().is_some_and(|code| unknown.contains(&code)) => {}
            other => return other,
        }
    }
    if is_there(to)? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

/// Renames to `name` in `dir`, or `name.2`, `name.3` and so on, whichever is the first that is free; returns
/// which.
fn rename_free(from: &Path, dir: &Path, name: &str) -> Result<String, WriteError> {
    let mut number = 1u64;
    loop {
        let free = if number == 1 { name.to_owned() } else { format!("{name}.{number}") };
        match rename_new(from, &dir.join(&free)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            other => return other.at(from).map(|()| free),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with `a`, `b` and `c`, and new `b`, `c` and `d`.
    fn begin(root: &Path) -> NewFiles {
        for name in ["a", "b", "c", "mine"] {
            fs::write(root.join(name), format!("old {name}")).unwrap();
        }
        let filled = fill_files::<WriteError>(root, |new| {
            for name in ["b", "c", "d"] {
                write(&new.join(name), format!("new {name}").as_bytes())?;
            }
            Ok(())
        });
        filled.unwrap()
    }

    fn planned(files: &NewFiles) -> Plan {
        let stamp = |name: &str| Stamp::of(&files.dir().join(name)).unwrap().unwrap();
        Plan {
            place: ["b", "c", "d"].map(str::to_owned).into(),
            replace: ["a", "b"].map(|name| (name.to_owned(), stamp(name))).into(),
            aside: ["c".to_owned()].into(),
        }
    }

    fn texts(dir: &Path) -> BTreeMap<String, String> {
        let text = |name: String| (name.clone(), fs::read_to_string(dir.join(&name)).unwrap());
        names(dir).unwrap().into_iter().map(text).collect()
    }

    fn expected(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn files_are_replaced_beside_others() {
        let root = tempfile::tempdir().unwrap();
        let files = begin(root.path());
        let swap = files.swap(|files| Ok::<_, WriteError>(planned(files))).unwrap();
        assert_eq!(swap.keep().unwrap(), [("c".to_owned(), "c.orig".to_owned())]);
        let wanted = [
            ("b", "new b"),
            ("c", "new c"),
            ("c.orig", "old c"),
            ("d", "new d"),
            ("mine", "old mine"),
        ];
        assert_eq!(texts(root.path()), expected(&wanted));
    }

    #[test]
    fn what_was_replaced_can_be_put_back() {
        let root = tempfile::tempdir().unwrap();
        let files = begin(root.path());
        let swap = files.swap(|files| Ok::<_, WriteError>(planned(files))).unwrap();
        // Somebody is faster.
        fs::remove_file(root.path().join("d")).unwrap();
        fs::write(root.path().join("d"), "his").unwrap();
        fs::write(root.path().join("a"), "his").unwrap();
        swap.put_back().unwrap();
        let wanted = [
            ("a", "his"),
            ("a.orig", "old a"),
            ("b", "old b"),
            ("c", "old c"),
            ("d", "his"),
            ("mine", "old mine"),
        ];
        assert_eq!(texts(root.path()), expected(&wanted));
    }

    #[test]
    fn a_refused_plan_moves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("made/for it");
        let new = |new: &Path| write(&new.join("file"), b"new");
        let files = fill_files::<WriteError>(&dir, new).unwrap();
        let refused = files.swap(|files| {
            assert!(files.incoming().join("file").exists());
            Err::<Plan, _>(WriteError { path: PathBuf::new(), source: io::Error::other("no") })
        });
        refused.unwrap_err();
        assert!(!dir.exists(), "it was made for this");
    }

    /// What is written until the last moment, and what appears in the way, is kept.
    #[test]
    fn nothing_is_removed_that_was_not_seen() {
        let root = tempfile::tempdir().unwrap();
        let files = begin(root.path());
        let swap = files.swap(|files| {
            let plan = planned(files);
            fs::write(files.dir().join("a"), "longer than it was").unwrap();
            fs::write(files.dir().join("d"), "his").unwrap();
            Ok::<_, WriteError>(plan)
        });
        let swap = swap.unwrap();
        let old = swap.at.work.old().join("b");
        let time = fs::metadata(&old).unwrap().modified().unwrap();
        fs::write(&old, "written late").unwrap();
        File::options().write(true).open(&old).unwrap().set_modified(time).unwrap();
        let kept = swap.keep().unwrap();
        let kept: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(kept, ["b", "c", "d"]);
        let texts = texts(root.path());
        assert_eq!(texts["a"], "longer than it was");
        assert_eq!(texts["b.orig"], "written late");
        assert_eq!((texts["d.orig"].as_str(), texts["d"].as_str()), ("his", "new d"));
    }

    #[test]
    fn a_plan_names_nothing_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("model");
        fs::create_dir(&dir).unwrap();
        fs::write(root.path().join("mine"), "years of work").unwrap();
        let work = Workplace::make(&dir).unwrap();
        let path = work.path().to_owned();
        fs::create_dir(Workplace::notes(&path)).unwrap();
        fs::write(work.incoming().join("mine"), "another").unwrap();
        let hostile = Plan { place: vec!["../mine".to_owned()], ..Plan::default() };
        fs::write(plan(&path), serde_json::to_vec(&hostile).unwrap()).unwrap();
        drop(work);
        sweep(&dir).unwrap_err();
        assert_eq!(fs::read_to_string(root.path().join("mine")).unwrap(), "years of work");
        for name in ["..", ".", "", "a/b", "/a", "a/"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("model-00001.safetensors"));
    }
}

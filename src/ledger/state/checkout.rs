//! The directory that a version is written to: where it is, and what may be replaced there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::manifest::{Differences, Manifest, entries};
use crate::{
    checkpoint::{self, INDEX, SINGLE},
    commit::Commit,
    durable::{self, NewFiles, Plan, Stamp, Swap},
    id::Id,
    ledger::{error::LedgerError, repo::Repo},
};

/// What is to become of files that are in the way of a checkout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InTheWay {
    /// They stay where they are, and nothing is done.
    #[default]
    Refuse,
    /// They get other names.
    SetAside,
}

/// A file that had to make room for a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Its name.
    pub name: String,
    /// The name that it has now.
    pub to: String,
}

/// A version that is written, but not yet in its place.
#[derive(Debug)]
pub(crate) struct Filled {
    /// The version.
    pub(crate) id: Id<Commit>,
    pub(crate) commit: Commit,
    pub(crate) files: NewFiles,
    way: InTheWay,
    /// What an earlier kledger wrote to the directory and did not note.
    unnoted: Option<Manifest>,
}

impl Repo {
    /// Writes the version `id` to a place in `dir` from where it can take that of what was written there before.
    ///
    /// # Errors
    /// When files are in the way, the version cannot be built or not be written. Nothing is then changed.
    pub(crate) fn fill_checkout(
        &self,
        id: Id<Commit>,
        dir: &Path,
        way: InTheWay,
    ) -> Result<Filled, LedgerError> {
        let found = real_dir(dir)?.map(|dir| claim(&dir, way)).transpose()?.flatten();
        let (commit, files) = self.write_version(id, dir)?;
        let unnoted = match found {
            Some(manifest) if manifest.files.is_none() => {
                self.complete_manifest(&manifest, files.dir())
            }
            _ => None,
        };
        Ok(Filled { id, commit, files, way, unnoted })
    }

    /// Writes the version `id` beside what is in `dir`.
    fn write_version(&self, id: Id<Commit>, dir: &Path) -> Result<(Commit, NewFiles), LedgerError> {
        let (commit, weights) = self.weights_at(id)?;
        let (verified, base) = (self.verified_base()?, self.base()?);
        let files = durable::fill_files(dir, |dir| {
            let shared = checkpoint::write_checkout(&base, &weights, dir)?;
            let known = |name: &str| {
                shared.iter().any(|file| file == name).then(|| verified.hash(name)).flatten()
            };
            Manifest::write(dir, id, commit.base, &known)
        })?;
        Ok((commit, files))
    }

    /// `manifest` with the files that it should note: those that its version has. `None` where that cannot be
    /// built any more; then nothing proves that a file is kledger's.
    fn complete_manifest(&self, manifest: &Manifest, dir: &Path) -> Option<Manifest> {
        let (_, files) = self.write_version(manifest.commit, dir).ok()?;
        let noted = Manifest::read(&files.incoming())?;
        (noted.base == manifest.base).then_some(noted)
    }
}

impl Filled {
    /// Puts the files in their places. `note` is called when it is known that they can be, before the first
    /// one moves.
    ///
    /// # Errors
    /// [`LedgerError::InTheWay`] when something would be lost; what `note` returns; a write error.
    pub(crate) fn place(
        self,
        note: impl FnOnce() -> Result<(), LedgerError>,
    ) -> Result<Swap, LedgerError> {
        let Self { files, way, unnoted, .. } = self;
        files.swap(|files| {
            let plan = plan(files, way, unnoted.as_ref())?;
            note()?;
            Ok(plan)
        })
    }
}

/// What `files` are to replace, now that nobody else replaces files there. The manifest comes last, and before
/// that what says where weights are: without it loaders find no model.
///
/// # Errors
/// [`LedgerError::InTheWay`] when something would be lost.
fn plan(files: &NewFiles, way: InTheWay, unnoted: Option<&Manifest>) -> Result<Plan, LedgerError> {
    let (dir, new) = (files.dir(), files.incoming());
    let read = |source| LedgerError::Read { path: dir.to_owned(), source };
    let last = |name: &String| (name == Manifest::FILE, name == INDEX || name == SINGLE);
    let mut place: Vec<String> = entries(&new).map_err(read)?.into_iter().collect();
    place.sort_by_key(last);
    let mut plan = Plan { place, ..Plan::default() };
    let found = occupant(dir)?.map(|found| match unnoted {
        Some(noted) if found.files.is_none() && found.commit == noted.commit => noted.clone(),
        _ => found,
    });
    let found = found.map(|found| found.differences(dir)).transpose()?.flatten();
    let Differences { changed, same, .. } = found.unwrap_or_default();
    plan.replace = same;
    let mut foreign = Vec::new();
    // Loaders take the single file where there is one, and do not look for shards.
    for name in plan.place.iter().map(String::as_str).chain([SINGLE]) {
        let path = dir.join(name);
        let known = plan.replace.contains_key(name) || changed.iter().any(|file| file == name);
        if known || !durable::is_there(&path).map_err(read)? {
            continue;
        }
        match Stamp::of(&path).map_err(read)? {
            Some(stamp) if name == Manifest::FILE || same_bytes(&path, &new.join(name)) => {
                plan.replace.insert(name.to_owned(), stamp);
            }
            _ => foreign.push(name.to_owned()),
        }
    }
    if way == InTheWay::Refuse && !(changed.is_empty() && foreign.is_empty()) {
        return Err(LedgerError::InTheWay { dir: dir.to_owned(), changed, foreign });
    }
    plan.aside = changed.into_iter().chain(foreign).collect();
    Ok(plan)
}

/// Where a checkout named `dir` is: links are followed. `None` where nothing is yet.
///
/// # Errors
/// [`LedgerError::NoDirectory`] when something else is there.
pub(crate) fn real_dir(dir: &Path) -> Result<Option<PathBuf>, LedgerError> {
    let refuse = |why: String| Err(LedgerError::NoDirectory { path: dir.to_owned(), why });
    let read = |source| LedgerError::Read { path: dir.to_owned(), source };
    match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => dir.canonicalize().map(Some).map_err(read),
        Ok(_) => refuse("is no directory".to_owned()),
        Err(error) => match fs::read_link(dir) {
            Ok(target) if error.kind() == io::ErrorKind::NotFound => {
                refuse(format!("is a link to {}, which is not there", target.display()))
            }
            Ok(target) => refuse(format!("is a link to {}: {error}", target.display())),
            Err(_) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) if error.kind() == io::ErrorKind::NotADirectory => {
                refuse("is below a file".to_owned())
            }
            Err(_) => Err(read(error)),
        },
    }
}

/// Makes sure that a version can be written to `dir`, before the work is done; returns its manifest.
///
/// # Errors
/// [`LedgerError::Occupied`] or [`LedgerError::InTheWay`].
fn claim(dir: &Path, way: InTheWay) -> Result<Option<Manifest>, LedgerError> {
    // What a killed checkout began is ended first.
    durable::sweep(dir)?;
    // What another one is at would look like the user's.
    let _nobody_else = durable::lock(dir)?;
    let found = occupant(dir)?;
    if way == InTheWay::Refuse
        && let Some(Differences { changed, .. }) =
            found.as_ref().map(|found| found.differences(dir)).transpose()?.flatten()
        && !changed.is_empty()
    {
        return Err(LedgerError::InTheWay { dir: dir.to_owned(), changed, foreign: Vec::new() });
    }
    Ok(found)
}

/// The manifest of `dir`, or nothing where nothing is in it.
fn occupant(dir: &Path) -> Result<Option<Manifest>, LedgerError> {
    if let Some(found) = Manifest::read(dir) {
        return Ok(Some(found));
    }
    if is_empty(dir)? { Ok(None) } else { Err(LedgerError::Occupied { dir: dir.to_owned() }) }
}

/// Whether nothing is in `dir` but what kledger is at work in.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_empty(dir: &Path) -> Result<bool, LedgerError> {
    let entries =
        entries(dir).map_err(|source| LedgerError::Read { path: dir.to_owned(), source })?;
    Ok(entries.iter().all(|name| durable::is_workplace(&dir.join(name))))
}

/// Whether two files say the same. One that cannot be read does not.
fn same_bytes(a: &Path, b: &Path) -> bool {
    let size = |path| Stamp::of(path).ok().flatten().map(|stamp| stamp.size);
    size(a).is_some()
        && size(a) == size(b)
        && durable::hash_file(a).ok().is_some_and(|hash| Some(hash) == durable::hash_file(b).ok())
}

impl From<durable::SetAside> for SetAside {
    fn from((name, to): durable::SetAside) -> Self {
        Self { name, to }
    }
}

//! The file in a checked-out directory that says which version it holds, and which files kledger wrote.
//!
//! The directory is the user's: whatever the manifest does not list, or is another file than it lists, is not
//! kledger's to remove or replace.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Base,
    commit::Commit,
    durable::{self, Stamp},
    id::Id,
    ledger::error::LedgerError,
};

/// The longest manifest that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// What a checkout says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The version.
    pub commit: Id<Commit>,
    /// The base it is a version of.
    pub base: Id<Base>,
    /// The files that kledger wrote, by name, without the manifest itself. `None` where an earlier kledger did
    /// not note them.
    pub files: Option<BTreeMap<String, WrittenFile>>,
}

/// A file that kledger wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// What it is known by without reading it.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// BLAKE3 hash of its bytes, in hexadecimal digits.
    pub blake3: String,
}

/// How a directory differs from what kledger wrote there. Names are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Files that are other ones now.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub deleted: Vec<String>,
    /// What else is there.
    pub added: Vec<String>,
    /// Files that are as they were written, and their stamps now.
    pub same: BTreeMap<String, Stamp>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    commit: String,
    base: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<BTreeMap<String, WrittenFile>>,
}

impl Manifest {
    /// Its name in the directory. `transformers` leaves it alone.
    pub const FILE: &'static str = "kledger.json";

    /// Reads the manifest of `dir`; `None` where there is none.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        let path = dir.join(Self::FILE);
        // What is no file is not waited for.
        Stamp::of(&path).ok()?.filter(|stamp| stamp.size <= LIMIT)?;
        let text: Text = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let (commit, base) = (text.commit.parse().ok()?, text.base.parse().ok()?);
        let names = |files: &BTreeMap<String, _>| files.keys().all(|name| durable::is_plain(name));
        Some(Self { commit, base, files: text.files.filter(names) })
    }

    /// Writes the manifest of `dir`, which holds the version `commit` and nothing else, into it. `known` may say
    /// the hashes of files that need not be read.
    ///
    /// # Errors
    /// When a file cannot be read, or the manifest not written.
    pub fn write(
        dir: &Path,
        commit: Id<Commit>,
        base: Id<Base>,
        known: &dyn Fn(&str) -> Option<blake3::Hash>,
    ) -> Result<(), LedgerError> {
        let mut files = BTreeMap::new();
        for name in entries(dir).map_err(|error| read(dir, error))? {
            let path = dir.join(&name);
            let written = || -> io::Result<_> {
                let Some(stamp) = Stamp::of(&path)? else { return Ok(None) };
                let hash = known(&name).map_or_else(|| durable::hash_file(&path), Ok)?;
                Ok(Some(WrittenFile { stamp, blake3: hash.to_hex().to_string() }))
            };
            files.extend(written().map_err(|error| read(&path, error))?.map(|file| (name, file)));
        }
        let text = Text { commit: commit.to_string(), base: base.to_string(), files: Some(files) };
        let text =
            serde_json::to_string_pretty(&text).expect("because its keys are strings") + "\n";
        Ok(durable::write(&dir.join(Self::FILE), text.as_bytes())?)
    }

    /// How `dir`, whose manifest this is, differs from what was written there; `None` where that was not
    /// noted. Files whose stamps are as they were are not read.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn differences(&self, dir: &Path) -> Result<Option<Differences>, LedgerError> {
        let Some(files) = &self.files else { return Ok(None) };
        let path = dir.join(Self::FILE);
        let noted = Stamp::of(&path).map_err(|error| read(&path, error))?;
        let mut differences = Differences::default();
        for (name, file) in files {
            let path = dir.join(name);
            let is_same = |now: &Stamp| -> io::Result<bool> {
                if now.size != file.stamp.size {
                    return Ok(false);
                }
                let trusted = noted.is_some_and(|noted| file.stamp.is_before(&noted));
                Ok(trusted && *now == file.stamp
                    || durable::hash_file(&path)?.to_hex().as_str() == file.blake3)
            };
            let now = Stamp::of(&path).map_err(|error| read(&path, error))?;
            match now {
                Some(now) if is_same(&now).map_err(|error| read(&path, error))? => {
                    differences.same.insert(name.clone(), now);
                }
                None if !durable::is_there(&path).map_err(|error| read(&path, error))? => {
                    differences.deleted.push(name.clone());
                }
                _ => differences.changed.push(name.clone()),
            }
        }
        let known = |name: &String| name == Self::FILE || files.contains_key(name);
        let there = entries(dir).map_err(|error| read(dir, error))?;
        differences.added = there
            .into_iter()
            .filter(|name| !known(name) && !durable::is_workplace(&dir.join(name)))
            .map(|name| if dir.join(&name).is_dir() { name + "/" } else { name })
            .collect();
        Ok(Some(differences))
    }
}

/// Names of all that is in `dir`.
pub(crate) fn entries(dir: &Path) -> io::Result<BTreeSet<String>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn read(path: &Path, source: io::Error) -> LedgerError {
    LedgerError::Read { path: path.to_owned(), source }
}

//! Files of what follows from the commits and takes long to find out. They are in no record, each is
//! made by the command that needs it, and each can be removed at any time.

pub(in crate::ledger) mod by_subject;
pub(in crate::ledger) mod changed_facts;
#[cfg(feature = "query")]
pub(in crate::ledger) mod queried;
pub(in crate::ledger) mod scanned;

use std::{fs, io, path::Path};

use crate::{
    codec::{self, Object},
    durable::{self, WriteError},
};

/// What each commit changed.
pub(crate) const CHANGES: &str = "changes";
/// Which facts each subject has.
pub(crate) const SUBJECTS: &str = "subjects";
/// An index of facts and names, for queries. A build without queries only removes it.
pub(crate) const QUERIED: &str = "queried";
/// Which files of the base are what they were.
pub(crate) const VERIFIED: &str = "verified";

/// A folder of what makes units act.
pub(crate) const SCANNED: &str = "neurons";

/// What the file in the store `dir` says; nothing where it is not there or not what was written.
pub(crate) fn read<T: Object>(dir: &Path, file: &str) -> Option<T> {
    durable::read(&dir.join(file)).ok().and_then(|bytes| codec::unseal(&bytes))
}

/// Writes the file. What cannot be written is found out again the next time.
pub(crate) fn write<T: Object>(dir: &Path, file: &str, what: &T) {
    let _ignored = durable::write(&dir.join(file), &codec::seal(what));
}

/// Forgets everything about facts, and what texts said.
///
/// # Errors
/// When a file cannot be removed.
pub(crate) fn remove(dir: &Path) -> Result<(), WriteError> {
    for file in [CHANGES, SUBJECTS, QUERIED] {
        let path = dir.join(file);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(WriteError { path, source });
            }
            _ => {}
        }
    }
    scanned::remove(&dir.join(SCANNED))
}

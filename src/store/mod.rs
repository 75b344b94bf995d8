//! Where versions are kept.
//!
//! The truth is in files that are written once: packs of small objects, tensor files
//! ([`TensorFiles`]), and a journal that only grows . sled is an index over them that can be
//! rebuilt ([`Store::rebuild`]) and is held open only while a [`Session`] lives. `docs/format.md` has every
//! byte.
//!
//! The store does not know what kinds of objects there are, nor what a commit says: it moves names
//! from one commit's id to another's.

mod error;
pub mod fsck;
mod index;
mod journal;
mod migrate;
mod pack;
mod refs;
mod session;
mod tensors;
mod transaction;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

pub use error::StoreError;
pub use journal::{HeadUpdate, Operation, RefUpdate, RootUpdate};
pub use migrate::{FORMAT, Migration, migrate};
pub use pack::entries as pack_entries;
pub use refs::{Head, RefNameError, check_ref_name};
pub use session::Session;
pub use tensors::{OpenTensorFile, TensorFiles};
pub use transaction::{RefChange, Transaction, ZEntry, ZMemo};

/// A store on disk. Holding one holds nothing open.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// Makes an empty store in the empty directory `dir`, HEAD on the branch `main`, which does not
    /// exist yet.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        migrate::create(dir)?;
        let store = Self { dir: dir.to_owned() };
        drop(store.session()?);
        Ok(store)
    }

    /// The store in `dir`.
    ///
    /// # Errors
    /// When there is none, or its format is not the one this program reads.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        migrate::check_format(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the index for a short while; waits some seconds for another process that holds it.
    ///
    /// # Errors
    /// When it stays held, or is damaged.
    pub fn session(&self) -> Result<Session, StoreError> {
        Session::open(&self.dir)
    }

    /// The tensor files, which need no session.
    #[must_use]
    pub fn tensors(&self) -> TensorFiles {
        TensorFiles::new(&self.dir.join("tensors"))
    }

    /// Throws the index away and builds it again from packs and journal. What was acknowledged is
    /// all there; the old index is kept beside the new one until that is complete.
    ///
    /// # Errors
    /// When the journal or a pack it names is damaged.
    pub fn rebuild(&self) -> Result<(), StoreError> {
        let lock = session::Lock::acquire(&self.dir)?;
        let (index, aside) = (self.dir.join("ledger"), self.dir.join("ledger.old"));
        remove_dir(&aside)?;
        match fs::rename(&index, &aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::write(&index, error));
            }
            _ => {}
        }
        drop(Session::with_lock(&self.dir, lock)?);
        remove_dir(&aside)
    }
}

fn remove_dir(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::write(dir, error)),
        _ => Ok(()),
    }
}

/// `<root>/ab/<abcdef…>`: where the file of an id is kept.
fn fan_out(root: &Path, hex: &str) -> PathBuf {
    root.join(&hex[..2]).join(hex)
}

#[cfg(test)]
mod tests;

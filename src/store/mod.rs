//! Where versions are kept.
//!
//! The truth is in files that are written once: packs of small objects, tensor files
//! ([`TensorFiles`]), and a journal that only grows. sled is an index over them that can be
//! rebuilt ([`Store::rebuild`]) and is held open only while a [`Session`] lives. `docs/format.md` has every
//! byte.
//!
//! Where the disk is full or the store cannot be written it can be read all the same, without sled. What is
//! damaged is rebuilt from what is not ([`fsck::repair`]), and a copy can be made at any time ([`Store::backup`]).
//!
//! The store does not know what kinds of objects there are, nor what a commit says: it moves names
//! from one commit's id to another's.

pub mod backup;
mod border;
mod collection;
mod error;
mod format;
pub mod fsck;
pub mod gc;
mod guard;
mod index;
mod journal;
mod kinds;
mod leftovers;
mod lock;
mod migrate;
mod pack;
mod place;
mod places;
mod plain;
mod rebuild;
mod refs;
mod repair;
mod room;
mod run;
mod salvage;
mod session;
mod summary;
mod tensors;
mod transaction;
mod z_memo;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::codec::{Rewrite, rewrite};
pub use error::StoreError;
pub use format::FORMAT;
use guard::Guard;
pub use journal::{HeadUpdate, Operation, RefUpdate, RootUpdate};
pub use kinds::{Kinds, References};
use lock::Lock;
pub use migrate::{Migration, migrate};
pub use pack::entries as pack_entries;
pub use refs::{Head, RefNameError, check_ref_name};
pub use session::Session;
pub use tensors::{OpenTensorFile, TensorFiles};
pub use transaction::{RefChange, Transaction};
pub use z_memo::{ZEntry, ZMemo};

/// The kinds that the store itself writes, for fuzzing.
#[doc(hidden)]
pub const KINDS: &[Rewrite] = &[
    rewrite::<ZMemo>,
    rewrite::<collection::Collection>,
    rewrite::<journal::Entry>,
    rewrite::<journal::Position>,
    rewrite::<index::Logged>,
    rewrite::<index::Current>,
    rewrite::<places::Runs>,
    rewrite::<summary::Summary>,
];

/// A store on disk. As long as one is held, no other process removes anything from it.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    guard: Arc<Guard>,
}

impl Store {
    /// Makes an empty store in the empty directory `dir`, HEAD on the branch `main`, which does not
    /// exist yet.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        migrate::create(dir)?;
        let store = Self::open(dir)?;
        drop(store.session()?);
        Ok(store)
    }

    /// The store in `dir`.
    ///
    /// # Errors
    /// When there is none, its format is not the one this program reads, something in it is a link, or another
    /// process is removing things from it for longer than some seconds.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        plain::check(dir)?;
        migrate::check_format(dir)?;
        Ok(Self { dir: dir.to_owned(), guard: Arc::new(Guard::share(dir)?) })
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the index for a short while; waits some seconds for another process that holds it. Where it cannot
    /// be written, what is stored can only be read: see [`Session::require_writable`].
    ///
    /// # Errors
    /// When it stays held, or is damaged.
    pub fn session(&self) -> Result<Session, StoreError> {
        Session::open(&self.dir)
    }

    /// What the summary says of the store in `dir`, looked at without waiting for another process and without
    /// keeping one from removing things. `None` where there is no store of this format or its summary is
    /// not of now.
    #[must_use]
    pub fn glance(dir: &Path) -> Option<Session> {
        migrate::check_format(dir).ok()?;
        Session::summarised(dir)
    }

    /// Opens the index for reading, without waiting for another process where its summary will do. A session
    /// that is asked for the operation log or for a change opens the rest then, as [`Store::session`] does.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub fn view(&self) -> Result<Session, StoreError> {
        Session::view(&self.dir)
    }

    /// The tensor files, which need no session.
    #[must_use]
    pub fn tensors(&self) -> TensorFiles {
        TensorFiles::new(&self.dir.join("tensors"))
    }

    /// Builds the index again from packs and journal, and then puts it in the place of the old one. What was
    /// acknowledged is all there.
    ///
    /// # Errors
    /// When the journal or a pack it names is damaged, or the journal may lack something.
    pub fn rebuild(&self) -> Result<(), StoreError> {
        Session::rebuilt(&self.dir, Lock::acquire(&self.dir)?).map(drop)
    }

    /// Runs `act` while no other process has the store open; waits some seconds for those that have.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when one goes on for longer; what `act` returns.
    pub fn alone<T, E: From<StoreError>>(
        &self,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.guard.alone(act)
    }
}

#[cfg(test)]
mod tests;

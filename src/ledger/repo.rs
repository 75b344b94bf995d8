//! A repository: where it is, how it is set, and reading what is in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Commit, Config, LedgerError,
    engine::{Engine, EngineError},
    forget, landing,
    lineage::Line,
    read::Ledger,
    version,
};
use crate::{
    checkpoint::{self, Checkpoint},
    codec::{self, OBJECT_LIMIT},
    delta::{Tensor, TensorFile},
    id::Id,
    store::Store,
};

/// A repository on disk. Opening one reads its settings, and finishes what a killed `forget` began; the store is held only
/// while a verb reads or writes it.
#[derive(Debug)]
pub struct Repo {
    root: PathBuf,
    store: Store,
    config: Config,
    /// How long the fields of an object may be.
    object_limit: usize,
}

/// Who runs a verb, when, and by which command. Recorded in commits and in the operation log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `Name <address>` or a name alone.
    pub author: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// The command line, for people.
    pub command: String,
}

/// Opens an engine on the base in a directory. Verbs call it when they are sure to need one.
pub type OpenEngine<'a> = &'a mut dyn FnMut(&Path) -> Result<Box<dyn Engine>, EngineError>;

impl Repo {
    /// The directory in a repository's root that holds everything but checkouts.
    pub const DIR: &'static str = ".kledger";

    /// Opens the repository whose root is `root`.
    ///
    /// # Errors
    /// When there is none, its format is unknown, its settings do not parse, or what a killed `forget` began cannot be
    /// finished for damage.
    pub fn open(root: &Path) -> Result<Self, LedgerError> {
        let dir = root.join(Self::DIR);
        if !dir.is_dir() {
            return Err(LedgerError::NoRepository { from: root.to_owned() });
        }
        let store = Store::open(&dir)?;
        let config = Config::read(&dir.join(Config::FILE))?;
        let repo = Self { root: root.to_owned(), store, config, object_limit: OBJECT_LIMIT };
        forget::complete(&repo)?;
        Ok(repo)
    }

    /// Opens the repository that `from` is in: its root is `from` or the nearest directory above.
    ///
    /// # Errors
    /// As [`Repo::open`].
    pub fn discover(from: &Path) -> Result<Self, LedgerError> {
        Self::open(Self::root_above(from)?)
    }

    /// The nearest of `from` and the directories above that holds a repository.
    pub(super) fn root_above(from: &Path) -> Result<&Path, LedgerError> {
        from.ancestors()
            .find(|dir| dir.join(Self::DIR).is_dir())
            .ok_or_else(|| LedgerError::NoRepository { from: from.to_owned() })
    }

    /// The directory that holds `.kledger`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// How long the fields of an object may be before they are kept in parts.
    pub(super) const fn object_limit(&self) -> usize {
        self.object_limit
    }

    /// The same, with another limit: what is kept in parts because it is long can be tested with what is short.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_object_limit(mut self, limit: usize) -> Self {
        self.object_limit = limit;
        self
    }

    /// The unedited checkpoint's directory.
    #[must_use]
    pub fn base_dir(&self) -> PathBuf {
        self.root.join(Self::DIR).join("base")
    }

    /// Where `checkout` writes unless told otherwise.
    #[must_use]
    pub fn checkout_dir(&self) -> PathBuf {
        self.root.join(&self.config.checkout)
    }

    /// Opens the base.
    ///
    /// # Errors
    /// When its files are missing or damaged.
    pub fn base(&self) -> Result<Arc<Checkpoint>, LedgerError> {
        Ok(Arc::new(Checkpoint::open(&self.base_dir())?))
    }

    /// Makes sure that the copy of the base is what it was. Reads all of it.
    ///
    /// # Errors
    /// [`LedgerError::Base`] names the first file or tensor that differs.
    pub(super) fn verify_base(&self) -> Result<(), LedgerError> {
        let ledger = self.read()?;
        let base = codec::get(&ledger, ledger.head_commit()?.1.base)?;
        drop(ledger);
        match checkpoint::verify(&self.base_dir(), &base)?.into_iter().next() {
            Some(what) => Err(LedgerError::Base { what }),
            None => Ok(()),
        }
    }

    /// Opens an engine on the base, verified first: an engine reads all of it anyway.
    pub(super) fn engine(&self, open: OpenEngine<'_>) -> Result<Box<dyn Engine>, LedgerError> {
        self.verify_base()?;
        Ok(open(&self.base_dir())?)
    }

    /// Opens the store for a short while.
    pub(super) fn read(&self) -> Result<Ledger<'_>, LedgerError> {
        let ledger = Ledger { session: self.store.session()?, config: &self.config };
        landing::complete(&ledger)?;
        Ok(ledger)
    }

    /// Opens the store for reading, without waiting for other processes.
    pub(super) fn view(&self) -> Result<Ledger<'_>, LedgerError> {
        if landing::is_begun(self.store.dir()) {
            return self.read();
        }
        Ok(Ledger { session: self.store.view()?, config: &self.config })
    }

    /// Builds a commit's weights and compares them with the hashes it names.
    pub(super) fn weights(
        &self,
        id: Id<Commit>,
        commit: &Commit,
        line: &Line,
    ) -> Result<BTreeMap<String, Tensor>, LedgerError> {
        let weights = self.build(line)?;
        version::verify(&weights, id, commit)?;
        Ok(weights)
    }

    /// Length of a tensor file.
    pub(super) fn tensor_file_bytes(&self, file: Id<TensorFile>) -> Result<u64, LedgerError> {
        let path = self.store.tensors().path(file);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(source) => Err(LedgerError::Read { path, source }),
        }
    }

    /// Length of the base's tensors.
    pub(super) fn base_bytes(&self) -> Result<u64, LedgerError> {
        let base = self.base()?;
        let mut bytes = 0;
        for name in base.names() {
            bytes += base.raw(name)?.2.len() as u64;
        }
        Ok(bytes)
    }
}

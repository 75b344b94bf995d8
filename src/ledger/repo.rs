//! A repository: where it is, how it is set, and reading what is in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Config, LedgerError, forget};
use crate::{
    checkpoint::{self, Checkpoint, Reading, Verified},
    codec::{self, OBJECT_LIMIT},
    commit::Commit,
    delta::TensorFile,
    durable::Stamp,
    engine::{Engine, EngineError},
    id::Id,
    ledger::{
        history::cache::{self, VERIFIED},
        lineage::{line::Line, load},
        state::{checkout_journal, open::Ledger},
    },
    store::Store,
    tensor::Tensor,
};

/// A repository on disk. Opening one reads its settings, and finishes what a killed `forget` began; the store is held only
/// while a verb reads or writes it.
#[derive(Debug)]
pub struct Repo {
    root: PathBuf,
    store: Store,
    config: Config,
    /// Probes that a verb was given, in place of those of the settings.
    probes: Option<PathBuf>,
    /// How long the fields of an object may be.
    object_limit: usize,
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
        let repo =
            Self { root: root.to_owned(), store, config, probes: None, object_limit: OBJECT_LIMIT };
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

    /// The settings of the repository that `from` is in, whose store is not looked at. `None` where there is
    /// none.
    ///
    /// # Errors
    /// When they do not parse.
    pub fn settings_above(from: &Path) -> Result<Option<Config>, LedgerError> {
        match Self::root_above(from) {
            Ok(root) => Ok(Some(Config::read(&root.join(Self::DIR).join(Config::FILE))?)),
            Err(_) => Ok(None),
        }
    }

    /// The nearest of `from` and the directories above that holds a repository.
    pub(crate) fn root_above(from: &Path) -> Result<&Path, LedgerError> {
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

    /// Has this handle of the repository ask the probes in `file` in place of those it is set to.
    pub fn ask_probes(&mut self, file: &Path) {
        let within = file.strip_prefix(&self.root).unwrap_or(file);
        self.probes = Some(within.to_owned());
    }

    /// The probes that it was told to ask so.
    pub(crate) fn asked_probes(&self) -> Option<&Path> {
        self.probes.as_deref()
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// How long the fields of an object may be before they are kept in parts.
    pub(crate) const fn object_limit(&self) -> usize {
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

    /// Opens the base, whose files are what they were.
    ///
    /// # Errors
    /// When its files are missing, and [`LedgerError::Base`] where one is another.
    pub fn base(&self) -> Result<Arc<Checkpoint>, LedgerError> {
        self.verified_base()?;
        Ok(Arc::new(Checkpoint::open(&self.base_dir())?))
    }

    /// Makes sure that the copy of the base is what it was. Reads what is not known to be unchanged: files
    /// whose stamps are other ones than when they were last compared.
    ///
    /// # Errors
    /// As [`Repo::base`].
    pub(crate) fn verified_base(&self) -> Result<Verified, LedgerError> {
        let dir = self.base_dir();
        if let Some(known) = self.known_of_base()
            && known.holds(&dir).map_err(|source| LedgerError::Read { path: dir, source })?
        {
            return Ok(known);
        }
        self.compare_base(Reading::Changed)
    }

    /// As [`Repo::verified_base`], and reads all of it.
    pub(crate) fn verify_base(&self) -> Result<(), LedgerError> {
        self.compare_base(Reading::All).map(drop)
    }

    fn compare_base(&self, reading: Reading) -> Result<Verified, LedgerError> {
        let ledger = self.view()?;
        let id = ledger.head_commit()?.1.base;
        let base = codec::get(&ledger, id)?;
        drop(ledger);
        let known = self.known_of_base().filter(|known| known.base == id);
        let known = known.unwrap_or_else(|| Verified::nothing(id));
        let (differs, verified) = checkpoint::verify(&self.base_dir(), &base, &known, reading)?;
        if let Some(what) = differs.into_iter().next() {
            return Err(LedgerError::Base { what });
        }
        if verified != known {
            cache::write(self.store.dir(), VERIFIED, &verified);
        }
        Ok(verified)
    }

    /// What is known of the base's files.
    fn known_of_base(&self) -> Option<Verified> {
        let known: Verified = cache::read(self.store.dir(), VERIFIED)?;
        let noted = Stamp::of(&self.store.dir().join(VERIFIED)).ok()??;
        Some(known.noted_in(&noted))
    }

    /// Opens an engine on the base, verified first: an engine reads all of it anyway.
    pub(crate) fn engine(&self, open: OpenEngine<'_>) -> Result<Box<dyn Engine>, LedgerError> {
        self.verify_base()?;
        Ok(open(&self.base_dir())?)
    }

    /// Opens the store for a short while.
    pub(crate) fn read(&self) -> Result<Ledger<'_>, LedgerError> {
        let ledger = Ledger { session: self.store.session()?, config: &self.config };
        checkout_journal::complete(&ledger)?;
        Ok(ledger)
    }

    /// Opens the store for what ends with a change, and says at once where it cannot be written.
    pub(crate) fn read_to_change(&self) -> Result<Ledger<'_>, LedgerError> {
        let ledger = self.read()?;
        ledger.session.require_writable()?;
        Ok(ledger)
    }

    /// Opens the store for reading, without waiting for other processes.
    pub(crate) fn view(&self) -> Result<Ledger<'_>, LedgerError> {
        // Where what was left half done cannot be ended, what was there before can still be read.
        if checkout_journal::is_begun(self.store.dir())
            && let Ok(ledger) = self.read()
        {
            return Ok(ledger);
        }
        Ok(Ledger { session: self.store.view()?, config: &self.config })
    }

    /// Builds a commit's weights and compares them with the hashes it names.
    pub(crate) fn weights(
        &self,
        id: Id<Commit>,
        commit: &Commit,
        line: &Line,
    ) -> Result<BTreeMap<String, Tensor>, LedgerError> {
        let weights = self.build(line)?;
        load::verify(&weights, id, commit)?;
        Ok(weights)
    }

    /// Length of a tensor file.
    pub(crate) fn tensor_file_bytes(&self, file: Id<TensorFile>) -> Result<u64, LedgerError> {
        let path = self.store.tensors().path(file);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(source) => Err(LedgerError::Read { path, source }),
        }
    }

    /// Length of the base's tensors.
    pub(crate) fn base_bytes(&self) -> Result<u64, LedgerError> {
        let base = Checkpoint::open(&self.base_dir())?;
        let mut bytes = 0;
        for name in base.names() {
            bytes += base.raw(name)?.2.len() as u64;
        }
        Ok(bytes)
    }
}

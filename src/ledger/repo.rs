//! A repository: where it is, how it is set, and reading what is in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Commit, Config, LedgerError,
    engine::{Engine, EngineError},
    lineage::Line,
    revision::{History, Revision},
    version,
    view::{CommitView, HeadView},
};
use crate::{
    checkpoint::Checkpoint,
    codec::{self, ObjectError, Objects},
    delta::Tensor,
    fact::Lexicon,
    id::Id,
    store::{Head, Session, Store},
};

/// A repository on disk. Opening one reads its settings and nothing else; the store is held only
/// while a verb reads or writes it.
#[derive(Debug)]
pub struct Repo {
    root: PathBuf,
    store: Store,
    config: Config,
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
    /// When there is none, its format is unknown, or its settings do not parse.
    pub fn open(root: &Path) -> Result<Self, LedgerError> {
        let dir = root.join(Self::DIR);
        if !dir.is_dir() {
            return Err(LedgerError::NoRepository { from: root.to_owned() });
        }
        let store = Store::open(&dir)?;
        let config = Config::read(&dir.join(Config::FILE))?;
        Ok(Self { root: root.to_owned(), store, config })
    }

    /// Opens the repository that `from` is in: its root is `from` or the nearest directory above.
    ///
    /// # Errors
    /// As [`Repo::open`].
    pub fn discover(from: &Path) -> Result<Self, LedgerError> {
        let root = from
            .ancestors()
            .find(|dir| dir.join(Self::DIR).is_dir())
            .ok_or_else(|| LedgerError::NoRepository { from: from.to_owned() })?;
        Self::open(root)
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

    /// Opens the store for a short while.
    pub(super) fn read(&self) -> Result<Ledger<'_>, LedgerError> {
        Ok(Ledger { session: self.store.session()?, config: &self.config })
    }

    /// Builds a commit's weights and compares them with the hashes it names.
    pub(super) fn weights(
        &self,
        id: Id<Commit>,
        commit: &Commit,
        line: &Line,
    ) -> Result<BTreeMap<String, Tensor>, LedgerError> {
        version::weights(&self.store.tensors(), self.base()?, line, id, commit)
    }
}

/// The ledger while its store is held open.
pub(super) struct Ledger<'a> {
    pub(super) session: Session,
    pub(super) config: &'a Config,
}

impl Objects for Ledger<'_> {
    fn bytes(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, ObjectError> {
        self.session.bytes(hash)
    }
}

impl Ledger<'_> {
    pub(super) fn commit(&self, id: Id<Commit>) -> Result<Commit, LedgerError> {
        Ok(codec::get(self, id)?)
    }

    /// The commit a user means by `text`.
    pub(super) fn resolve(&self, text: &str) -> Result<Id<Commit>, LedgerError> {
        Revision::parse(text)?.resolve(self)
    }

    pub(super) fn line(&self, commit: &Commit) -> Result<Line, LedgerError> {
        Ok(Line::load(self, commit.lineage)?)
    }

    /// The words of a commit.
    pub(super) fn lexicon(&self, commit: &Commit) -> Lexicon<'_> {
        Lexicon::new(self, commit.lexicon).in_language(&self.config.language)
    }

    /// `commit` and its first parents, newest first.
    pub(super) fn first_parents(
        &self,
        commit: Id<Commit>,
    ) -> impl Iterator<Item = Result<(Id<Commit>, Commit), LedgerError>> {
        let mut next = Some(commit);
        std::iter::from_fn(move || {
            let id = next.take()?;
            Some(self.commit(id).map(|commit| {
                next = commit.parents.first().copied();
                (id, commit)
            }))
        })
    }

    pub(super) fn head_view(&self) -> Result<HeadView, LedgerError> {
        let branch = match self.session.head()? {
            Head::Branch(name) => Some(name),
            Head::Detached(_) => None,
        };
        Ok(HeadView { branch, commit: self.head()? })
    }

    pub(super) fn commit_view(&self, id: Id<Commit>, commit: &Commit) -> Result<CommitView, LedgerError> {
        let refs = self
            .session
            .refs()?
            .into_iter()
            .filter_map(|(name, at)| (at == id).then_some(name))
            .collect();
        Ok(CommitView {
            id,
            parents: commit.parents.clone(),
            refs,
            head: self.head()? == id,
            author: commit.author.clone(),
            time: commit.time,
            message: commit.message.clone(),
            step: (&commit.step).into(),
        })
    }
}

//! Why the store did not do what was asked.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{migrate, refs::RefNameError};
use crate::{
    codec::{DecodeError, ObjectError, TooLong},
    durable::{self, WriteError},
    id::Id,
    ledger::Commit,
};

/// Why the store did not do what was asked. It is then as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the store.
    #[error("{} is in use by another kledger{}", dir.display(), pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    Busy {
        /// The store.
        dir: PathBuf,
        /// The other process, if it said.
        pid: Option<u32>,
    },
    /// The store has a format this program does not read.
    #[error("{} has the format {found:?}; this kledger reads {known:?}", dir.display())]
    Format {
        /// The store.
        dir: PathBuf,
        /// What its `format` file says.
        found: String,
        /// What it should say.
        known: &'static str,
    },
    /// A name cannot be given to a ref.
    #[error(transparent)]
    RefName(#[from] RefNameError),
    /// A ref is not where the change expected it.
    #[error("{name} is at {}, not at {}", point(*found), point(*expected))]
    RefMoved {
        /// The ref.
        name: String,
        /// Where it was to be.
        expected: Option<Id<Commit>>,
        /// Where it is.
        found: Option<Id<Commit>>,
    },
    /// HEAD is not where the change expected it.
    #[error("HEAD has moved")]
    HeadMoved,
    /// A root is not what the change expected.
    #[error("the {name} has changed")]
    RootMoved {
        /// Its name.
        name: String,
    },
    /// A stored file is not as it was written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Something in a store is a link, a pipe or a device, and nothing is looked for behind it.
    #[error("{} is {what}; a store is made of files and directories alone", path.display())]
    NotPlain {
        /// What it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A stored file is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// An object is missing or damaged.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// An object would not be read back.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn point(commit: Option<Id<Commit>>) -> String {
    commit.map_or_else(|| "no commit".to_owned(), |commit| format!("{commit:.12}"))
}

impl StoreError {
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        WriteError { path: path.to_owned(), source }.into()
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            Self::Missing { path: path.to_owned() }
        } else if durable::is_link(&source) {
            Self::NotPlain { what: "a link", path: path.to_owned() }
        } else {
            Self::Read { path: path.to_owned(), source }
        }
    }

    pub(super) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }

    pub(super) fn decode(path: &Path, error: &DecodeError) -> Self {
        Self::damaged(path, error.to_string())
    }

    /// Whether something stored is not as it was written.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Missing { .. } | Self::Object(_))
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { .. } => Some("wait until it is done and run the command again".to_owned()),
            Self::Format { found, .. } if migrate::is_older(found) => {
                Some("bring it to this kledger's format with `kledger migrate`".to_owned())
            }
            Self::Format { .. } => {
                Some("use the kledger that wrote it, or a newer one".to_owned())
            }
            Self::RefMoved { .. } | Self::HeadMoved | Self::RootMoved { .. } => {
                Some("another command got in first: look at `kledger status` and run it again".to_owned())
            }
            Self::Damaged { .. } | Self::Missing { .. } | Self::Object(_) => Some(
                "`kledger fsck` says what is damaged; `kledger fsck --repair` rebuilds the index from \
                 packs and journal"
                    .to_owned(),
            ),
            Self::NotPlain { .. } => Some(
                "put there what it leads to, if you trust it; to keep a store on another disk, make the \
                 link of .kledger itself"
                    .to_owned(),
            ),
            Self::TooLong(_) => Some(
                "nothing was stored: take fewer or shorter facts, words or names at a time".to_owned(),
            ),
            Self::Write(error) => error.hint().map(str::to_owned),
            Self::RefName(_) | Self::Read { .. } => None,
        }
    }
}

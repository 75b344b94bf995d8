//! Why the store did not do what was asked.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{format, refs::RefNameError};
use crate::{
    codec::{DecodeError, ObjectError, TooLong},
    commit::Commit,
    durable::{self, WriteError},
    id::Id,
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
    /// A backup would be written over something else.
    #[error("{} is no backup of this repository: {why}", dir.display())]
    NotABackup {
        /// Where it was to be.
        dir: PathBuf,
        /// What is there.
        why: &'static str,
    },
    /// The disk failed while a change was recorded, and again while that was taken back.
    #[error("cannot write {}, and not take back what may have been written of it", path.display())]
    Undecided {
        /// The journal.
        path: PathBuf,
        /// How the disk failed.
        source: io::Error,
    },
    /// The clock is where the index cannot work.
    #[error("the clock is before 1970, and the index cannot be changed at such a time")]
    Clock,
    /// The index has not answered for minutes: the disk below it fails.
    #[error("{} does not answer: the disk may be failing", path.display())]
    Stuck {
        /// The index.
        path: PathBuf,
    },
}

fn point(commit: Option<Id<Commit>>) -> String {
    commit.map_or_else(|| "no commit".to_owned(), |commit| format!("{commit:.12}"))
}

/// Whether a file holds what is nowhere else: objects or tensors.
fn is_written_once(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "packs" || part.as_os_str() == "tensors")
}

impl StoreError {
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        WriteError { path: path.to_owned(), source }.into()
    }

    /// What it means that `path` cannot be opened for writing.
    pub(super) fn opened(path: &Path, source: io::Error) -> Self {
        if durable::is_link(&source) { Self::read(path, source) } else { Self::write(path, source) }
    }

    /// What it means that `path` cannot be read: a file that is not there, or not all of it, is damage; what
    /// the system could not do just now (too many open files, a disk that fails, no permission) is not.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            _ if durable::is_link(&source) => {
                Self::NotPlain { what: "a link", path: path.to_owned() }
            }
            io::ErrorKind::NotFound => Self::Missing { path: path.to_owned() },
            io::ErrorKind::UnexpectedEof => Self::damaged(path, "it ends too early"),
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
                Self::damaged(path, source.to_string())
            }
            _ => Self::Read { path: path.to_owned(), source },
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
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Missing { .. } => true,
            Self::Object(error) => error.is_damage(),
            _ => false,
        }
    }

    /// Whether the machine could not do what was asked, while what is stored may be sound.
    #[must_use]
    pub const fn is_of_the_machine(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Write(_) | Self::Stuck { .. } | Self::Clock)
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { .. } => Some("wait until it is done and run the command again".to_owned()),
            Self::Format { found, .. } if format::is_older(found) => {
                Some("bring it to this kledger's format with `kledger migrate`".to_owned())
            }
            Self::Format { .. } => {
                Some("use the kledger that wrote it, or a newer one".to_owned())
            }
            Self::RefMoved { .. } | Self::HeadMoved | Self::RootMoved { .. } => {
                Some("another command got in first: look at `kledger status` and run it again".to_owned())
            }
            Self::Damaged { path, .. } | Self::Missing { path } if is_written_once(path) => Some(
                "nothing here can make that file again: bring it back from a backup; `kledger fsck` \
                 says what else is damaged"
                    .to_owned(),
            ),
            Self::Damaged { .. } | Self::Missing { .. } => Some(
                "`kledger fsck` says what is damaged; `kledger fsck --repair` makes index and journal \
                 again, each from the other and from packs, and keeps the old ones"
                    .to_owned(),
            ),
            Self::Object(error) if error.is_damage() => {
                Some("`kledger fsck` says what is damaged".to_owned())
            }
            Self::NotPlain { .. } => Some(
                "put its target there, if you trust it; to keep a store on another disk, make the \
                 link of .kledger itself"
                    .to_owned(),
            ),
            Self::TooLong(_) => Some(
                "nothing was stored: take fewer or shorter facts, words or names at a time".to_owned(),
            ),
            Self::Write(error) => error.hint().map(str::to_owned),
            Self::NotABackup { .. } => Some(
                "name a new directory, or one that holds an earlier backup of this repository"
                    .to_owned(),
            ),
            Self::Undecided { .. } => Some(
                "once the disk works, `kledger status` and `kledger op log` say whether the change was made"
                    .to_owned(),
            ),
            Self::Clock => Some("set the machine's clock".to_owned()),
            Self::Stuck { .. } => Some(
                "see what the system says of the disk, and run the command again".to_owned(),
            ),
            Self::RefName(_) | Self::Read { .. } | Self::Object(_) => None,
        }
    }
}

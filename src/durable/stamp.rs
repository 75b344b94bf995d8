//! What a file is known by: a stamp, which is cheap, and its hash.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use bincode::{Decode, Encode};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

/// Bytes read at a time.
const PIECE: usize = 8 << 20;

/// What changes when a file is written or replaced: as long as it is the same, so is the file, unless
/// somebody set its time back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970-01-01T00:00:00Z.
    pub modified: i64,
    /// Its number in the file system.
    pub inode: u64,
}

impl Stamp {
    /// The stamp of the file at `path`; `None` where there is nothing, or something else: links are not
    /// followed.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(metadata.is_file().then(|| Self::from(&metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a file that had this stamp before the file `noted` was written has changed if its stamp is
    /// another. A clock that counts in steps does not tell what is written within one of them.
    #[must_use]
    pub const fn is_before(&self, noted: &Self) -> bool {
        self.modified < noted.modified
    }
}

impl From<&fs::Metadata> for Stamp {
    fn from(metadata: &fs::Metadata) -> Self {
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        Self {
            size: metadata.len(),
            modified: seconds.saturating_add(metadata.mtime_nsec()),
            inode: metadata.ino(),
        }
    }
}

/// Whether there is anything at `path`, be it a link that leads nowhere.
///
/// # Errors
/// When the system does not say.
pub fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The BLAKE3 hash of the file at `path`, which is no link.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> io::Result<blake3::Hash> {
    // What waits for a writer, or is put in the file's place by somebody, is not waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let mut hasher = blake3::Hasher::new();
    let mut piece = Vec::new();
    loop {
        piece.clear();
        if file.by_ref().take(PIECE as u64).read_to_end(&mut piece)? == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update_rayon(&piece);
    }
}

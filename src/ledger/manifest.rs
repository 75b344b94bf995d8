//! The file in a checked-out directory that says which version it holds.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::{Commit, LedgerError};
use crate::{
    checkpoint::Base,
    durable::{self, WriteError},
    id::Id,
};

/// What a checkout says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// The version.
    pub commit: Id<Commit>,
    /// The base it is a version of.
    pub base: Id<Base>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    commit: String,
    base: String,
}

impl Manifest {
    /// Its name in the directory. `transformers` leaves it alone.
    pub const FILE: &'static str = "kledger.json";

    /// Reads the manifest of `dir`; `None` where there is none.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        let text: Text = serde_json::from_slice(&fs::read(dir.join(Self::FILE)).ok()?).ok()?;
        Some(Self { commit: text.commit.parse().ok()?, base: text.base.parse().ok()? })
    }

    /// Writes it into `dir`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), WriteError> {
        let text = Text { commit: self.commit.to_string(), base: self.base.to_string() };
        let text = serde_json::to_string_pretty(&text).expect("because strings are JSON") + "\n";
        durable::write(&dir.join(Self::FILE), text.as_bytes())
    }

    /// Makes sure that nothing is lost when `dir` is written: it must be absent, empty, or a
    /// checkout.
    ///
    /// # Errors
    /// [`LedgerError::Occupied`].
    pub fn claim(dir: &Path) -> Result<(), LedgerError> {
        // What a killed checkout set aside comes back first.
        durable::recover_dir(dir)?;
        let occupied = match fs::read_dir(dir) {
            Ok(mut entries) => entries.next().is_some() && Self::read(dir).is_none(),
            Err(_) => dir.exists(),
        };
        if occupied { Err(LedgerError::Occupied { dir: dir.to_owned() }) } else { Ok(()) }
    }
}

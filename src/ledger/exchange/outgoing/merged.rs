//! A Hugging Face directory that shares nothing with the repository.

use std::path::Path;

use super::{
    Format, Outgoing, Written,
    card::{Card, Load},
};
use crate::{
    checkpoint,
    ledger::{error::LedgerError, state::manifest::Manifest},
};

/// The version's weights in place of the base's, with all other files of the base.
pub(crate) struct Merged;

impl Format for Merged {
    fn write(&self, version: &Outgoing, dir: &Path) -> Result<Written, LedgerError> {
        checkpoint::write_merged(version.base(), &version.weights, dir)?;
        Card::of(version, Load::Checkpoint, None).write(dir)?;
        // Last, since it lists the other files.
        Manifest::write(dir, version.id, version.told.commit.base, &|_| None)?;
        Ok(Written::default())
    }
}

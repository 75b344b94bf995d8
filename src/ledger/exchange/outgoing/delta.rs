//! The deltas with their facts, for other repositories.

use std::path::Path;

use super::{
    Format, Outgoing, Written,
    card::{Card, Load},
};
use crate::ledger::{error::LedgerError, exchange::bundle::Bundle};

/// What [`Bundle`] describes.
pub(crate) struct Deltas;

impl Format for Deltas {
    fn write(&self, version: &Outgoing, dir: &Path) -> Result<Written, LedgerError> {
        let told = &version.told;
        let bundle = Bundle {
            base: told.commit.base,
            source: format!("commit {}", version.id),
            deltas: Bundle::of(&version.version, &told.line),
            weights: told.commit.weights.clone(),
            facts: told.triples.clone(),
        };
        bundle.write(dir)?;
        Card::of(version, Load::Delta, None).write(dir)?;
        Ok(Written::default())
    }
}

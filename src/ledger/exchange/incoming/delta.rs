//! Deltas that another repository exported.

use std::{path::Path, sync::Arc};

use super::{Incoming, Receiver};
use crate::ledger::{error::LedgerError, exchange::bundle::Bundle};

/// Reads the bundle in `dir`, which is called `name`.
///
/// # Errors
/// When it is damaged, for another base, or does not make what it made where it was exported.
pub(super) fn read(
    receiver: &Receiver<'_>,
    dir: &Path,
    name: &str,
) -> Result<Incoming, LedgerError> {
    let bundle = Bundle::read(dir)?;
    if bundle.base != receiver.base_id {
        let (theirs, ours) = (bundle.base, receiver.base_id);
        return Err(LedgerError::OtherBase { dir: dir.to_owned(), theirs, ours });
    }
    bundle.verify(dir, Arc::clone(&receiver.base))?;
    Ok(Incoming {
        source: format!("delta {name}, {}", bundle.source),
        deltas: bundle.deltas,
        facts: bundle.facts,
        unchanged: "it has the base's weights",
        notes: Vec::new(),
    })
}

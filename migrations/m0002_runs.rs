//! From format 1 to format 2: where objects and z vectors are goes from sled into sorted runs. The
//! index is built again by whoever opens the store next.

use std::{fs, io::ErrorKind, path::Path, slice};

use super::{Migration, StoreError, leftovers};

/// The second format.
pub(super) const MIGRATION: Migration = Migration { to: 2, what: "index in sorted runs", run };

fn run(dir: &Path) -> Result<(), StoreError> {
    let (index, aside) = (dir.join("ledger"), dir.join("ledger.old"));
    leftovers::remove(slice::from_ref(&aside))?;
    // In one step, so that no half of it is taken for an index.
    match fs::rename(&index, &aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::write(&index, error)),
        Err(_) => Ok(()),
        Ok(()) => leftovers::remove(slice::from_ref(&aside)).map(drop),
    }
}

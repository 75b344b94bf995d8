//! From an empty directory to format 1: the layout that `Store::create` makes.

use std::path::Path;

use super::{Migration, StoreError};
use crate::durable;

/// The first format.
pub(super) const MIGRATION: Migration = Migration { to: 1, what: "initial layout", run };

fn run(dir: &Path) -> Result<(), StoreError> {
    for part in ["packs", "tensors", "base"] {
        durable::create_dir(&dir.join(part))?;
    }
    for file in ["journal", "lock"] {
        let path = dir.join(file);
        if !path.exists() {
            durable::write(&path, &[])?;
        }
    }
    Ok(())
}

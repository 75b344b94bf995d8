//! From format 2 to format 3: packs have blocks of objects that are compressed together, and the index says in which
//! block an object is. Packs that are there stay as they are and are read as before; the index is built again by whoever
//! opens the store next.

use super::{Migration, m0002_runs};

/// The third format.
pub(super) const MIGRATION: Migration =
    Migration { to: 3, what: "packs in compressed blocks", run: m0002_runs::MIGRATION.run };

//! Formats, and the way from one to the next.

use std::{io::ErrorKind, path::Path};

use super::{
    StoreError,
    format::{FORMAT, number},
    guard::Guard,
    leftovers,
    lock::Lock,
    plain,
};
use crate::durable;

#[path = "../../migrations/m0001_initial.rs"]
mod m0001_initial;
#[path = "../../migrations/m0002_runs.rs"]
mod m0002_runs;
#[path = "../../migrations/m0003_blocks.rs"]
mod m0003_blocks;

/// Every step, in order; step n migrates to format n.
const MIGRATIONS: &[Migration] =
    &[m0001_initial::MIGRATION, m0002_runs::MIGRATION, m0003_blocks::MIGRATION];

/// One step from a format to the next.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Number of the format it migrates to.
    pub to: u32,
    /// What it changes, in words.
    pub what: &'static str,
    run: fn(&Path) -> Result<(), StoreError>,
}

/// Brings the store in `dir` to this program's format and returns the steps that were made; none
/// when it was there already. Waits some seconds for others that have it open.
///
/// # Errors
/// When the store's format is unknown or newer, is in use, or a step fails; it can then be run again.
pub fn migrate(dir: &Path) -> Result<Vec<Migration>, StoreError> {
    plain::check(dir)?;
    let found = read_format(dir)?;
    let from = number(&found).filter(|&number| number as usize <= MIGRATIONS.len());
    let Some(from) = from else { return Err(unknown(dir, found)) };
    // No other process may still have it open in its old format.
    Guard::share(dir)?.alone(|| {
        let _lock = Lock::acquire(dir)?;
        run_from(dir, from)
    })
}

/// Makes the newest format in an empty directory.
pub(super) fn create(dir: &Path) -> Result<(), StoreError> {
    run_from(dir, 0).map(drop)
}

fn run_from(dir: &Path, format: u32) -> Result<Vec<Migration>, StoreError> {
    let mut made = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| migration.to > format) {
        (migration.run)(dir)?;
        durable::write(&dir.join("format"), format!("kledger {}\n", migration.to).as_bytes())?;
        made.push(*migration);
    }
    Ok(made)
}

/// Refuses a store whose format is not this program's.
pub(super) fn check_format(dir: &Path) -> Result<(), StoreError> {
    let found = read_format(dir)?;
    if found == FORMAT { Ok(()) } else { Err(unknown(dir, found)) }
}

fn unknown(dir: &Path, found: String) -> StoreError {
    StoreError::Format { dir: dir.to_owned(), found, known: FORMAT }
}

fn read_format(dir: &Path) -> Result<String, StoreError> {
    let path = dir.join("format");
    match durable::read(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(StoreError::read(&path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn steps_have_no_gap_and_end_at_the_format() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.to as usize, at + 1);
        }
        assert_eq!(number(FORMAT), MIGRATIONS.last().map(|last| last.to));
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for other in ["kledger 1\n", "kledger 02\n", "kledger 2\n", "", "kledger 4", "kledger 3"] {
            fs::write(dir.path().join("format"), other).unwrap();
            let refused = check_format(dir.path());
            assert_eq!(refused.is_ok(), other == "kledger 3", "{other:?}");
            let Err(error) = refused else { continue };
            let migrates = error.hint().unwrap().contains("kledger migrate");
            let is_older = matches!(other, "kledger 1\n" | "kledger 2\n");
            assert_eq!(migrates, is_older, "{other:?}");
        }
    }
}

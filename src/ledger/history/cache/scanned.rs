//! What makes the units of a version act, as a scan found it: a folder for each version whose weights are its own.
//!
//! A folder has the summary, and the triggers of some thousand units a file, so that a unit can be looked up without
//! reading all. The summary is written last, and each file says which one it belongs to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bincode::{Decode, Encode};

use super::SCANNED;
use crate::{
    codec::{self, Object},
    commit::Commit,
    durable::{self, WriteError},
    engine::{Prefix, Scan, Trigger, Unit},
    id::{Id, Kind},
};

/// Units whose triggers are in one file.
const UNITS: usize = 4096;

/// The file of the summary.
const SUMMARY: &str = "summary";

/// Marks what stands for the weights of a version.
struct ScannedWeights;

impl Kind for ScannedWeights {
    const NAME: &'static str = "scanned weights";
}

/// What a scan found of a version as a whole.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoredScan {
    /// JSON.
    pub(crate) summary: String,
}

/// The triggers of some units.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoredUnits {
    /// The scan that found them.
    scan: Id<StoredScan>,
    /// What the triggers are, each once, ascending.
    prefixes: Vec<Prefix>,
    /// Of each unit, the triggers: the place among the prefixes, and the coefficient's bits.
    units: Vec<Vec<(u32, u32)>>,
}

impl Kind for StoredScan {
    const NAME: &'static str = "scan";
}

impl Object for StoredScan {
    const TAG: u8 = 0x28;
}

impl Kind for StoredUnits {
    const NAME: &'static str = "scanned units";
}

impl Object for StoredUnits {
    const TAG: u8 = 0x29;
}

/// Where the scan of a version is.
pub(crate) struct Scanned {
    /// The store.
    store: PathBuf,
    folder: PathBuf,
}

impl Scanned {
    /// Of a commit, in the store `dir`. Commits with the same weights have the same.
    pub(crate) fn of(dir: &Path, commit: &Commit) -> Self {
        let mut hasher = Id::<ScannedWeights>::hasher();
        hasher.update(commit.base.as_bytes());
        for tensor in &commit.weights {
            hasher.update(&(tensor.name.len() as u64).to_le_bytes());
            hasher.update(tensor.name.as_bytes());
            hasher.update(tensor.id.as_bytes());
        }
        let folder = dir.join(SCANNED).join(hasher.finalize().to_hex().as_str());
        Self { store: dir.to_owned(), folder }
    }

    fn read<T: Object>(&self, file: &str) -> Option<T> {
        let bytes = durable::read_below(&self.store, &self.folder.join(file)).ok()?;
        codec::unseal(&bytes)
    }

    /// The summary; nothing where no scan was brought to its end.
    pub(crate) fn summary(&self) -> Option<StoredScan> {
        self.read(SUMMARY)
    }

    /// What makes a unit act, most first, and how much. Nothing where it is not known.
    pub(crate) fn triggers(&self, unit: Unit) -> Option<Vec<(Prefix, f32)>> {
        let scan = codec::id_of(&self.summary()?);
        let (layer, place) = (unit.layer as usize, unit.unit as usize);
        let stored: StoredUnits = self.read(&file(layer, place / UNITS))?;
        let triggers = stored.units.get(place % UNITS).filter(|_| stored.scan == scan)?;
        let trigger = |&(prefix, bits): &(u32, u32)| {
            let prefix = stored.prefixes.get(usize::try_from(prefix).ok()?)?;
            Some((prefix.clone(), f32::from_bits(bits)))
        };
        triggers.iter().map(trigger).collect()
    }

    /// Writes what a scan found, in place of an earlier one.
    ///
    /// # Errors
    /// When a file cannot be written. There is no scan then.
    pub(crate) fn write(&self, summary: String, scan: &Scan) -> Result<(), WriteError> {
        remove(&self.folder)?;
        durable::create_dir(&self.folder)?;
        let stored = StoredScan { summary };
        let id = codec::id_of(&stored);
        for (number, layer) in scan.layers.iter().enumerate() {
            for (part, units) in layer.units.chunks(UNITS).enumerate() {
                let units = StoredUnits::of(id, units, &scan.prefixes);
                durable::write(&self.folder.join(file(number, part)), &codec::seal(&units))?;
            }
        }
        durable::write(&self.folder.join(SUMMARY), &codec::seal(&stored))
    }
}

fn file(layer: usize, part: usize) -> String {
    format!("{layer}-{part}")
}

/// Removes a folder of scans, or all of them.
///
/// # Errors
/// When something in it cannot be removed.
pub(super) fn remove(folder: &Path) -> Result<(), WriteError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(WriteError { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

impl StoredUnits {
    fn of(scan: Id<StoredScan>, units: &[Vec<Trigger>], all: &[Prefix]) -> Self {
        let mut prefixes: Vec<Prefix> =
            units.iter().flatten().map(|trigger| all[trigger.prefix].clone()).collect();
        prefixes.sort();
        prefixes.dedup();
        let place = |prefix: &Prefix| {
            let place = prefixes.binary_search(prefix).expect("because all of them are there");
            u32::try_from(place).unwrap_or(u32::MAX)
        };
        let stored = |own: &Vec<Trigger>| {
            let bits = own
                .iter()
                .map(|trigger| (place(&all[trigger.prefix]), trigger.coefficient.to_bits()));
            bits.collect()
        };
        let units = units.iter().map(stored).collect();
        Self { scan, prefixes, units }
    }
}

//! What long work came to, kept beside the store, so that work that is stopped or killed goes on.
//!
//! What is kept proves that it is of this run: the numbers have a checksum, the tensors have that of their file.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    delta::TensorFile,
    durable,
    id::{Id, Kind},
    ledger::error::LedgerError,
    store::{Store, StoreError, TensorFiles},
    tensor::Tensor,
};

/// The file that says how far a run came.
const REACHED: &str = "reached";

/// Where a run keeps what it came to.
pub(crate) struct Partial<K: Kind> {
    /// The directory of all runs.
    all: PathBuf,
    /// The run's own in it.
    dir: PathBuf,
    run: Id<K>,
    files: TensorFiles,
}

impl<K: Kind> Partial<K> {
    pub(crate) fn of(store: &Store, run: Id<K>) -> Self {
        let all = store.dir().join("partial");
        let dir = all.join(run.to_string());
        Self { files: TensorFiles::new(&dir), all, dir, run }
    }

    /// What an earlier run came to: numbers and tensors. Nothing where anything is wrong with it.
    pub(crate) fn load(&self) -> Option<(Vec<u64>, BTreeMap<String, Tensor>)> {
        let (numbers, file) = self.reached()?;
        let file = self.files.open(file).ok()?;
        let mut tensors = BTreeMap::new();
        for entry in &file.contents().tensors {
            tensors.insert(entry.name.clone(), file.tensor(&entry.name).ok()?);
        }
        Some((numbers, tensors))
    }

    /// Keeps these in place of what was kept before.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn store(
        &self,
        numbers: &[u64],
        tensors: &BTreeMap<String, Tensor>,
    ) -> Result<(), LedgerError> {
        durable::create_dir(&self.dir).map_err(StoreError::from)?;
        let before = self.file();
        let (file, _) = self.files.write(tensors)?;
        let numbers = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let reached = format!("{numbers} {file}");
        let reached = format!("{reached} {}\n", self.checksum(&reached));
        durable::write(&self.dir.join(REACHED), reached.as_bytes()).map_err(StoreError::from)?;
        if let Some(before) = before.filter(|before| *before != self.files.path(file)) {
            // What stays behind takes room until the run ends, and no more.
            let _left_behind = fs::remove_file(before);
        }
        Ok(())
    }

    /// Removes what is kept.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove(self) -> Result<(), LedgerError> {
        Ok(self.files.remove()?)
    }

    /// The tensor file that is in use.
    fn file(&self) -> Option<PathBuf> {
        self.reached().map(|(_, file)| self.files.path(file))
    }

    fn reached(&self) -> Option<(Vec<u64>, Id<TensorFile>)> {
        let bytes = durable::read_below(&self.all, &self.dir.join(REACHED)).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (reached, checksum) = text.trim_end().rsplit_once(' ')?;
        if checksum != self.checksum(reached).to_string() {
            return None;
        }
        let (numbers, file) = reached.rsplit_once(' ')?;
        let numbers = numbers.split(' ').map(|number| number.parse().ok());
        Some((numbers.collect::<Option<_>>()?, file.parse().ok()?))
    }

    /// Of what the file says, in this run.
    fn checksum(&self, reached: &str) -> Id<K> {
        Id::from_parts([self.run.as_bytes().as_slice(), reached.as_bytes()])
    }
}

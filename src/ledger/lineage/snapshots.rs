//! Snapshots: the exact sums of long lineages, so that what a version costs does not grow with its
//! history.
//!
//! A snapshot holds the f64 sums that stand after some delta of a lineage, before any rounding. Building
//! a version goes on from there and does what would have been done anyway, so not a bit can
//! differ. Snapshots are no part of the history: they are made when a long lineage is built, never
//! recorded, and each can be removed at any time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};

use super::{
    line::{Entry, Line, Tail},
    load,
};
use crate::{
    codec,
    commit::Commit,
    delta::{Lineage, Sum, Sums, Version},
    durable::{self, WriteError},
    fact::FactKey,
    id::{Id, Kind},
    ledger::{error::LedgerError, repo::Repo},
    tensor::{Orientation, Tensor, tensor_id},
};

/// How many are kept: those used last.
const KEPT: usize = 8;

/// Marks hashes of snapshots.
struct Snapshot;

impl Kind for Snapshot {
    const NAME: &'static str = "snapshot";
}

/// The folder of snapshots, each named by the lineage whose sums it holds.
pub(crate) struct Snapshots {
    dir: PathBuf,
}

impl Repo {
    /// The folder of snapshots.
    pub(crate) fn snapshots(&self) -> Snapshots {
        Snapshots { dir: self.store().dir().join("snapshots") }
    }

    /// A commit and its weights, compared with the hashes it names. Of its lineage only what comes after the
    /// newest snapshot is read.
    ///
    /// # Errors
    /// When a delta is missing, damaged, or does not fit the base; when the weights are others.
    pub(crate) fn weights_at(
        &self,
        id: Id<Commit>,
    ) -> Result<(Commit, BTreeMap<String, Tensor>), LedgerError> {
        let ledger = self.read()?;
        let commit = ledger.commit(id)?;
        let Tail { after, ids, entries } =
            Tail::load(&ledger, commit.lineage, &self.known_snapshots())?;
        let before = after.map(|after| codec::get(&ledger, after)).transpose()?;
        drop(ledger);
        let from = before.map_or(Some(0), |before| usize::try_from(before.length).ok());
        let sums = after.map(|after| self.snapshots().read(after).map(Arc::new)).transpose();
        let weights = match (from, sums) {
            (Some(from), Ok(sums)) => self.add_up(from, sums, &ids, &entries)?,
            // A damaged one is as good as none.
            _ => {
                let ledger = self.read()?;
                let line = ledger.line(&commit)?;
                drop(ledger);
                self.build(&line)?
            }
        };
        load::verify(&weights, id, &commit)?;
        Ok((commit, weights))
    }

    /// The weights that `line` makes of the base.
    ///
    /// # Errors
    /// When a delta is missing, damaged, or does not fit the base.
    pub(crate) fn build(&self, line: &Line) -> Result<BTreeMap<String, Tensor>, LedgerError> {
        let ids = line.ids();
        let (from, start) = self.snapshot(&ids);
        self.add_up(from, start, &ids[from..], &line.entries()[from..])
    }

    /// The weights of a lineage: `start`, the sums of its first `from` deltas, and the others, in which the
    /// lineages `ids` end. Keeps the newest snapshot on the way.
    fn add_up(
        &self,
        from: usize,
        mut start: Option<Arc<Sums>>,
        ids: &[Id<Lineage>],
        mut entries: &[Entry],
    ) -> Result<BTreeMap<String, Tensor>, LedgerError> {
        let (files, base) = (self.store().tensors(), self.base()?);
        let length = from + ids.len();
        let last = length - length.checked_rem(self.config().snapshot_every).unwrap_or(length);
        let version = |start, entries| -> Result<Version, LedgerError> {
            let deltas = load::read(&files, entries)?;
            Ok(Version { base: base.clone(), start, covered: 0, deltas })
        };
        if last > from {
            let (first, others) = entries.split_at(last - from);
            let sums = Arc::new(version(start, first)?.sums()?);
            // One that cannot be kept is built again the next time.
            let _ignored = self.snapshots().write(ids[last - from - 1], &sums);
            (start, entries) = (Some(sums), others);
        }
        Ok(version(start, entries)?.materialise()?)
    }

    /// All deltas of `line` for an editor of `facts`, which needs the keys of all others, and the nearest
    /// sums.
    ///
    /// # Errors
    /// As [`Repo::build`].
    pub(crate) fn version(&self, line: &Line, facts: &[FactKey]) -> Result<Version, LedgerError> {
        let (covered, start) = self.snapshot(&line.ids());
        let mut whole = load::load(&self.store().tensors(), self.base()?, line)?;
        for (delta, superseded) in whole.deltas.iter_mut().zip(line.superseded(facts)) {
            Arc::make_mut(delta).superseded = superseded;
        }
        Ok(Version { start, covered, ..whole })
    }

    /// `line` for who needs its sums and no keys: deltas that are in the newest snapshot are left out.
    ///
    /// # Errors
    /// As [`Repo::build`].
    pub(crate) fn sums(&self, line: &Line) -> Result<Version, LedgerError> {
        let (from, start) = self.snapshot(&line.ids());
        let deltas = load::read(&self.store().tensors(), &line.entries()[from..])?;
        Ok(Version { base: self.base()?, start, covered: 0, deltas })
    }

    /// The newest snapshot of a lineage whose objects have these `ids`, and how many of its deltas are in
    /// it.
    fn snapshot(&self, ids: &[Id<Lineage>]) -> (usize, Option<Arc<Sums>>) {
        let (snapshots, known) = (self.snapshots(), self.known_snapshots());
        let found = ids.iter().enumerate().rev().filter(|(_, id)| known.contains(id));
        // A damaged one is as good as none.
        let mut read = found.filter_map(|(at, id)| Some((at + 1, snapshots.read(*id).ok()?)));
        read.next().map_or((0, None), |(count, sums)| (count, Some(Arc::new(sums))))
    }

    /// The lineages of which there are snapshots that may be used.
    fn known_snapshots(&self) -> BTreeSet<Id<Lineage>> {
        if self.config().snapshot_every == 0 {
            return BTreeSet::new();
        }
        self.snapshots().list().into_iter().map(|(id, _)| id).collect()
    }
}

impl Snapshots {
    /// All there are, by the lineage whose sums they hold.
    pub(crate) fn list(&self) -> Vec<(Id<Lineage>, PathBuf)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut found: Vec<(Id<Lineage>, PathBuf)> = paths
            .filter_map(|path| Some((path.file_stem()?.to_str()?.parse().ok()?, path)))
            .collect();
        found.sort();
        found
    }

    /// The files of those that are not what was written.
    pub(crate) fn damaged(&self) -> Vec<PathBuf> {
        let is_damaged = |id| match self.read(id) {
            // Somebody has removed it since.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
            Ok(_) => false,
        };
        let all = self.list().into_iter();
        all.filter(|(id, _)| is_damaged(*id)).map(|(_, path)| path).collect()
    }

    /// Removes what is no snapshot of one of the `live` lineages, or only looks for it; returns how many
    /// files that are and how many bytes they have.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub(crate) fn sweep(
        &self,
        live: &BTreeSet<[u8; 32]>,
        dry_run: bool,
    ) -> Result<(u64, u64), LedgerError> {
        let (mut count, mut bytes) = (0, 0);
        let named = self.list().into_iter().filter(|(id, _)| live.contains(id.as_bytes()));
        let wanted: BTreeSet<PathBuf> = named.map(|(_, path)| path).collect();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if wanted.contains(&path) {
                continue;
            }
            count += 1;
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            if !dry_run {
                durable::step("gc: before a snapshot is removed");
                fs::remove_file(&path).map_err(|source| WriteError { path, source })?;
            }
        }
        Ok((count, bytes))
    }

    fn path(&self, lineage: Id<Lineage>) -> PathBuf {
        self.dir.join(format!("{lineage}.safetensors"))
    }

    /// Reads the sums of `lineage`, verified.
    ///
    /// # Errors
    /// When they are not there or not what was written.
    pub(crate) fn read(&self, lineage: Id<Lineage>) -> io::Result<Sums> {
        let path = self.path(lineage);
        let mut file = durable::open_below(&self.dir, &path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(io::Error::other)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(io::Error::other)?;
        let said = header.metadata().clone().unwrap_or_default();
        let mut sums = Sums::default();
        for (name, view) in tensors.tensors() {
            let (Dtype::F64, &[outputs, inputs]) = (view.dtype(), view.shape()) else {
                return Err(io::Error::other("it holds something else than sums"));
            };
            let turned = said.contains_key(&turned(&name));
            let orientation = if turned { Orientation::InOut } else { Orientation::OutIn };
            let number =
                |b: &[u8]| f64::from_le_bytes(b.try_into().expect("because it has 8 bytes"));
            let values = view.data().par_chunks_exact(8).map(number).collect();
            sums.0.insert(name, Sum { orientation, outputs, inputs, values });
        }
        if said.get(HASH) != Some(&hash(lineage, &sums).to_string()) {
            return Err(io::Error::other("it does not have the hash in it"));
        }
        // What is used stays longest.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let same = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access: same, last_modification: now };
        let _ignored = futimens(&file, &times);
        Ok(sums)
    }

    /// Keeps the sums of `lineage`, and lets go of those that were used longest ago.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(&self, lineage: Id<Lineage>, sums: &Sums) -> Result<(), LedgerError> {
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        said.insert(HASH.to_owned(), hash(lineage, sums).to_string());
        let mut bytes = BTreeMap::new();
        for (name, sum) in &sums.0 {
            if sum.orientation == Orientation::InOut {
                said.insert(turned(name), "in_out".to_owned());
            }
            bytes.insert(name, little_endian(sum));
        }
        let views = sums.0.iter().map(|(name, sum)| {
            let shape = vec![sum.outputs, sum.inputs];
            let view = TensorView::new(Dtype::F64, shape, &bytes[name]);
            (name.as_str(), view.expect("because there are as many values as the shape says"))
        });
        durable::create_dir(&self.dir)?;
        let said = Some(said.into_iter().collect());
        durable::write_with(&self.path(lineage), |temporary| {
            safetensors::serialize_to_file(views, said, temporary).map_err(|error| match error {
                SafeTensorError::IoError(source) => source,
                other => io::Error::other(other),
            })
        })?;
        self.evict();
        Ok(())
    }

    fn evict(&self) {
        let age =
            |path: &Path| fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok();
        let mut all: Vec<_> = self.list().into_iter().map(|(_, path)| (age(&path), path)).collect();
        all.sort();
        let surplus = all.len().saturating_sub(KEPT);
        for (_, path) in all.into_iter().take(surplus) {
            // Somebody else may have removed it.
            let _ignored = fs::remove_file(path);
        }
    }
}

/// Key of a snapshot's hash in its file.
const HASH: &str = "hash";

/// Key that says that a tensor is stored `[in, out]` in the checkpoint.
fn turned(tensor: &str) -> String {
    format!("orientation of {tensor}")
}

fn little_endian(sum: &Sum) -> Vec<u8> {
    sum.values.par_iter().flat_map_iter(|value| value.to_le_bytes()).collect()
}

/// Hash of the lineage's id and of each tensor's name, orientation and [id](tensor_id).
fn hash(lineage: Id<Lineage>, sums: &Sums) -> Id<Snapshot> {
    let mut parts = vec![lineage.as_bytes().to_vec()];
    for (name, sum) in &sums.0 {
        let id = tensor_id("F64", &[sum.outputs, sum.inputs], &little_endian(sum));
        let turned = u8::from(sum.orientation == Orientation::InOut);
        parts.push([(name.len() as u64).to_le_bytes().as_slice(), name.as_bytes()].concat());
        parts.push([[turned].as_slice(), id.as_bytes()].concat());
    }
    Id::from_parts(parts.iter().map(Vec::as_slice))
}

//! Snapshots: the exact sums of long lineages, so that what a version costs does not grow with its
//! history.
//!
//! A snapshot holds the f64 sums that stand after some delta of a lineage, before any rounding. Whoever
//! builds a version goes on from there and does what would have been done anyway, so not a bit can
//! differ. Snapshots are no part of the history: they are made when a long lineage is built, never
//! recorded, and each can be removed at any time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};

use super::{LedgerError, Repo, lineage::Line, version};
use crate::{
    delta::{Lineage, Orientation, Sum, Sums, Tensor, Version, tensor_id},
    durable::{self, WriteError},
    id::{Id, Kind},
};

/// How many are kept: those used last.
const KEPT: usize = 8;

/// Marks hashes of snapshots.
struct Snapshot;

impl Kind for Snapshot {
    const NAME: &'static str = "snapshot";
}

/// The folder of snapshots, each named by the lineage whose sums it holds.
pub(super) struct Snapshots {
    dir: PathBuf,
}

impl Repo {
    /// The folder of snapshots.
    pub(super) fn snapshots(&self) -> Snapshots {
        Snapshots { dir: self.store().dir().join("snapshots") }
    }

    /// The weights that `line` makes of the base.
    ///
    /// # Errors
    /// When a delta is missing, damaged, or does not fit the base.
    pub(super) fn build(&self, line: &Line) -> Result<BTreeMap<String, Tensor>, LedgerError> {
        let (files, base, ids) = (self.store().tensors(), self.base()?, line.ids());
        let (mut from, mut start) = self.snapshot(&ids);
        let every = self.config().snapshot_every;
        let last = ids.len() - ids.len().checked_rem(every).unwrap_or(ids.len());
        let version = |from, to, start| -> Result<Version, LedgerError> {
            let deltas = version::read(&files, &line.entries()[from..to])?;
            Ok(Version { base: base.clone(), start, covered: 0, deltas })
        };
        if last > from {
            let sums = Arc::new(version(from, last, start)?.sums()?);
            // One that cannot be kept is made again the next time.
            let _ignored = self.snapshots().write(ids[last - 1], &sums);
            (from, start) = (last, Some(sums));
        }
        Ok(version(from, ids.len(), start)?.materialise()?)
    }

    /// All deltas of `line` for an editor, which needs the keys of each, and the nearest sums.
    ///
    /// # Errors
    /// As [`Repo::build`].
    pub(super) fn version(&self, line: &Line) -> Result<Version, LedgerError> {
        let (covered, start) = self.snapshot(&line.ids());
        let whole = version::load(&self.store().tensors(), self.base()?, line)?;
        Ok(Version { start, covered, ..whole })
    }

    /// The newest snapshot of a lineage whose objects have these `ids`, and how many of its deltas are in
    /// it.
    fn snapshot(&self, ids: &[Id<Lineage>]) -> (usize, Option<Arc<Sums>>) {
        // One that was switched off is not read either.
        if self.config().snapshot_every == 0 {
            return (0, None);
        }
        let snapshots = self.snapshots();
        let known: BTreeSet<Id<Lineage>> = snapshots.list().into_iter().map(|(id, _)| id).collect();
        let found = ids.iter().enumerate().rev().filter(|(_, id)| known.contains(id));
        // A damaged one is as good as none.
        let mut read = found.filter_map(|(at, id)| Some((at + 1, snapshots.read(*id).ok()?)));
        read.next().map_or((0, None), |(count, sums)| (count, Some(Arc::new(sums))))
    }
}

impl Snapshots {
    /// All there are, by the lineage whose sums they hold.
    pub(super) fn list(&self) -> Vec<(Id<Lineage>, PathBuf)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut found: Vec<(Id<Lineage>, PathBuf)> = paths
            .filter_map(|path| Some((path.file_stem()?.to_str()?.parse().ok()?, path)))
            .collect();
        found.sort();
        found
    }

    /// The files of those that are not what was written.
    pub(super) fn damaged(&self) -> Vec<PathBuf> {
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
    pub(super) fn sweep(
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
    pub(super) fn read(&self, lineage: Id<Lineage>) -> io::Result<Sums> {
        let path = self.path(lineage);
        let bytes = fs::read(&path)?;
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
        let _ignored = File::open(&path).map(|file| futimens(file, &times));
        Ok(sums)
    }

    /// Keeps the sums of `lineage`, and lets go of those that were used longest ago.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write(&self, lineage: Id<Lineage>, sums: &Sums) -> Result<(), LedgerError> {
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
        let age = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
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

//! Where everything is that is found by a hash.
//!
//! sled holds what was taken in last. When that is more than [`RECENT`] records, they go into a sorted
//! [run](super::run), together with those of earlier runs that are not much longer; so there are few runs,
//! each at least twice as long as the next, and sled, which reads all it holds when it opens, stays
//! small. Which runs count is said in sled. A run that is not used any more is removed only when sled is on
//! disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    iter::Peekable,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use bincode::{Decode, Encode};
use rayon::prelude::*;
use sled::{Batch, Transactional, transaction::ConflictableTransactionError};

use super::{
    StoreError,
    border::{self, guard},
    leftovers,
    place::{Place, Record},
    run::{self, Run},
    summary::Table,
};
use crate::{
    codec::{self, Object},
    durable,
    id::Kind,
};

/// As many records are kept in sled, before they become a run.
const RECENT: usize = 1024;

/// All records are read to find some hashes, where those are not so many times as many.
const TIMES: u64 = 16;

/// The runs that count, by number, the newest first.
#[derive(Default, Encode, Decode)]
pub(super) struct Runs(Vec<u64>);

impl Kind for Runs {
    const NAME: &'static str = "runs";
}

impl Object for Runs {
    const TAG: u8 = 0x36;
}

/// Key of [`Runs`].
const RUNS: &[u8] = b"runs";

pub(super) struct Places {
    /// Where the index is.
    index: PathBuf,
    /// Where its runs are.
    dir: PathBuf,
    /// What was taken in last: hash -> place.
    recent: Table,
    /// [`RUNS`].
    meta: Arc<Table>,
    /// The newest first.
    runs: RwLock<Vec<Run>>,
}

/// Records of one source, ascending by hash.
type Source<'a> = Box<dyn Iterator<Item = Result<Record, StoreError>> + 'a>;

impl Places {
    /// The places in the index that sled keeps in `index`.
    pub(super) fn open(index: &Path, recent: Table, meta: Arc<Table>) -> Result<Self, StoreError> {
        let dir = index.join("runs");
        let listed = match meta.get(index, RUNS)? {
            Some(bytes) => {
                codec::decode::<Runs>(&bytes).map_err(|error| StoreError::decode(index, &error))?
            }
            None => Runs::default(),
        };
        let open = |number| Run::open(index, &path(&dir, number), number);
        let runs = listed.0.into_iter().map(open);
        let runs = RwLock::new(runs.collect::<Result<_, _>>()?);
        Ok(Self { index: index.to_owned(), dir, recent, meta, runs })
    }

    /// What was taken in last, by hash.
    pub(super) const fn recent_table(&self) -> &Table {
        &self.recent
    }

    /// Where the thing with this hash is.
    pub(super) fn get(&self, hash: &[u8; 32]) -> Result<Option<Place>, StoreError> {
        if let Some(bytes) = self.recent.get(&self.dir, hash)? {
            return self.place(&bytes).map(Some);
        }
        for run in self.runs().iter() {
            if let Some(place) = run.find(hash)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Those of `hashes`, which ascend, under which an object is.
    pub(super) fn objects_of(&self, hashes: &[[u8; 32]]) -> Result<BTreeSet<[u8; 32]>, StoreError> {
        let is_object = |place| matches!(place, Place::Object { .. });
        let mut found = BTreeSet::new();
        let runs = self.runs();
        let records: u64 = runs.iter().map(Run::count).sum();
        if hashes.len() < RECENT || TIMES * (hashes.len() as u64) < records {
            for hash in hashes {
                if self.get(hash)?.is_some_and(is_object) {
                    found.insert(*hash);
                }
            }
            return Ok(found);
        }
        let mut sources = vec![self.recent(&[])?];
        for run in runs.iter() {
            sources.push(Box::new(run.records()));
        }
        let mut left = hashes.iter().peekable();
        for record in Merged::of(sources) {
            let (hash, place) = record?;
            while left.next_if(|next| **next < hash).is_some() {}
            match left.peek() {
                None => break,
                Some(next) if **next == hash && is_object(place) => {
                    found.insert(hash);
                }
                Some(_) => {}
            }
        }
        Ok(found)
    }

    /// Everything whose hash begins with `prefix`.
    pub(super) fn starting_with(
        &self,
        prefix: &[u8],
    ) -> Result<BTreeMap<[u8; 32], Place>, StoreError> {
        let mut least = [0; 32];
        let Some(start) = least.get_mut(..prefix.len()) else { return Ok(BTreeMap::new()) };
        start.copy_from_slice(prefix);
        let runs = self.runs();
        let mut sources = vec![self.recent(prefix)?];
        for run in runs.iter() {
            sources.push(Box::new(run.not_below(&least)?));
        }
        let found = Merged::of(sources).take_while(|record| match record {
            Ok((hash, _)) => hash.starts_with(prefix),
            Err(_) => true,
        });
        found.collect()
    }

    /// Takes in `records`. What is said of a hash takes the place of what was said of it before, the last
    /// of several.
    pub(super) fn insert(&self, mut records: Vec<Record>) -> Result<(), StoreError> {
        records.reverse();
        records.par_sort_by(|(a, _), (b, _)| a.cmp(b));
        records.dedup_by_key(|(hash, _)| *hash);
        durable::step("index: before places are taken in");
        let recent = guard(&self.dir, || Ok(self.recent.tree().len()))?;
        if recent + records.len() > RECENT {
            return self.settle(records);
        }
        let mut batch = Batch::default();
        for (hash, place) in records {
            batch.insert(&hash, place.to_bytes().as_slice());
        }
        let recent = self.recent.tree().clone();
        border::apart(&self.dir, move || recent.apply_batch(batch))
    }

    /// Makes one run of `records`, which ascend, of what sled holds, and of the newest runs.
    fn settle(&self, records: Vec<Record>) -> Result<(), StoreError> {
        // They are changed in one step.
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        let old = self.recent(&[])?.collect::<Result<Vec<_>, _>>()?;
        let mut length = (old.len() + records.len()) as u64;
        let short = |run: &&Run| {
            let short = run.count() < 2 * length;
            length += if short { run.count() } else { 0 };
            short
        };
        let taken = runs.iter().take_while(short).count();
        let number = runs.first().map_or(1, |newest| newest.number() + 1);

        let mut sources: Vec<Source<'_>> = vec![Box::new(records.into_iter().map(Ok))];
        sources.push(Box::new(old.iter().copied().map(Ok)));
        for run in &runs[..taken] {
            sources.push(Box::new(run.records()));
        }
        durable::create_dir(&self.dir)?;
        let path = path(&self.dir, number);
        run::write(&path, number, Merged::of(sources))?;
        let run = Run::open(&self.index, &path, number)?;

        durable::step("index: before a run counts");
        let numbers = [number].into_iter().chain(runs[taken..].iter().map(Run::number));
        let listed = codec::encode(&Runs(numbers.collect()));
        let (recent, meta) = (self.recent.tree().clone(), self.meta.tree().clone());
        let gone: Vec<[u8; 32]> = old.iter().map(|(hash, _)| *hash).collect();
        border::apart(&self.dir, move || {
            let done = (&recent, &meta).transaction(|(recent, meta)| {
                meta.insert(RUNS, listed.as_slice())?;
                for hash in &gone {
                    recent.remove(hash)?;
                }
                Ok::<(), ConflictableTransactionError<()>>(())
            });
            done.map_err(border::in_transaction)
        })?;
        runs.splice(..taken, [run]);
        Ok(())
    }

    /// Removes files of runs that do not count; sled must be on disk.
    pub(super) fn tidy(&self) -> Result<(), StoreError> {
        leftovers::remove(&self.strays()?).map(drop)
    }

    /// Files of runs that do not count.
    pub(super) fn strays(&self) -> Result<Vec<PathBuf>, StoreError> {
        let runs = self.runs();
        let used: Vec<PathBuf> = runs.iter().map(|run| path(&self.dir, run.number())).collect();
        match fs::read_dir(&self.dir) {
            Ok(entries) => entries
                .map(|entry| entry.map(|entry| entry.path()))
                .filter(|entry| entry.as_ref().map_or(true, |path| !used.contains(path)))
                .collect::<io::Result<_>>()
                .map_err(|error| StoreError::read(&self.dir, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(StoreError::read(&self.dir, error)),
        }
    }

    /// What sled holds of the hashes that begin with `prefix`.
    fn recent(&self, prefix: &[u8]) -> Result<Source<'_>, StoreError> {
        let pairs = self.recent.starting_with(&self.dir, prefix)?;
        Ok(Box::new(pairs.into_iter().map(|(hash, place)| {
            let hash = hash
                .try_into()
                .map_err(|_| StoreError::damaged(&self.dir, "a hash has not 32 bytes"))?;
            Ok((hash, self.place(&place)?))
        })))
    }

    fn place(&self, bytes: &[u8]) -> Result<Place, StoreError> {
        Place::from_bytes(bytes)
            .ok_or_else(|| StoreError::damaged(&self.dir, "what is to be a place is none"))
    }

    fn runs(&self) -> RwLockReadGuard<'_, Vec<Run>> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(number.to_string())
}

/// The records of several sources, ascending; of those with one hash, that of the first source.
struct Merged<'a>(Vec<Peekable<Source<'a>>>);

impl<'a> Merged<'a> {
    fn of(sources: Vec<Source<'a>>) -> Self {
        Self(sources.into_iter().map(Iterator::peekable).collect())
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<Record, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut least: Option<[u8; 32]> = None;
        for source in &mut self.0 {
            match source.peek() {
                None => {}
                Some(Err(_)) => return source.next(),
                Some(Ok((hash, _))) => {
                    least = Some(least.map_or(*hash, |least| least.min(*hash)));
                }
            }
        }
        let least = least?;
        let mut found = None;
        for source in &mut self.0 {
            let next = source.next_if(|next| next.as_ref().is_ok_and(|(hash, _)| *hash == least));
            found = found.or(next);
        }
        found
    }
}

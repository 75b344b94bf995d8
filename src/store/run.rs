//! Sorted runs: files that say where things are, by hash.
//!
//! A run holds records in blocks of [`BLOCK`] bytes, ascending by hash; behind them the files that things are in, each
//! once; the last block says which run it is and how many of both there are. Each block ends with a checksum over the
//! run's number, its own and its bytes. A run is written once; a look-up reads the few blocks that lie on the
//! way, so opening one costs the same however long it is. Of these blocks those are compared with their
//! checksums that prove the answer: the one that the hash lies in, or the two that it lies between.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use indexmap::IndexSet;

use super::{
    StoreError,
    place::{self, Place, Record},
};
use crate::{
    durable,
    id::{Id, Kind},
};

const BLOCK: usize = 4096;
const CHECKSUM: usize = 32;
/// Hash, number of the file, and where in that.
const RECORD: usize = 32 + 4 + 8;
const PER_BLOCK: usize = (BLOCK - CHECKSUM) / RECORD;
const FILES_PER_BLOCK: usize = (BLOCK - CHECKSUM) / place::File::BYTES;
const MAGIC: &[u8] = b"kledger run 2\n";
/// As often is a place guessed from how hashes spread; after that the middle is taken.
const GUESSES: usize = 4;

/// Marks checksums of blocks.
struct Block;

impl Kind for Block {
    const NAME: &'static str = "run block";
}

fn checksum(run: u64, block: u64, bytes: &[u8]) -> Id<Block> {
    Id::from_parts([run.to_le_bytes().as_slice(), &block.to_le_bytes(), bytes])
}

/// A run that can be read.
pub(super) struct Run {
    path: PathBuf,
    number: u64,
    file: File,
    /// How many records it has.
    count: u64,
    /// How many files things are in.
    files: u64,
    /// Those, block by block, once they were asked for.
    listed: Vec<OnceLock<Vec<place::File>>>,
    /// Which blocks have their checksums.
    checked: Vec<AtomicBool>,
}

/// Where a hash stands, or would.
struct Spot {
    /// The block of the first record that is not below it.
    at: u64,
    /// That record's place in the block.
    place: usize,
    /// The block, if the hash lies in it.
    block: Option<Vec<u8>>,
}

/// Writes `records`, which ascend by hash, as the run `number`.
///
/// # Errors
/// The first error among `records`; when the file cannot be written.
pub(super) fn write(
    path: &Path,
    number: u64,
    records: impl Iterator<Item = Result<Record, StoreError>>,
) -> Result<(), StoreError> {
    let mut unreadable = None;
    let mut readable =
        records.map_while(|record| record.map_err(|error| unreadable = Some(error)).ok());
    let written = durable::write_with(path, |temporary| {
        let mut file = BufWriter::new(File::create(temporary)?);
        let (mut block, mut count) = (0, 0u64);
        let mut put = |bytes: &mut Vec<u8>| {
            bytes.resize(BLOCK - CHECKSUM, 0);
            file.write_all(bytes)?;
            file.write_all(checksum(number, block, bytes).as_bytes())?;
            block += 1;
            bytes.clear();
            io::Result::Ok(())
        };
        let mut bytes = Vec::with_capacity(BLOCK);
        let mut files = IndexSet::new();
        for (hash, place) in &mut readable {
            let (of, at) = place.parts();
            let listed = u32::try_from(files.insert_full(of).0).map_err(io::Error::other)?;
            bytes.extend(hash);
            bytes.extend(listed.to_le_bytes());
            bytes.extend(at.to_le_bytes());
            count += 1;
            if bytes.len() == PER_BLOCK * RECORD {
                put(&mut bytes)?;
            }
        }
        if !bytes.is_empty() {
            put(&mut bytes)?;
        }
        let files: Vec<place::File> = files.into_iter().collect();
        for files in files.chunks(FILES_PER_BLOCK) {
            files.iter().for_each(|file| bytes.extend(file.to_bytes()));
            put(&mut bytes)?;
        }
        let files = files.len() as u64;
        let numbers = [number, count, files].map(u64::to_le_bytes);
        bytes.extend([MAGIC, numbers.as_flattened()].concat());
        put(&mut bytes)?;
        file.flush()
    });
    drop(readable);
    match unreadable {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

impl Run {
    /// Opens the run `number` of the index in `index`.
    ///
    /// # Errors
    /// When it is not there, or is not that run or not as long as it says.
    pub(super) fn open(index: &Path, path: &Path, number: u64) -> Result<Self, StoreError> {
        let failed = |error| StoreError::read(path, error);
        let file = durable::call("run: open", || durable::open_below(index, path));
        let file = file.map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let (checked, listed) = (Vec::new(), Vec::new());
        let path = path.to_owned();
        let mut run = Self { path, number, file, count: 0, files: 0, listed, checked };
        let blocks = length / BLOCK as u64;
        let counts = match blocks.checked_sub(1) {
            Some(last) => run.block(last)?.strip_prefix(MAGIC).and_then(|end| {
                let (numbers, _) = end.as_chunks::<8>();
                let [said, count, files] = *numbers.first_chunk::<3>()?;
                let [said, count, files] = [said, count, files].map(u64::from_le_bytes);
                (said == number).then_some((count, files))
            }),
            None => None,
        };
        let counts = counts.ok_or_else(|| run.damaged("it does not end as a run does"))?;
        (run.count, run.files) = counts;
        let said = run.blocks().checked_add(run.file_blocks()).and_then(|said| said.checked_add(1));
        if length.checked_rem(BLOCK as u64) != Some(0) || said != Some(blocks) {
            return Err(run.damaged("it is not as long as it says"));
        }
        run.listed = (0..run.file_blocks()).map(|_| OnceLock::new()).collect();
        run.checked = (0..blocks).map(|_| AtomicBool::new(false)).collect();
        Ok(run)
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// How many records it has.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Where the thing with this hash is, if the run says it.
    pub(super) fn find(&self, hash: &[u8; 32]) -> Result<Option<Place>, StoreError> {
        let Spot { at, place, block: Some(block) } = self.first_from(hash)? else {
            return Ok(None);
        };
        match self.in_block(at, &block).get(place).and_then(|record| record.strip_prefix(hash)) {
            None => Ok(None),
            Some(place) => self.place(place).map(Some),
        }
    }

    /// The place that a record says behind its hash.
    fn place(&self, bytes: &[u8]) -> Result<Place, StoreError> {
        let said = bytes.split_first_chunk().and_then(|(listed, at)| {
            Some((u32::from_le_bytes(*listed), u64::from_le_bytes(*at.first_chunk()?)))
        });
        let place = match said {
            Some((listed, at)) => self.listed(listed)?.and_then(|file| Place::of_parts(file, at)),
            None => None,
        };
        place.ok_or_else(|| self.damaged("a record in it says no place"))
    }

    /// The file with this number, if there is one.
    fn listed(&self, number: u32) -> Result<Option<place::File>, StoreError> {
        let number = number as usize;
        let (block, at) = (number / FILES_PER_BLOCK, number % FILES_PER_BLOCK);
        let Some(listed) = self.listed.get(block) else { return Ok(None) };
        if let Some(files) = listed.get() {
            return Ok(files.get(at).copied());
        }
        let left = usize::try_from(self.files).unwrap_or(usize::MAX) - block * FILES_PER_BLOCK;
        let bytes = self.block(self.blocks() + block as u64)?;
        let files = bytes.as_chunks().0.iter().take(left.min(FILES_PER_BLOCK));
        let files = listed.get_or_init(|| files.map(place::File::from_bytes).collect());
        Ok(files.get(at).copied())
    }

    /// The records whose hashes are not below `least`.
    pub(super) fn not_below(
        &self,
        least: &[u8; 32],
    ) -> Result<impl Iterator<Item = Result<Record, StoreError>> + '_, StoreError> {
        let Spot { at, place, .. } = self.first_from(least)?;
        Ok(self.records_from((at, place)))
    }

    /// All records, ascending by hash.
    pub(super) fn records(&self) -> impl Iterator<Item = Result<Record, StoreError>> + '_ {
        self.records_from((0, 0))
    }

    const fn blocks(&self) -> u64 {
        self.count.div_ceil(PER_BLOCK as u64)
    }

    /// How many blocks list files.
    const fn file_blocks(&self) -> u64 {
        self.files.div_ceil(FILES_PER_BLOCK as u64)
    }

    /// Where the first record is that is not below `hash`.
    fn first_from(&self, hash: &[u8; 32]) -> Result<Spot, StoreError> {
        // In blocks before `low` all hashes are below, in those from `high` on none is.
        let (mut low, mut high) = (0, self.blocks());
        let (mut least, mut most) = (0, u64::MAX);
        // The blocks that say so.
        let (mut below, mut above) = (None, None);
        let wanted = beginning(hash);
        for step in 0.. {
            if low >= high {
                break;
            }
            let span = high - low;
            let guess = if step < GUESSES {
                share(wanted.saturating_sub(least), most.saturating_sub(least), span)
            } else {
                span / 2
            };
            let at = low + guess;
            let block = self.bytes(at)?;
            let records = self.in_block(at, &block);
            let (first, last) = (&records[0][..32], &records[records.len() - 1][..32]);
            if hash.as_slice() < first {
                (high, most) = (at, beginning(first));
                above = Some((at, block));
            } else if hash.as_slice() > last {
                (low, least) = (at + 1, beginning(last));
                below = Some((at, block));
            } else {
                self.check(at, &block)?;
                let place = records.partition_point(|record| record[..32] < hash[..]);
                return Ok(Spot { at, place, block: Some(block) });
            }
        }
        for (at, block) in [below, above].into_iter().flatten() {
            self.check(at, &block)?;
        }
        Ok(Spot { at: low, place: 0, block: None })
    }

    fn records_from(
        &self,
        (block, place): (u64, usize),
    ) -> impl Iterator<Item = Result<Record, StoreError>> + '_ {
        let blocks = (block..self.blocks()).map(|at| self.block_records(at));
        let records = blocks.flat_map(|block| match block {
            Ok(records) => records.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        records.skip(place)
    }

    fn block_records(&self, at: u64) -> Result<Vec<Record>, StoreError> {
        let block = self.block(at)?;
        let record = |bytes: &[u8; RECORD]| {
            let (hash, place) =
                bytes.split_first_chunk::<32>().expect("because a record is longer");
            Ok((*hash, self.place(place)?))
        };
        self.in_block(at, &block).iter().map(record).collect()
    }

    /// The records of the block `at`, which are at least one.
    fn in_block<'b>(&self, at: u64, block: &'b [u8]) -> &'b [[u8; RECORD]] {
        let left = self.count - at * PER_BLOCK as u64;
        let count = usize::try_from(left).map_or(PER_BLOCK, |left| left.min(PER_BLOCK));
        &block.as_chunks().0[..count]
    }

    /// The bytes of a block, which has its checksum.
    fn block(&self, at: u64) -> Result<Vec<u8>, StoreError> {
        let block = self.bytes(at)?;
        self.check(at, &block)?;
        Ok(block)
    }

    /// The bytes of a block as they are.
    fn bytes(&self, at: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; BLOCK];
        let read = self.file.read_exact_at(&mut bytes, at * BLOCK as u64);
        read.map_err(|error| StoreError::read(&self.path, error))?;
        Ok(bytes)
    }

    /// Compares a block with its checksum, the first time that it is asked about.
    fn check(&self, at: u64, block: &[u8]) -> Result<(), StoreError> {
        let checked = usize::try_from(at).ok().and_then(|at| self.checked.get(at));
        if checked.is_some_and(|checked| checked.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let (payload, expected) = block.split_at(BLOCK - CHECKSUM);
        if checksum(self.number, at, payload).as_bytes() != expected {
            return Err(self.damaged("a block of it does not have its checksum"));
        }
        if let Some(checked) = checked {
            checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn damaged(&self, why: &str) -> StoreError {
        StoreError::damaged(&self.path, why)
    }
}

/// The first eight bytes of a hash, as a number that sorts as hashes do.
#[expect(clippy::big_endian_bytes, reason = "hashes are compared from their first byte on")]
fn beginning(hash: &[u8]) -> u64 {
    u64::from_be_bytes(*hash.first_chunk().expect("because a hash has 32 bytes"))
}

/// `part` of `whole` as a number below `span`.
fn share(part: u64, whole: u64, span: u64) -> u64 {
    let share = u128::from(part) * u128::from(span) / (u128::from(whole) + 1);
    u64::try_from(share).map_or(span - 1, |share| share.min(span - 1))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn place(number: u32) -> Place {
        Place::Row { file: Id::from_bytes([3; 32]), row: number }
    }

    /// Hashes as they come, evenly spread, or all alike in their first bytes.
    fn records(count: u32, alike: bool) -> Vec<Record> {
        let hash = |number: u32| {
            let spread = *blake3::hash(&number.to_le_bytes()).as_bytes();
            let mut hash = [5; 32];
            hash[if alike { 24 } else { 0 }..]
                .copy_from_slice(&spread[if alike { 24 } else { 0 }..]);
            hash
        };
        let mut records: Vec<Record> = (0..count).map(|n| (hash(n), place(n))).collect();
        records.sort_by_key(|(hash, _)| *hash);
        records
    }

    fn written(dir: &Path, records: &[Record]) -> Run {
        let path = dir.join("7");
        write(&path, 7, records.iter().copied().map(Ok)).unwrap();
        Run::open(dir, &path, 7).unwrap()
    }

    #[test]
    fn what_is_in_a_run_is_found_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for (count, alike) in [(1, false), (50, false), (51, true), (5000, false), (5000, true)] {
            let records = records(count, alike);
            let run = written(dir.path(), &records);
            assert_eq!(run.records().map(Result::unwrap).collect::<Vec<_>>(), records);
            for (at, (hash, place)) in records.iter().enumerate().step_by(7) {
                assert_eq!(run.find(hash).unwrap(), Some(*place));
                let mut other = *hash;
                other[31] ^= 1;
                assert_eq!(run.find(&other).unwrap(), None);
                let behind = run.not_below(hash).unwrap().map(Result::unwrap);
                assert_eq!(behind.collect::<Vec<_>>(), records[at..]);
            }
            for edge in [[0; 32], [255; 32]] {
                assert_eq!(run.find(&edge).unwrap(), None);
            }
        }
    }

    #[test]
    fn no_byte_of_a_run_changes_unnoticed() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path();
        let records = records(120, false);
        drop(written(dir, &records));
        let path = dir.join("7");
        let whole = fs::read(&path).unwrap();
        let all = |number| -> Result<Vec<Record>, StoreError> {
            Run::open(dir, &path, number)?.records().collect()
        };
        for at in (0..whole.len()).step_by(13) {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            fs::write(&path, &changed).unwrap();
            assert!(all(7).unwrap_err().is_damage(), "byte {at}");
        }
        for end in (0..whole.len()).step_by(401) {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(all(7).is_err(), "{end} bytes");
        }
        fs::write(&path, [whole.as_slice(), &[0; BLOCK]].concat()).unwrap();
        assert!(all(7).is_err(), "a block more");
        fs::write(&path, &whole).unwrap();
        assert!(all(8).unwrap_err().is_damage(), "another run");
        assert_eq!(all(7).unwrap(), records);
    }

    #[test]
    fn what_is_found_in_a_changed_run_is_what_was_written_or_damage() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path();
        let records = records(400, false);
        drop(written(dir, &records));
        let path = dir.join("7");
        let whole = fs::read(&path).unwrap();
        let mut noticed = 0;
        for at in (0..whole.len() - BLOCK).step_by(97) {
            let mut changed = whole.clone();
            changed[at] ^= 0x80;
            fs::write(&path, &changed).unwrap();
            let run = Run::open(dir, &path, 7).unwrap();
            for (hash, place) in records.iter().step_by(5) {
                let mut other = *hash;
                other[31] ^= 1;
                for (hash, expected) in [(hash, Some(*place)), (&other, None)] {
                    match run.find(hash) {
                        Ok(found) => assert_eq!(found, expected, "byte {at}"),
                        Err(error) => {
                            assert!(error.is_damage(), "byte {at}");
                            noticed += 1;
                        }
                    }
                }
            }
        }
        assert!(noticed > 0);
    }

    #[test]
    fn golden_bytes() {
        let dir = tempfile::tempdir().unwrap();
        drop(written(dir.path(), &[([0xab; 32], place(1))]));
        let found = fs::read(dir.path().join("7")).unwrap();
        let block = |number: u64, parts: &[&[u8]]| {
            let mut bytes = parts.concat();
            bytes.resize(4064, 0);
            let sum = checksum(7, number, &bytes);
            [bytes.as_slice(), sum.as_bytes()].concat()
        };
        let record = block(0, &[&[0xab; 32], &[0, 0, 0, 0], &[1, 0, 0, 0, 0, 0, 0, 0]]);
        let file = block(1, &[&[1], &[3; 32]]);
        let numbers = [[7, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]];
        let end = block(2, &[b"kledger run 2\n", numbers.as_flattened(), &[1]]);
        assert_eq!(found, [record, file, end].concat());
    }
}

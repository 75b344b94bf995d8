//! The journal: what every transaction changed, in the order it was acknowledged.
//!
//! An append-only file of records. A record is the length of its payload (32-bit little-endian), the
//! payload (an [`Entry`] in canonical bytes), and a checksum over the checksum of the record before and the
//! payload, so that a record cannot be changed, moved or taken out unnoticed. A record is acknowledged
//! once it is on disk; from then on everything else can be rebuilt.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use bincode::{Decode, Encode};

use super::{StoreError, place::Pack, refs::Head};
use crate::{
    codec::{self, Object},
    commit::Commit,
    durable::{self, call},
    id::{Id, Kind},
};

/// One transaction as the operation log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Operation {
    /// Counts from 1 without gaps.
    pub sequence: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Who ran the command.
    pub author: String,
    /// The command line, for people.
    pub command: String,
    /// Refs that moved.
    pub refs: Vec<RefUpdate>,
    /// HEAD, if it moved.
    pub head: Option<HeadUpdate>,
    /// Roots that changed, the stage among them.
    pub roots: Vec<RootUpdate>,
}

/// A ref that moved, came or went.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RefUpdate {
    /// Full name.
    pub name: String,
    /// Where it was.
    pub old: Option<Id<Commit>>,
    /// Where it is now.
    pub new: Option<Id<Commit>>,
}

/// HEAD moved.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HeadUpdate {
    /// What it was.
    pub old: Head,
    /// What it is now.
    pub new: Head,
}

/// A root changed: an object that is current under a name without being a commit, such as the stage.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RootUpdate {
    /// Its name.
    pub name: String,
    /// Hash of what it was.
    pub old: Option<[u8; 32]>,
    /// Hash of what it is now.
    pub new: Option<[u8; 32]>,
}

/// A record of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Entry {
    pub(super) operation: Operation,
    /// The pack with the transaction's new objects, if it has any.
    pub(super) pack: Option<Id<Pack>>,
}

impl Kind for Entry {
    const NAME: &'static str = "journal entry";
}

impl Object for Entry {
    const TAG: u8 = 0x30;
}

/// The end of a journal, or of the part of it that the index has taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Position {
    /// Length in bytes.
    pub(super) length: u64,
    /// Sequence of the last record; 0 before the first.
    pub(super) sequence: u64,
    /// Checksum of the last record; zeros before the first.
    pub(super) checksum: [u8; 32],
}

impl Kind for Position {
    const NAME: &'static str = "journal position";
}

impl Object for Position {
    const TAG: u8 = 0x31;
}

struct Checksum;

impl Kind for Checksum {
    const NAME: &'static str = "journal record";
}

fn checksum(before: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    *Id::<Checksum>::from_parts([before.as_slice(), payload]).as_bytes()
}

/// The journal file of a store.
pub(super) struct Journal {
    path: PathBuf,
}

impl Journal {
    pub(super) fn of(store: &Path) -> Self {
        Self { path: store.join("journal") }
    }

    pub(super) fn length(&self) -> Result<u64, StoreError> {
        let metadata = durable::open(&self.path).and_then(|file| file.metadata());
        Ok(metadata.map_err(|error| StoreError::read(&self.path, error))?.len())
    }

    /// Whether the last record is the one that ends at `position`.
    pub(super) fn ends_at(&self, position: Position) -> bool {
        let mut checksum = [0; 32];
        let Ok(file) = durable::open(&self.path) else { return false };
        file.metadata().is_ok_and(|metadata| metadata.len() == position.length)
            && (position == Position::default()
                || (position.length.checked_sub(32))
                    .is_some_and(|at| file.read_exact_at(&mut checksum, at).is_ok())
                    && checksum == position.checksum)
    }

    /// The records after `from`, each with the position behind it. A last record that was cut short is
    /// left out: its writer was never told that it is there.
    pub(super) fn records(&self, from: Position) -> Result<Vec<(Entry, Position)>, StoreError> {
        let read = |error| StoreError::read(&self.path, error);
        let damaged = |why: &str| StoreError::damaged(&self.path, why);
        let mut file = call("journal: open", || durable::open(&self.path)).map_err(read)?;
        if file.metadata().map_err(read)?.len() < from.length {
            return Err(damaged("it is shorter than it was when the index last read it"));
        }
        file.seek(SeekFrom::Start(from.length)).map_err(read)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(read)?;

        let mut records = Vec::new();
        let (mut at, mut rest) = (from, bytes.as_slice());
        while let Some((payload, found, behind)) = split(rest) {
            let expected = checksum(&at.checksum, payload);
            if found != expected {
                if behind.is_empty() && is_torn(payload, &found) {
                    break;
                }
                let why =
                    format!("the record after number {} does not have its checksum", at.sequence);
                return Err(damaged(&why));
            }
            let entry: Entry =
                codec::decode(payload).map_err(|error| StoreError::decode(&self.path, &error))?;
            if entry.operation.sequence != at.sequence + 1 {
                return Err(damaged("its records are not numbered one after the other"));
            }
            at = Position {
                length: at.length + (rest.len() - behind.len()) as u64,
                sequence: entry.operation.sequence,
                checksum: expected,
            };
            records.push((entry, at));
            rest = behind;
        }
        Ok(records)
    }

    /// Adds a record behind `at` and waits until it is on disk. Anything behind `at` is a record that was
    /// cut short, and goes.
    ///
    /// # Errors
    /// A write error, after which the journal is as it was; [`StoreError::Undecided`] when the disk does not
    /// say whether it is.
    pub(super) fn append(&self, at: Position, entry: &Entry) -> Result<Position, StoreError> {
        let payload = codec::encode(entry);
        let length = u32::try_from(payload.len())
            .map_err(|_| StoreError::damaged(&self.path, "a record would be longer than 4 GiB"))?;
        let checksum = checksum(&at.checksum, &payload);
        let record = [length.to_le_bytes().as_slice(), &payload, &checksum].concat();
        durable::step("journal: before a record is appended");
        let failed = |error| StoreError::write(&self.path, error);
        let file = call("journal: open", || durable::open_to_write(&self.path))
            .map_err(|error| StoreError::opened(&self.path, error))?;
        let written = call("journal: truncate", || file.set_len(at.length))
            .and_then(|()| call("journal: write", || file.write_all_at(&record, at.length)))
            .and_then(|()| {
                durable::step("journal: before a record is synced");
                call("journal: sync", || file.sync_data())
            });
        let end = Position {
            length: at.length + record.len() as u64,
            sequence: entry.operation.sequence,
            checksum,
        };
        match written {
            Ok(()) => Ok(end),
            // The record is not acknowledged, so it must not be found later.
            Err(error) => match take_back(&file, at, end) {
                Ok(()) => Err(failed(error)),
                Err(source) => Err(StoreError::Undecided { path: self.path.clone(), source }),
            },
        }
    }

    /// Every record that proves itself, wherever it is: one has the checksum that the 32 bytes in front of it
    /// and its payload give. Where a checksum is damaged and nothing else, the record after it says so.
    pub(super) fn salvage(&self) -> Result<Salvage, StoreError> {
        let bytes = match call("journal: read", || durable::read(&self.path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::read(&self.path, error)),
        };
        let mut found = Salvage::default();
        let (mut at, mut before, mut last) = (0, [0; 32], 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let here = split(rest).and_then(|(payload, stored, behind)| {
                let entry: Entry = codec::decode(payload).ok()?;
                let expected = checksum(&before, payload);
                let length = rest.len() - behind.len();
                let follows = || {
                    split(behind)
                        .is_some_and(|(next, stored, _)| checksum(&expected, next) == stored)
                };
                let proven = stored == expected || follows();
                let in_order = entry.operation.sequence > last;
                in_order.then_some((entry, expected, length, proven, stored == expected))
            });
            match here {
                Some((entry, checksum, length, true, intact)) => {
                    found.is_whole &= intact && entry.operation.sequence == last + 1;
                    last = entry.operation.sequence;
                    found.entries.insert(last, entry);
                    (at, before) = (at + length, checksum);
                }
                doubtful => {
                    found.is_whole = false;
                    if let Some((entry, ..)) = doubtful {
                        found.doubtful.insert(entry.operation.sequence, entry);
                    }
                    // The next record that proves itself by what is stored in front of it.
                    at += 1;
                    while at < bytes.len() && !proves_itself(&bytes, at) {
                        at += 1;
                    }
                    if let Some(stored) = in_front_of(&bytes, at) {
                        before = *stored;
                    }
                }
            }
        }
        found.is_whole &= !bytes.is_empty();
        found.bytes = bytes;
        Ok(found)
    }

    /// Its bytes up to `end`.
    pub(super) fn beginning(&self, end: Position) -> Result<Vec<u8>, StoreError> {
        let mut bytes = call("journal: read", || durable::read(&self.path))
            .map_err(|error| StoreError::read(&self.path, error))?;
        bytes.truncate(usize::try_from(end.length).unwrap_or(usize::MAX));
        Ok(bytes)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// What is left of a journal.
pub(super) struct Salvage {
    /// All of the file.
    pub(super) bytes: Vec<u8>,
    /// The records that prove themselves, by number.
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Records that can be read, and whose checksum is not theirs.
    pub(super) doubtful: BTreeMap<u64, Entry>,
    /// Whether these are all of it, from the first on and to the last byte.
    pub(super) is_whole: bool,
}

impl Default for Salvage {
    fn default() -> Self {
        let (entries, doubtful) = (BTreeMap::new(), BTreeMap::new());
        Self { bytes: Vec::new(), entries, doubtful, is_whole: true }
    }
}

/// The 32 bytes in front of `at`: where a record begins, the checksum of the one before.
fn in_front_of(bytes: &[u8], at: usize) -> Option<&[u8; 32]> {
    bytes.get(at.checked_sub(32)?..at)?.first_chunk()
}

/// Whether a record begins at `at` that has the checksum which the 32 bytes in front of it give.
fn proves_itself(bytes: &[u8], at: usize) -> bool {
    let before = in_front_of(bytes, at);
    // An entry begins with its tag and version.
    let begins = bytes.get(at + 4..at + 6) == Some(&[Entry::TAG, Entry::VERSION]);
    let record = bytes.get(at..).filter(|_| begins).and_then(split);
    before.zip(record).is_some_and(|(before, (payload, stored, _))| {
        checksum(before, payload) == stored && codec::decode::<Entry>(payload).is_ok()
    })
}

/// The bytes of a journal of `entries`, and the position behind each.
pub(super) fn written(entries: Vec<Entry>) -> (Vec<u8>, Vec<(Entry, Position)>) {
    let (mut bytes, mut at, mut records) = (Vec::new(), Position::default(), Vec::new());
    for entry in entries {
        let payload = codec::encode(&entry);
        let checksum = checksum(&at.checksum, &payload);
        let length = u32::try_from(payload.len()).expect("because it was in a record before");
        bytes.extend([length.to_le_bytes().as_slice(), &payload, &checksum].concat());
        at = Position { length: bytes.len() as u64, sequence: entry.operation.sequence, checksum };
        records.push((entry, at));
    }
    (bytes, records)
}

/// Takes back what may have been written between `at` and `end`.
fn take_back(file: &File, at: Position, end: Position) -> io::Result<()> {
    // A record whose checksum is zeros is none.
    call("journal: truncate", || file.set_len(at.length))
        .or_else(|_| call("journal: write", || file.write_all_at(&[0; 32], end.length - 32)))?;
    call("journal: sync", || file.sync_data())
}

/// The first record's payload and checksum and what is behind it; `None` when it is not all there.
fn split(bytes: &[u8]) -> Option<(&[u8], [u8; 32], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    let (checksum, rest) = rest.split_first_chunk::<32>()?;
    Some((payload, *checksum, rest))
}

/// Whether a last record looks like one whose end never reached the disk: the file had grown, but
/// the bytes are still zeros.
fn is_torn(payload: &[u8], checksum: &[u8; 32]) -> bool {
    *checksum == [0; 32] || payload.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64) -> Entry {
        let operation = Operation {
            sequence,
            time: 1_700_000_000_000,
            author: "Ada".to_owned(),
            command: "commit".to_owned(),
            refs: vec![RefUpdate {
                name: "heads/main".to_owned(),
                old: None,
                new: Some(Id::from_bytes([7; 32])),
            }],
            head: None,
            roots: vec![RootUpdate { name: "stage".to_owned(), old: Some([9; 32]), new: None }],
        };
        Entry { operation, pack: Some(Id::from_bytes([8; 32])) }
    }

    fn journal() -> (tempfile::TempDir, Journal, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::of(dir.path());
        File::create(&journal.path).unwrap();
        let mut at = Position::default();
        for sequence in 1..=3 {
            at = journal.append(at, &entry(sequence)).unwrap();
        }
        let bytes = std::fs::read(&journal.path).unwrap();
        (dir, journal, bytes)
    }

    #[test]
    fn a_record_cut_short_was_never_acknowledged() {
        let (_dir, journal, bytes) = journal();
        let all = journal.records(Position::default()).unwrap();
        let second = all[1].1;
        for end in usize::try_from(second.length).unwrap()..bytes.len() {
            std::fs::write(&journal.path, &bytes[..end]).unwrap();
            assert_eq!(journal.records(Position::default()).unwrap().len(), 2);
        }
        journal.append(second, &entry(3)).unwrap();
        assert_eq!(std::fs::read(&journal.path).unwrap(), bytes);
    }

    #[test]
    fn its_end_is_told_by_the_last_checksum() {
        let (_dir, journal, bytes) = journal();
        let ends: Vec<Position> =
            journal.records(Position::default()).unwrap().iter().map(|record| record.1).collect();
        assert_eq!(
            ends.iter().map(|end| journal.ends_at(*end)).collect::<Vec<_>>(),
            [false, false, true]
        );
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(&journal.path, other).unwrap();
        assert!(!journal.ends_at(ends[2]));
        std::fs::write(&journal.path, b"").unwrap();
        assert!(journal.ends_at(Position::default()) && !journal.ends_at(ends[0]));
    }

    #[test]
    fn no_bit_changes_unnoticed() {
        let (_dir, journal, bytes) = journal();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&journal.path, &changed).unwrap();
            // A length that points past the end is the one change that looks like a torn record;
            // the index, which knows how many records there were, notices that.
            let seen = journal.records(Position::default());
            assert!(seen.map_or(true, |records| records.len() < 3), "byte {at}");
        }
    }

    #[test]
    fn golden_bytes() {
        let hex: String = codec::encode(&entry(1)).iter().map(|b| format!("{b:02x}")).collect();
        let expected = [
            "3001",                         // tag, version
            "0100000000000000",             // sequence
            "0068e5cf8b010000",             // time
            "0300000000000000416461",       // author
            "0600000000000000636f6d6d6974", // command
            "0100000000000000",             // one ref
            "0a0000000000000068656164732f6d61696e",
            "00", // was nowhere
            "01", // is at
            &"07".repeat(32),
            "00",               // HEAD stays
            "0100000000000000", // one root
            "05000000000000007374616765",
            "01",
            &"09".repeat(32),
            "00",
            "01", // pack
            &"08".repeat(32),
        ];
        assert_eq!(hex, expected.concat());
    }
}

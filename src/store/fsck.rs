//! Verifying everything that is stored.
//!
//! Packs, journal and tensor files are read to the last byte. The index is compared with what packs and
//! journal say it should hold, so damage in sled's files is found even where sled itself reads past it.
//! What no kind of object is known for is damage too: the caller brings the [`Kinds`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    Kinds, References, Session, Store, StoreError, collection,
    index::{self, Everything},
    journal::{Entry, Journal, Position},
    leftovers,
    pack::{Contents, Packs},
    session::Lock,
};
use crate::{delta::TensorFile, id::Id};

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Objects read.
    pub objects: u64,
    /// Tensor files read.
    pub tensor_files: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Harmless remarks.
    pub remarks: Vec<String>,
    /// Files that nothing names: a killed process left them behind, or an edit that was refused.
    pub leftovers: Vec<PathBuf>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File or directory.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// Whether [`Store::rebuild`] puts it right.
    pub repairable: bool,
}

impl Findings {
    /// Removes the files that nothing names. No other process may have the store open: see
    /// [`Store::alone`].
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove_leftovers(&mut self) -> Result<Vec<PathBuf>, StoreError> {
        let found = std::mem::take(&mut self.leftovers);
        leftovers::remove(&found)?;
        Ok(found)
    }
}

/// Reads everything in `store`, `progress` hearing what is being read.
///
/// # Errors
/// When the store is busy or unreadable. Damage is not an error but a finding.
pub fn check(
    store: &Store,
    kinds: &Kinds,
    progress: &mut dyn FnMut(&str),
) -> Result<Findings, StoreError> {
    let mut check = Check { store, found: Findings::default() };
    let journal = Journal::of(store.dir());

    let lock = Lock::acquire(store.dir())?;
    progress("journal");
    let mut records =
        check.damage(false, journal.records(Position::default()))?.unwrap_or_default();
    if let Some((_, end)) = records.last()
        && journal.length()? > end.length
    {
        let remark = "the journal ends with a record that was cut short; it was never acknowledged";
        check.found.remarks.push(remark.to_owned());
    }

    progress("packs");
    let collected = collection::settle(&Packs::of(store.dir()), &mut records);
    let collected = check.damage(false, collected)?.unwrap_or_default();
    let objects = check.packs(&records, kinds)?;
    progress("tensor files");
    check.references(&collected.wanted(&records), &objects)?;
    check.found.leftovers.extend(leftovers::beside(store.dir())?);
    progress("index");
    check.index(lock, &records)?;
    Ok(check.found)
}

struct Check<'a> {
    store: &'a Store,
    found: Findings,
}

impl Check<'_> {
    fn problem(&mut self, path: &Path, what: impl Into<String>, repairable: bool) {
        self.found.problems.push(Problem { path: path.to_owned(), what: what.into(), repairable });
    }

    /// Turns damage into a finding; other errors stop the check.
    fn damage<T>(
        &mut self,
        repairable: bool,
        result: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Damaged { path, why }) => {
                self.problem(&path, why, repairable);
                Ok(None)
            }
            Err(StoreError::Missing { path }) => {
                self.problem(&path, "it is missing", repairable);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads every pack the journal names and every object in it; returns what each refers to.
    fn packs(
        &mut self,
        records: &[(Entry, Position)],
        kinds: &Kinds,
    ) -> Result<BTreeMap<[u8; 32], References>, StoreError> {
        let packs = Packs::of(self.store.dir());
        let mut objects = BTreeMap::new();
        let mut named = BTreeSet::new();
        for id in records.iter().filter_map(|(entry, _)| entry.pack) {
            named.insert(packs.path(id));
            let Some(contents) = self.damage(false, packs.read(id))? else { continue };
            self.pack(&packs.path(id), &contents, kinds, &mut objects);
        }
        self.found.leftovers.extend(leftovers::strays(packs.dir(), &named)?);
        Ok(objects)
    }

    fn pack(
        &mut self,
        path: &Path,
        contents: &Contents,
        kinds: &Kinds,
        objects: &mut BTreeMap<[u8; 32], References>,
    ) {
        for (hash, range) in &contents.entries {
            let bytes = contents.object(range);
            let short = blake3::Hash::from_bytes(*hash).to_hex();
            self.found.objects += 1;
            match kinds.read(hash, bytes) {
                Ok(references) => {
                    objects.insert(*hash, references);
                }
                Err(what) => self.problem(path, format!("object {short:.12} {what}"), false),
            }
        }
    }

    /// Follows every reference, from objects as well as from what is `wanted`.
    fn references(
        &mut self,
        wanted: &BTreeSet<[u8; 32]>,
        objects: &BTreeMap<[u8; 32], References>,
    ) -> Result<(), StoreError> {
        let journal = self.store.dir().join("journal");
        let mut wanted = wanted.clone();
        let mut files: BTreeSet<Id<TensorFile>> = BTreeSet::new();
        for references in objects.values() {
            wanted.extend(&references.objects);
            files.extend(&references.files);
        }
        for hash in wanted.iter().filter(|hash| !objects.contains_key(*hash)) {
            let short = blake3::Hash::from_bytes(*hash).to_hex();
            self.problem(&journal, format!("object {short:.12} is referred to and missing"), false);
        }
        let tensors = self.store.tensors();
        let mut named = BTreeSet::new();
        for id in files {
            named.insert(tensors.path(id));
            self.found.tensor_files += 1;
            self.damage(false, tensors.open(id))?;
        }
        let strays = leftovers::strays(&self.store.dir().join("tensors"), &named)?;
        self.found.leftovers.extend(strays);
        Ok(())
    }

    /// Compares the index with one built from packs and journal.
    fn index(&mut self, lock: Lock, records: &[(Entry, Position)]) -> Result<(), StoreError> {
        let dir = self.store.dir();
        let path = dir.join("ledger");
        let session = match Session::with_lock(dir, lock) {
            Ok(session) => session,
            Err(error) if error.is_damage() => {
                self.damage(true, Err::<(), _>(error))?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let end = records.last().map(|(_, end)| *end).unwrap_or_default();
        let Some(position) = self.damage(true, session.position())? else { return Ok(()) };
        if position != end {
            self.problem(
                &path,
                format!(
                    "the index has taken in {} records and the journal has {}",
                    position.sequence, end.sequence
                ),
                position.sequence < end.sequence,
            );
        }
        let Some(found) = self.damage(true, session.everything())? else { return Ok(()) };
        self.found.leftovers.extend(session.strays()?);
        let scratch = tempfile::tempdir_in(dir).map_err(|error| StoreError::write(dir, error))?;
        let Some(expected) = self.damage(false, rebuilt(scratch.path(), &session, records))? else {
            return Ok(());
        };
        for (tree, same) in [
            ("places", found.places == expected.places),
            ("refs", found.refs == expected.refs),
            ("operations", found.operations == expected.operations),
            ("roots", found.roots == expected.roots),
            (
                "position and HEAD",
                (found.position, found.head) == (expected.position, expected.head),
            ),
        ] {
            if !same {
                self.problem(&path, format!("{tree} are not what packs and journal say"), true);
            }
        }
        // HEAD may name a branch that is not there yet only while there is none at all.
        for (name, commit) in session.refs()? {
            if !session.contains(commit.as_bytes())? {
                self.problem(&path, format!("{name} is at {commit:.12}, which is missing"), false);
            }
        }
        Ok(())
    }
}

/// The index that packs and journal give.
fn rebuilt(
    scratch: &Path,
    session: &Session,
    records: &[(Entry, Position)],
) -> Result<Everything, StoreError> {
    let index = index::Index::open(&scratch.join("ledger"))?;
    index.apply(session.packs(), records)?;
    index.everything()
}

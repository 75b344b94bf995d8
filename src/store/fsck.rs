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
    index::Everything,
    journal::{Entry, Journal, Position},
    leftovers,
    lock::Lock,
    pack::{Contents, Packs},
    place::Pack,
    rebuild, repair,
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
    /// Files that nothing names: a killed process left them behind, or an edit that was refused. Not looked for
    /// where something is damaged: what names them may be what is.
    pub leftovers: Vec<PathBuf>,
    /// What earlier repairs have put aside.
    pub aside: Vec<PathBuf>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File or directory.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// Whether [`repair`] may put it right.
    pub repairable: bool,
}

impl Findings {
    /// Removes the files that nothing names, where nothing is or was damaged. No other process may have the
    /// store open: see [`Store::alone`].
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove_leftovers(&mut self) -> Result<Vec<PathBuf>, StoreError> {
        if !self.problems.is_empty() || !self.aside.is_empty() {
            return Ok(Vec::new());
        }
        let found = std::mem::take(&mut self.leftovers);
        leftovers::remove(&found)?;
        Ok(found)
    }
}

/// What [`repair`] found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// What is found afterwards.
    pub findings: Findings,
    /// What was rebuilt, and what was not to be found out, one line each.
    pub made: Vec<String>,
    /// Files that nothing named, which are gone.
    pub removed: Vec<PathBuf>,
}

/// Makes journal and index again where they are damaged, each from the other and from packs, puts what can be read of
/// damaged packs into new ones, and removes what killed processes left. What was damaged is kept under another name. No other process may have the
/// store open: see [`Store::alone`].
///
/// # Errors
/// As [`check`]; when something cannot be written.
pub fn repair(
    store: &Store,
    kinds: &Kinds,
    progress: &mut dyn FnMut(&str),
) -> Result<Repaired, StoreError> {
    let mut findings = check(store, kinds, progress)?;
    let mut made = Vec::new();
    if findings.problems.iter().any(|problem| problem.repairable) {
        progress("repair");
        match repair::repair(store.dir(), kinds) {
            Ok(done) => {
                made = done;
                findings = check(store, kinds, progress)?;
            }
            Err(error) if error.is_damage() => {
                let (path, what) = (store.dir().to_owned(), format!("not repaired: {error}"));
                findings.problems.push(Problem { path, what, repairable: false });
            }
            Err(error) => return Err(error),
        }
    }
    let removed = findings.remove_leftovers()?;
    Ok(Repaired { findings, made, removed })
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

    // A store that cannot be written is changed by nobody, or by nobody who can be waited for.
    let lock = match Lock::acquire(store.dir()) {
        Ok(lock) => Some(lock),
        Err(error) if error.is_of_the_machine() => None,
        Err(error) => return Err(error),
    };
    progress("journal");
    let records = check.damage(true, journal.records(Position::default()))?;
    let is_read = records.is_some();
    let mut records = records.unwrap_or_default();
    if let Some((_, end)) = records.last()
        && journal.length()? > end.length
    {
        let remark = "the journal ends with a record that was cut short; it was never acknowledged";
        check.found.remarks.push(remark.to_owned());
    }

    progress("packs");
    let packs = Packs::of(store.dir());
    let collected = check.damage(false, collection::settle(&packs, &mut records))?;
    let ids: Vec<Id<Pack>> = if is_read {
        records.iter().filter_map(|(entry, _)| entry.pack).collect()
    } else {
        packs.stored()?
    };
    let objects = check.packs(&ids, kinds)?;
    progress("tensor files");
    let wanted = collected.unwrap_or_default().wanted(&records);
    check.references(&wanted, &objects)?;
    check.found.leftovers.extend(leftovers::beside(store.dir())?);
    check.found.aside = rebuild::put_aside(store.dir())?;
    progress("index");
    check.index(lock, is_read.then_some(&records))?;
    if !check.found.problems.is_empty() {
        check.found.leftovers.clear();
    }
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

    /// Reads the packs `ids` and every object in them; returns what each refers to.
    fn packs(
        &mut self,
        ids: &[Id<Pack>],
        kinds: &Kinds,
    ) -> Result<BTreeMap<[u8; 32], References>, StoreError> {
        let packs = Packs::of(self.store.dir());
        let mut objects = BTreeMap::new();
        let mut named = BTreeSet::new();
        for &id in ids {
            named.insert(packs.path(id));
            let read = packs.read(id);
            let is_there = matches!(read, Err(StoreError::Damaged { .. }));
            let Some(contents) = self.damage(is_there, read)? else { continue };
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
        contents.each(|hash, bytes| {
            let short = blake3::Hash::from_bytes(*hash).to_hex();
            self.found.objects += 1;
            match kinds.read(hash, bytes) {
                Ok(references) => {
                    objects.insert(*hash, references);
                }
                Err(what) => self.problem(path, format!("object {short:.12} {what}"), false),
            }
        });
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
        // It may be in a pack that was brought back.
        let is_unnamed = !self.found.leftovers.is_empty();
        for hash in wanted.iter().filter(|hash| !objects.contains_key(*hash)) {
            let short = blake3::Hash::from_bytes(*hash).to_hex();
            let what = format!("object {short:.12} is referred to and missing");
            self.problem(&journal, what, is_unnamed);
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
    fn index(
        &mut self,
        lock: Option<Lock>,
        records: Option<&Vec<(Entry, Position)>>,
    ) -> Result<(), StoreError> {
        let dir = self.store.dir();
        let path = dir.join("ledger");
        let mut unread = |why: &dyn std::fmt::Display| {
            self.found.remarks.push(format!("the index was not compared with the journal: {why}"));
        };
        let Some(lock) = lock else {
            unread(&"the store cannot be written");
            return Ok(());
        };
        let session = match Session::with_lock(dir, lock) {
            Ok(session) => session,
            Err(error) if error.is_of_the_machine() => {
                unread(&error);
                return Ok(());
            }
            Err(error) if error.is_damage() => {
                self.damage(true, Err::<(), _>(error))?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(records) = records else { return Ok(()) };
        let end = records.last().map(|(_, end)| *end).unwrap_or_default();
        let Some(position) = self.damage(true, session.position())? else { return Ok(()) };
        if position != end {
            self.problem(
                &path,
                format!(
                    "the index has taken in {} records and the journal has {}",
                    position.sequence, end.sequence
                ),
                true,
            );
        }
        let Some(found) = self.damage(true, session.everything())? else { return Ok(()) };
        self.found.leftovers.extend(session.strays()?);
        let expected = self.damage(false, Everything::of(session.packs(), records))?;
        let Some(expected) = expected else { return Ok(()) };
        for (tree, same) in [
            ("places", found.places == expected.places),
            ("refs", found.refs == expected.refs),
            ("operations", found.operations == expected.operations),
            ("roots", found.roots == expected.roots),
            ("position and HEAD", found.meta == expected.meta),
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

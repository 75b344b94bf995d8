//! Which facts each subject has, cached: so that asking about one subject need not read the facts of
//! all.
//!
//! What is cached is about one tree of facts; another one is compared with it. It names subjects and
//! facts by the beginnings of their hashes, and may name too many: what it names is looked up, what it
//! leaves out is not there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use bincode::{Decode, Encode};

use super::SUBJECTS;
use crate::{
    codec::{self, Object, ObjectError},
    durable,
    fact::{Fact, FactKey, FactTree, Iri, Words, tree},
    id::{Id, Kind},
    ledger::{error::LedgerError, state::open::Ledger},
};

/// Trees of fewer facts are read.
const FEW: u64 = 1024;
/// After so many differences from the cached tree, the new one is cached.
const SOME: usize = 64;
/// A tree that differs in more facts is read.
const MANY: usize = 1 << 14;
/// For more subjects than these all facts are read.
const LOOKED_UP: usize = 16;
/// Parts of the file, by the first byte of the subject's hash.
const PARTS: usize = 256;
/// Bytes of sealed [`Contents`].
const CONTENTS: usize = 32 + 2 + 32 + 8 + PARTS * (8 + 32);

/// What is cached of a tree.
struct Subjects {
    contents: Contents,
    file: File,
}

/// How the file begins; its parts follow.
#[derive(Encode, Decode)]
pub(crate) struct Contents {
    tree: Id<FactTree>,
    parts: Vec<Part>,
}

/// Some of the facts' pairs, ascending; a look-up reads and checks one part.
#[derive(Encode, Decode)]
pub(crate) struct Part {
    /// How many bytes they are.
    length: u64,
    id: Id<Pairs>,
}

/// Marks ids of parts.
pub(crate) struct Pairs;

/// How the hash of a fact's subject begins, and how the fact's key does.
type Pair = [u8; 8];

impl Kind for Pairs {
    const NAME: &'static str = "subject pairs";
}

impl Kind for Contents {
    const NAME: &'static str = "subjects";
}

impl Object for Contents {
    const TAG: u8 = 0x1e;
    const VERSION: u8 = 2;
}

fn pair(subject: &Iri, key: FactKey) -> Pair {
    let mut pair = [0; 8];
    pair[..4].copy_from_slice(&Words::key_start(subject));
    pair[4..].copy_from_slice(&key.as_bytes()[..4]);
    pair
}

impl Subjects {
    /// Opens the file in the store `dir`; nothing where it is not there or does not begin as it was
    /// written.
    fn open(dir: &Path) -> Option<Self> {
        let file = durable::open(&dir.join(SUBJECTS)).ok()?;
        let mut bytes = vec![0; CONTENTS];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let contents = codec::unseal::<Contents>(&bytes)?;
        let lengths = contents.parts.iter().map(|part| part.length);
        let length = lengths.fold(CONTENTS as u64, u64::saturating_add);
        (contents.parts.len() == PARTS && file.metadata().ok()?.len() == length)
            .then_some(Self { contents, file })
    }

    /// Writes the file. What cannot be written is found out again the next time.
    fn write(dir: &Path, tree: Id<FactTree>, mut pairs: Vec<Pair>) {
        pairs.sort_unstable();
        pairs.dedup();
        let parts = (0..=u8::MAX).map(|first| {
            let from = pairs.partition_point(|pair| pair[0] < first);
            let to = pairs.partition_point(|pair| pair[0] <= first);
            let bytes = pairs[from..to].as_flattened();
            Part { length: bytes.len() as u64, id: Id::of(bytes) }
        });
        let contents = codec::seal(&Contents { tree, parts: parts.collect() });
        let bytes = [contents.as_slice(), pairs.as_flattened()].concat();
        let _ignored = durable::write(&dir.join(SUBJECTS), &bytes);
    }

    /// The pairs of a part; nothing where they are not what was written.
    fn part(&self, number: usize) -> Option<Vec<u8>> {
        let Part { length, id } = &self.contents.parts[number];
        let before = self.contents.parts[..number].iter().map(|part| part.length).sum::<u64>();
        let mut bytes = vec![0; usize::try_from(*length).ok()?];
        self.file.read_exact_at(&mut bytes, CONTENTS as u64 + before).ok()?;
        (Id::of(&bytes) == *id).then_some(bytes)
    }

    /// All pairs.
    fn pairs(&self) -> Option<Vec<Pair>> {
        let parts = (0..PARTS).map(|number| self.part(number)).collect::<Option<Vec<_>>>()?;
        Some(parts.concat().as_chunks().0.to_vec())
    }

    /// How the keys of facts about `subject` begin.
    fn keys(&self, subject: &Iri) -> Option<Vec<[u8; 4]>> {
        let start = Words::key_start(subject);
        let part = self.part(usize::from(start[0]))?;
        let pairs: &[Pair] = part.as_chunks().0;
        let from = pairs.partition_point(|pair| pair[..4] < start[..]);
        let here = pairs[from..].iter().take_while(|pair| pair.starts_with(&start));
        let key = |pair: &Pair| *pair.last_chunk().expect("because a pair has 8 bytes");
        Some(here.map(key).collect())
    }
}

impl Ledger<'_> {
    /// The facts about each of `subjects` in the tree `root`.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn facts_about_all(
        &self,
        root: Id<FactTree>,
        subjects: &BTreeSet<Iri>,
    ) -> Result<BTreeMap<FactKey, Fact>, LedgerError> {
        if subjects.len() > LOOKED_UP {
            return Ok(tree::select(self, root, &|_, fact: &Fact| {
                Ok::<_, ObjectError>(subjects.contains(&fact.subject))
            })?);
        }
        let mut facts = BTreeMap::new();
        for subject in subjects {
            facts.append(&mut self.facts_about(root, subject)?);
        }
        Ok(facts)
    }

    /// The facts about `subject` in the tree `root`.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn facts_about(
        &self,
        root: Id<FactTree>,
        subject: &Iri,
    ) -> Result<BTreeMap<FactKey, Fact>, LedgerError> {
        if tree::len(self, root)? < FEW {
            return Ok(tree::select(self, root, &|_, fact: &Fact| {
                Ok::<_, ObjectError>(fact.subject == *subject)
            })?);
        }
        if let Some(known) = Subjects::open(self.session.dir())
            && let Some(facts) = self.looked_up(&known, root, subject)?
        {
            return Ok(facts);
        }
        let pairs = Mutex::new(Vec::new());
        let facts = tree::select(self, root, &|key, fact: &Fact| {
            let mut pairs = pairs.lock().unwrap_or_else(PoisonError::into_inner);
            pairs.push(pair(&fact.subject, key));
            Ok::<_, ObjectError>(fact.subject == *subject)
        })?;
        let pairs = pairs.into_inner().unwrap_or_else(PoisonError::into_inner);
        Subjects::write(self.session.dir(), root, pairs);
        Ok(facts)
    }

    /// As [`Ledger::facts_about`], by what is `known`; nothing where that is damaged, or about a tree that is
    /// gone or far from this one.
    fn looked_up(
        &self,
        known: &Subjects,
        root: Id<FactTree>,
        subject: &Iri,
    ) -> Result<Option<BTreeMap<FactKey, Fact>>, LedgerError> {
        let (mut facts, mut new) = (BTreeMap::new(), Vec::new());
        for (count, difference) in tree::diff(self, known.contents.tree, root).enumerate() {
            let Ok((key, _, fact)) = difference else { return Ok(None) };
            if count == MANY {
                return Ok(None);
            }
            new.extend(fact.as_ref().map(|fact| pair(&fact.subject, key)));
            facts.extend(fact.map(|fact| (key, fact)));
        }
        let Some(keys) = known.keys(subject) else { return Ok(None) };
        for start in keys {
            facts.append(&mut tree::starting_with(self, root, start)?);
        }
        facts.retain(|_, fact| fact.subject == *subject);
        if new.len() > SOME
            && let Some(pairs) = known.pairs()
        {
            Subjects::write(self.session.dir(), root, [pairs, new].concat());
        }
        Ok(Some(facts))
    }
}

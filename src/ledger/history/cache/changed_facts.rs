//! What each commit changed, cached: so that asking where one fact comes from, or which commits changed
//! what is said of a subject, need not read the trees of every commit that had nothing to do with it.
//!
//! All of it follows from the commits. It is one file, made and added to by the command that would have to read
//! many commits, never recorded, and it can be removed at any time. It names facts by the beginnings of
//! hashes: what it says a commit left alone was left alone, what it says was changed is looked up.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use bincode::{Decode, Encode};
use rayon::prelude::*;

use crate::{
    codec::Object,
    commit::Commit,
    fact::{
        Fact, FactKey, Words,
        tree::{self, Seen},
    },
    id::{Id, Kind},
    ledger::{
        error::LedgerError,
        history::{
            cache::{self, CHANGES},
            select::About,
        },
        state::open::Ledger,
    },
};

/// As many commits are read before what they changed is worth a file.
pub(crate) const FEW: usize = 256;
/// A commit that changed more facts than this is always looked up.
const MANY: usize = 4096;

/// What commits changed, each commit after its parents.
#[derive(Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Changes {
    commits: Vec<Cached>,
}

/// A commit.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Cached {
    pub(crate) id: Id<Commit>,
    pub(crate) parents: Vec<Before>,
}

/// A parent of it.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Before {
    /// Its place among the commits.
    pub(crate) place: u32,
    /// A [`Changed`] for each fact that is not the same there, ascending; `None`: they are too many.
    changed: Option<Vec<u8>>,
}

/// How a fact's key begins, how the hash of its subject does, and how that of its predicate does.
type Changed = [u8; 12];

impl Kind for Changes {
    const NAME: &'static str = "changes";
}

impl Object for Changes {
    const TAG: u8 = 0x1d;
    const VERSION: u8 = 2;
}

impl Before {
    /// Those of `facts` that may not be the same there; `None`: any may not.
    pub(crate) fn may_differ(&self, facts: &BTreeSet<FactKey>) -> Option<BTreeSet<FactKey>> {
        let changed = self.changed()?.iter();
        let starts = changed.filter_map(|changed| changed.first_chunk());
        Some(starts.flat_map(|start| facts.range(keys(*start))).copied().collect())
    }

    fn changed(&self) -> Option<&[Changed]> {
        self.changed.as_deref().map(|changed| changed.as_chunks().0)
    }

    /// Whether facts that are meant may not be the same there.
    fn may_concern(&self, about: &About) -> bool {
        let [subject, predicate] = about.iris().map(|iri| iri.map(Words::key_start));
        let meant =
            |wanted: Option<[u8; 4]>, found: &[u8]| wanted.is_none_or(|wanted| wanted == found);
        self.changed().is_none_or(|changed| {
            let mut changed = changed.iter();
            changed.any(|changed| meant(subject, &changed[4..8]) && meant(predicate, &changed[8..]))
        })
    }
}

/// All keys that begin with `start`.
fn keys(start: [u8; 4]) -> RangeInclusive<FactKey> {
    let filled = |with| {
        let mut key = [with; 32];
        key[..4].copy_from_slice(&start);
        FactKey::from_bytes(key)
    };
    filled(0)..=filled(u8::MAX)
}

impl Changes {
    fn is_sorted(&self) -> bool {
        let before = |place: u32, at: usize| usize::try_from(place).is_ok_and(|place| place < at);
        let mut commits = self.commits.iter().enumerate();
        commits.all(|(at, commit)| commit.parents.iter().all(|parent| before(parent.place, at)))
    }

    /// The place of a commit that is cached.
    pub(crate) fn place(&self, id: Id<Commit>) -> Option<u32> {
        let newest = self.commits.iter().rposition(|commit| commit.id == id);
        newest.and_then(|place| u32::try_from(place).ok())
    }

    /// For each commit that is cached, whether facts that are meant may be the same in none of its
    /// parents.
    pub(crate) fn concern(&self, about: &About) -> BTreeMap<Id<Commit>, bool> {
        let commits = self.commits.iter();
        let concern = |parents: &[Before]| parents.iter().all(|parent| parent.may_concern(about));
        commits.map(|commit| (commit.id, concern(&commit.parents))).collect()
    }

    /// The commit at a place.
    pub(crate) fn at(&self, place: u32) -> &Cached {
        &self.commits[usize::try_from(place).expect("because it is a commit's place")]
    }
}

impl Ledger<'_> {
    /// What is cached already.
    pub(crate) fn changes_so_far(&self) -> Changes {
        let read = cache::read(self.session.dir(), CHANGES);
        read.filter(Changes::is_sorted).unwrap_or_default()
    }

    /// What is cached of the history of `tip`: all but its newest few commits, if it is long.
    ///
    /// # Errors
    /// When the store cannot be read. What cannot be written is found out again the next time.
    pub(crate) fn changes(&self, tip: Id<Commit>) -> Result<Changes, LedgerError> {
        let mut changes = self.changes_so_far();
        if changes.place(tip).is_some() {
            return Ok(changes);
        }
        let mut places: BTreeMap<Id<Commit>, u32> =
            (0..).zip(&changes.commits).map(|(place, commit)| (commit.id, place)).collect();
        let new = self.walk_from([tip], places.keys().copied().collect());
        let new = new.collect::<Result<Vec<_>, _>>()?;
        if new.len() <= FEW {
            return Ok(changes);
        }
        let found = new.par_iter().rev().map_init(Seen::default, |seen, (id, commit)| {
            let before = commit
                .parents
                .iter()
                .map(|parent| Ok((*parent, self.differing(seen, &self.commit(*parent)?, commit)?)));
            Ok((*id, before.collect::<Result<Vec<_>, LedgerError>>()?))
        });
        for (id, before) in found.collect::<Result<Vec<_>, LedgerError>>()? {
            let before = before.into_iter();
            let parents = before.map(|(id, changed)| Before { place: places[&id], changed });
            let parents = parents.collect();
            let place = u32::try_from(changes.commits.len())
                .expect("because a history has less than 2^32 commits");
            places.insert(id, place);
            changes.commits.push(Cached { id, parents });
        }
        cache::write(self.session.dir(), CHANGES, &changes);
        Ok(changes)
    }

    /// The facts in which two commits differ, unless they are too many.
    fn differing(
        &self,
        seen: &Seen<Fact>,
        before: &Commit,
        after: &Commit,
    ) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut changed: Vec<Changed> = Vec::new();
        for difference in tree::diff_seen(self, seen, before.facts, after.facts) {
            if changed.len() == MANY {
                return Ok(None);
            }
            let (key, before, after) = difference?;
            // Both are of one subject and predicate, which the key says.
            let fact = before.or(after).expect("because one of two that differ is there");
            let mut entry = [0; 12];
            entry[..4].copy_from_slice(&key.as_bytes()[..4]);
            entry[4..8].copy_from_slice(&Words::key_start(&fact.subject));
            entry[8..].copy_from_slice(&Words::key_start(&fact.predicate));
            changed.push(entry);
        }
        changed.dedup();
        Ok(Some(changed.into_flattened()))
    }
}

//! What each commit changed, remembered: so that asking where one fact comes from need not read the
//! trees of every commit that had nothing to do with it.
//!
//! All of it follows from the commits. It is one file, made and added to by whoever would have to read
//! many commits, never recorded, and it can be removed at any time. It names facts by the beginnings of
//! their keys: what it says a commit left alone was left alone, what it says was changed is looked up.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use bincode::{Decode, Encode};
use rayon::prelude::*;

use super::{
    Commit, LedgerError,
    read::Ledger,
    remembered::{self, CHANGES},
};
use crate::{
    codec::Object,
    fact::{
        Fact, FactKey,
        tree::{self, Seen},
    },
    id::{Id, Kind},
};

/// As many commits are read before what they changed is worth a file.
const FEW: usize = 256;
/// A commit that changed more facts than this is always looked up.
const MANY: usize = 4096;

/// What commits changed, each commit after its parents.
#[derive(Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Changes {
    commits: Vec<Remembered>,
}

/// A commit.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Remembered {
    pub(super) id: Id<Commit>,
    pub(super) parents: Vec<Before>,
}

/// A parent of it.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Before {
    /// Its place among the commits.
    pub(super) place: u32,
    /// How the keys of facts begin that are not the same there, ascending; `None`: they are too many.
    changed: Option<Vec<[u8; 4]>>,
}

impl Kind for Changes {
    const NAME: &'static str = "changes";
}

impl Object for Changes {
    const TAG: u8 = 0x1d;
}

impl Before {
    /// Those of `facts` that may not be the same there; `None`: any may not.
    pub(super) fn may_differ(&self, facts: &BTreeSet<FactKey>) -> Option<BTreeSet<FactKey>> {
        let changed = self.changed.as_ref()?;
        Some(changed.iter().flat_map(|start| facts.range(keys(*start))).copied().collect())
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

    /// The place of a commit that is remembered.
    pub(super) fn place(&self, id: Id<Commit>) -> Option<u32> {
        let newest = self.commits.iter().rposition(|commit| commit.id == id);
        newest.and_then(|place| u32::try_from(place).ok())
    }

    /// The commit at a place.
    pub(super) fn at(&self, place: u32) -> &Remembered {
        &self.commits[usize::try_from(place).expect("because it is a commit's place")]
    }
}

impl Ledger<'_> {
    /// What is remembered of the history of `tip`: all but its newest few commits, if it is long.
    ///
    /// # Errors
    /// When the store cannot be read. What cannot be written is found out again the next time.
    pub(super) fn changes(&self, tip: Id<Commit>) -> Result<Changes, LedgerError> {
        let dir = self.session.dir();
        let read = remembered::read(dir, CHANGES).filter(Changes::is_sorted);
        let mut changes = read.unwrap_or_default();
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
            let before = commit.parents.iter().map(|parent| {
                Ok((*parent, self.beginnings(seen, &self.commit(*parent)?, commit)?))
            });
            Ok((*id, before.collect::<Result<Vec<_>, LedgerError>>()?))
        });
        for (id, before) in found.collect::<Result<Vec<_>, LedgerError>>()? {
            let before = before.into_iter();
            let parents = before.map(|(id, changed)| Before { place: places[&id], changed });
            let parents = parents.collect();
            let place = u32::try_from(changes.commits.len())
                .expect("because a history has less than 2^32 commits");
            places.insert(id, place);
            changes.commits.push(Remembered { id, parents });
        }
        remembered::write(dir, CHANGES, &changes);
        Ok(changes)
    }

    /// How the keys begin of the facts in which two commits differ, unless they are too many.
    fn beginnings(
        &self,
        seen: &Seen<Fact>,
        before: &Commit,
        after: &Commit,
    ) -> Result<Option<Vec<[u8; 4]>>, LedgerError> {
        let mut beginnings = Vec::new();
        for difference in tree::diff_seen(self, seen, before.facts, after.facts) {
            if beginnings.len() == MANY {
                return Ok(None);
            }
            let (key, ..) = difference?;
            beginnings.push(*key.as_bytes().first_chunk().expect("because a key has 32 bytes"));
        }
        beginnings.dedup();
        Ok(Some(beginnings))
    }
}

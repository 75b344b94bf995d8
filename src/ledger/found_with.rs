//! What edits were found with: the machine and the program, on which the last bits of what is sought depend
//! and which no setting names.
//!
//! Commits do not name it, so that one does not get another id for having been made elsewhere. It lies
//! beside them, among what was measured of them, and goes when they do.

use serde::{Deserialize, Serialize};

use super::{
    Commit, LedgerError, Report,
    evaluations::{EVALUATIONS, Entry, Evaluations},
    read::Ledger,
    write::Change,
};
use crate::{
    codec::{self, Draft},
    id::Id,
};

/// What an edit was found with. The same inputs give the same bits where all of this is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundWith {
    /// Where it was computed: `cpu`, `cuda:0`.
    pub device: String,
    /// In what: `f32`, `f16`, `bf16`.
    pub dtype: String,
    /// Threads of the CPU: sums are cut into as many parts.
    pub threads: u64,
    /// Instructions of the CPU that kernels are chosen by: `avx512`, `avx2`.
    pub kernels: String,
    /// What computed, with its version: `libtorch 2.11.0`.
    pub library: String,
    /// Version of kledger.
    pub program: String,
    /// Facts whose z was known from an earlier run, perhaps with something else.
    pub known: u64,
}

/// As it is stored: a kind of report of its own.
#[derive(Serialize, Deserialize)]
struct Stored {
    found_with: FoundWith,
}

impl Ledger<'_> {
    /// What the edit of a commit was found with, where that was recorded.
    pub(super) fn found_with(&self, id: Id<Commit>) -> Result<Option<FoundWith>, LedgerError> {
        let stored = self.root::<Evaluations>(EVALUATIONS)?.unwrap_or_default();
        for entry in stored.entries.iter().filter(|entry| entry.commit == id) {
            if let Some(found) = read(self, entry)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// What an entry says of how its commit was found; nothing where it says something else.
fn read(ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<FoundWith>, LedgerError> {
    let report: Report = codec::get(ledger, entry.report)?;
    let stored: Option<Stored> = serde_json::from_str(&report.json).ok();
    Ok(stored.map(|stored| stored.found_with))
}

impl Change {
    /// Records what the edit of a new commit was found with.
    pub(super) fn found_with(
        self,
        ledger: &Ledger<'_>,
        id: Id<Commit>,
        found_with: &FoundWith,
    ) -> Result<Self, LedgerError> {
        let was = ledger.root::<Evaluations>(EVALUATIONS)?;
        let mut entries = was.clone().unwrap_or_default().entries;
        let mut known = None;
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.commit == id) {
            if read(ledger, entry)?.is_some() {
                known = Some(place);
            }
        }
        let stored = Stored { found_with: found_with.clone() };
        let json =
            serde_json::to_string(&stored).expect("because it is made of strings and numbers");
        let mut draft = Draft::new(ledger);
        let entry = Entry { commit: id, report: draft.put(&Report { json }) };
        match known {
            Some(place) => entries[place] = entry,
            None => entries.push(entry),
        }
        entries.sort_by_key(|entry| entry.commit);
        let to = Evaluations { entries };
        Ok(self.adding(draft.into_new()).rooting(EVALUATIONS, was.as_ref(), Some(&to)))
    }

    /// Keeps it for commits that were rewritten: their deltas are the same but for columns that are gone.
    pub(super) fn moving_found_with(
        self,
        ledger: &Ledger<'_>,
        now: &dyn Fn(Id<Commit>) -> Id<Commit>,
    ) -> Result<Self, LedgerError> {
        let Some(was) = ledger.root::<Evaluations>(EVALUATIONS)? else { return Ok(self) };
        let mut to = was.clone();
        for entry in &mut to.entries {
            if now(entry.commit) != entry.commit && read(ledger, entry)?.is_some() {
                entry.commit = now(entry.commit);
            }
        }
        to.entries.sort_by_key(|entry| entry.commit);
        Ok(if to == was { self } else { self.rooting(EVALUATIONS, Some(&was), Some(&to)) })
    }
}

//! Evaluations that were stored: what was measured of which commit.
//!
//! A commit cannot name them, because they are made after it. So they are beside it, in one object that
//! is current under a name, and they go when their commit does.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{open::Ledger, update::Update};
use crate::{
    codec::{self, Draft, Object, Objects as _},
    commit::{Commit, Report},
    eval::{Metric, Source},
    id::{Id, Kind},
    ledger::{actor::Actor, error::LedgerError},
};

/// Root of the store: the evaluations; absent while there are none.
pub(crate) const EVALUATIONS: &str = "evaluations";

/// All evaluations that are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Evaluations {
    /// Sorted by commit, then by when they were made.
    pub entries: Vec<Entry>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// What was evaluated.
    pub commit: Id<Commit>,
    /// An [`Evaluation`], as JSON.
    pub report: Id<Report>,
}

/// What was measured of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// By which protocol.
    pub protocol: String,
    /// Its version: figures of different ones cannot be compared.
    pub protocol_version: u32,
    /// What the cases were taken from.
    #[serde(flatten)]
    pub source: Source,
    /// Cases, or for a text its tokens.
    pub cases: u64,
    /// The figures, as the protocol's paper prints them.
    pub metrics: Vec<Metric>,
}

impl Evaluation {
    /// Whether its figures can be compared with those of `other`: by the same protocol, on as many cases
    /// of the same source, or each on the facts of its version.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.protocol.clone(), it.protocol_version, it.source.clone());
        of(self) == of(other) && (self.source.is_facts() || self.cases == other.cases)
    }
}

impl Kind for Evaluations {
    const NAME: &'static str = "evaluations";
}
impl Object for Evaluations {
    const TAG: u8 = 0x1c;
}

impl Ledger<'_> {
    fn stored(&self) -> Result<Option<Evaluations>, LedgerError> {
        self.root::<Evaluations>(EVALUATIONS)
    }

    /// The evaluations of a commit, oldest first.
    pub(crate) fn evaluations(&self, id: Id<Commit>) -> Result<Vec<Evaluation>, LedgerError> {
        let stored = self.stored()?.unwrap_or_default();
        let of_commit = stored.entries.iter().filter(|entry| entry.commit == id);
        let read = of_commit.map(|entry| {
            let report: Report = codec::get(self, entry.report)?;
            // A newer program may have written what this one does not know.
            Ok(serde_json::from_str(&report.json).ok())
        });
        read.filter_map(Result::transpose).collect()
    }

    /// Stores evaluations. One takes the place of an earlier one like it.
    pub(crate) fn store_evaluations(
        &self,
        actor: &Actor,
        evaluations: &[(Id<Commit>, Evaluation)],
    ) -> Result<(), LedgerError> {
        let was = self.stored()?;
        let mut entries = Vec::new();
        for entry in was.iter().flat_map(|was| &was.entries) {
            let report: Report = codec::get(self, entry.report)?;
            let old: Option<Evaluation> = serde_json::from_str(&report.json).ok();
            let replaced = evaluations.iter().any(|(commit, new)| {
                *commit == entry.commit && old.as_ref().is_some_and(|old| old.is_like(new))
            });
            if !replaced && self.bytes(entry.commit.as_bytes())?.is_some() {
                entries.push(entry.clone());
            }
        }
        let mut draft = Draft::new(self);
        for (commit, evaluation) in evaluations {
            let json = serde_json::to_string(evaluation)
                .expect("because an evaluation is numbers and strings");
            entries.push(Entry { commit: *commit, report: draft.put(&Report::whole(json)) });
        }
        entries.sort_by_key(|entry| entry.commit);
        let to = Evaluations { entries };
        Update::new(draft.into_new())
            .rooting(EVALUATIONS, was.as_ref(), Some(&to))
            .apply(self, actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let entry = Entry { commit: Id::from_bytes([7; 32]), report: Id::from_bytes([9; 32]) };
        let evaluations = Evaluations { entries: vec![entry] };
        let expected =
            [[0x1c, 1].as_slice(), &[1, 0, 0, 0, 0, 0, 0, 0], &[7; 32], &[9; 32]].concat();
        assert_eq!(codec::encode(&evaluations), expected);
        assert_eq!(codec::decode::<Evaluations>(&expected).unwrap(), evaluations);
    }
}

//! `add`: triples to the stage.

use serde::Serialize;

use crate::{
    eval::dataset::Requests,
    fact::{
        AddOutcome, Fact, Role,
        read::{Position, ReadError},
    },
    ledger::{Actor, LedgerError, Repo, write::Change},
};

/// What `add` staged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddReport {
    /// What the facts were added as.
    pub role: Role,
    /// What became of the triples.
    #[serde(flatten)]
    pub outcome: AddOutcome,
    /// Facts on the stage now, retractions among them.
    pub staged: u64,
    /// What of a dataset was left out and why, in words.
    pub notes: Vec<String>,
}

impl Repo {
    /// Stages the facts and words of `input`, all of them or none. With `replace`, facts staged
    /// earlier give way.
    ///
    /// # Errors
    /// When the input cannot be read, makes no sense, or contradicts itself or the stage.
    pub fn add(
        &self,
        actor: &Actor,
        input: impl IntoIterator<Item = Result<(Fact, Position), ReadError>>,
        role: Role,
        replace: bool,
    ) -> Result<AddReport, LedgerError> {
        // Read first: input may be slow, and the store is not to be held that long.
        let input: Vec<_> = input.into_iter().collect();
        let ledger = self.read()?;
        let (_, commit) = ledger.head_commit()?;
        let before = ledger.stage()?;
        let (after, outcome) = before.add(&ledger, commit.roots(), input, role, replace)?;
        let staged = after.changes.len() as u64;
        if after != before {
            Change::default().staging(&before, &after).apply(&ledger, actor)?;
        }
        Ok(AddReport { role, outcome, staged, notes: Vec::new() })
    }

    /// Stages what a dataset asks to be edited in, with the words for it, all of it or nothing. With
    /// `replace`, facts staged earlier give way.
    ///
    /// # Errors
    /// When words make no sense, or facts exclude one another or what is staged.
    pub fn add_requests(
        &self,
        actor: &Actor,
        requests: Requests,
        replace: bool,
    ) -> Result<AddReport, LedgerError> {
        let Requests { triples, skipped, unusable } = requests;
        let report = self.add(actor, triples.into_iter().map(Ok), Role::Edit, replace)?;
        let left_out = [
            (skipped, "record", "an earlier one answers the same question"),
            (unusable, "paraphrase", "without its subject, or with braces"),
        ];
        let notes = left_out.into_iter().filter(|(count, ..)| *count > 0);
        let notes = notes
            .map(|(count, what, why)| {
                let plural = if count == 1 { "" } else { "s" };
                format!("{count} {what}{plural} skipped: {why}")
            })
            .collect();
        Ok(AddReport { notes, ..report })
    }
}

//! `add`: triples to the stage.

use serde::Serialize;

use crate::{
    codec::Draft,
    eval::dataset::Requests,
    fact::{AddOutcome, Intake, Role, StageError, StoredStage, read::LeftOut},
    id::Id,
    ledger::{LedgerError, Repo, actor::Actor, state::roots::STAGE},
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
    /// What of the input was left out and why, in words.
    pub notes: Vec<String>,
}

impl Repo {
    /// Stages the facts and words of `input`, all of them or none. With `replace`, facts staged
    /// earlier give way.
    ///
    /// # Errors
    /// When the input makes no sense, or contradicts itself or the stage.
    pub fn add(
        &self,
        actor: &Actor,
        input: Intake,
        role: Role,
        replace: bool,
    ) -> Result<AddReport, LedgerError> {
        let ledger = self.read()?;
        let (_, commit) = ledger.head_commit()?;
        let before = ledger.session.root(STAGE)?.map(Id::from_bytes);
        let mut draft = Draft::new(&ledger);
        let LeftOut { blank, other_graph } = input.left_out();
        let left_out =
            [(blank, "triple", "with a blank node"), (other_graph, "triple", "in another graph")];
        let (after, outcome) =
            StoredStage::add(&mut draft, before, commit.roots(), input, role, replace)?;
        let staged = ledger.restage(actor, draft, before, after)?;
        Ok(AddReport { role, outcome, staged, notes: skipped(left_out) })
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
        let Requests { triples, skipped: records, unusable } = requests;
        let input = Intake::of(triples.into_iter().map(Ok)).map_err(StageError::Read)?;
        let report = self.add(actor, input, Role::Edit, replace)?;
        let left_out = [
            (records, "record", "an earlier one answers the same question"),
            (unusable, "paraphrase", "without its subject, or with braces"),
        ];
        Ok(AddReport { notes: skipped(left_out), ..report })
    }
}

/// Says how many of what were left out, and why.
fn skipped(left_out: [(u64, &str, &str); 2]) -> Vec<String> {
    let some = left_out.into_iter().filter(|(count, ..)| *count > 0);
    let note = |(count, what, why)| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural} skipped: {why}")
    };
    some.map(note).collect()
}

//! `rm`: retractions to the stage.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    codec::Draft,
    fact::{Intake, RemoveOutcome, Role, StageError, StagedChange, StoredStage, read::Position},
    id::Id,
    ledger::{
        LedgerError, Repo,
        actor::Actor,
        history::select::About,
        state::{open::Ledger, roots::STAGE},
    },
};

/// What `rm` staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RmReport {
    /// What the facts were.
    pub role: Role,
    /// What became of them.
    #[serde(flatten)]
    pub outcome: RemoveOutcome,
    /// Facts on the stage now, retractions among them.
    pub staged: u64,
}

impl Repo {
    /// Takes back the facts of `input`: staged ones leave the stage, committed ones are staged to be
    /// retracted.
    ///
    /// # Errors
    /// When the input holds words or a fact is neither staged nor committed.
    pub fn rm(&self, actor: &Actor, input: Intake, role: Role) -> Result<RmReport, LedgerError> {
        remove(&self.read()?, actor, input, role)
    }

    /// Takes back all facts that are `about` something, as [`Repo::rm`] does.
    ///
    /// # Errors
    /// When there is none.
    pub fn rm_about(
        &self,
        actor: &Actor,
        about: &About,
        role: Role,
    ) -> Result<RmReport, LedgerError> {
        let ledger = self.read()?;
        let (_, commit) = ledger.head_commit()?;
        let mut lexicon = ledger.lexicon(&commit);
        let stage = ledger.stored_stage()?;
        if let Some(stage) = &stage {
            lexicon = lexicon.with(stage.words);
        }
        let mut found = match role {
            Role::Edit => about.facts(&ledger, &lexicon, commit.facts)?,
            Role::Neighbourhood => about.facts_in(&ledger, &lexicon, commit.neighbourhood)?,
        };
        if let Some(stage) = stage {
            let staged = match role {
                Role::Edit => stage.changes,
                Role::Neighbourhood => stage.neighbourhood,
            };
            for (key, staged) in about.staged_in(&ledger, &lexicon, staged)? {
                // Those that are to be taken back hold until then.
                if let StagedChange::Set(fact) = staged.change {
                    found.insert(key, fact);
                }
            }
        }
        if found.is_empty() {
            return Err(LedgerError::NoFact { what: about.to_string() });
        }
        let source: Arc<str> = about.to_string().into();
        let position = Position { source, line: 1, column: None };
        let triples = found.into_values().map(|fact| Ok((fact, position.clone())));
        let input = Intake::of(triples).map_err(StageError::Read)?;
        remove(&ledger, actor, input, role)
    }
}

fn remove(
    ledger: &Ledger<'_>,
    actor: &Actor,
    input: Intake,
    role: Role,
) -> Result<RmReport, LedgerError> {
    let (_, commit) = ledger.head_commit()?;
    let before = ledger.session.root(STAGE)?.map(Id::from_bytes);
    let mut draft = Draft::new(ledger);
    let (after, outcome) = StoredStage::remove(&mut draft, before, commit.roots(), input, role)?;
    let staged = ledger.restage(actor, draft, before, after)?;
    Ok(RmReport { role, outcome, staged })
}

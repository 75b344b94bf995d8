//! `rm`: retractions to the stage.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    fact::{
        Change as Planned, Fact, RemoveOutcome, Role,
        read::{Position, ReadError},
    },
    ledger::{About, Actor, LedgerError, Repo, read::Ledger, write::Change},
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
    /// When the input cannot be read or a fact is neither staged nor committed.
    pub fn rm(
        &self,
        actor: &Actor,
        input: impl IntoIterator<Item = Result<(Fact, Position), ReadError>>,
        role: Role,
    ) -> Result<RmReport, LedgerError> {
        let input: Vec<_> = input.into_iter().collect();
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
        let stage = ledger.stage()?;
        let (held, staged) = match role {
            Role::Edit => (commit.facts, &stage.changes),
            Role::Neighbourhood => (commit.neighbourhood, &stage.neighbourhood),
        };
        let lexicon = stage.lexicon(&ledger, commit.roots()).in_language(&self.config().language);
        let mut found = about.facts_in(&ledger, &lexicon, held)?;
        for (key, staged) in staged {
            match &staged.change {
                Planned::Set(fact) if about.matches(&lexicon, fact)? => {
                    found.insert(*key, fact.clone());
                }
                Planned::Set(_) => {}
                Planned::Retract(_) => drop(found.remove(key)),
            }
        }
        if found.is_empty() {
            return Err(LedgerError::NoFact { what: about.to_string() });
        }
        let source: Arc<str> = about.to_string().into();
        let position = Position { source, line: 1, column: None };
        let input = found.into_values().map(|fact| Ok((fact, position.clone()))).collect();
        remove(&ledger, actor, input, role)
    }
}

fn remove(
    ledger: &Ledger<'_>,
    actor: &Actor,
    input: Vec<Result<(Fact, Position), ReadError>>,
    role: Role,
) -> Result<RmReport, LedgerError> {
    let (_, commit) = ledger.head_commit()?;
    let before = ledger.stage()?;
    let (after, outcome) = before.remove(ledger, commit.roots(), input, role)?;
    let staged = after.changes.len() as u64;
    if after != before {
        Change::default().staging(&before, &after).apply(ledger, actor)?;
    }
    Ok(RmReport { role, outcome, staged })
}

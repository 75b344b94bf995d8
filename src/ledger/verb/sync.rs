//! `add --sync`: what a source says now, and no more what it said before.
//!
//! What a source said before is told by the places of facts: it is what holds at HEAD and was read there, and what is
//! staged from there.

use std::collections::BTreeSet;

use serde::Serialize;

use super::add::{AddOptions, AddReport};
use crate::{
    codec::{self, Draft},
    fact::{
        Fact, FactKey, Intake, Role, Roots, StageError, StagedChange, StoredStage, fact_key,
        read::{Choice, Position},
        staged_key, tree,
    },
    id::Id,
    ledger::{LedgerError, Repo, actor::Actor, state::open::Ledger},
};

/// What became of facts that a source said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// How many there were, committed or staged.
    pub before: u64,
    /// Of these, committed ones that are staged to be taken back.
    pub retracted: u64,
    /// Staged ones that are staged no longer.
    pub unstaged: u64,
}

impl Repo {
    /// [`Repo::add_with`] of what the source `name` says now in `choice`; what it said before and says no more is taken
    /// back.
    ///
    /// # Errors
    /// As for [`Repo::add_with`].
    pub fn sync(
        &self,
        actor: &Actor,
        input: Intake,
        (name, choice): (&str, &Choice),
        options: AddOptions,
    ) -> Result<AddReport, LedgerError> {
        self.add_and_take_back(actor, input, options, Some(Earlier { name, choice }))
    }
}

/// A source that said something before.
#[derive(Clone, Copy)]
pub(super) struct Earlier<'a> {
    name: &'a str,
    /// What of it is looked at.
    choice: &'a Choice,
}

/// What a source says no more.
pub(super) struct Gone {
    /// How many facts it said.
    before: u64,
    /// Facts that are staged, and where.
    staged: Vec<(FactKey, Fact)>,
    /// Facts that hold at HEAD, and where.
    held: Vec<(FactKey, Fact)>,
}

impl Earlier<'_> {
    /// Whether something was read at `place` of the source.
    fn has(&self, place: &str, fact: &Fact) -> bool {
        let within = place.strip_prefix(self.name).is_some_and(|rest| rest.starts_with(':'));
        within && self.choice.takes(&fact.predicate)
    }

    /// What it said before and is not in `input`, from which words that are known already are taken out.
    pub(super) fn gone(self, ledger: &Ledger<'_>, input: &mut Intake) -> Result<Gone, LedgerError> {
        let said = input.whole_keys();
        let (head, commit) = ledger.head_commit()?;
        let mut lexicon = ledger.lexicon(&commit);
        if let Some(stage) = ledger.stored_stage()? {
            lexicon = lexicon.with(stage.words);
        }
        input.leave_out_known(|iri| lexicon.words(iri))?;
        let mut gone = Gone { before: 0, staged: Vec::new(), held: Vec::new() };
        // Keys under which something else will hold than what is committed.
        let mut settled = BTreeSet::new();
        if let Some(stage) = ledger.stored_stage()? {
            for entry in tree::iter(ledger, stage.changes) {
                let (key, staged) = entry?;
                let key = fact_key(key);
                match staged.change {
                    StagedChange::Set(fact) if self.has(&staged.source, &fact) => {
                        gone.before += 1;
                        if said.contains(&fact.key(true)) {
                            settled.insert(key);
                        } else {
                            gone.staged.push((key, fact));
                        }
                    }
                    StagedChange::Set(_) | StagedChange::Retract(_) => {
                        settled.insert(key);
                    }
                }
            }
        }
        let wanted = |_, fact: &Fact| Ok::<_, LedgerError>(self.choice.takes(&fact.predicate));
        let mut held = tree::select(ledger, commit.facts, &wanted)?;
        held.retain(|key, _| !settled.contains(key));
        let origins = ledger.origins(head, held.keys().copied().collect())?;
        let citations = ledger.citation_views(&origins)?;
        let replaced: BTreeSet<FactKey> = gone.staged.iter().map(|(key, _)| *key).collect();
        for (key, fact) in held {
            if citations.get(&key).is_some_and(|citation| self.has(&citation.place, &fact)) {
                gone.before += u64::from(!replaced.contains(&key));
                if !said.contains(&fact.key(true)) {
                    gone.held.push((key, fact));
                }
            }
        }
        Ok(gone)
    }
}

impl Gone {
    /// The stage `before` without these facts, or with them retracted.
    pub(super) fn take_back(
        &self,
        draft: &mut Draft<'_>,
        before: Option<Id<StoredStage>>,
        roots: Roots,
    ) -> Result<Option<Id<StoredStage>>, LedgerError> {
        if self.staged.is_empty() && self.held.is_empty() {
            return Ok(before);
        }
        let position = Position { source: "sync".into(), line: 0, column: None };
        // What is staged goes first: what it is in place of can be taken back then.
        let all = self.staged.iter().chain(&self.held);
        let triples = all.map(|(_, fact)| Ok((fact.clone(), position.clone())));
        let input = Intake::of(triples).map_err(StageError::Read)?;
        Ok(Some(StoredStage::remove(draft, before, roots, input, Role::Edit)?.0))
    }

    /// What became of them in the stage `after`.
    pub(super) fn counted(
        &self,
        draft: &Draft<'_>,
        after: Id<StoredStage>,
    ) -> Result<Synced, LedgerError> {
        let stage = codec::get(draft, after)?;
        let now = |key: &FactKey| tree::get(draft, stage.changes, staged_key(*key));
        let mut synced = Synced { before: self.before, retracted: 0, unstaged: 0 };
        let held: BTreeSet<FactKey> = self.held.iter().map(|(key, _)| *key).collect();
        for key in &held {
            let staged = now(key)?;
            let retracted =
                staged.is_some_and(|staged| matches!(staged.change, StagedChange::Retract(_)));
            synced.retracted += u64::from(retracted);
        }
        for (key, _) in &self.staged {
            synced.unstaged += u64::from(!held.contains(key) && now(key)?.is_none());
        }
        Ok(synced)
    }
}

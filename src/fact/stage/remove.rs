//! Taking facts back, which is a change of a stage's trees.

use std::collections::BTreeMap;

use super::{
    Intake, RemoveOutcome, Role, Roots, StageError, Staged, StagedChange,
    call::{Many, Trees, read, sorted, together_end},
    gathered::Order,
};
use crate::{
    codec::{self, Draft, Verbatim},
    fact::{
        lexicon::Lexicon,
        stored::{StoredStage, fact_key, staged_key},
        tree,
    },
    id::Id,
};

impl StoredStage {
    /// The stage `before`, or an empty one, with the facts of `intake` taken back: a staged one is unstaged,
    /// a committed one is staged to be retracted. Its objects are in `draft`.
    ///
    /// # Errors
    /// When `intake` holds words, or a fact is neither staged nor committed.
    pub fn remove(
        draft: &mut Draft<'_>,
        before: Option<Id<Self>>,
        committed: Roots,
        intake: Intake,
        role: Role,
    ) -> Result<(Id<Self>, RemoveOutcome), StageError> {
        let Intake { bytes, facts, predicates, words, .. } = intake;
        if let Some(position) = words.first() {
            return Err(StageError::WordsToRemove(position.clone()));
        }
        let mut stage = match before {
            Some(before) => codec::get(draft, before)?,
            None => Self::empty(draft),
        };
        let (held, staged) = match role {
            Role::Edit => (committed.facts, &mut stage.changes),
            Role::Neighbourhood => (committed.neighbourhood, &mut stage.neighbourhood),
        };
        let trees = Trees::new(draft, held, Some(*staged))?;
        let lexicon = Lexicon::new(draft, committed.lexicon).with(stage.words);
        let many = Many::among(&predicates, &lexicon)?;
        let mut outcome = RemoveOutcome::default();
        let mut changes = BTreeMap::new();
        let order = bytes.order();
        let mut missing = Missing { order: &order, first: None, total: 0 };
        let facts = sorted(facts, &bytes);
        let mut done = 0;
        while done < facts.len() {
            let end = together_end(&facts, done);
            let mut known = trees.known(&facts[done..end], &many)?;
            for (question, fact) in &facts[done..end] {
                let Some(Verbatim(bytes)) = fact else { continue };
                let many = many.valued(bytes);
                let Staged {
                    change: StagedChange::Set(fact) | StagedChange::Retract(fact),
                    source,
                } = read(bytes);
                let (key, held) = known.locate(fact_key(*question), &fact, many);
                match known.staged.get(&key).map(|staged| &staged.change) {
                    Some(StagedChange::Set(set)) if *set == fact => {
                        known.staged.remove(&key);
                        changes.insert(staged_key(key), None);
                        outcome.unstaged += 1;
                    }
                    Some(StagedChange::Retract(retracted)) if *retracted == fact => {
                        outcome.duplicates += 1;
                    }
                    None if held == Some(&fact) => {
                        let retracted = Staged { change: StagedChange::Retract(fact), source };
                        known.staged.insert(key, retracted.clone());
                        changes.insert(staged_key(key), Some(retracted));
                        outcome.retracted += 1;
                    }
                    _ => missing.take(bytes),
                }
            }
            done = end;
        }
        missing.none()?;
        *staged = tree::update(draft, *staged, &changes)?;
        if role == Role::Edit {
            stage.uncite(draft, changes.into_keys())?;
        }
        Ok((draft.put(&stage), outcome))
    }
}

/// Facts that are neither staged nor committed.
struct Missing<'b> {
    order: &'b Order,
    /// The one that was read first.
    first: Option<&'b [u8]>,
    total: u64,
}

impl<'b> Missing<'b> {
    fn take(&mut self, bytes: &'b [u8]) {
        let earlier = |first: &&[u8]| self.order.of(first) < self.order.of(bytes);
        self.first = self.first.filter(earlier).or(Some(bytes));
        self.total += 1;
    }

    fn none(self) -> Result<(), StageError> {
        let Some(first) = self.first else { return Ok(()) };
        let Staged { change: StagedChange::Set(fact) | StagedChange::Retract(fact), source } =
            read(first);
        let first = Box::new(fact);
        Err(StageError::NotHeld { first, source_name: source, total: self.total })
    }
}

//! Adding to a stage, which is a change of its trees.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{
    AddOutcome, Conflict, Intake, Role, Roots, StageError, Staged, StagedChange,
    call::{Known, Many, Planned, Trees, as_it_is, key_end, read, sorted, together_end},
    gathered::Order,
};
use crate::{
    codec::{self, Draft, Verbatim},
    fact::{
        lexicon::Lexicon,
        stored::{StagedTree, StoredStage, fact_key, staged_key},
        tree,
        triple::FactKey,
    },
    id::Id,
};

/// How many conflicts are listed in full.
const LISTED: usize = 20;

impl StoredStage {
    /// The stage `before`, or an empty one, with `intake` on top; its objects are in `draft`. Words go to
    /// the lexicon whatever the `role`; a fact that is already committed is dropped, and takes a staged
    /// change of it back where `replace` is set.
    ///
    /// # Errors
    /// When facts exclude one another; every conflict of the call is counted.
    pub fn add(
        draft: &mut Draft<'_>,
        before: Option<Id<Self>>,
        committed: Roots,
        mut intake: Intake,
        role: Role,
        replace: bool,
    ) -> Result<(Id<Self>, AddOutcome), StageError> {
        let attributed = intake.take_attributed();
        let Intake { bytes, facts, predicates, words: sayings, .. } = intake;
        let before = before.map(|id| codec::get(draft, id)).transpose()?;
        let (words, outcome) = sayings.stage(draft, before.map(|before| before.words))?;

        // Only now: whether a predicate has many values may be said after its facts.
        let staged = before.map(|before| match role {
            Role::Edit => before.changes,
            Role::Neighbourhood => before.neighbourhood,
        });
        let held = match role {
            Role::Edit => committed.facts,
            Role::Neighbourhood => committed.neighbourhood,
        };
        let lexicon = Lexicon::new(draft, committed.lexicon).with(words);
        let many = Many::among(&predicates, &lexicon)?;
        let trees = Trees::new(draft, held, staged)?;
        let conflicts = BTreeMap::new();
        let order = bytes.order();
        let mut call = Call { trees, many, order: &order, replace, outcome, conflicts, total: 0 };
        let facts = sorted(facts, &bytes);
        let changes = call.changes(facts)?;
        let outcome = call.finish()?;

        let staged = match staged {
            Some(root) => tree::update_encoded(draft, root, &changes, &as_it_is)?,
            None => tree::build_encoded(draft, &changes, &as_it_is),
        };
        let cited = before.and_then(|before| *before.citations);
        let citations = match role {
            Role::Edit => attributed.cited(draft, cited, changes, &order)?,
            Role::Neighbourhood => cited,
        };
        let citations = citations.into();
        drop(bytes);
        let other = |draft: &mut Draft<'_>, root: fn(&Self) -> Id<StagedTree>| match &before {
            Some(before) => root(before),
            None => tree::empty(draft),
        };
        let after = match role {
            Role::Edit => Self {
                changes: staged,
                words,
                neighbourhood: other(draft, |before| before.neighbourhood),
                citations,
            },
            Role::Neighbourhood => Self {
                changes: other(draft, |before| before.changes),
                words,
                neighbourhood: staged,
                citations,
            },
        };
        Ok((draft.put(&after), outcome))
    }
}

/// The facts of a question that came before another in the call.
#[derive(Default)]
struct Before {
    /// The one whose key is the question.
    at_question: Option<Staged>,
    /// The keys of all.
    keys: BTreeSet<FactKey>,
}

/// One call, half way through.
struct Call<'a> {
    trees: Trees<'a>,
    many: Many,
    order: &'a Order,
    replace: bool,
    outcome: AddOutcome,
    /// The first conflicts, by where their second fact is.
    conflicts: BTreeMap<usize, Conflict>,
    total: u64,
}

impl Call<'_> {
    /// What `facts`, sorted by question, change, ascending by key; it is put in their place.
    fn changes<'b>(&mut self, mut facts: Vec<Planned<'b>>) -> Result<Vec<Planned<'b>>, StageError> {
        let (mut done, mut kept, mut ascend) = (0, 0, true);
        while done < facts.len() {
            let end = together_end(&facts, done);
            let known = self.trees.known(&facts[done..end], &self.many)?;
            while done < end {
                let next = key_end(&facts, done);
                let mut before = Before::default();
                for at in done..next {
                    let (question, fact) = facts[at];
                    let Some(Verbatim(fact)) = fact else { continue };
                    let many = self.many.valued(fact);
                    let question = fact_key(question);
                    let change = if next - done == 1 && !many && known.says_nothing_of(question) {
                        self.outcome.added += 1;
                        Some((question, Some(fact)))
                    } else {
                        self.set(&known, &mut before, question, fact, many)
                    };
                    if let Some((key, value)) = change {
                        ascend &= key == question;
                        facts[kept] = (staged_key(key), value.map(Verbatim));
                        kept += 1;
                    }
                }
                done = next;
            }
        }
        facts.truncate(kept);
        if !ascend {
            facts.par_sort_unstable_by_key(|(key, _)| *key);
        }
        Ok(facts)
    }

    /// What the fact with these `bytes` changes under which key. `before` are the facts of its question
    /// that came before it in the call.
    fn set<'b>(
        &mut self,
        known: &Known,
        before: &mut Before,
        question: FactKey,
        bytes: &'b [u8],
        many: bool,
    ) -> Option<(FactKey, Option<&'b [u8]>)> {
        let new = read(bytes);
        let fact = new.change.fact();
        let (key, committed) = match &before.at_question {
            None => known.locate(question, fact, many),
            Some(first) if first.change.fact() == fact => (question, known.held.get(&question)),
            // What was staged there is so no longer.
            Some(_) => known.locate_committed(question, fact, many),
        };
        if key == question
            && let Some(earlier) = &before.at_question
        {
            if earlier.change.fact() == fact {
                self.outcome.duplicates += 1;
            } else {
                self.conflict(bytes, earlier, new, false);
            }
            return None;
        }
        if !before.keys.insert(key) {
            // The key is of the whole fact.
            self.outcome.duplicates += 1;
            return None;
        }
        if key == question {
            before.at_question = Some(new.clone());
        }
        let committed_already = committed == Some(fact);
        let occupied = match known.staged.get(&key) {
            Some(Staged { change: StagedChange::Set(staged), .. }) if staged == fact => {
                self.outcome.duplicates += 1;
                return None;
            }
            Some(staged @ Staged { change: StagedChange::Set(_), .. }) if !self.replace => {
                self.conflict(bytes, staged, new, true);
                return None;
            }
            Some(_) => true,
            None if committed_already => {
                self.outcome.unchanged += 1;
                return None;
            }
            None => committed.is_some(),
        };
        if occupied {
            self.outcome.replaced += 1;
        } else {
            self.outcome.added += 1;
        }
        Some((key, (!committed_already).then_some(bytes)))
    }

    fn conflict(&mut self, at: &[u8], first: &Staged, second: Staged, earlier: bool) {
        self.total += 1;
        let at = self.order.of(at);
        let last = self.conflicts.last_key_value().map(|(last, _)| *last);
        if self.conflicts.len() == LISTED && last < Some(at) {
            return;
        }
        let fact = |staged: Staged| match staged.change {
            StagedChange::Set(fact) | StagedChange::Retract(fact) => (fact, staged.source),
        };
        let ((first, first_source), (second, second_source)) = (fact(first.clone()), fact(second));
        let conflict = Conflict { first, first_source, second, second_source, earlier };
        self.conflicts.insert(at, conflict);
        if self.conflicts.len() > LISTED {
            self.conflicts.pop_last();
        }
    }

    fn finish(self) -> Result<AddOutcome, StageError> {
        if self.total > 0 {
            let conflicts = self.conflicts.into_values().collect();
            return Err(StageError::Conflicts { conflicts, total: self.total });
        }
        Ok(self.outcome)
    }
}

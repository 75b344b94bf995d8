//! Adding to a stage, which is a change of its trees.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{
    AddOutcome, Change, Conflict, Intake, Role, Roots, StageError, Staged,
    call::{Held, Many},
};
use crate::{
    codec::{self, Draft, ObjectError, Objects, Verbatim},
    fact::{
        lexicon::Lexicon,
        stored::{StagedTree, StoredStage, fact_key, load_words, staged_key, store_words},
        tree::{self, FactTree},
        triple::FactKey,
        words::{self, Addition},
    },
    id::Id,
};

/// How many conflicts are listed in full.
const LISTED: usize = 20;
/// About so many facts are looked up together.
const TOGETHER: usize = 4096;

impl StoredStage {
    /// The stage `before`, or an empty one, with `intake` on top; its objects are in `draft`. Words go to
    /// the lexicon whatever the `role`; a fact that is already committed is dropped, and takes a staged
    /// change of it back where `replace` is set.
    ///
    /// # Errors
    /// When words make no sense, or facts exclude one another; every conflict of the call is counted.
    pub fn add(
        draft: &mut Draft<'_>,
        before: Option<Id<Self>>,
        committed: Roots,
        intake: Intake,
        role: Role,
        replace: bool,
    ) -> Result<(Id<Self>, AddOutcome), StageError> {
        let Intake { bytes, facts, words: triples } = intake;
        let before = before.map(|id| codec::get(draft, id)).transpose()?;
        let mut outcome = AddOutcome::default();
        let mut words = match before {
            Some(before) => load_words(draft, before.words)?,
            None => BTreeMap::new(),
        };
        for (triple, position) in triples {
            match words::take(&mut words, &triple) {
                Ok(Some(Addition::Label)) => outcome.labels += 1,
                Ok(Some(Addition::Template)) => outcome.templates += 1,
                Ok(Some(Addition::Setting)) => outcome.settings += 1,
                Ok(None) => {}
                Err(problem) => {
                    return Err(StageError::Words { position, problem: Box::new(problem) });
                }
            }
        }

        // Only now: whether a predicate has many values may be said after its facts.
        let staged = before.map(|before| match role {
            Role::Edit => before.changes,
            Role::Neighbourhood => before.neighbourhood,
        });
        let held = match role {
            Role::Edit => committed.facts,
            Role::Neighbourhood => committed.neighbourhood,
        };
        let many = Many::new(Lexicon::new(draft, committed.lexicon).with(&words));
        let mut call = Call::new(draft, held, staged, many, replace, outcome)?;
        let facts = sorted(facts, &bytes);
        let changes = call.changes(facts)?;
        let outcome = call.finish()?;

        let staged = match staged {
            Some(root) => tree::update_sorted(draft, root, &changes)?,
            None => tree::build_sorted(draft, &changes),
        };
        drop(changes);
        drop(bytes);
        let other = |draft: &mut Draft<'_>, root: fn(&Self) -> Id<StagedTree>| match &before {
            Some(before) => root(before),
            None => tree::empty(draft),
        };
        let said = outcome.labels + outcome.templates + outcome.settings > 0;
        let words = match before {
            Some(before) if !said => before.words,
            _ => store_words(draft, &words),
        };
        let after = match role {
            Role::Edit => Self {
                changes: staged,
                words,
                neighbourhood: other(draft, |before| before.neighbourhood),
            },
            Role::Neighbourhood => Self {
                changes: other(draft, |before| before.changes),
                words,
                neighbourhood: staged,
            },
        };
        Ok((draft.put(&after), outcome))
    }
}

/// A fact under its question, or what it changes: the bytes of a [`Staged`] under its key.
type Planned<'b> = tree::Change<Staged, Verbatim<'b>>;

/// By question, and as read for each.
fn sorted(mut facts: Vec<(FactKey, usize, usize)>, bytes: &[u8]) -> Vec<Planned<'_>> {
    facts.par_sort_unstable();
    let planned = |(key, start, end)| (staged_key(key), Some(Verbatim(&bytes[start..end])));
    facts.into_iter().map(planned).collect()
}

/// One call, half way through.
struct Call<'a> {
    objects: &'a dyn Objects,
    /// What is committed; `None` where that is nothing.
    held: Option<Id<FactTree>>,
    /// What was staged before; `None` where that is nothing.
    staged: Option<Id<StagedTree>>,
    many: Many<'a>,
    replace: bool,
    outcome: AddOutcome,
    /// The first conflicts, by where their second fact is.
    conflicts: BTreeMap<usize, Conflict>,
    total: u64,
}

/// What is committed and staged under the keys of some facts.
#[derive(Default)]
struct Known {
    held: Held,
    staged: BTreeMap<FactKey, Staged>,
}

impl<'a> Call<'a> {
    fn new(
        objects: &'a dyn Objects,
        held: Id<FactTree>,
        staged: Option<Id<StagedTree>>,
        many: Many<'a>,
        replace: bool,
        outcome: AddOutcome,
    ) -> Result<Self, ObjectError> {
        let held = (tree::len(objects, held)? > 0).then_some(held);
        let staged = match staged {
            Some(root) if tree::len(objects, root)? > 0 => Some(root),
            _ => None,
        };
        let conflicts = BTreeMap::new();
        Ok(Self { objects, held, staged, many, replace, outcome, conflicts, total: 0 })
    }

    /// What `facts`, sorted by question, change, ascending by key; it is put in their place.
    fn changes<'b>(&mut self, mut facts: Vec<Planned<'b>>) -> Result<Vec<Planned<'b>>, StageError> {
        let (mut done, mut kept, mut ascend) = (0, 0, true);
        while done < facts.len() {
            let end = question_end(&facts, (done + TOGETHER).min(facts.len()) - 1);
            let known = self.known(&facts[done..end])?;
            while done < end {
                let next = question_end(&facts, done);
                let mut before = BTreeMap::new();
                for at in done..next {
                    let (question, fact) = facts[at];
                    let Some(Verbatim(fact)) = fact else { continue };
                    let many = self.many.valued(predicate(fact))?;
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

    /// What is known under the keys that `facts` may have.
    fn known(&mut self, facts: &[Planned<'_>]) -> Result<Known, ObjectError> {
        if self.held.is_none() && self.staged.is_none() {
            return Ok(Known::default());
        }
        let mut keys = Vec::with_capacity(facts.len());
        for (question, fact) in facts {
            keys.push(fact_key(*question));
            if let Some(Verbatim(fact)) = fact
                && self.many.valued(predicate(fact))?
            {
                keys.push(read(fact).change.fact().key(true));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let held = self.held.map(|root| Held::under(self.objects, root, &keys)).transpose()?;
        let keys: Vec<Id<Staged>> = keys.into_iter().map(staged_key).collect();
        let staged = self.staged.map(|root| tree::get_many(self.objects, root, &keys));
        let staged = staged.transpose()?.unwrap_or_default().into_iter();
        Ok(Known {
            held: held.unwrap_or_default(),
            staged: staged.map(|(key, staged)| (fact_key(key), staged)).collect(),
        })
    }

    /// What the fact with these `bytes` changes under which key. `before` are the facts of its question
    /// that came before it in the call.
    fn set<'b>(
        &mut self,
        known: &Known,
        before: &mut BTreeMap<FactKey, &'b [u8]>,
        question: FactKey,
        bytes: &'b [u8],
        many: bool,
    ) -> Option<(FactKey, Option<&'b [u8]>)> {
        let new = read(bytes);
        let fact = new.change.fact();
        let (key, committed) = match before.get(&question).map(|bytes| read(bytes)) {
            None => known.held.locate(&known.staged, question, fact, many),
            Some(first) if first.change.fact() == fact => (question, known.held.get(question)),
            // What was staged there is so no longer.
            Some(_) => known.held.locate(&BTreeMap::new(), question, fact, many),
        };
        if let Some(earlier) = before.get(&key).map(|bytes| read(bytes)) {
            if earlier.change.fact() == fact {
                self.outcome.duplicates += 1;
            } else {
                self.conflict(bytes, earlier, new, false);
            }
            return None;
        }
        before.insert(key, bytes);
        let committed_already = committed == Some(fact);
        let occupied = match known.staged.get(&key) {
            Some(Staged { change: Change::Set(staged), .. }) if staged == fact => {
                self.outcome.duplicates += 1;
                return None;
            }
            Some(staged @ Staged { change: Change::Set(_), .. }) if !self.replace => {
                self.conflict(bytes, staged.clone(), new, true);
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

    fn conflict(&mut self, at: &[u8], first: Staged, second: Staged, earlier: bool) {
        self.total += 1;
        let fact = |staged: Staged| match staged.change {
            Change::Set(fact) | Change::Retract(fact) => (fact, staged.source),
        };
        let ((first, first_source), (second, second_source)) = (fact(first), fact(second));
        let conflict = Conflict { first, first_source, second, second_source, earlier };
        self.conflicts.insert(at.as_ptr().addr(), conflict);
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

impl Known {
    fn says_nothing_of(&self, key: FactKey) -> bool {
        self.held.get(key).is_none() && !self.staged.contains_key(&key)
    }
}

/// Where the facts end that have the question of the one at `at`.
fn question_end(facts: &[Planned<'_>], at: usize) -> usize {
    let others = facts[at..].iter().take_while(|(question, _)| *question == facts[at].0);
    at + others.count()
}

fn read(bytes: &[u8]) -> Staged {
    codec::beginning(bytes).expect("because a staged change was written there")
}

fn predicate(bytes: &[u8]) -> &str {
    // The number of the change's variant comes first.
    let (_, _, predicate): (u32, &str, &str) =
        codec::beginning(bytes).expect("because a staged change was written there");
    predicate
}

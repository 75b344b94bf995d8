//! Two versions combined over a third: what merging, picking and reverting have in common.
//!
//! What counts is what each side changed since the base: a fact's object, or the column that holds
//! it. What one side changed alone is taken. Where both gave a fact different objects they clash, and
//! somebody has to say what is to hold. Then every fact that changed is held as on the side it came
//! from, by the same column, and the lineage follows from that.
//!
//! Reverting a commit combines HEAD with the commit's parent over the commit; picking one combines
//! HEAD with the commit over its parent; merging combines HEAD with the other tip over the best
//! common ancestor.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    codec::{Draft, ObjectError},
    commit::Commit,
    fact::{
        Fact, FactKey, Roots, Words,
        tree::{self, Clash},
    },
    id::Id,
    ledger::{error::LedgerError, lineage::line::Line, merge::how::Favour, state::open::Ledger},
};

/// A version, as far as combining needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) roots: Roots,
    pub(crate) line: Line,
}

/// Two sides in one.
#[derive(Debug)]
pub(crate) struct Combined {
    /// Both sides. What is open is as in ours, and facts of `edits` are held by nothing yet.
    pub(crate) side: Side,
    /// Facts held as in theirs now, by the same column or by none.
    pub(crate) taken: BTreeSet<FactKey>,
    /// Facts held as in the base again.
    pub(crate) back: BTreeSet<FactKey>,
    /// Facts that neither side holds, or that held together with what is gone: they have to be edited in.
    pub(crate) edits: BTreeMap<FactKey, Fact>,
    /// Clashes and what is to hold.
    pub(crate) settled: Vec<(Clash<Fact>, Option<Fact>)>,
    /// Clashes about which nothing was said.
    pub(crate) open: Vec<Clash<Fact>>,
}

impl Side {
    pub(crate) fn of(ledger: &Ledger<'_>, commit: &Commit) -> Result<Self, LedgerError> {
        Ok(Self { roots: commit.roots(), line: ledger.line(commit)? })
    }
}

/// Takes what changed from `base` to `theirs` into `ours`. Of clashes, `settled` says what is to hold,
/// and `favour` where it says nothing.
///
/// # Errors
/// When an object is missing or damaged.
pub(crate) fn combine(
    draft: &mut Draft<'_>,
    [base, ours, theirs]: [&Side; 3],
    favour: Favour,
    settled: &BTreeMap<FactKey, Option<Fact>>,
) -> Result<Combined, ObjectError> {
    let found = tree::merge3(draft, base.roots.facts, ours.roots.facts, theirs.roots.facts)?;
    let mut changes = found.changes;
    let mut taken: BTreeSet<FactKey> = changes.keys().copied().collect();
    let mut moved = base.line.moved(&theirs.line);
    let moved_here = base.line.moved(&ours.line);
    moved.retain(|key| !moved_here.contains(key));
    taken.extend(moved);
    let mut back = BTreeSet::new();
    let mut edits = BTreeMap::new();
    let (mut decided, mut open) = (Vec::new(), Vec::new());
    for clash in found.clashes {
        let key = clash.key;
        let holds = match (settled.get(&key), favour) {
            (Some(said), _) => said.clone(),
            (None, Favour::Nobody) => {
                open.push(clash);
                continue;
            }
            (None, Favour::Ours) => clash.ours.clone(),
            (None, Favour::Theirs) => clash.theirs.clone(),
            (None, Favour::Base) => clash.base.clone(),
        };
        if holds != clash.ours {
            changes.insert(key, holds.clone());
            if holds == clash.theirs {
                taken.insert(key);
            } else if holds == clash.base {
                back.insert(key);
            } else if let Some(fact) = &holds {
                edits.insert(key, fact.clone());
            }
        }
        decided.push((clash, holds));
    }
    let mut line = ours.line.clone();
    let mut fallen = line.let_go(&changes.keys().copied().collect());
    fallen.retain(|key| !taken.contains(key));
    // A delta without facts is there or not: what theirs changed of that cannot clash.
    let (had, have) = (base.line.wholes(), theirs.line.wholes());
    let wholes = had.symmetric_difference(&have).copied().collect();
    fallen.extend(line.hold_as_in(&theirs.line, &taken, &wholes));
    fallen.retain(|key| !back.contains(key));
    fallen.extend(line.hold_as_in(&base.line, &back, &BTreeSet::new()));
    let roots = Roots {
        facts: tree::update(draft, ours.roots.facts, &changes)?,
        lexicon: lexicon(draft, [base, ours, theirs], favour)?,
        neighbourhood: neighbourhood(draft, [base, ours, theirs], favour)?,
    };
    // What held together with something that went has to be edited again.
    for key in fallen {
        if let Some(fact) = tree::get(draft, roots.facts, key)? {
            edits.entry(key).or_insert(fact);
        }
    }
    let side = Side { roots, line };
    Ok(Combined { side, taken, back, edits, settled: decided, open })
}

fn lexicon(
    draft: &mut Draft<'_>,
    [base, ours, theirs]: [&Side; 3],
    favour: Favour,
) -> Result<Id<tree::LexiconTree>, ObjectError> {
    let ours = ours.roots.lexicon;
    let mut found = tree::merge3(draft, base.roots.lexicon, ours, theirs.roots.lexicon)?;
    for clash in found.clashes {
        let words = match (favour, clash.ours, clash.theirs) {
            (Favour::Ours, ..) => continue,
            (Favour::Base, ..) => clash.base,
            (Favour::Nobody, Some(ours), Some(theirs)) => Some(ours.beside(&theirs)),
            (Favour::Theirs, Some(ours), Some(theirs)) => Some(theirs.beside(&ours)),
            (_, ours, theirs) => ours.or(theirs),
        };
        found.changes.insert(clash.key, words);
    }
    tree::update::<Words>(draft, ours, &found.changes)
}

fn neighbourhood(
    draft: &mut Draft<'_>,
    [base, ours, theirs]: [&Side; 3],
    favour: Favour,
) -> Result<Id<tree::FactTree>, ObjectError> {
    let ours = ours.roots.neighbourhood;
    let mut found =
        tree::merge3(draft, base.roots.neighbourhood, ours, theirs.roots.neighbourhood)?;
    for clash in found.clashes {
        match favour {
            Favour::Nobody | Favour::Ours => {}
            Favour::Theirs => drop(found.changes.insert(clash.key, clash.theirs)),
            Favour::Base => drop(found.changes.insert(clash.key, clash.base)),
        }
    }
    tree::update(draft, ours, &found.changes)
}

/// The version at which the histories that end in `ours` and in `theirs` diverged; `None` when
/// they have nothing in common. Where there are several such commits they are combined themselves, and
/// what they disagree on is as it was before them, so that it counts as changed on both sides.
///
/// `scratch` gets nodes that belong to no version.
///
/// # Errors
/// When an object is missing or damaged.
pub(crate) fn common(
    ledger: &Ledger<'_>,
    scratch: &mut Draft<'_>,
    ours: &BTreeSet<Id<Commit>>,
    theirs: Id<Commit>,
) -> Result<Option<Side>, LedgerError> {
    let mut tips = BTreeSet::new();
    let mut side: Option<Side> = None;
    for base in ledger.merge_bases(ours, theirs)? {
        let next = Side::of(ledger, &ledger.commit(base)?)?;
        side = Some(match side {
            None => next,
            Some(side) => match common(ledger, scratch, &tips, base)? {
                None => side,
                Some(below) => {
                    let sides = [&below, &side, &next];
                    combine(scratch, sides, Favour::Base, &BTreeMap::new())?.side
                }
            },
        });
        tips.insert(base);
    }
    Ok(side)
}

#[cfg(test)]
mod tests;

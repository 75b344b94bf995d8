//! Facts put into words for reports.

use super::view::FactChange;
use crate::{
    codec::{ObjectError, Objects},
    commit::FactView,
    fact::{Fact, FactKey, FactTree, Lexicon, Term, tree},
    id::Id,
    ledger::error::LedgerError,
};

/// `fact` in words and as a triple.
///
/// # Errors
/// When the lexicon cannot be read.
pub(crate) fn fact_view(lexicon: &Lexicon<'_>, fact: &Fact) -> Result<FactView, ObjectError> {
    Ok(FactView {
        subject: lexicon.show(&Term::Iri(fact.subject.clone()))?,
        predicate: lexicon.show(&Term::Iri(fact.predicate.clone()))?,
        object: lexicon.show(&fact.object)?,
        triple: fact.to_string(),
    })
}

/// What became of a fact that was `before` and is `after`; `None` when it is the same.
///
/// # Errors
/// As [`fact_view`].
pub(crate) fn fact_change(
    lexicon: &Lexicon<'_>,
    before: Option<&Fact>,
    after: Option<&Fact>,
) -> Result<Option<FactChange>, ObjectError> {
    let before_view = before.map(|fact| fact_view(lexicon, fact)).transpose()?;
    let after_view = after.map(|fact| fact_view(lexicon, fact)).transpose()?;
    Ok(match (before_view, after_view) {
        (None, None) => None,
        (None, Some(after)) => Some(FactChange::Added { after }),
        (Some(before), None) => Some(FactChange::Removed { before }),
        (Some(_), Some(_)) if before == after => None,
        (Some(before), Some(after)) => Some(FactChange::Replaced { before, after }),
    })
}

/// The facts in which two trees differ, with their keys, sorted by what they say.
///
/// # Errors
/// When a tree or the lexicon cannot be read.
pub(crate) fn fact_changes(
    objects: &dyn Objects,
    lexicon: &Lexicon<'_>,
    from: Id<FactTree>,
    to: Id<FactTree>,
) -> Result<Vec<(FactKey, FactChange)>, LedgerError> {
    let mut changes = Vec::new();
    for difference in tree::diff(objects, from, to) {
        let (key, before, after) = difference?;
        if let Some(change) = fact_change(lexicon, before.as_ref(), after.as_ref())? {
            changes.push((key, change));
        }
    }
    changes.sort_by(|(_, a), (_, b)| triple(a).cmp(triple(b)));
    Ok(changes)
}

fn triple(change: &FactChange) -> &str {
    let fact = change.after().or_else(|| change.before());
    fact.map_or("", |fact| fact.triple.as_str())
}

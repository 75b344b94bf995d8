//! Where the facts of commits were read.
//!
//! Commits do not name it, so that the same edit has the same id however the files are called that it was read from.
//! It lies beside them, in a tree by commit of trees by fact. That tree keeps nothing alive: it is kept, and goes, with
//! its commit.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use super::{open::Ledger, update::Update};
use crate::{
    codec::{self, Draft, ObjectError, Objects},
    commit::Commit,
    fact::{
        Attribution, Citation, CitationTree, FactKey, StagedChange, StoredStage, fact_key,
        tree::{self, Entry, Node},
    },
    id::{Id, Kind},
    ledger::error::LedgerError,
};

/// Root of the store: the tree of them; absent while there are none.
pub(crate) const CITATIONS: &str = "citations";

/// Where the facts that a commit set were read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Cited {
    /// The commit.
    commit: Id<Commit>,
    /// Of each fact.
    facts: Id<CitationTree>,
}

impl Kind for Cited {
    const NAME: &'static str = "cited commit";
}

impl Entry for Cited {
    const NODE_NAME: &'static str = "cited commits";
    const NODE_TAG: u8 = 0x0b;
    const LONG_NAME: &'static str = "long cited commit";
    const LONG_TAG: u8 = 0x0c;

    fn belongs(&self, key: Id<Self>) -> bool {
        key_of(self.commit) == key
    }
}

const fn key_of(commit: Id<Commit>) -> Id<Cited> {
    Id::from_bytes(*commit.as_bytes())
}

/// The citations `before`, and those of what `stage` sets in their place.
///
/// # Errors
/// When a tree cannot be read.
pub(crate) fn with_stage(
    draft: &mut Draft<'_>,
    before: Option<Id<CitationTree>>,
    stage: &StoredStage,
) -> Result<Option<Id<CitationTree>>, ObjectError> {
    let mut changes = BTreeMap::new();
    for entry in tree::iter(draft, stage.changes) {
        let (key, staged) = entry?;
        let key = Citation::key(fact_key(key));
        let citation = match staged.change {
            StagedChange::Retract(_) => None,
            StagedChange::Set(_) => {
                let known =
                    stage.citations.map(|known| tree::get(draft, known, key)).transpose()?;
                let attribution = known.flatten().and_then(|citation| citation.attribution);
                Some(Citation { place: staged.source, attribution })
            }
        };
        changes.insert(key, citation);
    }
    changed(draft, before, &changes)
}

/// The citations `before` without those of the facts under `keys`, and without the texts in `quoted`.
///
/// # Errors
/// When a tree cannot be read.
pub(crate) fn without(
    draft: &mut Draft<'_>,
    before: Id<CitationTree>,
    keys: &BTreeSet<FactKey>,
    quoted: &BTreeSet<Id<Attribution>>,
) -> Result<Option<Id<CitationTree>>, ObjectError> {
    let mut changes: BTreeMap<_, _> = keys.iter().map(|key| (Citation::key(*key), None)).collect();
    let mut others = Vec::new();
    if !quoted.is_empty() {
        for entry in tree::iter(draft, before) {
            let (key, citation) = entry?;
            let quotes = citation.attribution.filter(|id| quoted.contains(id));
            others.extend(
                quotes.filter(|_| !changes.contains_key(&key)).map(|id| (key, citation.place, id)),
            );
        }
    }
    for (key, place, id) in others {
        let known = Attribution { text: None, ..codec::get(draft, id)? };
        let attribution = (!known.is_empty()).then(|| draft.put(&known));
        changes.insert(key, Some(Citation { place, attribution }));
    }
    changed(draft, Some(before), &changes)
}

/// The texts that said the facts under `keys`, of which `root` has citations.
///
/// # Errors
/// When a tree cannot be read.
pub(crate) fn quoted(
    objects: &dyn Objects,
    root: Id<CitationTree>,
    keys: &BTreeSet<FactKey>,
) -> Result<BTreeSet<Id<Attribution>>, ObjectError> {
    let keys: Vec<Id<Citation>> = keys.iter().map(|key| Citation::key(*key)).collect();
    let mut quoted = BTreeSet::new();
    for citation in tree::get_many(objects, root, &keys)?.into_values() {
        if let Some(id) = citation.attribution
            && codec::get(objects, id)?.text.is_some()
        {
            quoted.insert(id);
        }
    }
    Ok(quoted)
}

/// The citations `before` with `changes`; `None` where there is none.
///
/// # Errors
/// When a tree cannot be read.
pub(crate) fn changed(
    draft: &mut Draft<'_>,
    before: Option<Id<CitationTree>>,
    changes: &BTreeMap<Id<Citation>, Option<Citation>>,
) -> Result<Option<Id<CitationTree>>, ObjectError> {
    let root = match before {
        Some(before) => before,
        None => tree::empty(draft),
    };
    let root = tree::update(draft, root, changes)?;
    Ok((tree::len(draft, root)? > 0).then_some(root))
}

impl Ledger<'_> {
    fn cited_commits(&self) -> Result<Option<Id<Node<Cited>>>, LedgerError> {
        Ok(self.session.root(CITATIONS)?.map(Id::from_bytes))
    }

    /// Where the facts that a commit set were read, where that is known of any.
    pub(crate) fn cited(
        &self,
        commit: Id<Commit>,
    ) -> Result<Option<Id<CitationTree>>, LedgerError> {
        let Some(root) = self.cited_commits()? else { return Ok(None) };
        Ok(tree::get(self, root, key_of(commit))?.map(|cited| cited.facts))
    }

    /// Where a fact was read that a commit set.
    pub(crate) fn citation(
        &self,
        commit: Id<Commit>,
        fact: FactKey,
    ) -> Result<Option<Citation>, LedgerError> {
        let Some(facts) = self.cited(commit)? else { return Ok(None) };
        Ok(tree::get(self, facts, Citation::key(fact))?)
    }

    /// For each commit where its facts were read, where that is known.
    pub(crate) fn all_cited(&self) -> Result<BTreeMap<Id<Commit>, Id<CitationTree>>, LedgerError> {
        let Some(root) = self.cited_commits()? else { return Ok(BTreeMap::new()) };
        let entries = tree::iter(self, root);
        let entries = entries.map(|entry| entry.map(|(_, cited)| (cited.commit, cited.facts)));
        Ok(entries.collect::<Result<_, _>>()?)
    }
}

impl Update {
    /// Records where the facts of a new commit were read, where that is known; nodes of the tree are among the objects
    /// added.
    pub(crate) fn citing(
        self,
        ledger: &Ledger<'_>,
        commit: Id<Commit>,
        facts: Option<Id<CitationTree>>,
    ) -> Result<Self, LedgerError> {
        if facts.is_none() && ledger.cited(commit)?.is_none() {
            return Ok(self);
        }
        let cited = facts.map(|facts| Cited { commit, facts });
        let cited = BTreeMap::from([(key_of(commit), cited)]);
        self.changing_citations(ledger, Draft::new(ledger), &cited)
    }

    /// Takes it along to what commits are `now` that are rewritten without the facts under `keys`, and leaves the texts in
    /// `texts` out.
    pub(crate) fn moving_citations(
        self,
        ledger: &Ledger<'_>,
        commits: impl IntoIterator<Item = Id<Commit>>,
        (keys, texts): (&BTreeSet<FactKey>, &BTreeSet<Id<Attribution>>),
        now: &dyn Fn(Id<Commit>) -> Id<Commit>,
    ) -> Result<Self, LedgerError> {
        let mut draft = Draft::new(ledger);
        let mut changes = BTreeMap::new();
        for old in commits {
            let Some(facts) = ledger.cited(old)? else { continue };
            changes.insert(key_of(old), None);
            let commit = now(old);
            if commit != old
                && let Some(facts) = without(&mut draft, facts, keys, texts)?
            {
                changes.insert(key_of(commit), Some(Cited { commit, facts }));
            }
        }
        if changes.is_empty() { Ok(self) } else { self.changing_citations(ledger, draft, &changes) }
    }

    fn changing_citations(
        self,
        ledger: &Ledger<'_>,
        mut draft: Draft<'_>,
        changes: &BTreeMap<Id<Cited>, Option<Cited>>,
    ) -> Result<Self, LedgerError> {
        let was = ledger.cited_commits()?;
        let root = was.unwrap_or_else(|| tree::empty(&mut draft));
        let to = tree::update(&mut draft, root, changes)?;
        let bytes = |id: Id<Node<Cited>>| *id.as_bytes();
        Ok(self.adding(draft.into_new()).rerooting(CITATIONS, was.map(bytes), Some(bytes(to))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec,
        fact::tree::{Long, Slot},
    };

    #[test]
    fn golden_bytes() {
        let cited = Cited { commit: Id::from_bytes([7; 32]), facts: Id::from_bytes([9; 32]) };
        let key = key_of(cited.commit);
        assert!(cited.belongs(key) && !cited.belongs(Id::from_bytes([8; 32])));
        let fields = [[7; 32], [9; 32]].concat();
        let leaf = Node::Leaf(vec![(key, Slot::Inline(cited.clone()))]);
        let number = [1, 0, 0, 0, 0, 0, 0, 0];
        let bytes = [[0x0b, 1].as_slice(), &[0; 4], &number, &[7; 32], &[0; 4], &fields].concat();
        assert_eq!(codec::encode(&leaf), bytes);
        assert_eq!(codec::decode::<Node<Cited>>(&bytes).unwrap(), leaf);
        assert_eq!(codec::encode(&Long(cited)), [[0x0c, 1].as_slice(), &fields].concat());
    }
}

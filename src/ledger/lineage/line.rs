//! Which deltas, and which of their columns, make up a version.
//!
//! A fact that holds is held by a column of a delta or by several, and where it was edited again on top of that, by those of
//! later ones too: they add up. So all that ever happens to a lineage is
//! that facts let go of their columns, that a new delta is put at its end, or that facts take back the
//! columns they had in another version. A delta none of whose columns counts is left out. That makes
//! a lineage a function of which column holds which fact: taking back what the newest commit did
//! gives exactly its parent's lineage, and taking that back gives the commit's again. A delta that was
//! not made fact by fact, an imported one, is there or not there as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    codec::{self, Draft, ObjectError, Objects},
    delta::{Delta, Lineage},
    fact::FactKey,
    id::Id,
};

/// One delta of a lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The delta's id.
    pub id: Id<Delta>,
    /// The delta.
    pub delta: Arc<Delta>,
    /// Columns that do not count, ascending.
    pub dropped: BTreeSet<u32>,
}

/// A lineage in memory, oldest delta first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    entries: Vec<Entry>,
}

impl Entry {
    /// A delta of a lineage as its object says.
    #[must_use]
    pub fn new(id: Id<Delta>, delta: Delta, dropped: Vec<u32>) -> Self {
        Self { id, delta: Arc::new(delta), dropped: dropped.into_iter().collect() }
    }

    /// Its columns that count and whose each is. Facts that hold a delta together count as a column each, of which
    /// all count or none.
    fn live(&self) -> impl Iterator<Item = (u32, FactKey)> {
        (0u32..)
            .zip(self.delta.columns.iter().chain(self.delta.together.iter()).copied())
            .filter(|(column, _)| !self.dropped.contains(column))
    }

    /// Whether a column that counts holds one of `facts`.
    pub(crate) fn holds_any(&self, facts: &BTreeSet<FactKey>) -> bool {
        self.live().any(|(_, fact)| facts.contains(&fact))
    }

    /// Whether its facts hold it together.
    fn holds_together(&self) -> bool {
        !self.delta.together.is_empty()
    }

    /// Whether its delta was not made fact by fact.
    pub fn is_whole(&self) -> bool {
        self.delta.is_whole()
    }

    /// Whether it still adds anything.
    fn counts(&self) -> bool {
        // A delta that was not made fact by fact holds all of them together.
        self.is_whole() || self.live().next().is_some()
    }
}

/// The end of a lineage, oldest delta first.
pub(crate) struct Tail {
    /// The lineage it goes on from.
    pub after: Option<Id<Lineage>>,
    /// The lineages that end with each of its deltas.
    pub ids: Vec<Id<Lineage>>,
    /// Its deltas.
    pub entries: Vec<Entry>,
}

impl Tail {
    /// Reads what the lineage that ends at `newest` has after the newest of `known`.
    ///
    /// # Errors
    /// When one of its objects is missing or damaged.
    pub(crate) fn load(
        objects: &dyn Objects,
        mut newest: Option<Id<Lineage>>,
        known: &BTreeSet<Id<Lineage>>,
    ) -> Result<Self, ObjectError> {
        let (mut ids, mut entries) = (Vec::new(), Vec::new());
        while let Some(id) = newest.filter(|id| !known.contains(id)) {
            let node = codec::get(objects, id)?;
            ids.push(id);
            entries.push(Entry::new(node.delta, codec::get(objects, node.delta)?, node.dropped));
            newest = node.before;
        }
        ids.reverse();
        entries.reverse();
        Ok(Self { after: newest, ids, entries })
    }
}

impl Line {
    /// Reads the lineage that ends at `newest`.
    ///
    /// # Errors
    /// When one of its objects is missing or damaged.
    pub fn load(objects: &dyn Objects, newest: Option<Id<Lineage>>) -> Result<Self, ObjectError> {
        Ok(Self { entries: Tail::load(objects, newest, &BTreeSet::new())?.entries })
    }

    /// Its objects, oldest first.
    fn nodes(&self) -> Vec<(Id<Lineage>, Lineage)> {
        let mut nodes: Vec<(Id<Lineage>, Lineage)> = Vec::with_capacity(self.entries.len());
        for (length, entry) in (1u64..).zip(&self.entries) {
            let before = nodes.last().map(|(id, _)| *id);
            let dropped = entry.dropped.iter().copied().collect();
            let node = Lineage { before, delta: entry.id, dropped, length };
            nodes.push((codec::id_of(&node), node));
        }
        nodes
    }

    /// Its id; `None` for the base's own weights.
    #[must_use]
    pub fn id(&self) -> Option<Id<Lineage>> {
        self.ids().pop()
    }

    /// The ids of its first delta's lineage, of that of the first two, and so on.
    #[must_use]
    pub fn ids(&self) -> Vec<Id<Lineage>> {
        self.nodes().into_iter().map(|(id, _)| id).collect()
    }

    /// Adds those of its objects that are not stored yet to `draft`, and returns its id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn store(&self, draft: &mut Draft<'_>) -> Result<Option<Id<Lineage>>, ObjectError> {
        let nodes = self.nodes();
        for (id, node) in &nodes {
            if draft.bytes(id.as_bytes())?.is_none() {
                draft.put(node);
            }
        }
        Ok(nodes.last().map(|(id, _)| *id))
    }

    /// Its deltas, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Which columns of which deltas hold each fact, oldest first.
    #[must_use]
    pub fn holders(&self) -> BTreeMap<FactKey, Vec<(Id<Delta>, u32)>> {
        let mut holders: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in &self.entries {
            for (column, key) in entry.live() {
                holders.entry(key).or_default().push((entry.id, column));
            }
        }
        holders
    }

    /// The deltas that were not made fact by fact.
    #[must_use]
    pub fn wholes(&self) -> BTreeSet<Id<Delta>> {
        self.entries.iter().filter(|entry| entry.is_whole()).map(|entry| entry.id).collect()
    }

    /// These deltas alone: what facts are edited into.
    #[must_use]
    pub fn ground(&self) -> Self {
        let wholes = self.entries.iter().filter(|entry| entry.is_whole());
        Self { entries: wholes.cloned().collect() }
    }

    /// The facts that are not held by the same columns here and in `other`.
    #[must_use]
    pub fn moved(&self, other: &Self) -> BTreeSet<FactKey> {
        // Deltas that both have, with the same columns, need not be looked at.
        let only_in = |line: &Self, than: &Self| -> BTreeSet<(Id<Delta>, u32, FactKey)> {
            let known: BTreeMap<_, _> =
                than.entries.iter().map(|entry| (entry.id, &entry.dropped)).collect();
            let differ = |entry: &&Entry| known.get(&entry.id) != Some(&&entry.dropped);
            let entries = line.entries.iter().filter(differ);
            let columns =
                entries.flat_map(|entry| entry.live().map(|(column, key)| (entry.id, column, key)));
            columns.collect()
        };
        let (here, there) = (only_in(self, other), only_in(other, self));
        here.symmetric_difference(&there).map(|(.., key)| *key).collect()
    }

    /// Lets `facts` go of their columns. A delta that they hold together with others goes as well: gives these others,
    /// which have to be edited again if they are to hold.
    pub fn let_go(&mut self, facts: &BTreeSet<FactKey>) -> BTreeSet<FactKey> {
        let mut fallen = BTreeSet::new();
        for entry in &mut self.entries {
            let (gone, left): (Vec<_>, Vec<_>) =
                entry.live().partition(|(_, key)| facts.contains(key));
            if entry.holds_together() && !gone.is_empty() {
                entry.dropped.extend(left.iter().map(|(column, _)| column));
                fallen.extend(left.into_iter().map(|(_, key)| key));
            }
            entry.dropped.extend(gone.into_iter().map(|(column, _)| column));
        }
        self.entries.retain(Entry::counts);
        fallen
    }

    /// The facts that hold some delta together with others.
    #[must_use]
    pub fn together(&self) -> BTreeSet<FactKey> {
        self.entries.iter().flat_map(|entry| entry.delta.together.iter()).copied().collect()
    }

    /// By delta, the columns that say nothing of what an edit of `again` is to hold: their facts are among
    /// those, or a later column holds them too.
    #[must_use]
    pub fn superseded(&self, again: &[FactKey]) -> Vec<Vec<u32>> {
        let mut seen: BTreeSet<FactKey> = again.iter().copied().collect();
        let newest_first = self.entries.iter().rev();
        let mut superseded: Vec<Vec<u32>> = newest_first
            .map(|entry| {
                let known = entry.live().filter(|(_, key)| seen.contains(key));
                let known = known.map(|(column, _)| column).collect();
                // A fact can have several columns in a delta: none of them supersedes another.
                seen.extend(entry.live().map(|(_, key)| key));
                known
            })
            .collect();
        superseded.reverse();
        superseded
    }

    /// Puts a new delta at the end, all of whose columns count, beside those that its facts have not let
    /// go of.
    pub fn push(&mut self, delta: Delta) {
        let id = codec::id_of(&delta);
        self.entries.push(Entry { id, delta: Arc::new(delta), dropped: BTreeSet::new() });
    }

    /// Has `facts` held as they are in `other`: by the same columns, or by none; and has `wholes`,
    /// deltas that were not made fact by fact, be here if they are there. Deltas that come back for that
    /// get the place they have there. Gives the facts that have to be edited again if they are to hold: those that held
    /// a delta together with some of `facts`, here or there, but are not all among them.
    pub fn hold_as_in(
        &mut self,
        other: &Self,
        facts: &BTreeSet<FactKey>,
        wholes: &BTreeSet<Id<Delta>>,
    ) -> BTreeSet<FactKey> {
        let mut fallen = self.let_go(facts);
        self.entries.retain(|entry| !wholes.contains(&entry.id));
        let mut place = 0;
        for theirs in &other.entries {
            let taken: BTreeSet<u32> = theirs
                .live()
                .filter_map(|(column, key)| facts.contains(&key).then_some(column))
                .collect();
            match self.entries.iter().position(|ours| ours.id == theirs.id) {
                Some(at) => {
                    self.entries[at].dropped.retain(|column| !taken.contains(column));
                    place = at + 1;
                }
                None if wholes.contains(&theirs.id) => {
                    self.entries.insert(place, theirs.clone());
                    place += 1;
                }
                None if taken.is_empty() => {}
                None if theirs.holds_together() && taken.len() < theirs.live().count() => {
                    let apart = theirs.live().filter(|(column, _)| taken.contains(column));
                    fallen.extend(apart.map(|(_, key)| key));
                }
                None => {
                    let mut entry = theirs.clone();
                    let all = entry.delta.columns.len() + entry.delta.together.len();
                    let columns = (0u32..).take(all);
                    entry.dropped = columns.filter(|column| !taken.contains(column)).collect();
                    self.entries.insert(place, entry);
                    place += 1;
                }
            }
        }
        fallen
    }
}

#[cfg(test)]
mod tests;

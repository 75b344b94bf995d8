//! What earlier edits were made with.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use crate::{
    checkpoint::Base,
    codec,
    commit::{Artefact, Commit, Spec, StatisticsRecord},
    delta::Delta,
    fact::FactKey,
    id::Id,
    ledger::{
        error::LedgerError,
        lineage::line::Line,
        state::open::{Ledger, Stored},
    },
};

/// What earlier edits were made with: specs, statistics and artefacts, nearest first.
pub(crate) struct Earlier {
    pub(crate) specs: Vec<Spec>,
    pub(crate) statistics: Vec<Stored<StatisticsRecord>>,
    /// Of all bases.
    pub(crate) artefacts: Vec<Stored<Artefact>>,
    /// By delta: which of the specs it was made with.
    made: BTreeMap<Id<Delta>, usize>,
}

impl Earlier {
    /// What made the columns that hold `facts` in `line`: the newest, where several edits did. `None` where none of them was edited
    /// here, as with a bundle's.
    pub(crate) fn spec_of(&self, line: &Line, facts: &BTreeSet<FactKey>) -> Option<&Spec> {
        let holding = line.entries().iter().rev().filter(|entry| entry.holds_any(facts));
        let made = holding.filter_map(|entry| self.made.get(&entry.id)).next()?;
        self.specs.get(*made)
    }
}

impl Earlier {
    /// The same with further statistics, which are taken first.
    pub(crate) fn with_statistics(mut self, further: Stored<StatisticsRecord>) -> Self {
        self.statistics.insert(0, further);
        self
    }

    /// The same after one more edit, which was made with `spec`.
    ///
    /// # Errors
    /// When its statistics are missing or damaged.
    pub(crate) fn and(&self, ledger: &Ledger<'_>, spec: &Spec) -> Result<Self, LedgerError> {
        let statistics = match spec.statistics {
            Some(id) => Some((id, codec::get(ledger, id)?)),
            None => None,
        };
        Ok(Self {
            specs: self.specs.iter().chain([spec]).cloned().collect(),
            statistics: statistics.into_iter().chain(self.statistics.iter().cloned()).collect(),
            artefacts: self.artefacts.clone(),
            made: self.made.clone(),
        })
    }
}

impl Ledger<'_> {
    /// The specs of the history of `tips`, nearest first; the statistics that an edit of `base`
    /// can use: those taken last first, then those of the specs; and artefacts: those trained last first, then those of
    /// the specs.
    pub(crate) fn made_with(
        &self,
        tips: impl IntoIterator<Item = Id<Commit>>,
        base: Id<Base>,
    ) -> Result<Earlier, LedgerError> {
        let mut specs: Vec<Spec> = Vec::new();
        let (mut known, mut made) = (BTreeMap::new(), BTreeMap::new());
        for commit in self.walk_from(tips, BTreeSet::new()) {
            let (_, Commit { spec: Some(spec), delta, .. }) = commit? else { continue };
            let place = match known.entry(spec) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    specs.push(codec::get(self, spec)?);
                    *new.insert(specs.len() - 1)
                }
            };
            made.extend(delta.map(|delta| (delta, place)));
        }
        let mut statistics = Vec::new();
        let mut seen = BTreeSet::new();
        let used = specs.iter().filter_map(|spec| spec.statistics);
        for id in self.statistics()?.into_iter().chain(used) {
            if seen.insert(id) {
                let record = codec::get(self, id)?;
                if record.base == base {
                    statistics.push((id, record));
                }
            }
        }
        let mut artefacts = Vec::new();
        let mut seen = BTreeSet::new();
        let trained = self.artefacts()?.unwrap_or_default().entries;
        let used = specs.iter().filter_map(|spec| spec.artefact);
        for id in trained.into_iter().chain(used) {
            if seen.insert(id) {
                artefacts.push((id, codec::get(self, id)?));
            }
        }
        Ok(Earlier { specs, statistics, artefacts, made })
    }
}

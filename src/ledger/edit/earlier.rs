//! What earlier edits were made with.

use std::collections::BTreeSet;

use crate::{
    checkpoint::Base,
    codec,
    commit::{Commit, Spec, StatisticsRecord},
    id::Id,
    ledger::{
        error::LedgerError,
        state::open::{Ledger, Stored},
    },
};

/// What earlier edits were made with: specs and statistics, nearest first.
pub(crate) struct Earlier {
    pub(crate) specs: Vec<Spec>,
    pub(crate) statistics: Vec<Stored<StatisticsRecord>>,
}

impl Ledger<'_> {
    /// The specs of the history of `tips`, nearest first, and the statistics that an edit of `base`
    /// can use: those taken last first, then those of the specs.
    pub(crate) fn made_with(
        &self,
        tips: impl IntoIterator<Item = Id<Commit>>,
        base: Id<Base>,
    ) -> Result<Earlier, LedgerError> {
        let mut specs: Vec<Spec> = Vec::new();
        let mut known = BTreeSet::new();
        for commit in self.walk_from(tips, BTreeSet::new()) {
            if let (_, Commit { spec: Some(spec), .. }) = commit?
                && known.insert(spec)
            {
                specs.push(codec::get(self, spec)?);
            }
        }
        let mut statistics = Vec::new();
        let mut seen = BTreeSet::new();
        let used = specs.iter().map(|spec| spec.statistics);
        for id in self.statistics()?.into_iter().chain(used) {
            if seen.insert(id) {
                let record = codec::get(self, id)?;
                if record.base == base {
                    statistics.push((id, record));
                }
            }
        }
        Ok(Earlier { specs, statistics })
    }
}

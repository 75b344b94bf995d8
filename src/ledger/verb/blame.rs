//! `blame`: which commit set each fact.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Serialize;

use crate::{
    commit::{Commit, FactView},
    id::Id,
    ledger::{
        LedgerError, Repo,
        history::select::About,
        report::{citing::CitationView, view::CommitView, wording::fact_view},
    },
};

/// Facts of a version and where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlameReport {
    /// The version.
    pub version: Id<Commit>,
    /// Each fact, sorted by what it says.
    pub facts: Vec<BlamedFact>,
}

/// A fact and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlamedFact {
    /// The fact.
    pub fact: FactView,
    /// The commit since which it holds as it does.
    pub commit: CommitView,
    /// Where it was read, where that is known.
    pub citation: Option<CitationView>,
}

impl Repo {
    /// Which commit set each of the facts that hold at `revision` and are meant by `about`.
    ///
    /// # Errors
    /// When there is no such revision or fact, or the store cannot be read.
    pub fn blame(&self, revision: &str, about: &About) -> Result<BlameReport, LedgerError> {
        let ledger = self.view()?;
        let version = ledger.resolve(revision)?;
        let commit = ledger.commit(version)?;
        let lexicon = ledger.lexicon(&commit);
        let facts = about.facts(&ledger, &lexicon, commit.facts)?;
        if facts.is_empty() && !about.is_everything() {
            let (what, revision) = (about.to_string(), revision.to_owned());
            return Err(LedgerError::NoFactAt { what, revision });
        }
        let origins = ledger.origins(version, facts.keys().copied().collect())?;
        let mut citations = ledger.citation_views(&origins)?;
        let mut views: BTreeMap<Id<Commit>, CommitView> = BTreeMap::new();
        let mut blamed = Vec::new();
        for (key, fact) in &facts {
            let id = origins[key];
            let commit = match views.entry(id) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    new.insert(ledger.commit_view(id, &ledger.commit(id)?)?).clone()
                }
            };
            let citation = citations.remove(key);
            blamed.push(BlamedFact { fact: fact_view(&lexicon, fact)?, commit, citation });
        }
        blamed.sort_by(|a, b| a.fact.triple.cmp(&b.fact.triple));
        Ok(BlameReport { version, facts: blamed })
    }
}

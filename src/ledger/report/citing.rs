//! Where facts were read, as reports say it.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Serialize;

use crate::{
    codec,
    commit::Commit,
    fact::{Attribution, Citation, FactKey, Quoted, tree},
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
};

/// Where a fact was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CitationView {
    /// The file as the user named it and the line in it, or what else it was read from.
    pub place: String,
    /// The sentence that said it.
    pub sentence: Option<String>,
    /// The query that put it together.
    pub query: Option<String>,
    /// Who or what says so, in the user's words.
    pub source: Option<String>,
    /// Under which licence, in the user's words.
    pub licence: Option<String>,
}

impl CitationView {
    fn new(place: String, known: Attribution) -> Self {
        let Attribution { text, source, licence } = known;
        let (sentence, query) = match text {
            Some(Quoted::Sentence(text)) => (Some(text), None),
            Some(Quoted::Query(text)) => (None, Some(text)),
            None => (None, None),
        };
        Self { place, sentence, query, source, licence }
    }

    /// Where, and from which source.
    #[must_use]
    pub fn in_short(&self) -> String {
        match &self.source {
            Some(source) => format!("{}, {source}", self.place),
            None => self.place.clone(),
        }
    }
}

impl Ledger<'_> {
    /// Where facts were read, by the commits that set them; those of which it is known.
    pub(crate) fn citation_views(
        &self,
        origins: &BTreeMap<FactKey, Id<Commit>>,
    ) -> Result<BTreeMap<FactKey, CitationView>, LedgerError> {
        let mut by_commit: BTreeMap<Id<Commit>, Vec<Id<Citation>>> = BTreeMap::new();
        for (fact, commit) in origins {
            by_commit.entry(*commit).or_default().push(Citation::key(*fact));
        }
        let mut views = BTreeMap::new();
        let mut known: BTreeMap<Id<Attribution>, Attribution> = BTreeMap::new();
        for (commit, keys) in by_commit {
            let Some(cited) = self.cited(commit)? else { continue };
            for (key, citation) in tree::get_many(self, cited, &keys)? {
                let attribution = match citation.attribution {
                    None => Attribution::default(),
                    Some(id) => match known.entry(id) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(new) => new.insert(codec::get(self, id)?).clone(),
                    },
                };
                let view = CitationView::new(citation.place, attribution);
                views.insert(FactKey::from_bytes(*key.as_bytes()), view);
            }
        }
        Ok(views)
    }
}

//! Where facts were read, as reports say it.

use serde::Serialize;

use crate::{
    codec,
    commit::Commit,
    fact::{Citation, FactKey, Quoted},
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
    /// Where a fact was read that a commit set, where that is known.
    pub(crate) fn citation_view(
        &self,
        commit: Id<Commit>,
        fact: FactKey,
    ) -> Result<Option<CitationView>, LedgerError> {
        let Some(Citation { place, attribution }) = self.citation(commit, fact)? else {
            return Ok(None);
        };
        let known = attribution.map(|id| codec::get(self, id)).transpose()?.unwrap_or_default();
        let (sentence, query) = match known.text {
            Some(Quoted::Sentence(text)) => (Some(text), None),
            Some(Quoted::Query(text)) => (None, Some(text)),
            None => (None, None),
        };
        let (source, licence) = (known.source, known.licence);
        Ok(Some(CitationView { place, sentence, query, source, licence }))
    }
}

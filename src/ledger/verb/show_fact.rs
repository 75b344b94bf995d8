//! `show --fact`: all that is known of facts of a version.

use serde::Serialize;

use crate::{
    commit::{Commit, FactRow, FactView},
    delta::Delta,
    fact::Request,
    id::Id,
    ledger::{
        LedgerError, Repo,
        history::select::About,
        report::{citing::CitationView, view::CommitView, wording::fact_view},
    },
};

/// Facts of a version in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowFactReport {
    /// The version.
    pub version: Id<Commit>,
    /// The facts, sorted by what they say.
    pub facts: Vec<FactStory>,
}

/// All that is known of a fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FactStory {
    /// The fact.
    pub fact: FactView,
    /// The commit since which it holds as it does.
    pub commit: CommitView,
    /// Where it was read, where that is known.
    pub citation: Option<CitationView>,
    /// Its edit prompt, subject filled in; `None` when it has no words.
    pub prompt: Option<String>,
    /// The prompts that only checks use.
    pub paraphrases: Vec<String>,
    /// Where the weights hold it, oldest first: several where it was edited again on top.
    pub holders: Vec<Holder>,
    /// What was answered in the check of that commit.
    pub check: Option<FactRow>,
}

/// A column of a delta that holds a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The delta.
    pub delta: Id<Delta>,
    /// The column of it.
    pub column: u32,
}

impl Repo {
    /// The facts that hold at `revision` and are meant by `about`, in full.
    ///
    /// # Errors
    /// When there is no such revision or fact, or the store cannot be read.
    pub fn show_facts(&self, revision: &str, about: &About) -> Result<ShowFactReport, LedgerError> {
        let ledger = self.view()?;
        let version = ledger.resolve(revision)?;
        let commit = ledger.commit(version)?;
        let lexicon = ledger.lexicon(&commit);
        let facts = about.facts(&ledger, &lexicon, commit.facts)?;
        if facts.is_empty() {
            let (what, revision) = (about.to_string(), revision.to_owned());
            return Err(LedgerError::NoFactAt { what, revision });
        }
        let holders = ledger.line(&commit)?.holders();
        let origins = ledger.origins(version, facts.keys().copied().collect())?;
        let mut citations = ledger.citation_views(&origins)?;
        let mut stories = Vec::new();
        for (key, fact) in &facts {
            let origin = ledger.commit(origins[key])?;
            let view = fact_view(&lexicon, fact)?;
            let check = match ledger.report(&origin)? {
                Some(report) => report.edited(&ledger, |row| row.fact.triple == view.triple)?,
                None => None,
            };
            let request = lexicon.request(fact).ok();
            stories.push(FactStory {
                commit: ledger.commit_view(origins[key], &origin)?,
                citation: citations.remove(key),
                prompt: request.as_ref().map(Request::text),
                paraphrases: request
                    .map(|request| request.paraphrase_texts().collect())
                    .unwrap_or_default(),
                holders: holders
                    .get(key)
                    .into_iter()
                    .flatten()
                    .map(|&(delta, column)| Holder { delta, column })
                    .collect(),
                check,
                fact: view,
            });
        }
        stories.sort_by(|a, b| a.fact.triple.cmp(&b.fact.triple));
        Ok(ShowFactReport { version, facts: stories })
    }
}

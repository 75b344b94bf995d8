//! `log`: the commits that led here.

use serde::Serialize;

use crate::{
    fact::tree,
    ledger::{
        Check, Commit, LedgerError, Rate, Repo,
        read::Ledger,
        view::{CommitView, FactCounts},
    },
};

/// The commits, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogReport {
    /// One for each commit.
    pub entries: Vec<LogEntry>,
    /// Whether older commits were left out.
    pub more: bool,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// The commit.
    #[serde(flatten)]
    pub commit: CommitView,
    /// How its facts differ from its parent's.
    pub facts: FactCounts,
    /// Share of its edited facts that hold, where it was checked.
    pub efficacy: Option<Rate>,
    /// Share of their paraphrases that do.
    pub paraphrase: Option<Rate>,
    /// Share of the neighbours that did not move.
    pub neighbourhood: Option<Rate>,
}

impl Repo {
    /// The commits from `revision` back to the root along first parents, newest first, at most
    /// `limit` of them.
    ///
    /// # Errors
    /// When there is no such revision or the store cannot be read.
    pub fn log(&self, revision: &str, limit: Option<usize>) -> Result<LogReport, LedgerError> {
        let ledger = self.read()?;
        let mut history = ledger.first_parents(ledger.resolve(revision)?);
        let mut entries = Vec::new();
        for commit in history.by_ref().take(limit.unwrap_or(usize::MAX)) {
            let (id, commit) = commit?;
            let check = ledger.check(&commit)?;
            let rate = |of: fn(&Check) -> Option<Rate>| check.as_ref().and_then(of);
            entries.push(LogEntry {
                facts: counts(&ledger, &commit)?,
                efficacy: rate(|check| check.efficacy),
                paraphrase: rate(|check| check.paraphrase),
                neighbourhood: rate(|check| check.neighbourhood),
                commit: ledger.commit_view(id, &commit)?,
            });
        }
        Ok(LogReport { entries, more: history.next().is_some() })
    }
}

/// How a commit's facts differ from its parent's.
pub(super) fn counts(ledger: &Ledger<'_>, commit: &Commit) -> Result<FactCounts, LedgerError> {
    let mut counts = FactCounts::default();
    let Some(parent) = commit.parents.first() else { return Ok(counts) };
    for difference in tree::diff(ledger, ledger.commit(*parent)?.facts, commit.facts) {
        match difference? {
            (_, None, Some(_)) => counts.added += 1,
            (_, Some(_), None) => counts.removed += 1,
            _ => counts.replaced += 1,
        }
    }
    Ok(counts)
}

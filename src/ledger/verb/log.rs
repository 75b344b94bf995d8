//! `log`: the commits that led here.

use serde::Serialize;

use crate::{
    fact::{
        Fact,
        tree::{self, Seen},
    },
    ledger::{
        About, Check, Commit, LedgerError, Rate, Repo,
        read::Ledger,
        revision::Range,
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

/// Which commits `log` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Histories, and what to leave out of them.
    pub range: Range,
    /// Besides, the histories of all branches, tags and HEAD.
    pub all: bool,
    /// Only commits that changed facts of these.
    pub about: About,
    /// How many at most.
    pub limit: Option<usize>,
    /// Go to the first parent of a merge only.
    pub first_parent: bool,
}

impl Repo {
    /// The commits of a range, each before all that led to it.
    ///
    /// # Errors
    /// When there is no such revision or the store cannot be read.
    pub fn log(&self, options: &LogOptions) -> Result<LogReport, LedgerError> {
        let ledger = self.view()?;
        let mut walk = ledger.walk(&options.range, options.all)?;
        if options.first_parent {
            walk = walk.along_first_parents();
        }
        let (mut entries, seen) = (Vec::new(), Seen::default());
        for commit in walk {
            let (id, commit) = commit?;
            if !is_about(&ledger, &options.about, &commit)? {
                continue;
            }
            if options.limit == Some(entries.len()) {
                return Ok(LogReport { entries, more: true });
            }
            let check = ledger.check(&commit)?;
            let rate = |of: fn(&Check) -> Option<Rate>| check.as_ref().and_then(of);
            entries.push(LogEntry {
                facts: counts(&ledger, &seen, &commit)?,
                efficacy: rate(|check| check.efficacy),
                paraphrase: rate(|check| check.paraphrase),
                neighbourhood: rate(|check| check.neighbourhood),
                commit: ledger.commit_view(id, &commit)?,
            });
        }
        Ok(LogReport { entries, more: false })
    }
}

/// Whether a commit changed facts that are meant. What a merge took over from one of its parents was
/// changed there.
fn is_about(ledger: &Ledger<'_>, about: &About, commit: &Commit) -> Result<bool, LedgerError> {
    if about.is_everything() {
        return Ok(true);
    }
    let lexicon = ledger.lexicon(commit);
    for parent in &commit.parents {
        if !about.differ(ledger, &lexicon, ledger.commit(*parent)?.facts, commit.facts)? {
            return Ok(false);
        }
    }
    Ok(!commit.parents.is_empty())
}

/// How a commit's facts differ from its parent's.
fn counts(
    ledger: &Ledger<'_>,
    seen: &Seen<Fact>,
    commit: &Commit,
) -> Result<FactCounts, LedgerError> {
    let mut counts = FactCounts::default();
    let Some(parent) = commit.parents.first() else { return Ok(counts) };
    // The next commit of the log; its own changes are at hand since it was that itself.
    let before = ledger.commit_and_changes(*parent)?.facts;
    for difference in tree::diff_seen(ledger, seen, before, commit.facts) {
        match difference? {
            (_, None, Some(_)) => counts.added += 1,
            (_, Some(_), None) => counts.removed += 1,
            _ => counts.replaced += 1,
        }
    }
    Ok(counts)
}

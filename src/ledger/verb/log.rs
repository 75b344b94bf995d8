//! `log`: the commits that led here.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Serialize;

use crate::{
    commit::{Check, Commit, Growth, ProbesAsked, Rate, TextRead},
    fact::{
        Fact, FactKey, FactTree,
        tree::{self, Counts, Seen},
    },
    id::Id,
    ledger::{
        LedgerError, Repo,
        history::{cache::changed_facts::FEW, revision::range::Range, select::About},
        report::view::{CommitView, FactCounts},
        state::open::Ledger,
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
    /// The tensor that is farthest from the base's, where that was measured.
    pub growth: Option<Growth>,
    /// How a text was taken, where that was.
    pub text: Option<TextRead>,
    /// How probes went on, where they were asked.
    pub probes: Option<ProbesAsked>,
}

/// Which commits `log` shows.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Histories, and what to leave out of them.
    pub range: Range,
    /// Besides, the histories of all branches, tags and HEAD.
    pub all: bool,
    /// Only commits that changed facts of these.
    pub about: About,
    /// Only commits whose author matches.
    pub author: Option<Regex>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Go to the first parent of a merge only.
    pub first_parent: bool,
}

impl Repo {
    /// The commits of a range, each before its ancestors.
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
        let mut search = Search::new(&ledger, &options.about);
        for commit in walk {
            let (id, commit) = commit?;
            let theirs =
                options.author.as_ref().is_none_or(|author| author.is_match(&commit.author));
            if !theirs || !search.finds(id, &commit)? {
                continue;
            }
            if options.limit == Some(entries.len()) {
                return Ok(LogReport { entries, more: true });
            }
            let check = ledger.report(&commit)?.and_then(|report| report.figures());
            let rate = |of: fn(&Check) -> Option<Rate>| check.as_ref().and_then(of);
            entries.push(LogEntry {
                facts: counts(&ledger, &seen, &commit)?,
                efficacy: rate(|check| check.efficacy),
                paraphrase: rate(|check| check.paraphrase),
                neighbourhood: rate(|check| check.neighbourhood),
                growth: check.as_ref().and_then(Check::farthest).cloned(),
                text: check.as_ref().and_then(|check| check.text.clone()),
                probes: check.as_ref().and_then(|check| check.probes.clone()),
                commit: ledger.commit_view(id, &commit)?,
            });
        }
        Ok(LogReport { entries, more: false })
    }
}

/// Looks for commits that changed facts that are meant.
struct Search<'a> {
    ledger: &'a Ledger<'a>,
    about: &'a About,
    /// Whether commits may have, of those that are cached.
    cached: BTreeMap<Id<Commit>, bool>,
    /// Others that were looked at since.
    read: Vec<Id<Commit>>,
    /// The facts of the first commit of all.
    newest: Option<Id<FactTree>>,
}

impl<'a> Search<'a> {
    fn new(ledger: &'a Ledger<'a>, about: &'a About) -> Self {
        let cached = if about.iris() == [None, None] {
            BTreeMap::new()
        } else {
            ledger.changes_so_far().concern(about)
        };
        Self { ledger, about, cached, read: Vec::new(), newest: None }
    }

    /// Whether a commit did. What a merge took over from one of its parents was changed there.
    fn finds(&mut self, id: Id<Commit>, commit: &Commit) -> Result<bool, LedgerError> {
        if self.about.is_everything() {
            return Ok(true);
        }
        self.newest.get_or_insert(commit.facts);
        if !self.may_find(id)? {
            return Ok(false);
        }
        let lexicon = self.ledger.lexicon(commit);
        for parent in &commit.parents {
            let before = self.ledger.commit(*parent)?.facts;
            let trees = (before, commit.facts);
            if !self.about.differ(self.ledger, &lexicon, trees, || self.known())? {
                return Ok(false);
            }
        }
        Ok(!commit.parents.is_empty())
    }

    /// Keys of facts that the subject has in the newest commit. Most commits that changed many facts, and any of
    /// these, changed one of its.
    fn known(&self) -> Result<Vec<FactKey>, LedgerError> {
        let ([Some(subject), _], Some(newest)) = (self.about.iris(), self.newest) else {
            return Ok(Vec::new());
        };
        Ok(self.ledger.facts_about(newest, subject)?.into_keys().collect())
    }

    fn may_find(&mut self, id: Id<Commit>) -> Result<bool, LedgerError> {
        if self.about.iris() == [None, None] {
            return Ok(true);
        }
        if !self.cached.contains_key(&id) {
            self.read.push(id);
            if self.read.len() > FEW {
                self.cached = self.ledger.changes(self.read[0])?.concern(self.about);
                self.read.clear();
            }
        }
        Ok(self.cached.get(&id).is_none_or(|may| *may))
    }
}

/// How a commit's facts differ from its parent's.
fn counts(
    ledger: &Ledger<'_>,
    seen: &Seen<Fact>,
    commit: &Commit,
) -> Result<FactCounts, LedgerError> {
    let Some(parent) = commit.parents.first() else { return Ok(FactCounts::default()) };
    // The next commit of the log; its own changes are at hand since it was that itself.
    let before = ledger.commit_and_changes(*parent)?.facts;
    let Counts { added, removed, replaced } =
        tree::diff_counts(ledger, seen, before, commit.facts)?;
    Ok(FactCounts { added, removed, replaced })
}

//! Commits rewritten without what is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Scope;
use crate::{
    codec::{self, Draft},
    commit::{Commit, EditedTensor, Report, Step},
    delta::{Delta, Lineage},
    fact::FactKey,
    id::Id,
    ledger::{
        LedgerError, Repo,
        lineage::{
            line::{Entry, Line},
            load,
        },
    },
};

/// A rewritten delta, and which of its columns are left; `None` where none is.
type Rewritten = Option<(Id<Delta>, Vec<u32>)>;

/// Commits and what they are made of, rewritten without what is forgotten. What does not say it
/// stays the very same object.
pub(crate) struct Rewriting<'a, 'd> {
    repo: &'a Repo,
    scope: &'a Scope,
    draft: &'a mut Draft<'d>,
    commits: BTreeMap<Id<Commit>, Id<Commit>>,
    deltas: BTreeMap<Id<Delta>, Rewritten>,
    lineages: BTreeMap<Id<Lineage>, Option<(Id<Lineage>, u64)>>,
    weights: BTreeMap<Option<Id<Lineage>>, Vec<EditedTensor>>,
    /// Deltas that were rewritten.
    pub(crate) cut: u64,
    /// Deltas that hold all their facts together, so that nothing could be taken out of them.
    pub(crate) whole: BTreeSet<Id<Delta>>,
}

impl<'a, 'd> Rewriting<'a, 'd> {
    pub(crate) fn new(repo: &'a Repo, scope: &'a Scope, draft: &'a mut Draft<'d>) -> Self {
        Self {
            repo,
            scope,
            draft,
            commits: BTreeMap::new(),
            deltas: BTreeMap::new(),
            lineages: BTreeMap::new(),
            weights: BTreeMap::new(),
            cut: 0,
            whole: BTreeSet::new(),
        }
    }

    /// Everything that was stored, and what was rewritten.
    pub(crate) const fn draft(&self) -> &Draft<'d> {
        self.draft
    }

    /// What `id` is now.
    pub(crate) fn now(&self, id: Id<Commit>) -> Id<Commit> {
        self.commits.get(&id).copied().unwrap_or(id)
    }

    /// Makes a commit again whose parents have been.
    ///
    /// # Errors
    /// When something is damaged or cannot be written.
    pub(crate) fn commit(&mut self, id: Id<Commit>, old: &Commit) -> Result<(), LedgerError> {
        let mut commit = old.clone();
        commit.parents = old.parents.iter().map(|parent| self.now(*parent)).collect();
        commit.step = match &old.step {
            Step::Revert(of) => Step::Revert(self.now(*of)),
            Step::Pick(of) => Step::Pick(self.now(*of)),
            other => other.clone(),
        };
        commit.facts = self.scope.strip_facts(self.draft, old.facts)?;
        commit.neighbourhood = self.scope.strip_facts(self.draft, old.neighbourhood)?;
        commit.lexicon = self.scope.strip_words(self.draft, old.lexicon)?;
        commit.report = self.report(old.report)?;
        commit.delta = match old.delta {
            Some(delta) => self.delta(delta)?.map(|(delta, _)| delta),
            None => None,
        };
        commit.lineage = self.lineage(old.lineage)?;
        if commit.lineage != old.lineage {
            commit.weights = self.weights(commit.lineage)?;
        }
        let new = self.draft.put(&commit);
        self.commits.insert(id, new);
        Ok(())
    }

    /// The report without its rows about the subjects; its shares are of what was measured then.
    fn report(&mut self, id: Option<Id<Report>>) -> Result<Option<Id<Report>>, LedgerError> {
        let Some(id) = id else { return Ok(None) };
        let report: Report = codec::get(self.draft, id)?;
        // What this program cannot read may say anything.
        let Some(mut check) = report.check(self.draft)? else { return Ok(None) };
        let starts: Vec<String> =
            self.scope.subjects.iter().map(|subject| format!("{subject} ")).collect();
        for rows in [&mut check.facts, &mut check.drift, &mut check.lost] {
            rows.retain(|row| !starts.iter().any(|start| row.fact.triple.starts_with(start)));
        }
        Ok(Some(Report::put(&check, self.draft, self.repo.object_limit())))
    }

    /// The delta without the columns of what is forgotten: what the others add is the same.
    fn delta(&mut self, id: Id<Delta>) -> Result<Rewritten, LedgerError> {
        if let Some(known) = self.deltas.get(&id) {
            return Ok(known.clone());
        }
        let delta: Delta = codec::get(self.draft, id)?;
        let columns = (0u32..).zip(delta.columns.iter().chain(delta.together.iter()));
        let (gone, kept): (Vec<_>, Vec<_>) =
            columns.partition(|(_, key)| self.scope.keys.contains(*key));
        let numbers =
            |columns: &[(u32, &FactKey)]| columns.iter().map(|(at, _)| *at).collect::<Vec<u32>>();
        let rewritten = if gone.is_empty() {
            Some((id, numbers(&kept)))
        } else if kept.is_empty() {
            None
        } else {
            if self.scope.keeps_numbers(&delta) {
                self.whole.insert(id);
            }
            let keys: Vec<FactKey> = kept.iter().map(|(_, key)| **key).collect();
            let (gone, kept) = (numbers(&gone), numbers(&kept));
            let dropped = gone.into_iter().collect();
            // Facts that hold it together share its numbers, which stay.
            let (columns, together, dropped) = if delta.together.is_empty() {
                (keys, Vec::new(), dropped)
            } else {
                (Vec::new(), keys, BTreeSet::new())
            };
            let entry = Entry { id, delta: Arc::new(delta.clone()), dropped };
            let files = self.repo.store().tensors();
            let loaded = load::read(&files, &[entry])?;
            let changes = loaded[0].live_changes();
            let (new, contents) = load::write(&files, &changes, &columns, &together)?;
            self.draft.put(&contents);
            Some((self.draft.put(&new), kept))
        };
        self.cut += u64::from(!gone.is_empty());
        if delta.is_whole() {
            self.whole.insert(id);
        }
        self.deltas.insert(id, rewritten.clone());
        Ok(rewritten)
    }

    fn lineage(&mut self, newest: Option<Id<Lineage>>) -> Result<Option<Id<Lineage>>, LedgerError> {
        let (mut nodes, mut at, mut before) = (Vec::new(), newest, None);
        while let Some(id) = at {
            if let Some(known) = self.lineages.get(&id) {
                before = *known;
                break;
            }
            let node: Lineage = codec::get(self.draft, id)?;
            at = node.before;
            nodes.push((id, node));
        }
        for (id, node) in nodes.into_iter().rev() {
            if let Some((delta, kept)) = self.delta(node.delta)? {
                let places = (0u32..).zip(&kept);
                let dropped = places.filter(|(_, was)| node.dropped.binary_search(was).is_ok());
                let dropped: Vec<u32> = dropped.map(|(at, _)| at).collect();
                // A delta none of whose columns counts is left out.
                if kept.is_empty() || dropped.len() < kept.len() {
                    let length = before.map_or(0, |(_, length)| length) + 1;
                    let before_id = before.map(|(id, _)| id);
                    let new = Lineage { before: before_id, delta, dropped, length };
                    before = Some((self.draft.put(&new), length));
                }
            }
            self.lineages.insert(id, before);
        }
        Ok(before.map(|(id, _)| id))
    }

    fn weights(&mut self, lineage: Option<Id<Lineage>>) -> Result<Vec<EditedTensor>, LedgerError> {
        if let Some(known) = self.weights.get(&lineage) {
            return Ok(known.clone());
        }
        let line = Line::load(self.draft, lineage)?;
        let weights = load::hashes(&self.repo.build(&line)?);
        self.weights.insert(lineage, weights.clone());
        Ok(weights)
    }
}

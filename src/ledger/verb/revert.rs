//! `revert`: an earlier commit's changes taken back by a new commit.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    codec::{Draft, NewObjects},
    commit::{Check, Commit, FactRow, FactView, Rate, Report, Step},
    engine::{Engine, EngineError, Progress},
    fact::{FactKey, Iri, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::{
            attempt::{Edited, Job},
            earlier::Earlier,
            examine::{Examination, Question},
            kept_prompts::Others,
            sample::Sample,
            setup::Setup,
        },
        lineage::{line::Line, load},
        merge::{
            how::Favour,
            three_way::{Side, combine},
        },
        report::{
            view::{CommitView, FactChange, HeadView},
            wording,
        },
        state::update::Change,
    },
    store::Head,
};

/// What `revert` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RevertReport {
    /// The new commit.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// The commit taken back.
    pub reverted: CommitView,
    /// Facts that changed.
    pub changes: Vec<FactChange>,
    /// Facts that a later commit changed again and that stay as they are.
    pub stayed: Vec<FactView>,
    /// Other facts about the same subjects that were edited again.
    pub again: u64,
    /// Whether the weights are, bit for bit, those of the reverted commit's parent.
    pub as_before: bool,
    /// Facts that still hold, of those that were checked; `None` when none were.
    pub kept: Option<Rate>,
    /// Facts that should hold and no longer do.
    pub lost: Vec<FactRow>,
    /// What was not measured and why, in words.
    pub notes: Vec<String>,
}

/// What a revert does, as read from the store.
struct Plan {
    head: Head,
    head_id: Id<Commit>,
    current: Commit,
    head_line: Line,
    line: Line,
    /// Weights, where they are known without building them: those of the reverted commit's parent.
    as_before: bool,
    commit: Commit,
    objects: NewObjects,
    changes: Vec<FactChange>,
    stayed: Vec<FactView>,
    /// Facts about subjects of which others were taken back: edited again where one z is sought for all.
    companions: BTreeMap<FactKey, Question>,
    /// Facts that held together with what goes, to be edited again whatever the editor.
    fallen: BTreeMap<FactKey, Question>,
    earlier: Earlier,
    examination: Examination,
}

impl Repo {
    /// Takes back what the commit that `revision` names did, by a new commit on HEAD.
    ///
    /// Facts that have not changed since go back to what they were in its parent, held by the columns
    /// that held them there; facts that were changed again stay. Of a merge, what came from its other
    /// parents is taken back. With an engine, what else is said of their subjects is edited again where the
    /// editor seeks one z for all of it, and the facts that hold then are asked.
    ///
    /// # Errors
    /// When the revision is the base or not in the history of HEAD, nothing of it is left, weights
    /// are damaged, or the model fails.
    pub fn revert(
        &self,
        actor: &Actor,
        revision: &str,
        message: Option<&str>,
        open: Option<OpenEngine<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<RevertReport, LedgerError> {
        let (reverted_id, mut plan) = self.plan_revert(revision, message, actor)?;
        let mut notes = Vec::new();
        let (mut edited, mut check) = (None, None);
        if plan.as_before {
            notes.push("not checked: these weights are the parent's, bit for bit".to_owned());
        } else if let Some(open) = open {
            let before = self.weights(plan.head_id, &plan.current, &plan.head_line)?;
            let mut engine = self.engine(open)?;
            edited = self.edit_companions(&mut plan, actor, engine.as_mut(), progress)?;
            let after = match &edited {
                Some(edited) => edited.weights.clone(),
                None => self.build(&plan.line)?,
            };
            plan.commit.weights = load::hashes(&after);
            let examination = std::mem::take(&mut plan.examination);
            check = Some(examination.run(engine.as_mut(), &before, &after, progress)?);
        } else if !plan.fallen.is_empty() {
            return Err(EngineError::NoRuntime.into());
        } else {
            plan.commit.weights = load::hashes(&self.build(&plan.line)?);
            notes.push("not checked: no model was run".to_owned());
        }

        let ledger = self.read_to_change()?;
        let mut draft = Draft::new(&ledger);
        let mut again = 0;
        if let Some(edited) = &edited {
            edited.write(&mut draft, &mut plan.commit);
            again = edited.delta.facts().len() as u64;
            notes.extend(edited.notes.clone());
        }
        plan.commit.report =
            check.as_ref().map(|check| Report::put(check, &mut draft, self.object_limit()));
        plan.commit.lineage = plan.line.store(&mut draft)?;
        let id = draft.put(&plan.commit);
        plan.objects.extend(draft.into_new());
        let mut change = Change::new(plan.objects).moving_head(plan.head, plan.head_id, id);
        if let Some(edited) = &edited {
            change = change.found_with(&ledger, id, &edited.found_with)?;
        }
        change.apply(&ledger, actor)?;
        let (kept, lost) = check.map_or((None, Vec::new()), verdict);
        if !lost.is_empty() && plan.line.ground() != plan.head_line.ground() {
            notes.push(format!(
                "{} of the facts do not hold without what was imported, which they were edited on: kledger \
                 consolidate edits all facts again, or take them back and add them again",
                lost.len()
            ));
        }
        Ok(RevertReport {
            commit: ledger.commit_view(id, &plan.commit)?,
            head: ledger.head_view()?,
            reverted: ledger.commit_view(reverted_id, &ledger.commit(reverted_id)?)?,
            changes: plan.changes,
            stayed: plan.stayed,
            again,
            as_before: plan.as_before,
            kept,
            lost,
            notes,
        })
    }

    /// Edits the companions again, if the editor seeks one z for all facts of a subject: those they were
    /// found with are gone.
    fn edit_companions(
        &self,
        plan: &mut Plan,
        actor: &Actor,
        engine: &mut dyn Engine,
        progress: &mut dyn Progress,
    ) -> Result<Option<Edited>, LedgerError> {
        if plan.companions.is_empty() && plan.fallen.is_empty() {
            return Ok(None);
        }
        let setup = Setup::settle(self, engine, None, &toml::Table::new(), None)?;
        let joined = plan.companions.iter().filter(|_| setup.description.joins_subjects);
        let requests: BTreeMap<_, _> =
            plan.fallen.iter().chain(joined).map(|(key, q)| (*key, q.request.clone())).collect();
        if requests.is_empty() {
            return Ok(None);
        }
        let (base, earlier) = (plan.current.base, &plan.earlier);
        let job = Job { base, line: &plan.line, requests, earlier };
        let edited = self.edit(actor, engine, setup, job, progress)?;
        plan.line = edited.line.clone();
        Ok(Some(edited))
    }

    fn plan_revert(
        &self,
        revision: &str,
        message: Option<&str>,
        actor: &Actor,
    ) -> Result<(Id<Commit>, Plan), LedgerError> {
        let ledger = self.read()?;
        ledger.require_finished()?;
        let head = ledger.session.head()?;
        let (head_id, current) = ledger.head_commit()?;
        let id = ledger.resolve(revision)?;
        let reverted = ledger.commit(id)?;
        let Some(&parent_id) = reverted.parents.first() else {
            return Err(LedgerError::RevertRoot { commit: id });
        };
        ledger.require_ancestor(id, head_id)?;
        let parent = ledger.commit(parent_id)?;

        let mut draft = Draft::new(&ledger);
        let sides = [&reverted, &current, &parent].map(|commit| Side::of(&ledger, commit));
        let [base, ours, theirs] = sides;
        let (ours, theirs) = (ours?, theirs?);
        let combined =
            combine(&mut draft, [&base?, &ours, &theirs], Favour::Ours, &BTreeMap::new())?;
        let Side { roots, line } = combined.side;
        if roots == current.roots() && line == ours.line {
            return Err(LedgerError::NothingLeft { commit: id });
        }
        let as_before = line == theirs.line && combined.edits.is_empty();

        let lexicon = ledger.lexicon_at(&draft, roots.lexicon);
        let changes = wording::fact_changes(&draft, &lexicon, current.facts, roots.facts)?;
        let mut stayed = Vec::new();
        for (_, fact) in &combined.settled {
            if let Some(fact) = fact {
                stayed.push(wording::fact_view(&lexicon, fact)?);
            }
        }
        let mut restored = BTreeMap::new();
        for &key in &combined.taken {
            if let Some(fact) = tree::get(&draft, roots.facts, key)? {
                restored.insert(key, fact);
            }
        }
        let mut subjects = BTreeSet::new();
        for difference in tree::diff(&draft, current.facts, roots.facts) {
            let (_, before, after) = difference?;
            subjects.extend(before.into_iter().chain(after).map(|fact| fact.subject));
        }
        let mut companions = ledger.facts_about_all(current.facts, &subjects)?;
        companions.retain(|key, _| !combined.taken.contains(key));
        // Where all that a subject has comes from the parent it was found together.
        let subjects: BTreeSet<Iri> = companions.values().map(|f| f.subject.clone()).collect();
        let back = restored.iter().filter(|(_, fact)| subjects.contains(&fact.subject));
        companions.extend(back.map(|(key, fact)| (*key, fact.clone())));
        companions.retain(|key, _| !combined.edits.contains_key(key));
        let again = companions.values().chain(combined.edits.values());
        let others = Others::read(&draft, &lexicon, roots, again)?;
        let fallen = others.questions(&lexicon, &combined.edits)?;
        let companions = others.questions_with_words(&lexicon, &companions)?;

        let config = self.config();
        let sample = Sample::draw(&draft, &lexicon, roots, &restored, config, config.seed)?;
        let examination = sample.examining(&lexicon, restored.values())?;
        let summary = reverted.summary();
        let message = message.map_or_else(|| format!("Revert \"{summary}\""), str::to_owned);
        let commit = Commit {
            parents: vec![head_id],
            base: current.base,
            facts: roots.facts,
            lexicon: roots.lexicon,
            neighbourhood: roots.neighbourhood,
            spec: None,
            delta: None,
            lineage: None,
            weights: parent.weights,
            report: None,
            step: Step::Revert(id),
            author: actor.author.clone(),
            time: actor.time,
            message,
        };
        let base = commit.base;
        let plan = Plan {
            objects: draft.into_new(),
            head,
            head_id,
            current,
            head_line: ours.line,
            line,
            as_before,
            commit,
            changes: changes.into_iter().map(|(_, change)| change).collect(),
            stayed,
            companions,
            fallen,
            earlier: ledger.made_with([head_id], base)?,
            examination,
        };
        Ok((id, plan))
    }
}

/// Facts that hold of those that should, and those that do not: restored ones whatever they were
/// before, others if they held before.
fn verdict(check: Check) -> (Option<Rate>, Vec<FactRow>) {
    let kept = Rate::sum([check.efficacy, check.kept]);
    let restored = check.facts.into_iter().filter(|row| !row.after.matches);
    (kept, restored.chain(check.lost).collect())
}

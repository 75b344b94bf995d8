//! `repair`: the facts of HEAD's version that do not hold, edited again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::commit::{CommitOptions, EditView};
use crate::{
    codec::NewObjects,
    commit::{Commit, Step},
    engine::Progress,
    fact::{Fact, FactKey, tree},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::{
            attempt::Job,
            earlier::Earlier,
            examine::{Examination, WordedFact},
            kept_prompts::Others,
            options::EditOptions,
            record::{NewCommit, Recorded},
            sample::Sample,
            setup::Setup,
            trial::{Checked, Trial},
        },
        lineage::{line::Line, load},
        report::view::{CommitView, HeadView},
    },
    store::Head,
};

/// What `repair` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepairReport {
    /// The new commit; that at HEAD where there was nothing to repair.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// Facts that were asked.
    pub asked: u64,
    /// Of them, those that did not hold.
    pub failing: u64,
    /// What was edited; `None` where all held.
    pub edit: Option<EditView>,
    /// What is worth saying about how it went.
    pub notes: Vec<String>,
}

/// What a repair needs of the store, read before it is closed.
struct Plan {
    head: Head,
    parent_id: Id<Commit>,
    parent: Commit,
    line: Line,
    facts: BTreeMap<FactKey, Fact>,
    /// Those of them that have words.
    questions: BTreeMap<FactKey, WordedFact>,
    earlier: Earlier,
}

impl Repo {
    /// Makes a version with the same facts in which those hold that do not at HEAD: asks all of them, and edits what is
    /// answered otherwise again, on top of the columns that hold it, as it was edited before. z vectors that were found then
    /// are used again. Where all hold nothing is made.
    ///
    /// # Errors
    /// When the edit fails, does not reach what is required, or has no more facts hold than before; or HEAD moved meanwhile.
    pub fn repair(
        &self,
        actor: &Actor,
        options: &CommitOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<RepairReport, LedgerError> {
        let plan = self.plan_repair()?;
        let mut failing = BTreeSet::new();
        if plan.questions.is_empty() {
            return self.repaired(&plan, &failing, None);
        }
        let parent = (plan.parent_id, &plan.parent, &plan.line);
        let require = options.edit.require;
        let mut trial = Trial::begin_to_record(self, parent, require, open, progress)?;
        let asked = plan.questions.iter().map(|(key, question)| (*key, question));
        let answered = trial.answers_before(asked, progress)?;
        failing.extend(answered.iter().filter(|asked| !asked.2.matches).map(|asked| asked.0));
        if failing.is_empty() {
            return self.repaired(&plan, &failing, None);
        }
        let made = self.edit_again(&mut trial, &plan, &failing, actor, &options.edit, progress)?;
        progress.part("record");
        let id = self.record_repair(&plan, &made, actor, options.message.trim())?;
        self.repaired(&plan, &failing, Some((id, made)))
    }

    fn plan_repair(&self) -> Result<Plan, LedgerError> {
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        let head = ledger.session.head()?;
        let (parent_id, parent) = ledger.head_commit()?;
        let lexicon = ledger.lexicon(&parent);
        let facts: BTreeMap<FactKey, Fact> =
            tree::iter(&ledger, parent.facts).collect::<Result<_, _>>()?;
        let others = Others::read(&ledger, &lexicon, parent.roots(), facts.values())?;
        Ok(Plan {
            head,
            parent_id,
            line: ledger.line(&parent)?,
            questions: others.questions_with_words(&lexicon, &facts)?,
            earlier: ledger.made_with([parent_id], parent.base)?,
            facts,
            parent,
        })
    }

    /// Edits `failing` on top of what holds them, and asks all facts.
    fn edit_again(
        &self,
        trial: &mut Trial<'_>,
        plan: &Plan,
        failing: &BTreeSet<FactKey>,
        actor: &Actor,
        options: &EditOptions,
        progress: &mut dyn Progress,
    ) -> Result<Checked, LedgerError> {
        let made = plan.earlier.spec_of(&plan.line, failing);
        let setup = Setup::settle(self, trial.engine.as_ref(), &options.as_made_with(made)?)?;
        let seed = setup.seed;
        let subjects: BTreeSet<&String> =
            failing.iter().map(|key| &plan.questions[key].request.subject).collect();
        let joins = setup.description.joins_subjects;
        let is_edited = |key: &FactKey, question: &WordedFact| {
            failing.contains(key) || joins && subjects.contains(&question.request.subject)
        };
        let edits = plan.questions.iter().filter(|(key, question)| is_edited(key, question));
        let requests: BTreeMap<_, _> =
            edits.map(|(key, question)| (*key, question.request.clone())).collect();
        let keys: Vec<FactKey> = requests.keys().copied().collect();
        let job =
            Job { base: plan.parent.base, line: &plan.line, requests, earlier: &plan.earlier };
        let edited = trial.edit(actor, setup, job, progress)?;

        let mut findings: BTreeMap<FactKey, _> =
            keys.into_iter().zip(edited.findings.clone()).collect();
        let sample = self.sample_beside(plan, failing, seed)?;
        let mut examination = Examination {
            edited: Vec::new(),
            neighbours: sample.neighbours,
            earlier: Vec::new(),
            known: sample.known,
        };
        for (key, question) in &plan.questions {
            if failing.contains(key) {
                let finding = findings.remove(key).unwrap_or_default();
                examination.edited.push((question.clone(), finding));
            } else {
                examination.earlier.push(question.clone());
            }
        }
        let checked = trial.check_edit(examination, edited, options.require, progress)?;
        let check = &checked.check;
        let repaired = check.efficacy.map_or(0, |rate| rate.passed);
        let (failing, lost) = (failing.len() as u64, check.lost.len() as u64);
        if repaired <= lost {
            return Err(LedgerError::NothingGained { failing, repaired, lost });
        }
        Ok(checked)
    }

    /// What must not move when `failing` are edited.
    fn sample_beside(
        &self,
        plan: &Plan,
        failing: &BTreeSet<FactKey>,
        seed: u64,
    ) -> Result<Sample, LedgerError> {
        let ledger = self.read()?;
        let lexicon = ledger.lexicon(&plan.parent);
        let edited = plan.facts.iter().filter(|(key, _)| failing.contains(key));
        let edited = edited.map(|(key, fact)| (*key, fact.clone())).collect();
        Sample::draw(&ledger, &lexicon, plan.parent.roots(), &edited, self.config(), seed)
    }

    /// Writes the commit and moves the branch.
    fn record_repair(
        &self,
        plan: &Plan,
        Checked { edited, check, .. }: &Checked,
        actor: &Actor,
        message: &str,
    ) -> Result<Id<Commit>, LedgerError> {
        let ledger = self.read()?;
        let count = check.facts.len();
        let message = match (message, count) {
            ("", 1) => "Repair 1 fact".to_owned(),
            ("", _) => format!("Repair {count} facts"),
            (message, _) => message.to_owned(),
        };
        let new = NewCommit {
            parents: vec![plan.parent_id],
            base: plan.parent.base,
            roots: plan.parent.roots(),
            line: &edited.line,
            weights: load::hashes(&edited.weights),
            edited: Some(edited),
            imported: None,
            check: Some(check),
            step: Step::Repair,
            author: actor.author.clone(),
            time: actor.time,
            message,
        };
        let objects = NewObjects::default();
        let Recorded { id, update, .. } = new.record(&ledger, objects, self.object_limit())?;
        update.moving_head(plan.head.clone(), plan.parent_id, id).apply(&ledger, actor)?;
        Ok(id)
    }

    fn repaired(
        &self,
        plan: &Plan,
        failing: &BTreeSet<FactKey>,
        made: Option<(Id<Commit>, Checked)>,
    ) -> Result<RepairReport, LedgerError> {
        let ledger = self.read()?;
        let id = made.as_ref().map_or(plan.parent_id, |(id, _)| *id);
        let commit = ledger.commit_view(id, &ledger.commit(id)?)?;
        let head = ledger.head_view()?;
        drop(ledger);
        let notes = made.as_ref().map(|(_, made)| made.edited.notes.clone()).unwrap_or_default();
        Ok(RepairReport {
            commit,
            head,
            asked: plan.questions.len() as u64,
            failing: failing.len() as u64,
            edit: made.map(|(_, made)| self.edit_view(made, Vec::new())).transpose()?,
            notes,
        })
    }
}

//! `consolidate`: all facts that hold, edited into the base at once.

use std::collections::BTreeMap;

use serde::Serialize;

use super::commit::{CommitOptions, EditView};
use crate::{
    codec::NewObjects,
    commit::Step,
    engine::Progress,
    fact::{Fact, FactKey, tree},
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::{
            attempt::Job,
            examine::Examination,
            kept_prompts::Others,
            record::{NewCommit, Recorded},
            sample::Sample,
            setup::Setup,
            trial::{Checked, Trial},
        },
        lineage::load,
        report::view::{CommitView, HeadView},
    },
};

/// What `consolidate` made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConsolidateReport {
    /// The new commit.
    pub commit: CommitView,
    /// Where HEAD is now.
    pub head: HeadView,
    /// Facts that hold, before as after.
    pub facts: u64,
    /// Deltas before.
    pub deltas_before: u64,
    /// Length of their tensor files in bytes.
    pub bytes_before: u64,
    /// Facts that were answered right before.
    pub held_before: u64,
    /// The one delta that took their place, and what holds now.
    pub edit: EditView,
    /// What is worth saying about how it went.
    pub notes: Vec<String>,
}

impl Repo {
    /// Makes a version with the same facts whose lineage is one delta, as if all of them had been
    /// edited into the base by one commit. z vectors that were found before are used again.
    ///
    /// # Errors
    /// When one delta holds all facts already, a fact has no words, the edit fails or does not reach
    /// what is required, or HEAD moved meanwhile.
    pub fn consolidate(
        &self,
        actor: &Actor,
        options: &CommitOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<ConsolidateReport, LedgerError> {
        let ledger = self.read_to_change()?;
        ledger.require_no_task()?;
        let head = ledger.session.head()?;
        let (parent_id, parent) = ledger.head_commit()?;
        let line = ledger.line(&parent)?;
        let lexicon = ledger.lexicon(&parent);
        let facts: BTreeMap<FactKey, Fact> =
            tree::iter(&ledger, parent.facts).collect::<Result<_, _>>()?;
        // Imported deltas hold no facts; the new one comes on top of them.
        let mut below = line.clone();
        let _all_are_edited = below.let_go(&facts.keys().copied().collect());
        let deltas_before = (line.entries().len() - below.entries().len()) as u64;
        if deltas_before < 2 && line.entries().iter().all(|entry| entry.dropped.is_empty()) {
            let facts = facts.len() as u64;
            return Err(LedgerError::NothingToConsolidate { deltas: deltas_before, facts });
        }
        let seed = options.edit.seed.unwrap_or(self.config().seed);
        let roots = parent.roots();
        let questions =
            Others::read(&ledger, &lexicon, roots, facts.values())?.questions(&lexicon, &facts)?;
        let sample = Sample::draw(&ledger, &lexicon, roots, &facts, self.config(), seed)?;
        let earlier = ledger.made_with([parent_id], parent.base)?;
        drop(ledger);

        let mut bytes_before = 0;
        for entry in line.entries() {
            bytes_before += self.tensor_file_bytes(entry.delta.file)?;
        }
        let (version, require) = ((parent_id, &parent, &line), options.edit.require);
        let mut trial = Trial::begin_to_record(self, version, require, open, progress)?;
        let setup = Setup::settle(self, trial.engine.as_ref(), &options.edit)?;
        let requests = questions.iter().map(|(key, question)| (*key, question.request.clone()));
        let job = Job {
            base: parent.base,
            line: &below,
            requests: requests.collect(),
            earlier: &earlier,
        };
        let edited = trial.edit(actor, setup, job, progress)?;
        let examination = Examination {
            edited: questions.into_values().zip(edited.findings.clone()).collect(),
            neighbours: sample.neighbours,
            earlier: Vec::new(),
            known: sample.known,
        };
        let checked = trial.check_edit(examination, edited, require, progress)?;
        let Checked { edited, check, .. } = &checked;

        let ledger = self.read()?;
        let mut message = options.message.trim().to_owned();
        if message.is_empty() {
            message = format!("Consolidate {} facts", facts.len());
        }
        let new = NewCommit {
            parents: vec![parent_id],
            base: parent.base,
            roots,
            line: &edited.line,
            weights: load::hashes(&edited.weights),
            edited: Some(edited),
            imported: None,
            check: Some(check),
            step: Step::Consolidate,
            author: actor.author.clone(),
            time: actor.time,
            message,
        };
        let objects = NewObjects::default();
        let Recorded { id, commit, update } = new.record(&ledger, objects, self.object_limit())?;
        update.moving_head(head, parent_id, id).apply(&ledger, actor)?;
        let notes = edited.notes.clone();
        let held_before = check.facts.iter().filter(|row| row.before.matches).count() as u64;
        Ok(ConsolidateReport {
            commit: ledger.commit_view(id, &commit)?,
            head: ledger.head_view()?,
            facts: facts.len() as u64,
            deltas_before,
            bytes_before,
            held_before,
            edit: self.edit_view(checked, Vec::new())?,
            notes,
        })
    }
}

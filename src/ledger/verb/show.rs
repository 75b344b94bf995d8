//! `show`: one commit in full.

use serde::Serialize;

use crate::{
    checkpoint::Base,
    codec,
    commit::{Artefact, Check, Spec},
    delta::{Delta, Form},
    engine::FoundWith,
    fact::tree,
    id::Id,
    ledger::{
        LedgerError, Repo,
        report::{
            stat::Stat,
            view::{CommitView, FactChange},
            wording,
        },
        state::{evaluations::Evaluation, open::Ledger},
    },
    tensor::TensorId,
};

/// A commit in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowReport {
    /// The commit.
    pub commit: CommitView,
    /// The base's fingerprint.
    pub base: Id<Base>,
    /// Facts that hold there.
    pub facts: u64,
    /// How they differ from its parent's.
    pub changes: Vec<FactChange>,
    /// Neighbourhood facts.
    pub neighbourhood: u64,
    /// What the edit was made with.
    pub spec: Option<SpecView>,
    /// What the edit was found with, where that was recorded.
    pub found_with: Option<FoundWith>,
    /// How it went.
    pub check: Option<Check>,
    /// What was measured of it later and stored.
    pub evaluations: Vec<Evaluation>,
    /// The delta this commit made.
    pub delta: Option<DeltaView>,
    /// Deltas that make up this version.
    pub deltas: u64,
    /// Every tensor that differs from the base, and the hash of its content.
    pub weights: Vec<WeightView>,
}

/// A commit, and how much it changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowStatReport {
    /// The commit.
    pub commit: CommitView,
    /// Facts that hold there.
    pub facts: u64,
    /// How much differs from its parent; `None` for the base.
    pub stat: Option<Stat>,
}

/// What an edit was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecView {
    /// Its id.
    pub id: Id<Spec>,
    /// Name of the editor.
    pub editor: String,
    /// Version of the editor.
    pub editor_version: u32,
    /// Settings, canonical TOML.
    pub settings: String,
    /// Seed.
    pub seed: u64,
    /// Context prefixes.
    pub prefixes: Vec<String>,
    /// What text the statistics were taken on; `None` where the editor needed none.
    pub statistics: Option<String>,
    /// Tokens the statistics counted.
    pub statistics_tokens: Option<u64>,
    /// What the editor was trained to; `None` where it is not trained.
    pub artefact: Option<Id<Artefact>>,
}

/// A delta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeltaView {
    /// Its id.
    pub id: Id<Delta>,
    /// Length of its tensor file in bytes.
    pub bytes: u64,
    /// Facts it holds a column for.
    pub columns: u64,
    /// Of them, columns that no longer count in the version shown.
    pub dropped: u64,
    /// What it changes.
    pub tensors: Vec<DeltaTensorView>,
}

/// A delta's change of one tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeltaTensorView {
    /// Name in the checkpoint.
    pub name: String,
    /// Output width.
    pub outputs: u64,
    /// Input width.
    pub inputs: u64,
    /// Rank; `None` for a whole matrix.
    pub rank: Option<u64>,
}

/// A tensor of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeightView {
    /// Name in the checkpoint.
    pub name: String,
    /// Hash of dtype, shape and bytes.
    pub id: TensorId,
}

impl Repo {
    /// The commit that `revision` names, and how much it changed.
    ///
    /// # Errors
    /// When there is no such revision or the store cannot be read.
    pub fn show_stat(&self, revision: &str) -> Result<ShowStatReport, LedgerError> {
        let ledger = self.view()?;
        let id = ledger.resolve(revision)?;
        let commit = ledger.commit(id)?;
        let stat = match commit.parents.first() {
            Some(parent) => Some(Stat::between(&ledger, &ledger.commit(*parent)?, &commit)?),
            None => None,
        };
        let facts = tree::len(&ledger, commit.facts)?;
        Ok(ShowStatReport { commit: ledger.commit_view(id, &commit)?, facts, stat })
    }

    /// The commit that `revision` names, in full.
    ///
    /// # Errors
    /// When there is no such revision or the store cannot be read.
    pub fn show(&self, revision: &str) -> Result<ShowReport, LedgerError> {
        let ledger = self.view()?;
        let id = ledger.resolve(revision)?;
        let commit = ledger.commit(id)?;
        let changes = match commit.parents.first() {
            Some(parent) => {
                let before = ledger.commit(*parent)?.facts;
                wording::fact_changes(&ledger, &ledger.lexicon(&commit), before, commit.facts)?
            }
            None => Vec::new(),
        };
        let line = ledger.line(&commit)?;
        let delta = match commit.delta {
            Some(id) => {
                let dropped = line
                    .entries()
                    .iter()
                    .find(|entry| entry.id == id)
                    .map_or(0, |entry| entry.dropped.len() as u64);
                Some(self.delta_view(&ledger, id, dropped)?)
            }
            None => None,
        };
        let weights = commit.weights.iter();
        Ok(ShowReport {
            base: commit.base,
            facts: tree::len(&ledger, commit.facts)?,
            changes: changes.into_iter().map(|(_, change)| change).collect(),
            neighbourhood: tree::len(&ledger, commit.neighbourhood)?,
            spec: commit.spec.map(|id| spec_view(&ledger, id)).transpose()?,
            found_with: ledger.found_with(id)?,
            check: ledger.check(&commit)?,
            evaluations: ledger.evaluations(id)?,
            delta,
            deltas: line.entries().len() as u64,
            weights: weights
                .map(|tensor| WeightView { name: tensor.name.clone(), id: tensor.id })
                .collect(),
            commit: ledger.commit_view(id, &commit)?,
        })
    }

    fn delta_view(
        &self,
        ledger: &Ledger<'_>,
        id: Id<Delta>,
        dropped: u64,
    ) -> Result<DeltaView, LedgerError> {
        let delta = codec::get(ledger, id)?;
        let tensors = delta.tensors.iter().map(|tensor| DeltaTensorView {
            name: tensor.name.clone(),
            outputs: tensor.outputs,
            inputs: tensor.inputs,
            rank: match tensor.form {
                Form::LowRank { rank } => Some(rank),
                Form::Dense | Form::Tuned => None,
            },
        });
        Ok(DeltaView {
            id,
            bytes: self.tensor_file_bytes(delta.file)?,
            columns: delta.columns.len() as u64,
            dropped,
            tensors: tensors.collect(),
        })
    }
}

fn spec_view(ledger: &Ledger<'_>, id: Id<Spec>) -> Result<SpecView, LedgerError> {
    let spec = codec::get(ledger, id)?;
    let statistics = spec.statistics.map(|id| codec::get(ledger, id)).transpose()?;
    Ok(SpecView {
        id,
        editor: spec.editor,
        editor_version: spec.editor_version,
        settings: spec.settings,
        seed: spec.seed,
        prefixes: spec.prefixes,
        statistics_tokens: statistics.as_ref().map(|statistics| statistics.tokens),
        statistics: statistics.map(|statistics| statistics.source),
        artefact: spec.artefact,
    })
}

//! A LoRA adapter as PEFT keeps it, and who can serve it.

use std::path::Path;

use super::{
    Format, Outgoing, Written,
    card::{Card, Load},
    factors::{self, Cut, Fidelity},
};
use crate::{
    checkpoint::{self, Ranks},
    engine::Progress,
    ledger::{
        error::LedgerError,
        repo::{OpenEngine, Repo},
    },
};

/// The values that vLLM takes for `--max-lora-rank`.
const VLLM_RANKS: &[u64] = &[1, 8, 16, 32, 64, 128, 256, 320, 512];
/// Architectures for which vLLM has no LoRA.
const NOT_IN_VLLM: &[&str] = &["gpt2", "gptj", "bert", "distilbert"];

/// A version as an adapter.
pub(crate) struct Peft {
    ranks: Ranks,
    cut: Cut,
    /// The largest rank of a tensor.
    rank: u64,
    fidelity: Option<Fidelity>,
}

impl Peft {
    /// Takes `version` apart into factors. An engine is opened only where some have to be cut down to `max_rank`: it
    /// approximates them, and is asked what that did.
    ///
    /// # Errors
    /// When an adapter cannot hold the version, nothing is left to hold, or the model fails.
    pub(crate) fn fit(
        repo: &Repo,
        version: &Outgoing,
        ranks: Ranks,
        max_rank: Option<usize>,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Self, LedgerError> {
        let sums = &version.version;
        let targets = factors::targets(sums)?;
        let too_large = |tensor: &String| factors::exceeds(sums, tensor, max_rank);
        let mut engine = None;
        if max_rank.is_some() && targets.keys().any(too_large) {
            engine = Some(repo.engine(open)?);
        }
        let cut = factors::cut(sums, &targets, max_rank, engine.as_deref(), progress)?;
        let Some(rank) = cut.changes.iter().map(|change| change.left.cols as u64).max() else {
            return Err(LedgerError::NothingToAdapt { commit: version.id });
        };
        let mut fidelity = None;
        if let (Some(lost), Some(engine)) = (cut.lost, &mut engine) {
            let merged = factors::merged(version.base(), &cut.changes)?;
            let (questions, exact) = (&version.told.questions, &version.weights);
            let engine = engine.as_mut();
            fidelity = Some(factors::compare(engine, questions, exact, &merged, lost, progress)?);
        }
        Ok(Self { ranks, cut, rank, fidelity })
    }
}

impl Format for Peft {
    fn write(&self, version: &Outgoing, dir: &Path) -> Result<Written, LedgerError> {
        let model_type = version.base().model_type()?;
        let (changes, base_model) = (&self.cut.changes, &version.base_model);
        checkpoint::write_adapter(dir, changes, self.ranks, model_type, base_model)?;
        Card::of(version, Load::Adapter, self.fidelity.as_ref()).write(dir)?;
        let (max_lora_rank, note) = serving(self.rank, model_type);
        Ok(Written {
            rank: Some(self.rank),
            max_lora_rank,
            fidelity: self.fidelity.clone(),
            notes: vec![note],
        })
    }
}

/// What vLLM needs for an adapter of this rank, and that in words.
fn serving(rank: u64, model_type: &str) -> (Option<u64>, String) {
    if NOT_IN_VLLM.contains(&model_type) {
        return (None, format!("vLLM has no LoRA for {model_type}: give it --format merged"));
    }
    let needed = VLLM_RANKS.iter().copied().find(|&most| rank <= most);
    let note = match needed {
        Some(most) => format!("vLLM needs --max-lora-rank {most}"),
        None => {
            let most = VLLM_RANKS.last().copied().unwrap_or_default();
            format!(
                "vLLM takes ranks up to {most}: cut it down with --max-rank {most}, or give it --format merged"
            )
        }
    };
    (needed, note)
}

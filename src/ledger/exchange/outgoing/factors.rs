//! A version as a low-rank adapter: its lineage's factors side by side, and what becomes of it when the
//! rank is cut down.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    checkpoint::{Adapted, Checkpoint, CheckpointError, Names},
    delta::{Accumulator, Version},
    engine::{Engine, EngineError, Progress},
    ledger::{edit::examine::WordedFact, error::LedgerError},
    tensor::{Matrix, Orientation, Tensor},
};

/// How far an approximation is from the version it stands for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fidelity {
    /// Rank of the version, before it was cut down; of a change that is not of low rank, all there is.
    pub rank: u64,
    /// Largest share that a tensor's change lost: Frobenius norm of what is lost over that of the change.
    pub lost: f64,
    /// Facts asked.
    pub asked: u64,
    /// Of them, facts that the version answers as they say.
    pub held: u64,
    /// Of those, facts that the approximation answers so too.
    pub kept: u64,
    /// Mean absolute change of the log-probability of the facts' objects.
    pub shift: f64,
    /// Largest such change.
    pub largest_shift: f64,
}

/// A version's changes, ready for an adapter.
pub(crate) struct Cut {
    pub(crate) changes: Vec<Adapted>,
    /// Rank before anything was cut, and the largest share lost; `None` where nothing was cut.
    pub(crate) lost: Option<(usize, f64)>,
}

/// The tensors that an adapter of `version` changes, and how the base stores each.
///
/// # Errors
/// When one of them has no place in an adapter.
pub(crate) fn targets(version: &Version) -> Result<BTreeMap<String, Orientation>, LedgerError> {
    let changes = version.deltas.iter().flat_map(|delta| &delta.changes);
    let targets: BTreeMap<String, Orientation> =
        changes.map(|(name, change)| (name.clone(), change.orientation)).collect();
    let names = Names::of(version.base.model_type()?);
    for tensor in targets.keys() {
        let shape = version.base.raw(tensor)?.1;
        if shape.len() != 2 || names.module(tensor).is_none() {
            return Err(LedgerError::NoAdapter {
                tensor: tensor.clone(),
                why: "is not to a linear map of a block or the head",
                approximable: false,
            });
        }
    }
    Ok(targets)
}

/// Whether an adapter of at most `max_rank` cannot hold `version` as it is.
pub(crate) fn exceeds(version: &Version, tensor: &str, max_rank: Option<usize>) -> bool {
    let rank = version.factors(tensor).map(|(left, _)| left.cols);
    rank.is_none_or(|rank| max_rank.is_some_and(|most| rank > most))
}

/// Takes `version` apart into factors, none of more than `max_rank` columns.
///
/// # Errors
/// When a change is not of low rank and nothing says how to approximate it, or the engine fails.
pub(crate) fn cut(
    version: &Version,
    targets: &BTreeMap<String, Orientation>,
    max_rank: Option<usize>,
    engine: Option<&dyn Engine>,
    progress: &mut dyn Progress,
) -> Result<Cut, LedgerError> {
    let mut changes = Vec::new();
    let mut lost: Option<(usize, f64)> = None;
    progress.start("factors", Some(targets.len() as u64));
    for (done, (tensor, &orientation)) in (1..).zip(targets) {
        let factors = version.factors(tensor);
        let whole = match &factors {
            Some((left, _)) => left.cols,
            None => version.base.raw(tensor)?.1.iter().copied().min().unwrap_or_default(),
        };
        let (left, right) = match (factors, max_rank, engine) {
            (Some(factors), None, _) => factors,
            (Some(factors), Some(most), _) if whole <= most => factors,
            (factors, Some(most), Some(engine)) => {
                let (left, right) = match factors {
                    Some(factors) => factors,
                    None => difference(version, tensor, orientation)?,
                };
                let found = engine.approximate(&left, &right, most)?;
                let (rank, share) = lost.unwrap_or_default();
                lost = Some((rank.max(whole), share.max(found.lost)));
                (found.left, found.right)
            }
            _ => {
                return Err(LedgerError::NoAdapter {
                    tensor: tensor.clone(),
                    why: "is not of low rank",
                    approximable: true,
                });
            }
        };
        if left.cols > 0 {
            changes.push(Adapted { tensor: tensor.clone(), orientation, left, right });
        }
        progress.advance(done, "")?;
    }
    progress.finish("");
    if let Some((rank, _)) = &mut lost {
        // Tensors that were not cut count too.
        *rank = changes.iter().map(|change| change.left.cols).fold(*rank, usize::max);
    }
    Ok(Cut { changes, lost })
}

/// What `version` adds to a tensor in all, times the smaller identity.
#[expect(clippy::cast_possible_truncation, reason = "it is approximated anyway")]
fn difference(
    version: &Version,
    tensor: &str,
    orientation: Orientation,
) -> Result<(Matrix, Matrix), LedgerError> {
    let base = Accumulator::new(&version.base.tensor(tensor)?, orientation);
    let sum = version.accumulate(tensor, orientation)?;
    let added = sum.sum().iter().zip(base.sum()).map(|(sum, base)| (sum - base) as f32);
    let added = Matrix { rows: sum.outputs(), cols: sum.inputs(), data: added.collect() };
    Ok(if added.rows < added.cols {
        (Matrix::identity(added.rows), added)
    } else {
        let right = Matrix::identity(added.cols);
        (added, right)
    })
}

/// The weights that an adapter gives when it is merged into the base in our arithmetic.
pub(crate) fn merged(
    base: &Checkpoint,
    changes: &[Adapted],
) -> Result<BTreeMap<String, Tensor>, CheckpointError> {
    let merge = |change: &Adapted| {
        let mut sum = Accumulator::new(&base.tensor(&change.tensor)?, change.orientation);
        sum.add_low_rank(&change.left, &change.right, &[]);
        Ok((change.tensor.clone(), sum.round()))
    };
    changes.iter().map(merge).collect()
}

/// Asks the version with the weights `exact` and the one with `cut` the same questions.
///
/// # Errors
/// When the model fails or `progress` asks to stop.
pub(crate) fn compare(
    engine: &mut dyn Engine,
    questions: &[WordedFact],
    exact: &BTreeMap<String, Tensor>,
    cut: &BTreeMap<String, Tensor>,
    (rank, lost): (usize, f64),
    progress: &mut dyn Progress,
) -> Result<Fidelity, EngineError> {
    let probes: Vec<_> = questions.iter().map(WordedFact::prompt).collect();
    engine.set_weights(exact)?;
    let before = engine.answer(&probes, progress)?;
    engine.set_weights(cut)?;
    let after = engine.answer(&probes, progress)?;
    let pairs = || before.iter().zip(&after);
    let held = pairs().filter(|(before, _)| before.matches);
    // A probability of nothing has no logarithm; the smallest number stands for it.
    let log = |probability: f32| f64::from(probability.max(f32::MIN_POSITIVE)).ln();
    let shifts: Vec<f64> = pairs()
        .map(|(before, after)| (log(before.probability) - log(after.probability)).abs())
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of prompts are small")]
    let shift = shifts.iter().sum::<f64>() / shifts.len().max(1) as f64;
    Ok(Fidelity {
        rank: rank as u64,
        lost,
        asked: probes.len() as u64,
        held: held.clone().count() as u64,
        kept: held.filter(|(_, after)| after.matches).count() as u64,
        shift,
        largest_shift: shifts.into_iter().fold(0.0, f64::max),
    })
}

//! Which version a checkpoint was trained on from.
//!
//! Training moves weights a little in every direction; an edit moves them far in a few. So the version
//! that a checkpoint began as is the one it is nearest to. Every version of HEAD's history is compared on
//! some elements of the tensors that any of them changes, and the nearest on all.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::{
    checkpoint::Checkpoint,
    codec,
    commit::Commit,
    delta::{Accumulator, Change, ChangeForm, Delta, LoadedDelta, tensors_of_base},
    engine::Progress,
    id::Id,
    ledger::{
        error::LedgerError,
        lineage::{
            line::{Entry, Line},
            load,
        },
        repo::Repo,
    },
    tensor::{Dtype, Orientation, Tensor, widths},
};

/// Rows and columns of a tensor that versions are compared on first, at most.
const SAMPLED: (usize, usize) = (64, 256);
/// Versions that are compared on all elements, besides the base and HEAD.
const FINALISTS: usize = 4;

type LineageId = Id<crate::delta::Lineage>;

/// A version, and how far a checkpoint is from it: the norm of their difference over the tensors that
/// some version of the history changes.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) commit: Id<Commit>,
    pub(crate) line: Line,
    pub(crate) distance: f64,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Nearest {
    pub(crate) nearest: Candidate,
    pub(crate) base: Candidate,
    pub(crate) head: Candidate,
}

/// The lineages that a history has, as a tree: what goes on from what.
#[derive(Default)]
struct Lineages {
    after: BTreeMap<Option<LineageId>, Vec<(LineageId, Entry)>>,
    /// The newest commit with each, and how many are newer than that.
    commits: BTreeMap<Option<LineageId>, (usize, Id<Commit>)>,
}

impl Repo {
    /// Finds the version of HEAD's history that `tuned` is nearest to; `None` where all of them have the
    /// base's weights.
    ///
    /// # Errors
    /// When the checkpoint is none of this base, an object or a delta is damaged, or `progress` asks to stop.
    pub(crate) fn nearest(
        &self,
        tuned: &Checkpoint,
        progress: &mut dyn Progress,
    ) -> Result<Option<Nearest>, LedgerError> {
        let ledger = self.read()?;
        let (tip, Commit { lineage: head, .. }) = ledger.head_commit()?;
        let mut lineages = Lineages::default();
        for (number, commit) in ledger.walk_from([tip], BTreeSet::new()).enumerate() {
            let (id, commit) = commit?;
            lineages.commits.entry(commit.lineage).or_insert((number, id));
            let mut next = commit.lineage;
            while let Some(at) = next {
                let node = codec::get(&ledger, at)?;
                let known = lineages.after.entry(node.before).or_default();
                if known.iter().any(|(id, _)| *id == at) {
                    break;
                }
                let delta = codec::get(&ledger, node.delta)?;
                known.push((at, Entry::new(node.delta, delta, node.dropped)));
                next = node.before;
            }
        }
        drop(ledger);
        if lineages.after.is_empty() {
            return Ok(None);
        }

        let base = self.base()?;
        let sample = Sample::draw(&base, tuned, &lineages)?;
        let mut distances = self.sampled_distances(&lineages, &sample, progress)?;
        distances.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let finalists = distances.into_iter().take(FINALISTS).map(|(.., id)| id);
        let finalists: BTreeSet<Option<LineageId>> = finalists.chain([None, head]).collect();

        let mut candidates = Vec::new();
        for id in finalists {
            let ledger = self.read()?;
            let line = Line::load(&ledger, id)?;
            drop(ledger);
            let weights = self.build(&line)?;
            let distance = |tensor: &Sampled| tensor.distance(&base, tuned, &weights);
            let squares = sample.0.par_iter().map(distance).collect::<Result<Vec<f64>, _>>()?;
            let Some(&(number, commit)) = lineages.commits.get(&id) else { continue };
            let distance = squares.iter().sum::<f64>().sqrt();
            candidates.push((id, number, Candidate { commit, line, distance }));
        }
        let of = |wanted: Option<LineageId>| {
            let found = candidates.iter().find(|(id, ..)| *id == wanted);
            found.map(|(.., candidate)| candidate.clone())
        };
        let (Some(base), Some(head)) = (of(None), of(head)) else { return Ok(None) };
        // Where nothing tells them apart it is the base, then the newest.
        let nearest = candidates
            .into_iter()
            .min_by(|a, b| {
                let order = |c: &(Option<LineageId>, usize, Candidate)| (c.0.is_some(), c.1);
                a.2.distance.total_cmp(&b.2.distance).then(order(a).cmp(&order(b)))
            })
            .map_or_else(|| base.clone(), |(.., candidate)| candidate);
        Ok(Some(Nearest { nearest, base, head }))
    }

    /// How far `sample` of the checkpoint is from each version, with the place of its commit.
    fn sampled_distances(
        &self,
        lineages: &Lineages,
        sample: &Sample,
        progress: &mut dyn Progress,
    ) -> Result<Vec<(f64, usize, Option<LineageId>)>, LedgerError> {
        let files = self.store().tensors();
        let mut changes: BTreeMap<Id<Delta>, LoadedDelta> = BTreeMap::new();
        let mut distances = Vec::new();
        progress
            .start("versions", Some(lineages.after.values().map(Vec::len).sum::<usize>() as u64));
        let mut done = 0;
        let mut ahead = vec![(None, sample.sums())];
        while let Some((id, sums)) = ahead.pop() {
            if let Some((number, _)) = lineages.commits.get(&id) {
                distances.push((sample.distance(&sums), *number, id));
            }
            for (next, entry) in lineages.after.get(&id).into_iter().flatten() {
                if !changes.contains_key(&entry.id) {
                    let read = load::read(&files, std::slice::from_ref(entry))?;
                    let read = read.into_iter().next().map(|delta| sample.of_delta(&delta));
                    changes.extend(read.map(|delta| (entry.id, delta)));
                }
                let mut sums = sums.clone();
                let dropped: Vec<u32> = entry.dropped.iter().copied().collect();
                sample.add(&mut sums, &changes[&entry.id], &dropped);
                ahead.push((Some(*next), sums));
                done += 1;
                progress.advance(done, "")?;
            }
        }
        progress.finish("");
        Ok(distances)
    }
}

/// A tensor that versions differ in, and some elements of it.
struct Sampled {
    name: String,
    /// What the checkpoint calls it.
    theirs: String,
    rows: Vec<usize>,
    columns: Vec<usize>,
    /// The base's elements.
    base: Tensor,
    /// The checkpoint's.
    saved: Tensor,
}

/// Some elements of all tensors that versions differ in.
struct Sample(Vec<Sampled>);

impl Sample {
    fn draw(
        base: &Checkpoint,
        tuned: &Checkpoint,
        lineages: &Lineages,
    ) -> Result<Self, LedgerError> {
        let entries = lineages.after.values().flatten();
        let tensors = entries.flat_map(|(_, entry)| &entry.delta.tensors);
        let tensors: BTreeMap<&str, Orientation> =
            tensors.map(|tensor| (tensor.name.as_str(), tensor.orientation)).collect();
        let found = tensors_of_base(base, tuned)?;
        let mut sampled = Vec::new();
        for (name, orientation) in tensors {
            let Some(&theirs) = found.get(name) else { continue };
            let (ours, saved) = (base.raw(name)?, tuned.raw(theirs)?);
            if ours.1 != saved.1 {
                // Comparing says so.
                continue;
            }
            let (ours, saved) = (base.tensor(name)?, tuned.tensor(theirs)?);
            let (outputs, inputs) = widths(&ours.shape, orientation);
            let (rows, columns) = (spread(outputs, SAMPLED.0), spread(inputs, SAMPLED.1));
            let [base, saved] = [&ours, &saved].map(|t| part(t, orientation, &rows, &columns));
            let (name, theirs) = (name.to_owned(), theirs.to_owned());
            sampled.push(Sampled { name, theirs, rows, columns, base, saved });
        }
        Ok(Self(sampled))
    }

    /// What the base has.
    fn sums(&self) -> Vec<Accumulator> {
        self.0.iter().map(|tensor| Accumulator::new(&tensor.base, Orientation::OutIn)).collect()
    }

    /// What a delta says of it.
    fn of_delta(&self, delta: &LoadedDelta) -> LoadedDelta {
        let sampled = |tensor: &Sampled| {
            let Change { orientation, form, .. } = delta.changes.get(&tensor.name)?;
            let (rows, columns) = (&tensor.rows, &tensor.columns);
            let form = match form {
                ChangeForm::LowRank { left, right } => ChangeForm::LowRank {
                    left: left.select_rows(rows),
                    right: right.select_columns(columns),
                },
                ChangeForm::Dense(change) => {
                    ChangeForm::Dense(change.select_rows(rows).select_columns(columns))
                }
                ChangeForm::Tuned(tuned) => {
                    ChangeForm::Tuned(part(tuned, *orientation, rows, columns))
                }
            };
            let change = Change { orientation: Orientation::OutIn, form, keys: None };
            Some((tensor.name.clone(), change))
        };
        LoadedDelta {
            changes: self.0.iter().filter_map(sampled).collect(),
            whole: delta.whole,
            dropped: Vec::new(),
            superseded: Vec::new(),
        }
    }

    fn add(&self, sums: &mut [Accumulator], delta: &LoadedDelta, dropped: &[u32]) {
        for (tensor, sum) in self.0.iter().zip(sums) {
            match delta.changes.get(&tensor.name).map(|change| &change.form) {
                Some(ChangeForm::LowRank { left, right }) => sum.add_low_rank(left, right, dropped),
                Some(ChangeForm::Dense(change)) => sum.add_dense(change),
                Some(ChangeForm::Tuned(tuned)) => sum.add_difference(tuned, &tensor.base),
                None => {}
            }
        }
    }

    fn distance(&self, sums: &[Accumulator]) -> f64 {
        let pairs = self.0.iter().zip(sums);
        pairs.map(|(tensor, sum)| apart(&sum.round(), &tensor.saved)).sum::<f64>().sqrt()
    }
}

impl Sampled {
    /// The square of how far the checkpoint's whole tensor is from that of a version.
    fn distance(
        &self,
        base: &Checkpoint,
        tuned: &Checkpoint,
        weights: &BTreeMap<String, Tensor>,
    ) -> Result<f64, LedgerError> {
        let saved = tuned.tensor(&self.theirs)?;
        Ok(match weights.get(&self.name) {
            Some(tensor) => apart(tensor, &saved),
            None => apart(&base.tensor(&self.name)?, &saved),
        })
    }
}

/// The square of the norm of the difference between a version's tensor and one that may have been saved in
/// fewer bits.
fn apart(version: &Tensor, saved: &Tensor) -> f64 {
    let coarser = saved.dtype != Dtype::F32 && saved.dtype != version.dtype;
    let version = if coarser { version.rounded_to(saved.dtype) } else { version.clone() };
    let pairs = version.to_f32().into_iter().zip(saved.to_f32());
    pairs.map(|(a, b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

/// At most `most` of `count` places, evenly spread.
fn spread(count: usize, most: usize) -> Vec<usize> {
    let taken = count.min(most);
    (0..taken).map(|place| place * count / taken).collect()
}

/// Some elements of a tensor, `[rows, columns]`.
fn part(tensor: &Tensor, orientation: Orientation, rows: &[usize], columns: &[usize]) -> Tensor {
    let ((outputs, inputs), size) = (widths(&tensor.shape, orientation), tensor.dtype.size());
    let turned = orientation == Orientation::InOut && tensor.shape.len() == 2;
    let mut bytes = Vec::with_capacity(rows.len() * columns.len() * size);
    for row in rows {
        for column in columns {
            let at = if turned { column * outputs + row } else { row * inputs + column };
            bytes.extend(&tensor.bytes[at * size..][..size]);
        }
    }
    Tensor { dtype: tensor.dtype, shape: vec![rows.len(), columns.len()], bytes }
}

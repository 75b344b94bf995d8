//! The optimisation of some δ, side by side (see [`super::z`]).

use std::collections::BTreeMap;

use tch::{Kind, Tensor, no_grad};

use super::{
    adam::{Adam, clamp_rows, row_norms},
    bucket::{Bucket, Row, numbers},
    budget::Budget,
    lookup::{Group, Lookup},
    openings::{Openings, int},
    place::Place,
    settings::Search as Settings,
};
use crate::{
    editor::matrix::{floats, matrix},
    engine::ZTrace,
    model::Decoder,
    tensor::Matrix,
};

/// Groups of facts that are optimised side by side.
pub(super) struct Search {
    /// Which groups of the batch are still sought; row i of δ and of all that follows it is that of
    /// `live[i]`.
    live: Vec<usize>,
    steps: u32,
    budget: Budget,
    /// Of what is to stay, then of what is to follow.
    buckets: Vec<Bucket>,
    /// h of every fact of the batch, group after group, `[facts, d]`.
    streams: Tensor,
    /// Where among them each group begins.
    begins: Vec<usize>,
    /// h of each group's first fact, `[groups, d]`.
    before: Tensor,
    delta: Tensor,
    adam: Adam,
}

/// What a step brought.
pub(super) struct Step {
    /// Mean over the groups still sought.
    pub(super) loss: f64,
    /// Groups that ended, by place in the batch.
    pub(super) ended: Vec<(usize, Found)>,
}

/// The texts of a batch of groups.
struct Texts<'a> {
    /// Those whose continuation is sought.
    prompts: Vec<Row<'a>>,
    /// Those whose continuation is to stay as it is.
    kept: Vec<Row<'a>>,
    /// The number of each group's first fact, of those of the batch.
    begins: Vec<usize>,
    /// How many facts the batch has.
    facts: usize,
}

impl<'a> Texts<'a> {
    fn of(batch: &[Group<'a>], settings: &Settings) -> Self {
        let mut all = Self { prompts: Vec::new(), kept: Vec::new(), begins: Vec::new(), facts: 0 };
        for (group, members) in batch.iter().enumerate() {
            all.begins.push(all.facts);
            // Texts of a fact share its weight.
            let rows = |fact: usize, texts: &[&'a Lookup], predicted: usize, weight: f64| {
                let weight = weight / texts.len() as f64;
                let (fact, asked) = (all.facts + fact, members[fact].1);
                let row = |(place, &text)| Row {
                    group,
                    fact,
                    asked,
                    text,
                    first: place == 0,
                    predicted,
                    weight,
                };
                texts.iter().enumerate().map(row).collect::<Vec<Row<'a>>>()
            };
            let (mut prompts, mut kept) = (Vec::new(), Vec::new());
            for (fact, (_, asked)) in members.iter().enumerate() {
                let contexts: Vec<&Lookup> = asked.contexts.iter().collect();
                let weight = 1.0 / members.len() as f64;
                prompts.extend(rows(fact, &contexts, asked.target.len(), weight));
            }
            if settings.kl_factor > 0.0 {
                kept.extend(rows(0, &[&members[0].1.essence], 1, settings.kl_factor));
            }
            if settings.locality_factor > 0.0 {
                let mut others: Vec<&Lookup> = Vec::new();
                for text in members.iter().flat_map(|(_, asked)| &asked.kept) {
                    if !others.contains(&text) {
                        others.push(text);
                    }
                }
                kept.extend(rows(0, &others, 1, settings.locality_factor));
            }
            all.prompts.extend(prompts);
            all.kept.extend(kept);
            all.facts += members.len();
        }
        all
    }
}

impl Search {
    /// `openings` have come to the last block.
    pub(super) fn new<'a>(
        budget: Budget,
        decoder: &Decoder,
        openings: &Openings,
        batch: &[Group<'a>],
        (settings, place): (&Settings, Place),
    ) -> Self {
        let Texts { prompts, kept, begins, facts } = Texts::of(batch, settings);
        let kept = budget.split(kept);
        let kept =
            kept.iter().map(|rows| Bucket::drift(decoder, openings, rows, (settings, place)));
        let mut buckets: Vec<Bucket> = kept.collect();

        let device = decoder.device();
        let index = |of: Vec<usize>| numbers(&of).to_device(device);
        let width = int(decoder.spec().width);
        let mut streams = Tensor::zeros([int(facts), width], (Kind::Float, device));
        for rows in budget.split(prompts) {
            let bucket = Bucket::misfit(decoder, openings, &rows, (settings, place));
            // A fact's state is read where its first prompt has the subject.
            let firsts: Vec<usize> = (0..rows.len()).filter(|&row| rows[row].first).collect();
            if !firsts.is_empty() {
                let facts = firsts.iter().map(|&row| rows[row].fact).collect();
                let found = bucket.at_place().index_select(0, &index(firsts));
                let _changed_in_place = streams.index_copy_(0, &index(facts), &found);
            }
            buckets.push(bucket);
        }
        let before = streams.index_select(0, &index(begins.clone()));
        let delta = before.zeros_like();
        let adam = Adam::new(&delta, settings.v_lr);
        let live = (0..batch.len()).collect();
        Self { live, steps: 0, budget, buckets, streams, begins, before, delta, adam }
    }

    /// Whether all have ended.
    pub(super) const fn is_over(&self) -> bool {
        self.live.is_empty()
    }

    /// One forward pass; groups that are good enough or out of steps end, the others make a step.
    pub(super) fn step(&mut self, decoder: &Decoder, settings: &Settings) -> Step {
        let last = self.steps + 1 == settings.v_num_grad_steps;
        let mut gradient = self.delta.zeros_like();
        let mut misfit = Tensor::zeros([int(self.live.len())], (Kind::Float, gradient.device()));
        let mut drift = misfit.zeros_like();
        for bucket in &mut self.buckets {
            let (cost, slope) = slope(&self.delta, last, |delta| bucket.cost(decoder, delta));
            let total = if bucket.is_drift() { &mut drift } else { &mut misfit };
            let _changed_in_place = total.index_add_(0, bucket.groups(), &cost);
            if let Some(slope) = slope {
                gradient += slope;
            }
        }
        let (decay, slope) = slope(&self.delta, last, |delta| {
            row_norms(delta).squeeze_dim(1) / row_norms(&self.before).squeeze_dim(1).square()
        });
        if let Some(slope) = slope {
            gradient += slope * settings.v_weight_decay;
        }
        let loss = &misfit + drift + decay * settings.v_weight_decay;

        let losses = floats(&loss);
        let (ended, live): (Vec<usize>, Vec<usize>) = (0..losses.len())
            .partition(|&row| last || f64::from(losses[row]) < settings.early_stop_loss);
        let step = Step {
            loss: losses.iter().map(|&l| f64::from(l)).sum::<f64>() / losses.len() as f64,
            ended: self.end(&ended, &losses, &misfit),
        };
        if !live.is_empty() {
            no_grad(|| {
                let moved = self.adam.step(&self.delta, &gradient);
                let limits = row_norms(&self.before) * settings.clamp_norm_factor;
                self.delta = clamp_rows(&moved, &limits);
            });
        }
        if !ended.is_empty() {
            no_grad(|| self.keep(&live));
        }
        self.steps += 1;
        step
    }

    fn end(&self, rows: &[usize], losses: &[f32], misfit: &Tensor) -> Vec<(usize, Found)> {
        if rows.is_empty() {
            return Vec::new();
        }
        let misfits = floats(misfit);
        let found = rows.iter().map(|&row| {
            let group = self.live[row];
            let begin = self.begins[group];
            let end = self.begins.get(group + 1).map_or(self.streams.size()[0], |&end| int(end));
            let streams = self.streams.narrow(0, int(begin), end - int(begin));
            let z = matrix(&(streams + self.delta.get(int(row))));
            let trace =
                ZTrace { steps: self.steps, loss: losses[row], probability: (-misfits[row]).exp() };
            (group, Found { z, trace })
        });
        found.collect()
    }

    /// Only the groups in these rows go on.
    fn keep(&mut self, rows: &[usize]) {
        self.live = rows.iter().map(|&row| self.live[row]).collect();
        let places: BTreeMap<usize, usize> =
            rows.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        self.buckets.retain_mut(|bucket| bucket.keep(&places));
        let buckets = std::mem::take(&mut self.buckets);
        self.buckets = self.budget.join(buckets);
        if rows.is_empty() {
            return;
        }
        let rows = numbers(rows).to_device(self.delta.device());
        self.adam.keep(&rows);
        for tensor in [&mut self.before, &mut self.delta] {
            *tensor = tensor.index_select(0, &rows);
        }
    }
}

/// Values `of` a δ and, unless this step is the `last`, where their sum grows.
fn slope(
    delta: &Tensor,
    last: bool,
    of: impl FnOnce(&Tensor) -> Tensor,
) -> (Tensor, Option<Tensor>) {
    if last {
        return (no_grad(|| of(delta)), None);
    }
    let delta = delta.detach().set_requires_grad(true);
    let values = of(&delta);
    let slope = Tensor::run_backward(&[values.sum(Kind::Float)], &[&delta], false, false).remove(0);
    (values.detach(), Some(slope))
}

/// The z of a group's requests and how they were found.
#[derive(Debug, Clone)]
pub(in crate::editor) struct Found {
    /// `[requests, d]`.
    pub(in crate::editor) z: Matrix,
    /// How the optimisation ended.
    pub(in crate::editor) trace: ZTrace,
}

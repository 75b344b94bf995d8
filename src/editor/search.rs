//! The optimisation of some facts' δ, side by side (see [`super::z`]).

use std::collections::BTreeMap;

use tch::{Kind, Tensor, no_grad};

use super::{
    adam::{Adam, clamp_rows, row_norms},
    bucket::{Bucket, Row, numbers},
    lookup::{Asked, Lookup},
    matrix::floats,
    openings::{Openings, int},
    settings::Settings,
    z::{Budget, Found},
};
use crate::{ledger::ZTrace, model::Decoder};

/// Facts that are optimised side by side.
pub(super) struct Search {
    /// Which of the batch are still sought; row i of every tensor here is that of `live[i]`.
    live: Vec<usize>,
    steps: u32,
    prompts: Vec<Bucket>,
    kept: Vec<Bucket>,
    /// h, `[facts, d]`.
    before: Tensor,
    delta: Tensor,
    adam: Adam,
}

/// What a step brought.
pub(super) struct Step {
    /// Mean over the facts still sought.
    pub(super) loss: f64,
    /// Facts that ended, by place in the batch.
    pub(super) ended: Vec<(usize, Found)>,
}

impl Search {
    /// `openings` have come to the last block.
    pub(super) fn new<'a>(
        decoder: &Decoder,
        openings: &Openings,
        batch: &[&'a Asked],
        settings: &Settings,
        budget: Budget,
    ) -> Self {
        let facts = || batch.iter().copied().enumerate();
        let (mut prompts, mut kept) = (Vec::new(), Vec::new());
        for (fact, asked) in facts() {
            let rows = |rows: &mut Vec<_>, texts: &'a [Lookup], weight: f64| {
                let weight = weight / texts.len() as f64;
                rows.extend(texts.iter().map(|text| Row { fact, asked, text, weight }));
            };
            rows(&mut prompts, &asked.contexts, 1.0);
            if settings.kl_factor > 0.0 {
                rows(&mut kept, std::slice::from_ref(&asked.essence), settings.kl_factor);
            }
            if settings.locality_factor > 0.0 {
                rows(&mut kept, &asked.kept, settings.locality_factor);
            }
        }
        let first = |row: &Row<'_>| std::ptr::eq(row.text, &raw const row.asked.contexts[0]);

        let width = int(decoder.spec().width);
        let mut before = Tensor::zeros([int(batch.len()), width], (Kind::Float, decoder.device()));
        let prompts = budget.split(decoder, settings, prompts, |rows| {
            let bucket = Bucket::misfit(decoder, openings, rows, settings);
            let firsts: Vec<usize> = (0..rows.len()).filter(|&row| first(&rows[row])).collect();
            if !firsts.is_empty() {
                let firsts = numbers(&firsts).to_device(decoder.device());
                let facts = bucket.facts().index_select(0, &firsts);
                let streams = bucket.at_subject().index_select(0, &firsts);
                let _changed_in_place = before.index_copy_(0, &facts, &streams);
            }
            bucket
        });
        let kept = budget.split(decoder, settings, kept, |rows| {
            Bucket::drift(decoder, openings, rows, settings)
        });
        let delta = before.zeros_like();
        let adam = Adam::new(&delta, settings.v_lr);
        Self { live: (0..batch.len()).collect(), steps: 0, prompts, kept, before, delta, adam }
    }

    /// Whether all facts have ended.
    pub(super) const fn is_over(&self) -> bool {
        self.live.is_empty()
    }

    /// One forward pass; facts that are good enough or out of steps end, the others make a step.
    pub(super) fn step(&mut self, decoder: &Decoder, settings: &Settings) -> Step {
        let last = self.steps + 1 == settings.v_num_grad_steps;
        let mut gradient = self.delta.zeros_like();
        let mut add_up = |buckets: &mut [Bucket]| {
            let mut total = Tensor::zeros([int(self.live.len())], (Kind::Float, gradient.device()));
            for bucket in buckets {
                let (cost, slope) = slope(&self.delta, last, |delta| bucket.cost(decoder, delta));
                let _changed_in_place = total.index_add_(0, bucket.facts(), &cost);
                if let Some(slope) = slope {
                    gradient += slope;
                }
            }
            total
        };
        let misfit = add_up(&mut self.prompts);
        let drift = add_up(&mut self.kept);
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
        let z = &self.before + &self.delta;
        let misfits = floats(misfit);
        let found = rows.iter().map(|&row| {
            let trace =
                ZTrace { steps: self.steps, loss: losses[row], probability: (-misfits[row]).exp() };
            (self.live[row], Found { z: floats(&z.get(int(row))), trace })
        });
        found.collect()
    }

    /// Only the facts in these rows go on.
    fn keep(&mut self, rows: &[usize]) {
        self.live = rows.iter().map(|&row| self.live[row]).collect();
        let places: BTreeMap<usize, usize> =
            rows.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        self.prompts.retain_mut(|bucket| bucket.keep(&places));
        self.kept.retain_mut(|bucket| bucket.keep(&places));
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

//! The optimisation of some δ, side by side (see [`super::z`]).

use std::collections::BTreeMap;

use tch::{Kind, Tensor, no_grad};

use super::{
    adam::{Adam, clamp_rows, inward, row_norms},
    bucket::{Bucket, Row, numbers},
    budget::Budget,
    lbfgs::{Lbfgs, Point},
    lookup::{Group, Lookup},
    openings::Openings,
    place::Place,
    settings::{Optimizer, Scale, Search as Settings},
};
use crate::{
    editor::matrix::{floats, int, matrix},
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
    place: Place,
    /// h of every fact of the batch, group after group, `[facts, d]`; all that follows has a d for each vector that
    /// is sought.
    streams: Tensor,
    /// Where among them each group begins.
    begins: Vec<usize>,
    /// h of each group's first fact, `[groups, d]`.
    before: Tensor,
    delta: Tensor,
    descent: Descent,
    /// Weight of each group's misfit in its gradient, `[groups]`.
    misfit_weights: Tensor,
}

/// What a step brought.
pub(super) struct Step {
    /// Mean over the groups still sought.
    pub(super) loss: f64,
    /// Groups that ended, by place in the batch.
    pub(super) ended: Vec<(usize, Found)>,
}

/// How δ moves.
enum Descent {
    Adam(Adam),
    Lbfgs(Lbfgs),
}

impl Descent {
    /// What the search ends with.
    fn best(&self, found: Point) -> Point {
        match self {
            Self::Adam(_) => found,
            Self::Lbfgs(lbfgs) => lbfgs.best(found),
        }
    }

    fn keep(&mut self, rows: &Tensor) {
        match self {
            Self::Adam(adam) => adam.keep(rows),
            Self::Lbfgs(lbfgs) => lbfgs.keep(rows),
        }
    }
}

/// What a pass found, by group.
struct Costs {
    /// −log p of the target.
    misfit: Tensor,
    /// How far what is to stay moved.
    drift: Tensor,
    /// Targets that are not the likeliest tokens, where that matters.
    unsaid: Option<Tensor>,
    /// Where the costs grow, `[groups, d]`.
    gradient: Tensor,
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
        let width = place.vectors() * int(decoder.spec().width);
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
        // A coordinate's share of the length of h.
        let unit = (settings.v_scale == Scale::State).then(|| {
            let lengths = vector_norms(&before, place) / (decoder.spec().width as f64).sqrt();
            lengths.unsqueeze(2).expand([-1, -1, int(decoder.spec().width)], false).flatten(1, 2)
        });
        let descent = match settings.v_optimizer {
            Optimizer::Adam => Descent::Adam(Adam::new(&delta, settings.v_lr, unit)),
            Optimizer::Lbfgs => {
                // As long as a step of v_lr in each coordinate.
                let unit = unit.unwrap_or_else(|| delta.ones_like());
                Descent::Lbfgs(Lbfgs::new(row_norms(&unit) * settings.v_lr))
            }
        };
        let misfit_weights = Tensor::ones([int(batch.len())], (Kind::Float, device));
        let live = (0..batch.len()).collect();
        Self {
            live,
            steps: 0,
            budget,
            buckets,
            place,
            streams,
            begins,
            before,
            delta,
            descent,
            misfit_weights,
        }
    }

    /// Whether all have ended.
    pub(super) const fn is_over(&self) -> bool {
        self.live.is_empty()
    }

    /// One forward pass; groups that are good enough or out of steps end, the others make a step.
    pub(super) fn step(&mut self, decoder: &Decoder, settings: &Settings) -> Step {
        let last = self.steps + 1 == settings.v_num_grad_steps;
        let Costs { misfit, drift, unsaid, mut gradient } = self.costs(decoder, settings, last);
        let (decay, slope) = self.decay(settings, last);
        if let Some(slope) = slope {
            gradient += slope * settings.v_weight_decay;
        }
        let loss = &misfit * &self.misfit_weights + &drift + decay * settings.v_weight_decay;

        let losses = floats(&loss);
        let said: Vec<bool> = match &unsaid {
            Some(unsaid) => floats(unsaid).into_iter().map(|count| count < 0.5).collect(),
            None => vec![false; losses.len()],
        };
        let drifts = floats(&drift);
        let good = |row: usize| {
            let calm = |most| f64::from(drifts[row]) <= most;
            f64::from(losses[row]) < settings.early_stop_loss
                || said[row] && settings.early_stop_drift.is_some_and(calm)
        };
        let (ended, live): (Vec<usize>, Vec<usize>) =
            (0..losses.len()).partition(|&row| last || good(row));
        let weight = |&said: &bool| if said { settings.nll_factor_said } else { 1.0 };
        let weights = Tensor::from_slice(&said.iter().map(weight).collect::<Vec<f64>>());
        self.misfit_weights = weights.to_kind(Kind::Float).to_device(gradient.device());
        let found = Point { values: self.delta.shallow_clone(), loss, misfit, gradient };
        let step = Step {
            loss: losses.iter().map(|&l| f64::from(l)).sum::<f64>() / losses.len() as f64,
            ended: self.end(&ended, &self.descent.best(found.share())),
        };
        if !live.is_empty() {
            no_grad(|| {
                let limits = vector_norms(&self.before, self.place) * settings.clamp_norm_factor;
                let limits = limits.view([-1, 1]);
                let vectors =
                    |of: &Tensor| of.unflatten(1, [self.place.vectors(), -1]).flatten(0, 1);
                let moved = match &mut self.descent {
                    Descent::Adam(adam) => adam.step(&found.values, &found.gradient),
                    Descent::Lbfgs(lbfgs) => {
                        let (values, slope) = (vectors(&found.values), vectors(&found.gradient));
                        let slope = inward(&values, &slope, &limits);
                        lbfgs.step(Point { gradient: slope.view_as(&found.gradient), ..found })
                    }
                };
                self.delta = clamp_rows(&vectors(&moved), &limits).view_as(&moved);
            });
        }
        if !ended.is_empty() {
            no_grad(|| self.keep(&live));
        }
        self.steps += 1;
        step
    }

    /// What the texts cost, and where that grows unless this step is the `last`.
    fn costs(&mut self, decoder: &Decoder, settings: &Settings, last: bool) -> Costs {
        let mut gradient = self.delta.zeros_like();
        let mut misfit = Tensor::zeros([int(self.live.len())], (Kind::Float, gradient.device()));
        let mut drift = misfit.zeros_like();
        let mut unsaid = settings.asks_what_is_said().then(|| misfit.zeros_like());
        for bucket in &mut self.buckets {
            let is_drift = bucket.is_drift();
            let asked = unsaid.as_mut().filter(|_| !is_drift);
            let weights =
                asked.is_some().then(|| self.misfit_weights.index_select(0, bucket.groups()));
            let mut wrong = Tensor::new();
            let (cost, slope) = slope(&self.delta, last, weights.as_ref(), |delta| {
                bucket.cost(decoder, delta, weights.is_some().then_some(&mut wrong))
            });
            let total = if is_drift { &mut drift } else { &mut misfit };
            let _changed_in_place = total.index_add_(0, bucket.groups(), &cost);
            if let Some(unsaid) = asked {
                let _changed_in_place = unsaid.index_add_(0, bucket.groups(), &wrong);
            }
            if let Some(slope) = slope {
                gradient += slope;
            }
        }
        Costs { misfit, drift, unsaid, gradient }
    }

    /// How long δ is beside h, `[groups]`, and where that grows unless this step is the `last`.
    fn decay(&self, settings: &Settings, last: bool) -> (Tensor, Option<Tensor>) {
        slope(&self.delta, last, None, |delta| {
            let lengths = vector_norms(&self.before, self.place);
            let lengths = match settings.v_scale {
                Scale::Absolute => lengths.square(),
                Scale::State => lengths,
            };
            let relative = vector_norms(delta, self.place) / lengths;
            relative.sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
        })
    }

    /// The groups in these rows end with what is `best`.
    fn end(&self, rows: &[usize], best: &Point) -> Vec<(usize, Found)> {
        if rows.is_empty() {
            return Vec::new();
        }
        let (losses, misfits) = (floats(&best.loss), floats(&best.misfit));
        let found = rows.iter().map(|&row| {
            let group = self.live[row];
            let begin = self.begins[group];
            let end = self.begins.get(group + 1).map_or(self.streams.size()[0], |&end| int(end));
            let streams = self.streams.narrow(0, int(begin), end - int(begin));
            let found = streams + best.values.get(int(row));
            let z = matrix(&found.narrow(1, 0, found.size()[1] / self.place.vectors()));
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
        self.descent.keep(&rows);
        for tensor in [&mut self.before, &mut self.delta, &mut self.misfit_weights] {
            *tensor = tensor.index_select(0, &rows);
        }
    }
}

/// Length of each vector of each row, `[rows, vectors]`.
fn vector_norms(rows: &Tensor, place: Place) -> Tensor {
    let vectors = place.vectors();
    row_norms(&rows.unflatten(1, [vectors, -1]).flatten(0, 1)).view([-1, vectors])
}

/// Values `of` a δ and, unless this step is the `last`, where their sum grows, each counting as its weight says.
fn slope(
    delta: &Tensor,
    last: bool,
    weights: Option<&Tensor>,
    of: impl FnOnce(&Tensor) -> Tensor,
) -> (Tensor, Option<Tensor>) {
    if last {
        return (no_grad(|| of(delta)), None);
    }
    let delta = delta.detach().set_requires_grad(true);
    let values = of(&delta);
    let sum = match weights {
        Some(weights) => (&values * weights).sum(Kind::Float),
        None => values.sum(Kind::Float),
    };
    let slope = Tensor::run_backward(&[sum], &[&delta], false, false).remove(0);
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

//! What the stream at a subject should be so that the model says the target (MEMIT, eq. 16).
//!
//! For each fact a vector δ is added to the stream at the subject's last token as it leaves the
//! z layer, in the bare prompts, after each prefix and in "{subject} is a". Adam looks for the δ that
//! makes
//!
//! L = mean over contexts of −log p(target) / |target|
//!   + kl_factor · KL(what "{subject} is a" means now ‖ meant before)
//!   + v_weight_decay · ‖δ‖ / ‖h‖²
//!
//! small, h being the stream in the first bare prompt; δ never grows beyond clamp_norm_factor · ‖h‖; z = h + δ.
//! The KL term is read at the subject's last token itself, and in this direction, as the reference
//! implementation does.
//!
//! Facts are independent, so they are optimised side by side: one row of δ each, each with its own
//! clamp and its own end.

use tch::{Kind, Tensor, no_grad};

use super::{
    adam::{Adam, clamp_rows, row_norms},
    error::EditError,
    lookup::{Asked, Lookup},
    matrix::floats,
    settings::Settings,
    tails::Tails,
};
use crate::{
    ledger::{Progress, ZTrace},
    model::Decoder,
};

/// Memory for what is kept for the way back, in bytes.
const MEMORY: usize = 1 << 30;

/// A z and how it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// `[d]`.
    pub(super) z: Vec<f32>,
    /// How the optimisation ended.
    pub(super) trace: ZTrace,
}

/// Finds the z of every request of `asked`, given with its number in the edit.
pub(super) fn find(
    decoder: &Decoder,
    asked: &[(usize, &Asked)],
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Vec<Found>, EditError> {
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_by_key(|&i| Extent::of(asked[i].1));
    let mut found: Vec<Option<Found>> = vec![None; asked.len()];
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    progress.start("z", Some(asked.len() as u64));
    let mut done = 0;
    let mut rest = order.as_slice();
    while !rest.is_empty() {
        let contexts = asked[rest[0]].1.contexts.len();
        let fits = |n: &usize| {
            let last = Extent::of(asked[rest[n - 1]].1);
            last.contexts == contexts && n * last.bytes(decoder, settings) <= MEMORY
        };
        let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
        let (now, later) = rest.split_at(count);
        let batch: Vec<&Asked> = now.iter().map(|&i| asked[i].1).collect();
        let mut search = no_grad(|| Search::new(decoder, &batch, settings));
        while !search.live.is_empty() {
            let step = search.step(decoder, settings);
            for (place, ended) in step.ended {
                let i = now[place];
                let (request, asked) = asked[i];
                if ended.z.iter().any(|value| !value.is_finite()) {
                    return Err(EditError::NoZ { subject: asked.subject.clone() });
                }
                progress.found_z(request, &ended.z);
                found[i] = Some(ended);
                done += 1;
            }
            progress.advance(done, &format!("loss {:.3}", step.loss))?;
        }
        rest = later;
    }
    progress.finish(&format!("{done} found"));
    Ok(found.into_iter().map(|f| f.expect("because every search ends")).collect())
}

/// How much there is to compute for a fact; ordered so that neighbours waste little on filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Extent {
    contexts: usize,
    target: usize,
    tail: usize,
    head: usize,
}

impl Extent {
    fn of(asked: &Asked) -> Self {
        let longest = |part: fn(&Lookup) -> &[u32]| {
            asked.contexts.iter().map(|text| part(text).len()).max().unwrap_or(0)
        };
        Self {
            contexts: asked.contexts.len(),
            target: asked.target.len(),
            tail: longest(Lookup::tail),
            head: longest(Lookup::head),
        }
    }

    /// Roughly what one step keeps.
    fn bytes(self, decoder: &Decoder, settings: &Settings) -> usize {
        let spec = decoder.spec();
        let blocks = spec.layers - settings.z_layer();
        let heads = self.head * 2 * spec.width;
        let tails = self.tail * (16 * spec.width + 3 * spec.inner);
        let logits = self.target * 4 * spec.vocabulary;
        4 * self.contexts * (blocks * (heads + tails) + logits)
    }
}

/// Facts that are optimised side by side.
struct Search {
    /// Which of the batch are still sought; row i of every tensor here is that of `live[i]`.
    live: Vec<usize>,
    /// Contexts of each fact.
    contexts: i64,
    steps: u32,
    prompts: Tails,
    essences: Tails,
    /// Where in a tail the target is predicted, `[facts x contexts, target tokens]`.
    reads: Tensor,
    /// The target's tokens there, and 1 where there is one, else 0.
    targets: Tensor,
    counted: Tensor,
    /// h, `[facts, d]`.
    before: Tensor,
    /// What "{subject} is a" meant, log p, `[facts, vocabulary]`.
    meant: Option<Tensor>,
    delta: Tensor,
    adam: Adam,
}

/// What a step brought.
struct Step {
    /// Mean over the facts still sought.
    loss: f64,
    /// Facts that ended, by place in the batch.
    ended: Vec<(usize, Found)>,
}

impl Search {
    fn new(decoder: &Decoder, batch: &[&Asked], settings: &Settings) -> Self {
        let device = decoder.device();
        let layers = decoder.spec().layers;
        let from = settings.z_layer() + 1;
        let texts: Vec<&Lookup> = batch.iter().flat_map(|asked| &asked.contexts).collect();
        let essences: Vec<&Lookup> = batch.iter().map(|asked| &asked.essence).collect();
        let contexts = int(texts.len() / batch.len());
        let prompts = Tails::new(decoder, &texts, from, settings.loss_layer(layers) + 1);
        let essences = Tails::new(decoder, &essences, from, layers);

        let longest = batch.iter().map(|asked| asked.target.len()).max().unwrap_or(0);
        let (mut reads, mut targets, mut counted) = (Vec::new(), Vec::new(), Vec::new());
        for asked in batch {
            for text in &asked.contexts {
                let first = text.tail().len() - asked.target.len();
                for j in 0..longest {
                    let token = asked.target.get(j);
                    reads.push(if token.is_some() { int(first + j) } else { 0 });
                    targets.push(token.map_or(0, |&id| i64::from(id)));
                    counted.push(if token.is_some() { 1f32 } else { 0.0 });
                }
            }
        }
        let table = |t: Tensor| t.view([-1, int(longest)]).to_device(device);
        let at_subject = prompts.at_subject().to_kind(Kind::Float);
        let width = at_subject.size()[1];
        let before = at_subject.view([-1, contexts, width]).select(1, 0).contiguous();
        let delta = before.zeros_like();
        let adam = Adam::new(&delta, settings.v_lr);
        Self {
            live: (0..batch.len()).collect(),
            contexts,
            steps: 0,
            prompts,
            essences,
            reads: table(Tensor::from_slice(&reads)),
            targets: table(Tensor::from_slice(&targets)),
            counted: table(Tensor::from_slice(&counted)),
            before,
            meant: None,
            delta,
            adam,
        }
    }

    /// One forward pass; facts that are good enough or out of steps end, the others make a step.
    fn step(&mut self, decoder: &Decoder, settings: &Settings) -> Step {
        let delta = self.delta.detach().set_requires_grad(true);
        let misfit = self.misfit(decoder, &delta, settings); // [facts]
        let kl = self.drift(decoder, &delta);
        let decay = row_norms(&delta) / row_norms(&self.before).square();
        let loss =
            &misfit + kl * settings.kl_factor + decay.squeeze_dim(1) * settings.v_weight_decay;

        let losses = floats(&loss);
        let last = self.steps + 1 == settings.v_num_grad_steps;
        let (ended, live): (Vec<usize>, Vec<usize>) = (0..losses.len())
            .partition(|&row| last || f64::from(losses[row]) < settings.early_stop_loss);
        let step = Step {
            loss: losses.iter().map(|&l| f64::from(l)).sum::<f64>() / losses.len() as f64,
            ended: self.end(&ended, &losses, &misfit),
        };
        if !live.is_empty() {
            let gradient = Tensor::run_backward(&[loss.sum(Kind::Float)], &[&delta], false, false);
            no_grad(|| {
                let moved = self.adam.step(&self.delta, &gradient[0]);
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

    /// −log p of the target per token, mean over contexts, `[facts]`.
    fn misfit(&self, decoder: &Decoder, delta: &Tensor, settings: &Settings) -> Tensor {
        let width = delta.size()[1];
        let shape = [-1, self.contexts, width];
        let change = delta.unsqueeze(1).expand(shape, false).reshape([-1, width]);
        let end = settings.loss_layer(decoder.spec().layers) + 1;
        let hidden = self.prompts.with(decoder, &change, end); // [rows, tail tokens, d]
        let reads = self.reads.unsqueeze(2).expand([-1, -1, width], false);
        let logits = decoder.head(&hidden.gather(1, &reads, false)); // [rows, target tokens, v]
        let log_p = logits.log_softmax(2, Kind::Float);
        let log_p = log_p.gather(2, &self.targets.unsqueeze(2), false).squeeze_dim(2);
        let per_row =
            (log_p * &self.counted).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
                / self.counted.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        -per_row.view([-1, self.contexts]).mean_dim([1i64].as_slice(), false, Kind::Float)
    }

    /// KL(now ‖ before) of what follows the subject, `[facts]`. The first call says what was before.
    fn drift(&mut self, decoder: &Decoder, delta: &Tensor) -> Tensor {
        let hidden = self.essences.with(decoder, delta, decoder.spec().layers);
        let now = decoder.head(&hidden.select(1, 0)).log_softmax(1, Kind::Float);
        let meant = self.meant.get_or_insert_with(|| now.detach());
        (now.exp() * (&now - &*meant)).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
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
        if rows.is_empty() {
            return;
        }
        let device = self.delta.device();
        let facts: Vec<i64> = rows.iter().map(|&row| int(row)).collect();
        let texts: Vec<i64> = facts
            .iter()
            .flat_map(|&fact| fact * self.contexts..(fact + 1) * self.contexts)
            .collect();
        let facts = Tensor::from_slice(&facts).to_device(device);
        let texts = Tensor::from_slice(&texts).to_device(device);
        self.prompts.keep(&texts);
        self.essences.keep(&facts);
        self.adam.keep(&facts);
        for tensor in [&mut self.reads, &mut self.targets, &mut self.counted] {
            *tensor = tensor.index_select(0, &texts);
        }
        for tensor in [&mut self.before, &mut self.delta].into_iter().chain(&mut self.meant) {
            *tensor = tensor.index_select(0, &facts);
        }
    }
}

fn int(n: usize) -> i64 {
    i64::try_from(n).expect("because sizes are far below 2^63")
}

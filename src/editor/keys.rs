//! Where facts are looked up: keys, and how far the streams there are from where they should be.
//!
//! Blocks below the first edited one never change, and a key depends only on tokens up to the
//! subject's last. So the streams of those tokens are kept as they enter the block that is edited
//! next, and each block is run once with its new weights to get to the next.

use std::ops::ControlFlow;

use tch::{Kind, Tensor, no_grad};

use super::{
    lookup::{Asked, Lookup},
    tails::run,
};
use crate::model::{Attention, Batch, Decoder, Padding, Site};

/// Tokens that are computed together; more would only need more memory.
const TOKENS: usize = 8192;

/// The streams at and before every subject, as they enter one block.
#[derive(Debug)]
pub(super) struct Streams {
    /// The block they enter.
    layer: usize,
    batches: Vec<Part>,
    /// Where each request's rows are in the order of the batches, `[requests]`.
    places: Tensor,
}

/// Some requests of about the same length.
#[derive(Debug)]
struct Part {
    /// Contexts of each request: bare prompts first, then one for each prefix.
    contexts: i64,
    /// How many of them are bare.
    bare: i64,
    /// `[requests x contexts, tokens, d]`, filled up on the left.
    hidden: Tensor,
    mask: Option<Tensor>,
}

/// The keys of some requests at one block.
#[derive(Debug)]
pub(super) struct Keys {
    /// Each request's mean over its contexts, `[requests, in]`: half of that over the bare prompts
    /// and half of that over the prefixed ones.
    pub(super) mean: Tensor,
    /// Every context's key times the root of its weight in that mean, `[contexts of all, in]`.
    pub(super) every: Tensor,
}

impl Streams {
    /// Computes the streams that enter block `layer`.
    pub(super) fn new(decoder: &Decoder, asked: &[Asked], layer: usize) -> Self {
        let length = |asked: &Asked| {
            asked.contexts.iter().map(|text| text.through_subject().len()).max().unwrap_or(0)
        };
        let contexts = |asked: &Asked| (asked.contexts.len(), asked.bare);
        let mut order: Vec<usize> = (0..asked.len()).collect();
        order.sort_by_key(|&i| (contexts(&asked[i]), length(&asked[i])));

        let mut batches = Vec::new();
        let mut rest = order.as_slice();
        while let Some(&first) = rest.first() {
            let each = contexts(&asked[first]);
            // The last of the requests is the longest.
            let fits = |n: &usize| {
                let last = &asked[rest[n - 1]];
                contexts(last) == each && n * each.0 * length(last) <= TOKENS
            };
            let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (now, later) = rest.split_at(count);
            let texts = now.iter().flat_map(|&i| &asked[i].contexts);
            let rows: Vec<Vec<u32>> =
                texts.map(Lookup::through_subject).map(<[u32]>::to_vec).collect();
            batches.push(no_grad(|| Part::new(decoder, &rows, each, layer)));
            rest = later;
        }

        let mut places = vec![0i64; asked.len()];
        for (place, &i) in (0i64..).zip(&order) {
            places[i] = place;
        }
        Self { layer, batches, places: Tensor::from_slice(&places).to_device(decoder.device()) }
    }

    /// The keys at the block that the streams enter.
    pub(super) fn keys(&self, decoder: &Decoder) -> Keys {
        let parts: Vec<Keys> =
            self.batches.iter().map(|part| no_grad(|| part.keys(decoder, self.layer))).collect();
        let cat =
            |of: fn(&Keys) -> &Tensor| Tensor::cat(&parts.iter().map(of).collect::<Vec<_>>(), 0);
        Keys {
            mean: cat(|keys| &keys.mean).index_select(0, &self.places),
            every: cat(|keys| &keys.every),
        }
    }

    /// The streams at the bare prompts' subjects as they leave block `z_layer`, `[requests, d]`.
    pub(super) fn values(&self, decoder: &Decoder, z_layer: usize) -> Tensor {
        let values = |part: &Part| no_grad(|| part.values(decoder, self.layer, z_layer));
        let found: Vec<Tensor> = self.batches.iter().map(values).collect();
        Tensor::cat(&found, 0).index_select(0, &self.places)
    }

    /// Goes on to block `layer`.
    pub(super) fn advance(&mut self, decoder: &Decoder, layer: usize) {
        for part in &mut self.batches {
            let hidden = part.hidden.shallow_clone();
            let mask = part.mask.as_ref();
            part.hidden = no_grad(|| run(decoder, self.layer..layer, hidden, &[], mask).0);
        }
        self.layer = layer;
    }
}

impl Part {
    fn new(
        decoder: &Decoder,
        rows: &[Vec<u32>],
        (contexts, bare): (usize, usize),
        layer: usize,
    ) -> Self {
        let batch = Batch::new(rows, Padding::Left, decoder.device());
        let hidden = decoder.embed(&batch.ids, &batch.positions);
        let (hidden, _) = run(decoder, 0..layer, hidden, &[], batch.mask.as_ref());
        let int = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        Self { contexts: int(contexts), bare: int(bare), hidden, mask: batch.mask }
    }

    fn keys(&self, decoder: &Decoder, layer: usize) -> Keys {
        let mut found = None;
        let mut listen = |site: Site, value: &mut Tensor| {
            if site == Site::MlpInner(layer) {
                found = Some(value.select(1, value.size()[1] - 1));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let attention = Attention { past: None, mask: self.mask.as_ref() };
        let _ended_there = decoder.block(layer, &self.hidden, &attention, &mut listen);
        let keys = found.expect("because every block has an MLP").to_kind(Kind::Float);
        let inner = keys.size()[1];
        let weights = self.weights().to_device(keys.device());
        let keys = keys.view([-1, self.contexts, inner]);
        let mean = (&keys * &weights).sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        Keys { mean, every: (keys * weights.sqrt()).view([-1, inner]) }
    }

    /// How much each context counts, `[contexts, 1]`; they add up to 1.
    fn weights(&self) -> Tensor {
        let prefixed = self.contexts - self.bare;
        let share = if prefixed == 0 { 1.0 } else { 0.5 };
        let of = |n: i64| Tensor::full([n, 1], share / n as f64, (Kind::Float, tch::Device::Cpu));
        Tensor::cat(&[of(self.bare), of(prefixed)], 0)
    }

    fn values(&self, decoder: &Decoder, layer: usize, z_layer: usize) -> Tensor {
        let rows = self.hidden.size()[0];
        let bare =
            Tensor::arange_start_step(0, rows, self.contexts, (Kind::Int64, self.hidden.device()));
        let mask = self.mask.as_ref().map(|mask| mask.index_select(0, &bare));
        let hidden = self.hidden.index_select(0, &bare);
        let (hidden, _) = run(decoder, layer..z_layer + 1, hidden, &[], mask.as_ref());
        hidden.select(1, hidden.size()[1] - 1).to_kind(Kind::Float)
    }
}

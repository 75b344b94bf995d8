//! Where facts are looked up: keys, and how far the streams there are from where they should be.
//!
//! Blocks below the first edited one never change, and a key depends only on tokens up to the
//! subject's last. So the streams of those tokens are kept as they enter the block that is edited
//! next, and each block is run once with its new weights to get to the next. What texts begin with is
//! run once for all of them. Streams that do not fit into memory are computed anew for each block.

use std::{collections::BTreeMap, ops::ControlFlow};

use tch::{Device, Kind, Tensor, no_grad};

use super::{bucket::numbers, lookup::Asked, openings::Openings, place::Place, tails::run};
use crate::{
    editor::matrix::int,
    model::{Attention, Decoder, Part, Site, free_memory},
};

/// Tokens that are computed together; more would only need more memory.
const TOKENS: usize = 4096;

/// The streams at and before every subject, as they enter one block.
#[derive(Debug)]
pub(in crate::editor) struct Streams {
    /// The block they enter.
    layer: usize,
    requests: usize,
    openings: Openings,
    chunks: Vec<Chunk>,
}

/// How much each context of a request counts in its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::editor) enum Mean {
    /// Bare prompts together as much as prefixed ones.
    OfKinds,
    /// All as much.
    OfContexts,
}

/// What enters and leaves an MLP's down projection where requests are looked up.
#[derive(Debug)]
pub(in crate::editor) struct LookUps {
    /// Keys, `[requests, in]`.
    pub(in crate::editor) keys: Tensor,
    /// What the projection makes of them, `[requests, d]`.
    pub(in crate::editor) outputs: Tensor,
}

/// Some contexts with the same opening and of about the same length, without the opening.
#[derive(Debug)]
struct Chunk {
    opening: usize,
    ids: Vec<Vec<u32>>,
    /// The request of each row, i64.
    requests: Tensor,
    /// How much each row counts in its request's mean, `[rows, 1]`, 1 in all.
    weights: Tensor,
    /// The rows that are their request's first prompt, i64.
    firsts: Tensor,
    mask: Option<Tensor>,
    /// `[rows, tokens, d]`, if there is room to keep it.
    hidden: Option<Tensor>,
}

/// A context of a request, cut off after its subject.
struct Row<'a> {
    request: usize,
    ids: &'a [u32],
    weight: f64,
    is_first: bool,
}

impl Streams {
    /// Computes the streams that enter block `layer`. Many texts begin with one of `openings`.
    pub(in crate::editor) fn new(
        decoder: &Decoder,
        openings: &[Vec<u32>],
        asked: &[Asked],
        layer: usize,
        mean: Mean,
    ) -> Self {
        let device = decoder.device();
        let openings = no_grad(|| Openings::new(decoder, openings));
        let mut alike: BTreeMap<usize, Vec<Row<'_>>> = BTreeMap::new();
        for (request, asked) in asked.iter().enumerate() {
            let prefixed = asked.contexts.len() - asked.bare;
            let share = if prefixed == 0 { 1.0 } else { 0.5 };
            for (i, text) in asked.contexts.iter().enumerate() {
                let weight = match mean {
                    Mean::OfKinds => {
                        share / if i < asked.bare { asked.bare } else { prefixed } as f64
                    }
                    Mean::OfContexts => 1.0 / asked.contexts.len() as f64,
                };
                let opening = openings.of(text.head());
                let ids = &text.through_subject()[openings.tokens(opening)..];
                let row = Row { request, ids, weight, is_first: i == 0 };
                alike.entry(opening).or_default().push(row);
            }
        }
        let mut chunks = Vec::new();
        for (opening, mut rows) in alike {
            rows.sort_by_key(|row| row.ids.len());
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                // The last of the rows is the longest.
                let fits = |n: &usize| n * rest[n - 1].ids.len() <= TOKENS;
                let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
                chunks.push(Chunk::new(opening, &rest[..count], device));
                rest = &rest[count..];
            }
        }
        let mut room = free_memory(device).map_or(1 << 30, |free| free / 8);
        for chunk in &mut chunks {
            let tokens = chunk.ids.iter().map(Vec::len).max().unwrap_or(0) * chunk.ids.len();
            let (hidden, mask) = no_grad(|| openings.embed(decoder, chunk.opening, &chunk.ids));
            chunk.mask = mask;
            let bytes = 4 * tokens * decoder.spec().width;
            if bytes <= room {
                room -= bytes;
                chunk.hidden = Some(hidden);
            }
        }
        let mut streams = Self { layer: 0, requests: asked.len(), openings, chunks };
        streams.advance(decoder, layer);
        streams
    }

    /// Goes on to block `layer`.
    pub(in crate::editor) fn advance(&mut self, decoder: &Decoder, layer: usize) {
        no_grad(|| {
            self.openings.advance(decoder, layer);
            for chunk in &mut self.chunks {
                if let Some(hidden) = chunk.hidden.take() {
                    let layers = self.layer..layer;
                    let past = self.openings.past(chunk.opening, layers.clone());
                    let (hidden, _) = run(decoder, layers, hidden, past, chunk.mask.as_ref());
                    chunk.hidden = Some(hidden);
                }
            }
        });
        self.layer = layer;
    }

    /// The keys at the block that the streams enter: each request's mean over its contexts,
    /// `[requests, in]`. `every` hears all contexts' keys, each times the root of its weight in that
    /// mean, `[contexts, in]`, some at a time, after the request of each, i64.
    pub(in crate::editor) fn keys(
        &self,
        decoder: &Decoder,
        every: &mut dyn FnMut(&Tensor, &Tensor),
    ) -> Tensor {
        no_grad(|| {
            let openings = self.openings.ahead(decoder, self.layer + 1);
            let mut mean: Option<Tensor> = None;
            for chunk in &self.chunks {
                let keys = chunk.keys(decoder, &openings, self.layer); // [rows, in]
                let shape = [int(self.requests), keys.size()[1]];
                let mean =
                    mean.get_or_insert_with(|| Tensor::zeros(shape, (Kind::Float, keys.device())));
                let _changed_in_place =
                    mean.index_add_(0, &chunk.requests, &(&keys * &chunk.weights));
                every(&chunk.requests, &(keys * chunk.weights.sqrt()));
            }
            mean.expect("because an edit has requests")
        })
    }

    /// What enters and leaves the down projection of the block that the streams enter: at the requests' first
    /// prompts, and in the mean over their contexts.
    pub(in crate::editor) fn look_ups(&self, decoder: &Decoder) -> (LookUps, LookUps) {
        no_grad(|| {
            let openings = self.openings.ahead(decoder, self.layer + 1);
            let spec = decoder.spec();
            let none = || {
                let zeros = |width| {
                    Tensor::zeros([int(self.requests), int(width)], (Kind::Float, decoder.device()))
                };
                LookUps { keys: zeros(spec.inner), outputs: zeros(spec.width) }
            };
            let (mut first, mut mean) = (none(), none());
            for chunk in &self.chunks {
                let found = chunk.look_ups(decoder, &openings, self.layer);
                let firsts = chunk.requests.index_select(0, &chunk.firsts);
                for (found, first, mean) in [
                    (found.keys, &mut first.keys, &mut mean.keys),
                    (found.outputs, &mut first.outputs, &mut mean.outputs),
                ] {
                    let weighted = &found * &chunk.weights;
                    let _changed_in_place = mean.index_add_(0, &chunk.requests, &weighted);
                    let found = found.index_select(0, &chunk.firsts);
                    let _changed_in_place = first.index_copy_(0, &firsts, &found);
                }
            }
            (first, mean)
        })
    }

    /// What is at the first prompts' subjects where z lives, of block `z_layer`: `[requests, d]`.
    pub(in crate::editor) fn values(
        &self,
        decoder: &Decoder,
        z_layer: usize,
        place: Place,
    ) -> Tensor {
        no_grad(|| {
            let openings = self.openings.ahead(decoder, z_layer + 1);
            let shape = [int(self.requests), int(decoder.spec().width)];
            let mut values = Tensor::zeros(shape, (Kind::Float, decoder.device()));
            for chunk in self.chunks.iter().filter(|chunk| chunk.firsts.numel() > 0) {
                let found = chunk.values(decoder, &openings, self.layer, (z_layer, place));
                let requests = chunk.requests.index_select(0, &chunk.firsts);
                let _changed_in_place = values.index_copy_(0, &requests, &found);
            }
            values
        })
    }
}

impl Chunk {
    fn new(opening: usize, rows: &[Row<'_>], device: Device) -> Self {
        let all = |of: fn(&Row<'_>) -> usize| numbers(&rows.iter().map(of).collect::<Vec<_>>());
        let weights: Vec<f64> = rows.iter().map(|row| row.weight).collect();
        let firsts: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].is_first).collect();
        Self {
            opening,
            ids: rows.iter().map(|row| row.ids.to_vec()).collect(),
            requests: all(|row| row.request).to_device(device),
            weights: Tensor::from_slice(&weights)
                .to_kind(Kind::Float)
                .view([-1, 1])
                .to_device(device),
            firsts: numbers(&firsts).to_device(device),
            mask: None,
            hidden: None,
        }
    }

    /// The streams as they enter block `layer`, to which `openings` have come and which kept streams
    /// enter.
    fn entering(&self, decoder: &Decoder, openings: &Openings, layer: usize) -> Tensor {
        match &self.hidden {
            Some(hidden) => hidden.shallow_clone(),
            None => {
                let (hidden, mask) = openings.embed(decoder, self.opening, &self.ids);
                let past = openings.past(self.opening, 0..layer);
                run(decoder, 0..layer, hidden, past, mask.as_ref()).0
            }
        }
    }

    /// The keys of the rows, `[rows, in]`.
    fn keys(&self, decoder: &Decoder, openings: &Openings, layer: usize) -> Tensor {
        let [keys] = self.passed(decoder, openings, layer, [Site::Into(Part::MlpDown, layer)]);
        keys
    }

    fn look_ups(&self, decoder: &Decoder, openings: &Openings, layer: usize) -> LookUps {
        let sites = [Site::Into(Part::MlpDown, layer), Site::OutOf(Part::MlpDown, layer)];
        let [keys, outputs] = self.passed(decoder, openings, layer, sites);
        LookUps { keys, outputs }
    }

    /// What passes `sites` of block `layer`, in their order, at the last token: `[rows, _]`, f32.
    fn passed<const N: usize>(
        &self,
        decoder: &Decoder,
        openings: &Openings,
        layer: usize,
        sites: [Site; N],
    ) -> [Tensor; N] {
        let mut found = Vec::new();
        let mut listen = |site: Site, value: &mut Tensor| {
            if sites.get(found.len()) == Some(&site) {
                found.push(value.select(1, value.size()[1] - 1).to_kind(Kind::Float));
            }
            if found.len() == N { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let past = openings.past(self.opening, layer..layer + 1).first();
        let attention = Attention { past, mask: self.mask.as_ref(), only: None };
        let hidden = self.entering(decoder, openings, layer);
        let _ended_there = decoder.block(layer, &hidden, &attention, &mut listen);
        <[Tensor; N]>::try_from(found)
            .unwrap_or_else(|_| unreachable!("because every block has an MLP"))
    }

    fn values(
        &self,
        decoder: &Decoder,
        openings: &Openings,
        layer: usize,
        (z_layer, place): (usize, Place),
    ) -> Tensor {
        let mask = self.mask.as_ref().map(|mask| mask.index_select(0, &self.firsts));
        let hidden = self.entering(decoder, openings, layer).index_select(0, &self.firsts);
        let past = openings.past(self.opening, layer..z_layer + 1);
        let mut said = None;
        let mut listen = |site: Site, value: &mut Tensor| {
            if place != Place::Block && site == Site::OutOf(Part::MlpDown, z_layer) {
                said = Some(value.shallow_clone());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let blocks = layer..z_layer + 1;
        let values = match decoder.blocks(blocks, hidden, past, mask.as_ref(), &mut listen) {
            ControlFlow::Continue((hidden, _)) => hidden,
            ControlFlow::Break(()) => said.expect("because it ended there"),
        };
        values.select(1, values.size()[1] - 1).to_kind(Kind::Float)
    }
}

//! What many texts begin with, computed once for all of them.
//!
//! Facts are looked up behind the same few prefixes. Nothing in a stream depends on what comes later
//! in its text, so the keys and values of a prefix serve every text that begins with it.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::tails::run;
use crate::{
    editor::matrix::int,
    model::{Batch, Decoder, Kv, Padding},
};

/// Beginnings of texts, each computed up to the same block. The first is empty.
#[derive(Debug)]
pub(super) struct Openings {
    /// The block that comes next.
    layer: usize,
    openings: Vec<Opening>,
}

#[derive(Debug)]
struct Opening {
    ids: Vec<u32>,
    /// Their streams as they enter the next block, `[1, tokens, d]`; nothing where there is no token.
    hidden: Option<Tensor>,
    /// What the blocks before it keep, one row each; nothing where there is no token.
    kept: Vec<Kv>,
}

impl Openings {
    /// `beginnings` and the empty one, before the first block.
    pub(super) fn new(decoder: &Decoder, beginnings: &[Vec<u32>]) -> Self {
        let mut openings = vec![Opening { ids: Vec::new(), hidden: None, kept: Vec::new() }];
        for ids in beginnings.iter().filter(|ids| !ids.is_empty()) {
            let batch = Batch::new(std::slice::from_ref(ids), Padding::Left, decoder.device());
            let hidden = decoder.embed(&batch.ids, &batch.positions);
            openings.push(Opening { ids: ids.clone(), hidden: Some(hidden), kept: Vec::new() });
        }
        Self { layer: 0, openings }
    }

    /// Goes on to block `layer`.
    pub(super) fn advance(&mut self, decoder: &Decoder, layer: usize) {
        for opening in &mut self.openings {
            if let Some(hidden) = opening.hidden.take() {
                let (hidden, kept) = run(decoder, self.layer..layer, hidden, &[], None);
                opening.hidden = Some(hidden);
                opening.kept.extend(kept);
            }
        }
        self.layer = layer;
    }

    /// The same beginnings at block `layer`, these staying where they are.
    pub(super) fn ahead(&self, decoder: &Decoder, layer: usize) -> Self {
        let share = |opening: &Opening| Opening {
            ids: opening.ids.clone(),
            hidden: opening.hidden.as_ref().map(Tensor::shallow_clone),
            kept: opening.kept.iter().map(Kv::share).collect(),
        };
        let mut ahead =
            Self { layer: self.layer, openings: self.openings.iter().map(share).collect() };
        ahead.advance(decoder, layer);
        ahead
    }

    /// The longest of them that `ids` begin with.
    pub(super) fn of(&self, ids: &[u32]) -> usize {
        let fitting = self.openings.iter().enumerate().filter(|(_, o)| ids.starts_with(&o.ids));
        fitting.max_by_key(|(_, opening)| opening.ids.len()).map_or(0, |(i, _)| i)
    }

    /// Number of tokens of one of them.
    pub(super) fn tokens(&self, opening: usize) -> usize {
        self.openings[opening].ids.len()
    }

    /// What `layers` keep of one of them; nothing of the empty one.
    pub(super) fn past(&self, opening: usize, layers: Range<usize>) -> &[Kv] {
        let kept = &self.openings[opening].kept;
        if kept.is_empty() { &[] } else { &kept[layers] }
    }

    /// Streams before the first block of rows that follow one of them, `[rows, tokens, d]`, and what
    /// they may look at.
    pub(super) fn embed(
        &self,
        decoder: &Decoder,
        opening: usize,
        rows: &[Vec<u32>],
    ) -> (Tensor, Option<Tensor>) {
        let before = self.tokens(opening);
        let batch = Batch::new(rows, Padding::Left, decoder.device());
        let hidden = decoder.embed(&batch.ids, &(&batch.positions + int(before)));
        let mask = batch.mask.as_ref().map(|mask| {
            // Filling sees nothing but itself.
            let size = mask.size();
            let seen = real(&batch.lengths, decoder.device()).view([size[0], 1, -1, 1]);
            Tensor::cat(&[&seen.expand([size[0], 1, size[2], int(before)], false), mask], 3)
        });
        (hidden, mask)
    }
}

/// True where rows of these lengths, filled up on the left, have a token, `[rows, tokens]`.
pub(super) fn real(lengths: &[usize], device: Device) -> Tensor {
    let longest = int(lengths.iter().copied().max().unwrap_or(0));
    let starts: Vec<i64> = lengths.iter().map(|&n| longest - int(n)).collect();
    let starts = Tensor::from_slice(&starts).view([-1, 1]).to_device(device);
    Tensor::arange(longest, (Kind::Int64, device)).view([1, -1]).ge_tensor(&starts)
}

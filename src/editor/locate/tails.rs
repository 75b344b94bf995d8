//! The part of a forward pass that changes when z does.
//!
//! A change at the subject's last token, where a block leaves off, touches nothing in blocks below
//! and no earlier token anywhere. So the rest is computed once: for a batch of texts, the keys and
//! values of everything before the subject's last token, and the streams of the remaining tokens
//! ("tails") as they leave the block.

use std::{
    collections::BTreeMap,
    ops::{ControlFlow, Range},
};

use tch::{Kind, Tensor};

use super::{
    lookup::Lookup,
    openings::{Openings, real},
    place::Place,
};
use crate::{
    editor::matrix::int,
    model::{Attention, Batch, Decoder, Kv, Padding, Part, Probe, Site, Unprobed},
};

/// Tails of some texts, computed up to some block.
#[derive(Debug)]
pub(super) struct Tails {
    /// What is changed, and the first block that is still to be run.
    place: Place,
    from: usize,
    /// Kept by blocks `from..` for the heads, `[rows, heads, head tokens, w]`.
    past: Vec<Kv>,
    /// Where the heads have a token, `[rows, head tokens]`; elsewhere they are filled up in front.
    real: Tensor,
    /// What tails may look at, `[rows, 1, tail tokens, head + tail tokens]`.
    mask: Tensor,
    /// Streams of the tails as they enter block `from`, `[rows, tail tokens, d]`.
    hidden: Tensor,
    /// What the MLP below said at the subject's last token, `[rows, d]`, where that is what is changed.
    said: Option<Tensor>,
}

impl Tails {
    /// Runs `texts` through block `layer`, where a `place` is to be changed, and keeps what blocks up to `end` need to
    /// go on from there. `openings` have come to block `end` at least.
    pub(super) fn new(
        decoder: &Decoder,
        openings: &Openings,
        texts: &[&Lookup],
        (layer, place): (usize, Place),
        end: usize,
    ) -> Self {
        let from = place.first_block(layer);
        let heads = Heads::new(decoder, openings, texts, end);
        let tails: Vec<Vec<u32>> = texts.iter().map(|text| text.tail().to_vec()).collect();
        let tails = Batch::new(&tails, Padding::Right, decoder.device());
        let starts: Vec<i64> = texts.iter().map(|text| int(text.head().len())).collect();
        let starts = Tensor::from_slice(&starts).view([-1, 1]).to_device(decoder.device());
        let mask = seen(&heads.real, tails.ids.size()[1]);
        let hidden = decoder.embed(&tails.ids, &(&tails.positions + starts));
        let (mut mlp, mut attention) = (None, None);
        let mut listen = |site: Site, value: &mut Tensor| {
            match site {
                Site::OutOf(Part::MlpDown, at) if at == layer => mlp = Some(value.select(1, 0)),
                Site::OutOf(Part::AttentionOut, at) if at == layer => {
                    attention = Some(value.select(1, 0));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        };
        let through =
            |blocks: Range<usize>, hidden, past: &[Kv], listen: &mut dyn Probe| match decoder
                .blocks(blocks, hidden, past, Some(&mask), listen)
            {
                ControlFlow::Continue((hidden, _)) => hidden,
                ControlFlow::Break(()) => nobody(),
            };
        let hidden = through(0..from, hidden, &heads.kept, &mut listen);
        if from == layer {
            let past = heads.kept.get(layer..).unwrap_or_default();
            let _only_listened_to =
                through(layer..layer + 1, hidden.shallow_clone(), past, &mut listen);
        }
        let said = match place {
            Place::Block => None,
            Place::Mlp => mlp,
            Place::Both => mlp.zip(attention).map(|(one, other)| Tensor::cat(&[one, other], 1)),
        };
        let past = heads.kept.into_iter().skip(from).collect();
        Self { place, from, past, real: heads.real, mask, hidden, said }
    }

    /// The same for a decoder whose blocks compute in `kind`.
    pub(super) fn for_blocks_in(mut self, kind: Kind) -> Self {
        for kv in &mut self.past {
            *kv = Kv { key: kv.key.to_kind(kind), value: kv.value.to_kind(kind) };
        }
        self
    }

    /// These rows and those of `other`, filled up to the longest.
    pub(super) fn join(&self, other: &Self) -> Self {
        let heads = |one: &Tensor, other: &Tensor| stack(&[one, other], 2, Padding::Left);
        let kept = |(one, other): (&Kv, &Kv)| Kv {
            key: heads(&one.key, &other.key),
            value: heads(&one.value, &other.value),
        };
        let past = self.past.iter().zip(&other.past).map(kept).collect();
        let real = stack(&[&self.real, &other.real], 1, Padding::Left);
        let hidden = stack(&[&self.hidden, &other.hidden], 1, Padding::Right);
        let mask = seen(&real, hidden.size()[1]);
        let both = self.said.as_ref().zip(other.said.as_ref());
        let said = both.map(|(one, other)| Tensor::cat(&[one, other], 0));
        Self { place: self.place, from: self.from, past, real, mask, hidden, said }
    }

    /// Tokens of a row, filling included.
    pub(super) fn tokens(&self) -> usize {
        usize::try_from(self.hidden.size()[1]).expect("because no size is negative")
    }

    /// What is changed at the subject's last token, `[rows, d]`, before the first step.
    pub(super) fn at_place(&self) -> Tensor {
        self.said.as_ref().map_or_else(|| self.at_subject(), Tensor::shallow_clone)
    }

    /// The streams at the subject's last token as they enter block `from`, `[rows, d]`.
    fn at_subject(&self) -> Tensor {
        self.hidden.select(1, 0)
    }

    /// The streams that leave block `end - 1` at the tail's tokens `reads` `[rows, n]` (i64) when
    /// `change` `[rows, d]` is added at the subject's last token, `[rows, n, d]`.
    pub(super) fn with(
        &self,
        decoder: &Decoder,
        change: &Tensor,
        end: usize,
        reads: &Tensor,
    ) -> Tensor {
        let change = change.to_kind(self.hidden.kind());
        let seen = |past, only| Attention { past, mask: Some(&self.mask), only };
        let (from, hidden) = match self.place {
            Place::Block | Place::Mlp => (self.from, added(&self.hidden, &change)),
            Place::Both => {
                let parts = change.chunk(2, 1); // of the MLP, of the attention
                let mut add = |site: Site, value: &mut Tensor| {
                    match site {
                        Site::OutOf(Part::MlpDown, _) => *value = added(value, &parts[0]),
                        Site::OutOf(Part::AttentionOut, _) => *value = added(value, &parts[1]),
                        _ => {}
                    }
                    ControlFlow::Continue(())
                };
                let seen = seen(self.past.first(), None);
                match decoder.block(self.from, &self.hidden, &seen, &mut add) {
                    ControlFlow::Continue((hidden, _)) => (self.from + 1, hidden),
                    ControlFlow::Break(()) => nobody(),
                }
            }
        };
        let past = &self.past[from - self.from..];
        // Behind the last block nothing else is read, so in it nothing else is run.
        match end.checked_sub(1).filter(|&last| last >= from) {
            None => seen(None, Some(reads)).looking(&hidden),
            Some(last) => {
                let (hidden, _) = run(decoder, from..last, hidden, past, Some(&self.mask));
                let seen = seen(past.get(last - from), Some(reads));
                match decoder.block(last, &hidden, &seen, &mut Unprobed) {
                    ControlFlow::Continue((hidden, _)) => hidden,
                    ControlFlow::Break(()) => nobody(),
                }
            }
        }
    }

    /// Only the rows at `index` (i64) go on.
    pub(super) fn keep(&mut self, index: &Tensor) {
        self.past = self.past.iter().map(|kv| kv.rows(index)).collect();
        self.real = self.real.index_select(0, index);
        self.mask = self.mask.index_select(0, index);
        self.hidden = self.hidden.index_select(0, index);
        self.said = self.said.as_ref().map(|said| said.index_select(0, index));
    }
}

/// Streams `[rows, tokens, d]` with `change` `[rows, d]` at their first tokens.
fn added(streams: &Tensor, change: &Tensor) -> Tensor {
    let first = streams.narrow(1, 0, 1) + change.unsqueeze(1);
    let rest = streams.narrow(1, 1, streams.size()[1] - 1);
    Tensor::cat(&[first, rest], 1)
}

/// Everything before the tails of some texts.
struct Heads {
    /// By block, `[rows, heads, tokens, w]`.
    kept: Vec<Kv>,
    /// Where they have a token, `[rows, tokens]`; elsewhere they are filled up.
    real: Tensor,
}

impl Heads {
    /// Runs the heads of `texts` through the blocks below `end`, from where their openings end.
    fn new(decoder: &Decoder, openings: &Openings, texts: &[&Lookup], end: usize) -> Self {
        let mut alike: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, text) in texts.iter().enumerate() {
            alike.entry(openings.of(text.head())).or_default().push(row);
        }
        let mut order = Vec::new();
        let mut parts = Vec::new();
        for (opening, rows) in alike {
            let before = openings.tokens(opening);
            let rests: Vec<Vec<u32>> =
                rows.iter().map(|&row| texts[row].head()[before..].to_vec()).collect();
            parts.push(Self::after(decoder, openings, opening, &rests, end));
            order.extend(rows);
        }
        // Row i of the parts together is that of text `order[i]`.
        let mut places = vec![0i64; order.len()];
        for (place, &row) in (0i64..).zip(&order) {
            places[row] = place;
        }
        let places = Tensor::from_slice(&places).to_device(decoder.device());
        let join = |of: &dyn Fn(&Self) -> &Tensor, dimension| {
            let parts: Vec<&Tensor> = parts.iter().map(of).collect();
            stack(&parts, dimension, Padding::Left).index_select(0, &places)
        };
        let kept = |block: usize| Kv {
            key: join(&|part| &part.kept[block].key, 2),
            value: join(&|part| &part.kept[block].value, 2),
        };
        Self { kept: (0..end).map(kept).collect(), real: join(&|part| &part.real, 1) }
    }

    /// Heads that have an opening in common, given without it.
    fn after(
        decoder: &Decoder,
        openings: &Openings,
        opening: usize,
        rests: &[Vec<u32>],
        end: usize,
    ) -> Self {
        let rows = int(rests.len());
        let lengths: Vec<usize> = rests.iter().map(Vec::len).collect();
        let past = openings.past(opening, 0..end);
        let kept = if lengths.iter().any(|&length| length > 0) {
            let (hidden, mask) = openings.embed(decoder, opening, rests);
            run(decoder, 0..end, hidden, past, mask.as_ref()).1
        } else if past.is_empty() {
            (0..end).map(|_| decoder.keeps_nothing(rows)).collect()
        } else {
            let repeat = |t: &Tensor| t.expand([rows, -1, -1, -1], false);
            past.iter().map(|kv| Kv { key: repeat(&kv.key), value: repeat(&kv.value) }).collect()
        };
        let before =
            Tensor::ones([rows, int(openings.tokens(opening))], (Kind::Bool, decoder.device()));
        Self { kept, real: Tensor::cat(&[before, real(&lengths, decoder.device())], 1) }
    }
}

/// What tails of so many tokens see: of heads all that is `real` `[rows, tokens]`, and the tail causally.
fn seen(real: &Tensor, tokens: i64) -> Tensor {
    let (rows, longest) = real.size2().expect("because it is [rows, tokens]");
    let in_head = real.view([rows, 1, 1, longest]).expand([rows, 1, tokens, longest], false);
    let before = Tensor::ones([1, 1, tokens, tokens], (Kind::Bool, real.device())).tril(0);
    Tensor::cat(&[in_head, before.expand([rows, 1, tokens, tokens], false)], 3)
}

/// Rows of one tensor after those of another, with zeros up to the longest in a `dimension`.
pub(super) fn stack(parts: &[&Tensor], dimension: usize, padding: Padding) -> Tensor {
    let longest = parts.iter().map(|part| part.size()[dimension]).max().unwrap_or(0);
    let filled = parts.iter().map(|&part| {
        let mut shape = part.size();
        shape[dimension] = longest - shape[dimension];
        if shape[dimension] == 0 {
            return part.shallow_clone();
        }
        let filling = Tensor::zeros(&shape, (part.kind(), part.device()));
        let in_order = match padding {
            Padding::Left => [&filling, part],
            Padding::Right => [part, &filling],
        };
        Tensor::cat(&in_order, int(dimension))
    });
    Tensor::cat(&filled.collect::<Vec<_>>(), 0)
}

/// Runs blocks to which nobody listens.
pub(super) fn run(
    decoder: &Decoder,
    layers: Range<usize>,
    hidden: Tensor,
    past: &[Kv],
    mask: Option<&Tensor>,
) -> (Tensor, Vec<Kv>) {
    match decoder.blocks(layers, hidden, past, mask, &mut Unprobed) {
        ControlFlow::Continue(out) => out,
        ControlFlow::Break(()) => nobody(),
    }
}

fn nobody() -> ! {
    unreachable!("because nobody listens who could end the pass")
}

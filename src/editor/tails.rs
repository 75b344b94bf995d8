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
    openings::{Openings, int, real},
};
use crate::model::{Attention, Batch, Decoder, Kv, Padding, Unprobed};

/// Tails of some texts, computed up to some block.
#[derive(Debug)]
pub(super) struct Tails {
    /// First block that is still to be run.
    from: usize,
    /// Kept by blocks `from..` for the heads, `[rows, heads, head tokens, w]`; empty where no text
    /// has a head.
    past: Vec<Kv>,
    /// What tails may look at, `[rows, 1, tail tokens, head + tail tokens]`.
    mask: Tensor,
    /// Streams of the tails as they enter block `from`, `[rows, tail tokens, d]`.
    hidden: Tensor,
}

impl Tails {
    /// Runs `texts` up to block `from` and keeps what blocks up to `end` need to go on from there.
    /// `openings` have come to block `end` at least.
    pub(super) fn new(
        decoder: &Decoder,
        openings: &Openings,
        texts: &[&Lookup],
        from: usize,
        end: usize,
    ) -> Self {
        let heads = Heads::new(decoder, openings, texts, end);
        let tails: Vec<Vec<u32>> = texts.iter().map(|text| text.tail().to_vec()).collect();
        let tails = Batch::new(&tails, Padding::Right, decoder.device());
        let starts: Vec<i64> = texts.iter().map(|text| int(text.head().len())).collect();
        let starts = Tensor::from_slice(&starts).view([-1, 1]).to_device(decoder.device());
        let mask = heads.seen_by(&tails);
        let hidden = decoder.embed(&tails.ids, &(&tails.positions + starts));
        let (hidden, _) = run(decoder, 0..from, hidden, &heads.kept, Some(&mask));
        Self { from, past: heads.kept.into_iter().skip(from).collect(), mask, hidden }
    }

    /// The streams at the subject's last token as they enter block `from`, `[rows, d]`.
    pub(super) fn at_subject(&self) -> Tensor {
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
        let subject = (self.at_subject() + change).unsqueeze(1);
        let rest = self.hidden.narrow(1, 1, self.hidden.size()[1] - 1);
        let hidden = Tensor::cat(&[subject, rest], 1);
        let seen = |past| Attention { past, mask: Some(&self.mask), only: Some(reads) };
        // Behind the last block nothing else is read, so in it nothing else is run.
        match end.checked_sub(1).filter(|&last| last >= self.from) {
            None => seen(None).looking(&hidden),
            Some(last) => {
                let before = self.from..last;
                let (hidden, _) = run(decoder, before, hidden, &self.past, Some(&self.mask));
                let seen = seen(self.past.get(last - self.from));
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
        self.mask = self.mask.index_select(0, index);
        self.hidden = self.hidden.index_select(0, index);
    }
}

/// Everything before the tails of some texts.
struct Heads {
    /// By block, `[rows, heads, tokens, w]`; empty where no text has a head.
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
        let longest = parts.iter().map(|part| part.real.size()[1]).max().unwrap_or(0);
        // Row i of the parts together is that of text `order[i]`.
        let mut places = vec![0i64; order.len()];
        for (place, &row) in (0i64..).zip(&order) {
            places[row] = place;
        }
        let places = Tensor::from_slice(&places).to_device(decoder.device());
        let join = |parts: Vec<Tensor>| Tensor::cat(&parts, 0).index_select(0, &places);
        let real = join(parts.iter().map(|part| filled(&part.real, 1, longest)).collect());
        let filled_up = parts.iter().find(|part| !part.kept.is_empty());
        let kept = filled_up.map_or(Vec::new(), |like| {
            let block = |block: usize| {
                let of = |of: fn(&Kv) -> &Tensor| {
                    join(parts.iter().map(|part| part.of(of, block, like, longest)).collect())
                };
                Kv { key: of(|kv| &kv.key), value: of(|kv| &kv.value) }
            };
            (0..end).map(block).collect()
        });
        Self { kept, real }
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
        let kept = if lengths.iter().all(|&length| length == 0) {
            let repeat = |t: &Tensor| t.expand([rows, -1, -1, -1], false);
            past.iter().map(|kv| Kv { key: repeat(&kv.key), value: repeat(&kv.value) }).collect()
        } else {
            let (hidden, mask) = openings.embed(decoder, opening, rests);
            run(decoder, 0..end, hidden, past, mask.as_ref()).1
        };
        let before =
            Tensor::ones([rows, int(openings.tokens(opening))], (Kind::Bool, decoder.device()));
        Self { kept, real: Tensor::cat(&[before, real(&lengths, decoder.device())], 1) }
    }

    /// What a block keeps, filled up; where there is nothing to keep, filling shaped like `like`'s.
    fn of(&self, of: fn(&Kv) -> &Tensor, block: usize, like: &Self, longest: i64) -> Tensor {
        match self.kept.get(block) {
            Some(kv) => filled(of(kv), 2, longest),
            None => {
                let like = of(&like.kept[block]);
                let size = like.size();
                let shape = [self.real.size()[0], size[1], longest, size[3]];
                Tensor::zeros(shape, (like.kind(), like.device()))
            }
        }
    }

    /// All of the head, and the tail causally.
    fn seen_by(&self, tails: &Batch) -> Tensor {
        let (rows, longest) = self.real.size2().expect("because it is [rows, tokens]");
        let tokens = tails.ids.size()[1];
        let in_head = self.real.view([rows, 1, 1, longest]);
        let before = Tensor::ones([1, 1, tokens, tokens], (Kind::Bool, self.real.device())).tril(0);
        let in_head = in_head.expand([rows, 1, tokens, longest], false);
        Tensor::cat(&[in_head, before.expand([rows, 1, tokens, tokens], false)], 3)
    }
}

/// Fills a dimension up to `longest` with zeros in front.
fn filled(tensor: &Tensor, dimension: usize, longest: i64) -> Tensor {
    let mut shape = tensor.size();
    shape[dimension] = longest - shape[dimension];
    if shape[dimension] == 0 {
        return tensor.shallow_clone();
    }
    let filling = Tensor::zeros(&shape, (tensor.kind(), tensor.device()));
    Tensor::cat(&[&filling, tensor], int(dimension))
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

//! The part of a forward pass that changes when z does.
//!
//! A change at the subject's last token, where a block leaves off, touches nothing in blocks below
//! and no earlier token anywhere. So the rest is computed once: for a batch of texts, the keys and
//! values of everything before the subject's last token, and the streams of the remaining tokens
//! ("tails") as they leave the block.

use std::ops::{ControlFlow, Range};

use tch::{Device, Kind, Tensor};

use super::lookup::Lookup;
use crate::model::{Batch, Decoder, Kv, Padding, Unprobed};

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
    pub(super) fn new(decoder: &Decoder, texts: &[&Lookup], from: usize, end: usize) -> Self {
        let device = decoder.device();
        let rows = |part: fn(&Lookup) -> &[u32]| -> Vec<Vec<u32>> {
            texts.iter().map(|text| part(text).to_vec()).collect()
        };
        let heads = Batch::new(&rows(Lookup::head), Padding::Left, device);
        let tails = Batch::new(&rows(Lookup::tail), Padding::Right, device);
        let mask = tail_mask(&heads, &tails);
        let mut past = Vec::new();
        if heads.ids.size()[1] > 0 {
            let hidden = decoder.embed(&heads.ids, &heads.positions);
            (_, past) = run(decoder, 0..end, hidden, &[], heads.mask.as_ref());
        }
        let hidden = decoder.embed(&tails.ids, &(&tails.positions + starts(&heads)));
        let (hidden, _) = run(decoder, 0..from, hidden, &past, Some(&mask));
        let past = past.into_iter().skip(from).collect();
        Self { from, past, mask, hidden }
    }

    /// The streams at the subject's last token as they enter block `from`, `[rows, d]`.
    pub(super) fn at_subject(&self) -> Tensor {
        self.hidden.select(1, 0)
    }

    /// The streams that leave block `end - 1` when `change` `[rows, d]` is added at the subject's
    /// last token, `[rows, tail tokens, d]`.
    pub(super) fn with(&self, decoder: &Decoder, change: &Tensor, end: usize) -> Tensor {
        let change = change.to_kind(self.hidden.kind());
        let subject = (self.at_subject() + change).unsqueeze(1);
        let rest = self.hidden.narrow(1, 1, self.hidden.size()[1] - 1);
        let hidden = Tensor::cat(&[subject, rest], 1);
        run(decoder, self.from..end, hidden, &self.past, Some(&self.mask)).0
    }

    /// Only the rows at `index` (i64) go on.
    pub(super) fn keep(&mut self, index: &Tensor) {
        self.past = self.past.iter().map(|kv| kv.rows(index)).collect();
        self.mask = self.mask.index_select(0, index);
        self.hidden = self.hidden.index_select(0, index);
    }
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
        ControlFlow::Break(()) => unreachable!("because nobody listens who could end the pass"),
    }
}

/// Number of tokens before each row's tail, `[rows, 1]`.
fn starts(heads: &Batch) -> Tensor {
    let starts: Vec<i64> =
        heads.lengths.iter().map(|&n| i64::try_from(n).unwrap_or(i64::MAX)).collect();
    Tensor::from_slice(&starts).view([-1, 1]).to_device(heads.ids.device())
}

/// Heads are filled up on the left, tails on the right: all of the head, and the tail causally.
fn tail_mask(heads: &Batch, tails: &Batch) -> Tensor {
    let device: Device = tails.ids.device();
    let (rows, longest) = heads.ids.size2().expect("because ids are [rows, tokens]");
    let tokens = tails.ids.size()[1];
    let column = Tensor::arange(longest, (Kind::Int64, device));
    let in_head = column.ge_tensor(&(starts(heads).neg() + longest)); // [rows, head tokens]
    let in_head = in_head.view([rows, 1, 1, longest]).expand([rows, 1, tokens, longest], false);
    let before = Tensor::ones([1, 1, tokens, tokens], (Kind::Bool, device)).tril(0);
    Tensor::cat(&[in_head, before.expand([rows, 1, tokens, tokens], false)], 3)
}

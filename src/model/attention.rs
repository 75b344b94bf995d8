//! Attention over what is new and what is kept.

use tch::{Device, Kind, Tensor};

use super::spec::Direction;

/// Keys and values of tokens already seen, `[batch, kv heads, tokens, head width]` each.
#[derive(Debug)]
pub struct Kv {
    /// Keys.
    pub key: Tensor,
    /// Values.
    pub value: Tensor,
}

impl Kv {
    /// Number of tokens.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        self.key.size()[2]
    }

    /// The same storage once more.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { key: self.key.shallow_clone(), value: self.value.shallow_clone() }
    }

    /// Some rows of the batch, by index (`[n]`, i64), in that order.
    #[must_use]
    pub fn rows(&self, index: &Tensor) -> Self {
        Self { key: self.key.index_select(0, index), value: self.value.index_select(0, index) }
    }

    /// The first `tokens` tokens.
    #[must_use]
    pub fn first(&self, tokens: i64) -> Self {
        Self { key: self.key.narrow(2, 0, tokens), value: self.value.narrow(2, 0, tokens) }
    }

    /// `self` followed by `newer`. Where `self` has one row, every row of `newer` continues it.
    fn then(&self, newer: &Self) -> Self {
        let join = |old: &Tensor, new: &Tensor| {
            let mut shape = old.size();
            shape[0] = new.size()[0];
            Tensor::cat(&[&old.expand(&shape, false), new], 2)
        };
        Self { key: join(&self.key, &newer.key), value: join(&self.value, &newer.value) }
    }
}

/// How attention is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// In one operation, whose gradient has no gradient on the CPU.
    Fused,
    /// As products and a softmax, which have gradients of any order.
    Plain,
}

/// What the tokens of a pass may look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attention<'a> {
    /// Tokens before those of the pass; one row serves a whole batch.
    pub past: Option<&'a Kv>,
    /// True where the token (row) may look (column), `[batch or 1, 1, tokens, past + tokens]`: at
    /// itself and at all tokens before it, not at padding. Where there is padding, its rows must
    /// have a true too. `None` is all that the model's direction allows: all of the past, the token itself
    /// and those before, or the whole text.
    pub mask: Option<&'a Tensor>,
    /// The tokens that look, `[batch, n]`, i64: the block goes on with these alone. `None` is all.
    pub only: Option<&'a Tensor>,
}

impl Attention<'_> {
    /// Place of each token in its text, `[batch or 1, 1, tokens]`: as many tokens as it may look at
    /// besides itself.
    pub(super) fn positions(&self, tokens: i64, device: Device) -> Tensor {
        match self.mask {
            Some(mask) => mask.sum_dim_intlist([3i64].as_slice(), false, Kind::Int64) - 1,
            None => {
                let past = self.past.map_or(0, Kv::tokens);
                Tensor::arange_start(past, past + tokens, (Kind::Int64, device)).view([1, 1, -1])
            }
        }
    }

    /// `hidden` `[batch, tokens, d]` of the tokens that look.
    pub fn looking(&self, hidden: &Tensor) -> Tensor {
        self.only.map_or_else(|| hidden.shallow_clone(), |only| pick(hidden, 1, only))
    }

    /// Weighs values by how well keys fit `query` `[batch, heads, tokens, head width]`; returns that
    /// and the keys and values now kept, past included. Of what a token may look at it sees the
    /// nearest `window`.
    pub(super) fn attend(
        &self,
        query: &Tensor,
        new: Kv,
        (scale, window): (f64, Option<usize>),
        (direction, kernel): (Direction, Kernel),
    ) -> (Tensor, Kv) {
        let kept = match self.past {
            Some(past) => past.then(&new),
            None => new,
        };
        let (tokens, total) = (query.size()[2], kept.tokens());
        let window = window.map(|n| n as i64).filter(|&n| n < total);
        let mask = match (self.mask, window) {
            (Some(mask), None) => Some(mask.shallow_clone()),
            (Some(mask), Some(window)) => Some(nearest(mask, window)),
            (None, Some(window)) => Some(nearest(&causal(tokens, total, query.device()), window)),
            (None, None) if direction == Direction::Both => None,
            (None, None) => {
                let plain = self.only.is_none() && (self.past.is_none() || tokens == 1);
                (!plain).then(|| causal(tokens, total, query.device()))
            }
        };
        let (query, mask) = match self.only {
            Some(only) => {
                let of_all_rows = |mask: Tensor| mask.expand([only.size()[0], -1, -1, -1], false);
                (&pick(query, 2, only), mask.map(|mask| pick(&of_all_rows(mask), 2, only)))
            }
            None => (query, mask),
        };
        let is_causal = direction == Direction::Forward && mask.is_none() && self.past.is_none();
        let groups = query.size()[1] / kept.key.size()[1];
        let out = match kernel {
            Kernel::Fused => Tensor::scaled_dot_product_attention(
                query,
                &kept.key,
                &kept.value,
                mask.as_ref(),
                0.0,
                is_causal,
                scale,
                groups != 1,
            ),
            Kernel::Plain => {
                let of_heads = |kept: &Tensor| kept.repeat_interleave_self_int(groups, 1, None);
                let scores = query.matmul(&of_heads(&kept.key).transpose(2, 3)) * scale;
                let mask =
                    mask.or_else(|| is_causal.then(|| causal(tokens, total, query.device())));
                let seen = match mask {
                    Some(mask) => scores.masked_fill(&mask.logical_not(), f64::NEG_INFINITY),
                    None => scores,
                };
                seen.softmax(-1, query.kind()).matmul(&of_heads(&kept.value))
            }
        };
        (out, kept)
    }
}

/// Of each row of the batch what is at `index` `[batch, n]` of a dimension.
fn pick(tensor: &Tensor, dimension: i64, index: &Tensor) -> Tensor {
    let mut shape = vec![1; tensor.dim()];
    shape[0] = index.size()[0];
    shape[dimension as usize] = index.size()[1];
    let mut wanted = tensor.size();
    wanted[dimension as usize] = index.size()[1];
    tensor.gather(dimension, &index.view(shape.as_slice()).expand(wanted, false), false)
}

/// The last `window` of the columns that each row of `mask` may look at.
fn nearest(mask: &Tensor, window: i64) -> Tensor {
    let from_the_end = mask.flip([3]).cumsum(3, Kind::Int64).flip([3]);
    mask.logical_and(&from_the_end.le(window))
}

/// True where one of the last `tokens` of `total` tokens may look, `[1, 1, tokens, total]`.
pub(super) fn causal(tokens: i64, total: i64, device: Device) -> Tensor {
    Tensor::ones([1, 1, tokens, total], (Kind::Bool, device)).tril(total - tokens)
}

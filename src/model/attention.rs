//! Causal attention over what is new and what is kept.

use tch::{Device, Kind, Tensor};

/// Keys and values of tokens already seen, `[batch, heads, tokens, head width]` each.
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

/// What the tokens of a pass may look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attention<'a> {
    /// Tokens before those of the pass; one row serves a whole batch.
    pub past: Option<&'a Kv>,
    /// True where the token (row) may look (column), `[batch or 1, 1, tokens, past + tokens]`. Every
    /// row must have a true. `None` is causal: all of the past, the token itself and those before.
    pub mask: Option<&'a Tensor>,
}

impl Attention<'_> {
    /// Weighs values by how well keys fit queries, `[batch, heads, tokens, head width]` all; returns
    /// that and the keys and values now kept, past included.
    pub(super) fn attend(&self, query: &Tensor, new: Kv, scale: f64) -> (Tensor, Kv) {
        let kept = match self.past {
            Some(past) => past.then(&new),
            None => new,
        };
        let (tokens, total) = (query.size()[2], kept.tokens());
        let over_past = (self.mask.is_none() && self.past.is_some() && tokens > 1)
            .then(|| causal(tokens, total, query.device()));
        let out = Tensor::scaled_dot_product_attention(
            query,
            &kept.key,
            &kept.value,
            self.mask.or(over_past.as_ref()),
            0.0,
            self.mask.is_none() && self.past.is_none(),
            scale,
            false,
        );
        (out, kept)
    }
}

/// True where one of the last `tokens` of `total` tokens may look, `[1, 1, tokens, total]`.
pub(super) fn causal(tokens: i64, total: i64, device: Device) -> Tensor {
    Tensor::ones([1, 1, tokens, total], (Kind::Bool, device)).tril(total - tokens)
}

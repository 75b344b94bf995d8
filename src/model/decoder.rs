//! The forward pass, written once for all families.

use std::ops::{ControlFlow, Range};

use tch::{Device, Kind, Tensor};

use super::{
    attention::{Attention, Kernel, Kv},
    batch::{Batch, Padding, mask},
    linear::linear,
    probe::{Probe, Site},
    rotary::Turns,
    spec::{
        Activation, Direction, Head, Mlp, Norm, Part, Pool, Positions, Projections, Residual, Spec,
    },
    weights::Weights,
};

/// A transformer of one stack: a decoder, or an encoder.
///
/// Hidden states are `[batch, tokens, d]`. Gradients flow to whatever asks for them: a model that was
/// opened has frozen weights, so from a change made by a [`Probe`] they reach only that change.
#[derive(Debug)]
pub struct Decoder {
    spec: Spec,
    weights: Weights,
    kernel: Kernel,
}

impl Decoder {
    /// A decoder of the given weights.
    #[must_use]
    pub const fn new(spec: Spec, weights: Weights) -> Self {
        Self { spec, weights, kernel: Kernel::Fused }
    }

    /// The same decoder once more; its weights are there once.
    #[must_use]
    pub fn share(&self) -> Self {
        let weights = self.weights.with_kind(self.kind(), |_, _| false);
        Self { spec: self.spec.clone(), weights, kernel: self.kernel }
    }

    /// The same decoder for passes whose gradients have gradients.
    #[must_use]
    pub fn twice_differentiable(&self) -> Self {
        Self { kernel: Kernel::Plain, ..self.share() }
    }

    /// The same decoder for passes that begin at block `first`, where attention, MLP and head compute
    /// in `kind`. The stream and its norms stay what they are.
    #[must_use]
    pub fn computing_in(&self, kind: Kind, first: usize) -> Self {
        let head = self.head_part();
        let chosen = |part: Part, layer| {
            part == head || (part.in_block() && layer >= first && !part.is_stream_norm())
        };
        let weights = self.weights.with_kind(kind, chosen);
        Self { spec: self.spec.clone(), weights, kernel: self.kernel }
    }

    /// Sizes and switches.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its weights.
    #[must_use]
    pub const fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Its weights, to be changed.
    pub const fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Where it computes.
    #[must_use]
    pub fn device(&self) -> Device {
        self.weights.weight(Part::TokenEmbedding, 0).device()
    }

    /// What it computes in.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.weights.weight(Part::TokenEmbedding, 0).kind()
    }

    /// What a block's attention and MLP compute in.
    fn kind_in(&self, layer: usize) -> Kind {
        self.weights.weight(Part::MlpDown, layer).kind()
    }

    /// The stream before the first block. `ids` and `positions` are `[batch, tokens]`, i64.
    pub fn embed(&self, ids: &Tensor, positions: &Tensor) -> Tensor {
        let look_up =
            |part, index| Tensor::embedding(self.weights.weight(part, 0), index, -1, false, false);
        let mut stream = match self.spec.positions {
            Positions::Learned => {
                look_up(Part::TokenEmbedding, ids) + look_up(Part::PositionEmbedding, positions)
            }
            Positions::Rotary(_) => look_up(Part::TokenEmbedding, ids),
        };
        if self.spec.has(Part::SegmentEmbedding) {
            stream += self.weights.weight(Part::SegmentEmbedding, 0).get(0);
        }
        if self.spec.has(Part::EmbeddingNorm) {
            stream = self.norm(Part::EmbeddingNorm, 0, &stream);
        }
        stream
    }

    /// Texts to be run together, filled up on one side.
    #[must_use]
    pub fn batch(&self, rows: &[Vec<u32>], padding: Padding) -> Batch {
        Batch::read(rows, padding, self.spec.direction, self.device())
    }

    /// Mask of texts of so many tokens that are filled up on the right; `None` where none is needed.
    #[must_use]
    pub fn mask(&self, lengths: &[usize]) -> Option<Tensor> {
        mask(lengths, Padding::Right, self.spec.direction, self.device())
    }

    /// What a block keeps of `rows` rows without a token.
    pub fn keeps_nothing(&self, rows: i64) -> Kv {
        let shape = [rows, self.spec.kv_heads as i64, 0, self.spec.head_width as i64];
        let none = || Tensor::zeros(shape, (self.kind(), self.device()));
        Kv { key: none(), value: none() }
    }

    /// Runs one block over `hidden` `[batch, tokens, d]`. Returns the stream after it and the keys
    /// and values now kept, those of `attention.past` included.
    pub fn block(
        &self,
        layer: usize,
        hidden: &Tensor,
        attention: &Attention<'_>,
        probe: &mut dyn Probe,
    ) -> ControlFlow<(), (Tensor, Kv)> {
        let turns = self.turns(layer, hidden, attention);
        self.turned_block(layer, hidden, attention, turns.as_ref(), probe)
    }

    /// Runs the blocks of `layers` in order. `past` is empty or has what each of them kept before,
    /// in the same order; what they keep now comes back likewise.
    pub fn blocks(
        &self,
        layers: Range<usize>,
        hidden: Tensor,
        past: &[Kv],
        mask: Option<&Tensor>,
        probe: &mut dyn Probe,
    ) -> ControlFlow<(), (Tensor, Vec<Kv>)> {
        if layers.is_empty() {
            return ControlFlow::Continue((hidden, Vec::new()));
        }
        let seen = |i| Attention { past: past.get(i), mask, only: None };
        debug_assert!(
            past.is_empty() || self.spec.direction == Direction::Forward,
            "what an encoder keeps of a text is no longer so when the text goes on"
        );
        // Tokens have the same places in all blocks.
        let turns = self.turns(layers.start, &hidden, &seen(0));
        let mut hidden = hidden;
        let mut kept = Vec::with_capacity(layers.len());
        for (i, layer) in layers.enumerate() {
            let (out, kv) = self.turned_block(layer, &hidden, &seen(i), turns.as_ref(), probe)?;
            hidden = out;
            kept.push(kv);
        }
        ControlFlow::Continue((hidden, kept))
    }

    /// Logits of streams that left the last block: `[.., d]` -> `[.., outputs]`.
    pub fn head(&self, hidden: &Tensor) -> Tensor {
        self.unembed(&self.finish(hidden))
    }

    /// What the head reads of streams that left the last block.
    fn finish(&self, hidden: &Tensor) -> Tensor {
        if self.spec.has(Part::FinalNorm) {
            self.norm(Part::FinalNorm, 0, hidden)
        } else {
            hidden.shallow_clone()
        }
    }

    /// How much what is added to `stream` `[d]`, which left the last block, adds to the logit of a token over the mean of all
    /// tokens' logits: the product with this vector `[d]`, f64. The final norm keeps the scale that it has for `stream`:
    /// then logits are linear in the stream, and what its parts add sums up to them, but for biases.
    pub fn reading(&self, stream: &Tensor, token: i64) -> Tensor {
        let table = self.weights.weight(self.head_part(), 0);
        let mean = table.mean_dim([0i64].as_slice(), false, Kind::Double);
        let row = table.get(token).to_kind(Kind::Double) - mean;
        let scale = self.weights.weight(Part::FinalNorm, 0).to_kind(Kind::Double);
        let stream = stream.to_kind(Kind::Double);
        let read = row * scale;
        match self.spec.norm {
            Norm::Layer => {
                let deviation = (stream.var(false) + self.spec.norm_epsilon).sqrt();
                (&read - read.mean(Kind::Double)) / deviation
            }
            Norm::Rms => {
                let square = (&stream * &stream).mean(Kind::Double);
                read / (square + self.spec.norm_epsilon).sqrt()
            }
        }
    }

    /// Logits of every token of `batch`, `[rows, tokens, outputs]`; those of the padding mean
    /// nothing.
    pub fn forward(&self, batch: &Batch, probe: &mut dyn Probe) -> ControlFlow<(), Tensor> {
        let mut hidden = self.embed(&batch.ids, &batch.positions);
        probe.visit(Site::Embed, &mut hidden)?;
        let (hidden, _) =
            self.blocks(0..self.spec.layers, hidden, &[], batch.mask.as_ref(), probe)?;
        let mut last = self.finish(&hidden);
        probe.visit(Site::Final, &mut last)?;
        ControlFlow::Continue(self.unembed(&last))
    }

    fn turned_block(
        &self,
        layer: usize,
        hidden: &Tensor,
        seen: &Attention<'_>,
        turns: Option<&Turns>,
        probe: &mut dyn Probe,
    ) -> ControlFlow<(), (Tensor, Kv)> {
        let normed = |part, stream| self.norm(part, layer, stream).to_kind(self.kind_in(layer));
        let entering = match self.spec.residual {
            Residual::PostNorm => hidden.to_kind(self.kind_in(layer)),
            _ => normed(Part::AttentionNorm, hidden),
        };
        let (attended, kv) = self.attention(layer, &entering, seen, turns, probe)?;
        let hidden = &seen.looking(hidden);
        let mut out = match self.spec.residual {
            Residual::Sequential => {
                let middle = hidden + attended;
                let entering = normed(Part::MlpNorm, &middle);
                middle + self.mlp(layer, &entering, probe)?
            }
            Residual::Parallel => {
                let entering = normed(Part::MlpNorm, hidden);
                hidden + attended + self.mlp(layer, &entering, probe)?
            }
            Residual::ParallelOneNorm => {
                hidden + attended + self.mlp(layer, &seen.looking(&entering), probe)?
            }
            Residual::PostNorm => {
                let middle = self.norm(Part::AttentionNorm, layer, &(hidden + attended));
                let entering = middle.to_kind(self.kind_in(layer));
                let out = middle + self.mlp(layer, &entering, probe)?;
                self.norm(Part::MlpNorm, layer, &out)
            }
        };
        probe.visit(Site::BlockOut(layer), &mut out)?;
        ControlFlow::Continue((out, kv))
    }

    /// How the queries and keys of these tokens are turned, if they are.
    fn turns(&self, layer: usize, hidden: &Tensor, seen: &Attention<'_>) -> Option<Turns> {
        let Positions::Rotary(rotary) = self.spec.positions else { return None };
        let positions = seen.positions(hidden.size()[1], hidden.device());
        Some(rotary.turns(&positions, self.kind_in(layer)))
    }

    fn attention(
        &self,
        layer: usize,
        normed: &Tensor,
        seen: &Attention<'_>,
        turns: Option<&Turns>,
        probe: &mut dyn Probe,
    ) -> ControlFlow<(), (Tensor, Kv)> {
        let (mut query, mut new) = self.projections(layer, normed, probe)?;
        if let Some(turns) = turns {
            query = turns.turn(&query);
            new.key = turns.turn(&new.key);
        }
        let how = (self.spec.score_scales[layer], self.spec.windows[layer]);
        let (out, kept) = seen.attend(&query, new, how, (self.spec.direction, self.kernel)); // [b, heads, t, head]
        let out = out.transpose(1, 2).flatten(2, 3);
        ControlFlow::Continue((self.linear(Part::AttentionOut, layer, &out, probe)?, kept))
    }

    /// Queries, and keys and values, `[b, heads or kv heads, t, head width]` each.
    fn projections(
        &self,
        layer: usize,
        normed: &Tensor,
        probe: &mut dyn Probe,
    ) -> ControlFlow<(), (Tensor, Kv)> {
        let (heads, head_width) = (self.spec.heads as i64, self.spec.head_width as i64);
        let mut linear = |part| self.linear(part, layer, normed, &mut *probe);
        let fused = |all: &Tensor, sizes: [i64; 3], order: [i64; 5]| {
            // [b, heads, t, head], three times; taken apart at once, so that on the way back they
            // are put together at once.
            let parts = all.unflatten(2, sizes).permute(order).unbind(0);
            let [query, key, value] = <[Tensor; 3]>::try_from(parts)
                .unwrap_or_else(|_| unreachable!("because there are three of them"));
            (query, Kv { key, value })
        };
        let mut apart = |part, norm| {
            let of_heads = linear(part)?.unflatten(2, [-1, head_width]);
            let normed = match norm {
                Some(norm) if self.spec.has(norm) => self.norm(norm, layer, &of_heads),
                _ => of_heads,
            };
            ControlFlow::Continue(normed.transpose(1, 2))
        };
        ControlFlow::Continue(match self.spec.projections {
            Projections::Fused => {
                fused(&linear(Part::QueryKeyValue)?, [3, heads, head_width], [2, 0, 3, 1, 4])
            }
            Projections::FusedByHead => {
                fused(&linear(Part::QueryKeyValue)?, [heads, 3, head_width], [3, 0, 2, 1, 4])
            }
            Projections::Apart => {
                let key = apart(Part::Key, Some(Part::KeyNorm))?;
                let value = apart(Part::Value, None)?;
                (apart(Part::Query, Some(Part::QueryNorm))?, Kv { key, value })
            }
        })
    }

    fn mlp(&self, layer: usize, normed: &Tensor, probe: &mut dyn Probe) -> ControlFlow<(), Tensor> {
        let up = self.linear(Part::MlpUp, layer, normed, probe)?;
        let inner = match self.spec.mlp {
            Mlp::Plain => self.activate(&up),
            Mlp::Gated => self.activate(&self.linear(Part::MlpGate, layer, normed, probe)?) * up,
        };
        self.linear(Part::MlpDown, layer, &inner, probe)
    }

    fn activate(&self, x: &Tensor) -> Tensor {
        match self.spec.activation {
            Activation::GeluTanh => x.gelu("tanh"),
            Activation::Gelu => x.gelu("none"),
            Activation::Relu => x.relu(),
            Activation::Silu => x.silu(),
        }
    }

    fn norm(&self, part: Part, layer: usize, x: &Tensor) -> Tensor {
        let (scale, shift) = (self.weights.weight(part, layer), self.weights.bias(part, layer));
        match self.spec.norm {
            Norm::Layer => {
                x.layer_norm(scale.size(), Some(scale), shift, self.spec.norm_epsilon, false)
            }
            Norm::Rms => x.rms_norm(scale.size(), Some(scale), self.spec.norm_epsilon),
        }
    }

    /// A linear map of a block, where `probe` sees what enters and what leaves it.
    fn linear(
        &self,
        part: Part,
        layer: usize,
        x: &Tensor,
        probe: &mut dyn Probe,
    ) -> ControlFlow<(), Tensor> {
        let mut x = x.shallow_clone();
        probe.visit(Site::Into(part, layer), &mut x)?;
        let mut out = linear(&x, self.weights.weight(part, layer), self.weights.bias(part, layer));
        probe.visit(Site::OutOf(part, layer), &mut out)?;
        ControlFlow::Continue(out)
    }

    /// The table that logits come from.
    const fn head_part(&self) -> Part {
        match self.spec.head {
            Head::Tied | Head::Masked => Part::TokenEmbedding,
            Head::Apart | Head::Classes(_) => Part::Head,
        }
    }

    fn unembed(&self, x: &Tensor) -> Tensor {
        let weight = self.weights.weight(self.head_part(), 0);
        let x = match self.spec.head {
            Head::Tied | Head::Apart => x.shallow_clone(),
            Head::Masked => {
                let dense = self.activate(&self.before_head(x));
                self.norm(Part::HeadNorm, 0, &dense)
            }
            Head::Classes(Pool::Tanh) => self.before_head(x).tanh(),
            Head::Classes(Pool::Relu) => self.before_head(x).relu(),
        };
        linear(&x.to_kind(weight.kind()), weight, self.weights.bias(Part::Head, 0))
    }

    fn before_head(&self, x: &Tensor) -> Tensor {
        let weight = self.weights.weight(Part::HeadDense, 0);
        linear(&x.to_kind(weight.kind()), weight, self.weights.bias(Part::HeadDense, 0))
    }
}

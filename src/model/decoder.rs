//! The forward pass, written once for all families.

use std::ops::{ControlFlow, Range};

use tch::{Device, Kind, Tensor};

use super::{
    attention::{Attention, Kv},
    batch::Batch,
    probe::{Probe, Site},
    spec::{Activation, Head, Mlp, Norm, Part, Positions, Residual, Spec},
    weights::Weights,
};

/// A decoder-only transformer.
///
/// Hidden states are `[batch, tokens, d]`. Gradients flow to whatever asks for them: a model that was
/// opened has frozen weights, so from a change made by a [`Probe`] they reach only that change.
#[derive(Debug)]
pub struct Decoder {
    spec: Spec,
    weights: Weights,
}

impl Decoder {
    /// A decoder of the given weights.
    #[must_use]
    pub const fn new(spec: Spec, weights: Weights) -> Self {
        Self { spec, weights }
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

    /// The stream before the first block. `ids` and `positions` are `[batch, tokens]`, i64.
    pub fn embed(&self, ids: &Tensor, positions: &Tensor) -> Tensor {
        let look_up =
            |part, index| Tensor::embedding(self.weights.weight(part, 0), index, -1, false, false);
        match self.spec.positions {
            Positions::Learned => {
                look_up(Part::TokenEmbedding, ids) + look_up(Part::PositionEmbedding, positions)
            }
        }
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
        let (mut out, kv) = match self.spec.residual {
            Residual::Sequential => {
                let (change, kv) = self.attention(layer, hidden, attention);
                let middle = hidden + change;
                let change = self.mlp(layer, &middle, probe)?;
                (middle + change, kv)
            }
        };
        probe.visit(Site::BlockOut(layer), &mut out)?;
        ControlFlow::Continue((out, kv))
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
        let mut hidden = hidden;
        let mut kept = Vec::with_capacity(layers.len());
        for (i, layer) in layers.enumerate() {
            let (out, kv) =
                self.block(layer, &hidden, &Attention { past: past.get(i), mask }, probe)?;
            hidden = out;
            kept.push(kv);
        }
        ControlFlow::Continue((hidden, kept))
    }

    /// Logits of streams that left the last block: `[.., d]` -> `[.., vocabulary]`.
    pub fn head(&self, hidden: &Tensor) -> Tensor {
        self.unembed(&self.norm(Part::FinalNorm, 0, hidden))
    }

    /// Logits of every token of `batch`, `[rows, tokens, vocabulary]`; those of the filling mean
    /// nothing.
    pub fn forward(&self, batch: &Batch, probe: &mut dyn Probe) -> ControlFlow<(), Tensor> {
        let hidden = self.embed(&batch.ids, &batch.positions);
        let (hidden, _) =
            self.blocks(0..self.spec.layers, hidden, &[], batch.mask.as_ref(), probe)?;
        let mut last = self.norm(Part::FinalNorm, 0, &hidden);
        probe.visit(Site::Final, &mut last)?;
        ControlFlow::Continue(self.unembed(&last))
    }

    fn attention(&self, layer: usize, hidden: &Tensor, seen: &Attention<'_>) -> (Tensor, Kv) {
        let size = hidden.size();
        let (batch, tokens, width) = (size[0], size[1], size[2]);
        let heads = self.spec.heads as i64;
        let normed = self.norm(Part::AttentionNorm, layer, hidden);
        let parts = self
            .linear(Part::QueryKeyValue, layer, &normed) // [b, t, 3 d]
            .view([batch, tokens, 3, heads, width / heads])
            .permute([2, 0, 3, 1, 4]); // [3, b, heads, t, head]
        let new = Kv { key: parts.get(1), value: parts.get(2) };
        let (out, kept) = seen.attend(&parts.get(0), new, self.spec.score_scales[layer]);
        let out = out.transpose(1, 2).reshape([batch, tokens, width]);
        (self.linear(Part::AttentionOut, layer, &out), kept)
    }

    fn mlp(&self, layer: usize, hidden: &Tensor, probe: &mut dyn Probe) -> ControlFlow<(), Tensor> {
        let normed = self.norm(Part::MlpNorm, layer, hidden);
        let mut inner = match self.spec.mlp {
            Mlp::Plain => self.activate(&self.linear(Part::MlpUp, layer, &normed)),
        };
        probe.visit(Site::MlpInner(layer), &mut inner)?;
        ControlFlow::Continue(self.linear(Part::MlpDown, layer, &inner))
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
            Norm::Layer => x.layer_norm(
                [self.spec.width as i64],
                Some(scale),
                shift,
                self.spec.norm_epsilon,
                false,
            ),
        }
    }

    fn linear(&self, part: Part, layer: usize, x: &Tensor) -> Tensor {
        x.linear(self.weights.weight(part, layer), self.weights.bias(part, layer))
    }

    fn unembed(&self, x: &Tensor) -> Tensor {
        match self.spec.head {
            Head::Tied => x.linear(self.weights.weight(Part::TokenEmbedding, 0), None::<&Tensor>),
            Head::Apart => self.linear(Part::Head, 0, x),
        }
    }
}

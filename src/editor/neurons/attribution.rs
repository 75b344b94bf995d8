//! How much of what a model says each unit of its MLPs says (Dai et al., 2022, section 3.1).
//!
//!   A(u) = aᵤ ∫₀¹ ∂p(answer | α a)/∂aᵤ dα,
//!
//! where a are the activations of one block's MLP at the prompt's last token, and the integral is taken at the middles of as
//! many parts of it. Only that token changes, and only from that block on: what stands before it is computed once.

use std::ops::ControlFlow;

use tch::{Kind, Tensor, no_grad};

use crate::model::{Batch, Decoder, Kv, Padding, Part, Site, Unprobed};

/// A prompt, as far as it goes without a change.
pub(super) struct Prompt<'a> {
    decoder: &'a Decoder,
    /// By block, keys and values of all tokens but the last.
    past: Vec<Kv>,
    /// By block, what enters it at the last token, `[1, 1, d]`.
    entering: Vec<Tensor>,
    /// By block, the activations of its MLP there, `[inner]`, f32.
    pub(super) activations: Vec<Tensor>,
    /// What leaves the last block there, `[d]`.
    end: Tensor,
    /// Probabilities of all tokens after it, `[vocabulary]`, f32.
    said: Tensor,
}

impl<'a> Prompt<'a> {
    pub(super) fn new(decoder: &'a Decoder, ids: &[u32]) -> Self {
        no_grad(|| {
            let layers = decoder.spec().layers;
            let batch = Batch::new(&[ids.to_vec()], Padding::Right, decoder.device());
            let stream = decoder.embed(&batch.ids, &batch.positions);
            let before = stream.size()[1] - 1;
            let past = match before {
                0 => (0..layers).map(|_| decoder.keeps_nothing(1)).collect(),
                _ => blocks(decoder, (0, stream.narrow(1, 0, before)), &[], &mut Unprobed).1,
            };
            let last = stream.narrow(1, before, 1);
            let (mut entering, mut activations) = (vec![last.shallow_clone()], Vec::new());
            let mut look = |site: Site, value: &mut Tensor| {
                match site {
                    Site::BlockOut(layer) if layer + 1 < layers => {
                        entering.push(value.shallow_clone());
                    }
                    Site::Into(Part::MlpDown, _) => {
                        activations.push(value.flatten(0, -1).to_kind(Kind::Float));
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            };
            let (end, _) = blocks(decoder, (0, last), &past, &mut look);
            let said = probabilities(decoder, &end).get(0);
            let end = end.flatten(0, -1);
            Self { decoder, past, entering, activations, end, said }
        })
    }

    /// The likeliest token after it.
    pub(super) fn answer(&self) -> i64 {
        self.said.argmax(0, false).int64_value(&[])
    }

    /// The direction in which what is added to the stream says `token`, `[d]`, f32, of length 1.
    pub(super) fn towards(&self, token: i64) -> Tensor {
        let reads = no_grad(|| self.decoder.reading(&self.end, token));
        (&reads / reads.norm()).to_kind(Kind::Float)
    }

    /// The probability of a token after it.
    #[cfg(test)]
    pub(super) fn probability(&self, token: i64) -> f64 {
        self.said.double_value(&[token])
    }

    /// The probability of a token after it where the MLP of a block adds nothing there but its bias.
    #[cfg(test)]
    pub(super) fn without(&self, layer: usize, token: i64) -> f64 {
        let mut silence = |site: Site, value: &mut Tensor| {
            if site == Site::Into(Part::MlpDown, layer) {
                *value = value.zeros_like();
            }
            ControlFlow::Continue(())
        };
        let stream = self.entering[layer].shallow_clone();
        let (end, _) = blocks(self.decoder, (layer, stream), &self.past[layer..], &mut silence);
        probabilities(self.decoder, &end).double_value(&[0, token])
    }

    /// A of all units of all blocks for `answer`, `[blocks, inner]`, f32, at `steps` points.
    pub(super) fn attributions(&self, answer: i64, steps: u32) -> Tensor {
        let steps = i64::from(steps);
        let options = (Kind::Float, self.decoder.device());
        let parts = (Tensor::arange(steps, options) + 0.5) / steps as f64;
        let of_block = |(layer, activations): (usize, &Tensor)| {
            let scaled = (parts.view([-1, 1, 1]) * activations).set_requires_grad(true);
            let mut replace = |site: Site, value: &mut Tensor| {
                if site == Site::Into(Part::MlpDown, layer) {
                    *value = scaled.to_kind(value.kind());
                }
                ControlFlow::Continue(())
            };
            let stream = self.entering[layer].expand([steps, -1, -1], false);
            let (end, _) = blocks(self.decoder, (layer, stream), &self.past[layer..], &mut replace);
            let answered = probabilities(self.decoder, &end).select(1, answer).sum(Kind::Float);
            let slope = Tensor::run_backward(&[answered], &[&scaled], false, false).remove(0);
            slope.sum_dim_intlist([0i64, 1].as_slice(), false, Kind::Float) * activations
                / steps as f64
        };
        let all: Vec<Tensor> = self.activations.iter().enumerate().map(of_block).collect();
        Tensor::stack(&all, 0)
    }
}

/// Runs `stream` `[rows, tokens, d]` through the blocks from `first` on, which kept `past` before.
fn blocks(
    decoder: &Decoder,
    (first, stream): (usize, Tensor),
    past: &[Kv],
    probe: &mut dyn crate::model::Probe,
) -> (Tensor, Vec<Kv>) {
    let through = decoder.blocks(first..decoder.spec().layers, stream, past, None, probe);
    through.continue_value().expect("because no probe here ends a pass")
}

/// Probabilities of all tokens after the one token of each row, `[rows, vocabulary]`, f32.
fn probabilities(decoder: &Decoder, end: &Tensor) -> Tensor {
    decoder.head(&end.select(1, 0)).softmax(-1, Kind::Float)
}

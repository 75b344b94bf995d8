//! How much of what a model says each unit of its MLPs says (Dai et al., 2022, section 3.1).
//!
//!   A(u) = aᵤ ∫₀¹ ∂p(answer | α a)/∂aᵤ dα,
//!
//! where a are the activations of one block's MLP at the place where the prompt is read, and the integral is taken at the
//! middles of as many parts of it. What is below that block stays. Where a model reads forward, so does what stands before
//! that place: it is computed once.

use std::ops::ControlFlow;

use tch::{Kind, Tensor, no_grad};

use crate::{
    editor::matrix::int,
    model::{Decoder, Direction, Kv, Padding, Part, Probe, Site, Unprobed},
};

/// A prompt, as far as it goes without a change.
pub(super) struct Prompt<'a> {
    decoder: &'a Decoder,
    /// By block, keys and values of what stands before and does not change; none where all changes.
    past: Vec<Kv>,
    /// By block, what enters it, `[1, tokens, d]`.
    entering: Vec<Tensor>,
    /// Which of these tokens is read.
    place: i64,
    /// By block, the activations of its MLP there, `[inner]`, f32.
    pub(super) activations: Vec<Tensor>,
    /// What leaves the last block there, `[1, d]`.
    end: Tensor,
    /// Probabilities of all that can be said there, `[outputs]`, f32.
    said: Tensor,
}

impl<'a> Prompt<'a> {
    /// The text `ids`, read at `place`.
    pub(super) fn new(decoder: &'a Decoder, ids: &[u32], place: usize) -> Self {
        let (ids, before) = match decoder.spec().direction {
            Direction::Forward => (&ids[..=place], int(place)),
            Direction::Both => (ids, 0),
        };
        let place = int(place) - before;
        no_grad(|| {
            let layers = decoder.spec().layers;
            let batch = decoder.batch(&[ids.to_vec()], Padding::Right);
            let stream = decoder.embed(&batch.ids, &batch.positions);
            let past = match before {
                0 => Vec::new(),
                _ => blocks(decoder, (0, stream.narrow(1, 0, before)), &[], &mut Unprobed).1,
            };
            let rest = stream.narrow(1, before, stream.size()[1] - before);
            let (mut entering, mut activations) = (vec![rest.shallow_clone()], Vec::new());
            let mut look = |site: Site, value: &mut Tensor| {
                match site {
                    Site::BlockOut(layer) if layer + 1 < layers => {
                        entering.push(value.shallow_clone());
                    }
                    Site::Into(Part::MlpDown, _) => {
                        activations.push(value.get(0).get(place).to_kind(Kind::Float));
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            };
            let end = blocks(decoder, (0, rest), &past, &mut look).0.select(1, place);
            let said = probabilities(decoder, &end).get(0);
            Self { decoder, past, entering, place, activations, end, said }
        })
    }

    /// What is likeliest there: a token or a class.
    pub(super) fn answer(&self) -> i64 {
        self.said.argmax(0, false).int64_value(&[])
    }

    /// The direction in which what is added to the stream says `answer`: that of the slope of its logit over the mean of all,
    /// `[d]`, f32, of length 1.
    pub(super) fn towards(&self, answer: i64) -> Tensor {
        let end = self.end.detach().set_requires_grad(true);
        let logits = self.decoder.head(&end).to_kind(Kind::Float).get(0);
        let over = logits.get(answer) - logits.mean(Kind::Float);
        let slope = Tensor::run_backward(&[over], &[&end], false, false).remove(0);
        let slope = slope.get(0).to_kind(Kind::Float);
        &slope / slope.norm()
    }

    /// The probability of an answer.
    #[cfg(test)]
    pub(super) fn probability(&self, answer: i64) -> f64 {
        self.said.double_value(&[answer])
    }

    /// The probability of an answer where the MLP of a block adds nothing at that place but its bias.
    #[cfg(test)]
    pub(super) fn without(&self, layer: usize, answer: i64) -> f64 {
        let silence = self.activations[layer].zeros_like().view([1, 1, -1]);
        self.answered(layer, &silence, answer).double_value(&[0])
    }

    /// A of all units of all blocks for `answer`, `[blocks, inner]`, f32, at `steps` points.
    pub(super) fn attributions(&self, answer: i64, steps: u32) -> Tensor {
        let steps = i64::from(steps);
        let options = (Kind::Float, self.decoder.device());
        let parts = (Tensor::arange(steps, options) + 0.5) / steps as f64;
        let of_block = |(layer, activations): (usize, &Tensor)| {
            let scaled = (parts.view([-1, 1, 1]) * activations).set_requires_grad(true);
            let answered = self.answered(layer, &scaled, answer).sum(Kind::Float);
            let slope = Tensor::run_backward(&[answered], &[&scaled], false, false).remove(0);
            slope.sum_dim_intlist([0i64, 1].as_slice(), false, Kind::Float) * activations
                / steps as f64
        };
        let all: Vec<Tensor> = self.activations.iter().enumerate().map(of_block).collect();
        Tensor::stack(&all, 0)
    }

    /// The probability of an answer with other activations of a block there, `[rows, 1, inner]`: of each row, `[rows]`.
    fn answered(&self, layer: usize, activations: &Tensor, answer: i64) -> Tensor {
        let mut replace = |site: Site, value: &mut Tensor| {
            if site == Site::Into(Part::MlpDown, layer) {
                let (first, after) = (self.place, self.place + 1);
                let parts = [
                    value.narrow(1, 0, first),
                    activations.to_kind(value.kind()),
                    value.narrow(1, after, value.size()[1] - after),
                ];
                *value = Tensor::cat(&parts, 1);
            }
            ControlFlow::Continue(())
        };
        let stream = self.entering[layer].expand([activations.size()[0], -1, -1], false);
        let past = self.past.get(layer..).unwrap_or_default();
        let (end, _) = blocks(self.decoder, (layer, stream), past, &mut replace);
        probabilities(self.decoder, &end.select(1, self.place)).select(1, answer)
    }
}

/// Runs `stream` `[rows, tokens, d]` through the blocks from `first` on, which kept `past` before.
fn blocks(
    decoder: &Decoder,
    (first, stream): (usize, Tensor),
    past: &[Kv],
    probe: &mut dyn Probe,
) -> (Tensor, Vec<Kv>) {
    let through = decoder.blocks(first..decoder.spec().layers, stream, past, None, probe);
    through.continue_value().expect("because no probe here ends a pass")
}

/// Probabilities of all that can be said at streams that left the last block, `[rows, d]`: `[rows, outputs]`, f32.
fn probabilities(decoder: &Decoder, end: &Tensor) -> Tensor {
    decoder.head(end).softmax(-1, Kind::Float)
}

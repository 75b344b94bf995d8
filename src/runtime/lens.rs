//! What each block of a model would say: the logit lens.

use std::ops::ControlFlow;

use tch::{Device, Kind, Tensor as Torch, no_grad};

use super::TorchEngine;
use crate::{
    engine::{EngineError, Lens, Said, Standing},
    model::{Batch, ModelError, Padding, Site},
};

impl TorchEngine {
    /// The tokens of a prompt that the model can read at a time, forward.
    pub(super) fn readable(&self, prompt: &str) -> Result<Vec<u32>, EngineError> {
        self.reads_forward("looking inside")?;
        let ids = self.tokens_of(prompt)?;
        let context = self.model.decoder().spec().context;
        if ids.is_empty() {
            return Err(ModelError::NoToken { part: String::new(), text: String::new() }.into());
        }
        if ids.len() > context {
            return Err(ModelError::TooLong { tokens: ids.len(), context }.into());
        }
        Ok(ids)
    }

    /// The first token of what is to follow a prompt.
    pub(super) fn first_of(
        &self,
        prompt: &str,
        ids: &[u32],
        expected: &str,
    ) -> Result<u32, EngineError> {
        let all = self.model.tokens().continuation(prompt, ids, expected)?;
        // A space alone is no answer.
        let first = all.first().filter(|_| !expected.trim().is_empty());
        let nothing = || ModelError::NoToken { part: expected.to_owned(), text: prompt.to_owned() };
        Ok(*first.ok_or_else(nothing)?)
    }

    /// Each token as text.
    pub(super) fn texts(&self, ids: &[u32]) -> Result<Vec<String>, ModelError> {
        ids.iter().map(|&id| self.model.tokens().decode(&[id])).collect()
    }

    pub(super) fn look(&self, prompt: &str, expected: Option<&str>) -> Result<Lens, EngineError> {
        let ids = self.readable(prompt)?;
        let wanted = expected.map(|text| self.first_of(prompt, &ids, text)).transpose()?;
        let (streams, end) = no_grad(|| self.streams(&ids));
        let mut blocks = Vec::with_capacity(streams.len());
        for stream in streams {
            blocks.push(self.said(&no_grad(|| self.log_p(&stream)), &end, wanted)?);
        }
        let expected = wanted.map(|id| self.model.tokens().decode(&[id])).transpose()?;
        Ok(Lens { tokens: self.texts(&ids)?, expected, blocks })
    }

    /// The streams `[tokens, d]` that leave the blocks, and what the model says in the end, `[tokens, vocabulary]`.
    fn streams(&self, ids: &[u32]) -> (Vec<Torch>, Torch) {
        let decoder = self.model.decoder();
        let batch = Batch::new(&[ids.to_vec()], Padding::Right, decoder.device());
        let mut streams = Vec::new();
        let mut keep = |site: Site, value: &mut Torch| {
            if let Site::BlockOut(_) = site {
                streams.push(value.get(0));
            }
            ControlFlow::Continue(())
        };
        let logits = decoder.forward(&batch, &mut keep);
        let logits = logits.continue_value().expect("because nobody ends the pass");
        (streams, logits.get(0).log_softmax(-1, Kind::Float))
    }

    fn log_p(&self, stream: &Torch) -> Torch {
        self.model.decoder().head(stream).log_softmax(-1, Kind::Float)
    }

    /// What a block says with `log_p`, and how far that is from the `end`, `[tokens, vocabulary]` both.
    fn said(
        &self,
        log_p: &Torch,
        end: &Torch,
        wanted: Option<u32>,
    ) -> Result<Vec<Said>, EngineError> {
        let (highest, likeliest) = log_p.max_dim(-1, false);
        let over_tokens = |weighed: Torch| {
            weighed.sum_dim_intlist([-1i64].as_slice(), false, Kind::Double).to_kind(Kind::Float)
        };
        let entropy = floats(&over_tokens(-(log_p.exp() * log_p)));
        let divergence = floats(&over_tokens(end.exp() * (end - log_p)));
        let expected = wanted.map(|id| {
            let own = log_p.narrow(-1, i64::from(id), 1);
            let above =
                log_p.gt_tensor(&own).sum_dim_intlist([-1i64].as_slice(), false, Kind::Int64);
            let above = Vec::<i64>::try_from(above.to_device(Device::Cpu));
            let above = above.expect("because it is a vector of i64");
            let ranks = above.into_iter().map(|above| above.unsigned_abs() + 1);
            ranks.zip(floats(&own.squeeze_dim(-1).exp())).collect::<Vec<_>>()
        });
        let likeliest = Vec::<i64>::try_from(likeliest.to_device(Device::Cpu));
        let likeliest = likeliest.expect("because it is a vector of i64");
        let mut said = Vec::with_capacity(likeliest.len());
        let figures = floats(&highest.exp()).into_iter().zip(entropy).zip(divergence);
        for (at, (id, ((probability, entropy), divergence))) in
            likeliest.into_iter().zip(figures).enumerate()
        {
            let id = u32::try_from(id).unwrap_or(u32::MAX);
            said.push(Said {
                token: id,
                word: self.model.tokens().decode(&[id])?,
                probability,
                expected: expected.as_ref().map(|expected| {
                    let (rank, probability) = expected[at];
                    Standing { rank, probability }
                }),
                // What rounding leaves below nothing is nothing.
                entropy: entropy.max(0.0),
                divergence: divergence.max(0.0),
            });
        }
        Ok(said)
    }
}

/// The values of a vector.
pub(super) fn floats(tensor: &Torch) -> Vec<f32> {
    let tensor = tensor.to_kind(Kind::Float).to_device(Device::Cpu);
    Vec::<f32>::try_from(tensor).expect("because it is a vector of f32")
}

//! Causal tracing of prompts: noise, restores, and grids of what came of them.

use std::{collections::BTreeMap, ops::Range};

use tch::{Kind, Tensor as Torch, no_grad};

use super::TorchEngine;
use crate::{
    engine::{EngineError, Grid, Progress, Restored, Traceable, Traced, Tracing},
    model::{ModelError, Part, Restore, SplitMix, Traces},
};

/// Of so many blocks a window has one: 10 of GPT-2 XL's 48, as in the paper.
const WINDOWS: usize = 5;

/// A prompt in tokens.
struct Prepared {
    ids: Vec<u32>,
    subject: Range<usize>,
    answer: Option<u32>,
}

impl Prepared {
    /// The tokens at which things are put back.
    fn places(&self, how: &Tracing) -> Range<usize> {
        if how.subject_last { self.subject.end - 1..self.subject.end } else { 0..self.ids.len() }
    }
}

impl TorchEngine {
    pub(super) fn trace_all(
        &self,
        subjects: &[String],
        prompts: &[Traceable],
        how: &Tracing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Traced>, EngineError> {
        let prepared: Vec<Prepared> =
            prompts.iter().map(|prompt| self.prepared(prompt)).collect::<Result<_, _>>()?;
        let noise = how.noise * self.deviation(subjects)?;
        let tokens = prepared.iter().map(|prompt| prompt.places(how).len() as u64).sum();
        progress.start("tokens", Some(tokens));
        let mut done = 0;
        let mut traced = Vec::with_capacity(prepared.len());
        for prompt in &prepared {
            traced.push(self.trace_one(prompt, noise, how, &mut |tokens| {
                done += tokens;
                progress.advance(done, "")
            })?);
        }
        progress.finish("");
        Ok(traced)
    }

    fn prepared(&self, prompt: &Traceable) -> Result<Prepared, EngineError> {
        self.readable(&prompt.prompt)?;
        let (encoded, subject) =
            self.model.tokens().tokens_of(&prompt.prompt, prompt.subject.clone())?;
        let ids = encoded.ids;
        let expected = prompt.expected.as_ref();
        let answer = expected.map(|text| self.first_of(&prompt.prompt, &ids, text)).transpose()?;
        Ok(Prepared { ids, subject, answer })
    }

    fn trace_one(
        &self,
        prompt: &Prepared,
        noise: f64,
        how: &Tracing,
        done: &mut dyn FnMut(u64) -> Result<(), EngineError>,
    ) -> Result<Traced, EngineError> {
        let decoder = self.model.decoder();
        let (layers, width) = (decoder.spec().layers, decoder.spec().width);
        let drawn = drawn(how, [how.samples, prompt.subject.len(), width], noise);
        let traces = Traces::new(decoder, &prompt.ids, prompt.subject.start, &drawn, prompt.answer);
        let window = how.window.unwrap_or_else(|| default_window(layers)).min(2 * layers);
        let restores: Vec<Restore> = how
            .restored
            .iter()
            .flat_map(|&what| (0..layers).map(move |block| restore(what, block, window, layers)))
            .collect();
        let mut scores: Vec<Vec<Vec<f32>>> = vec![Vec::new(); how.restored.len()];
        for token in prompt.places(how) {
            let found = traces.restored(token, &restores);
            for (grid, row) in scores.iter_mut().zip(found.chunks(layers.max(1))) {
                grid.push(row.iter().map(|&score| narrow(score)).collect());
            }
            done(1)?;
        }
        let grids = how.restored.iter().zip(scores);
        Ok(Traced {
            tokens: self.texts(&prompt.ids)?,
            subject: prompt.subject.clone(),
            answer: self.model.tokens().decode(&[traces.answer()])?,
            high: narrow(traces.high()),
            low: narrow(traces.low()),
            noise: narrow(noise),
            window,
            grids: grids.map(|(&restored, scores)| Grid { restored, scores }).collect(),
        })
    }

    /// Standard deviation of all elements of the embeddings of the subjects' tokens, each subject by itself.
    fn deviation(&self, subjects: &[String]) -> Result<f64, EngineError> {
        let lead = self.model.tokens().lead().len();
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        for subject in subjects {
            let ids = self.tokens_of(subject)?;
            for &id in ids.get(lead..).unwrap_or_default() {
                *counts.entry(id).or_default() += 1.0;
            }
        }
        if counts.is_empty() {
            let (part, text) = ("the subjects".to_owned(), subjects.join(", "));
            return Err(ModelError::NoToken { part, text }.into());
        }
        Ok(no_grad(|| {
            let table = self.model.decoder().weights().weight(Part::TokenEmbedding, 0);
            let ids: Vec<i64> = counts.keys().map(|&id| i64::from(id)).collect();
            let ids = Torch::from_slice(&ids).to_device(table.device());
            let rows = table.index_select(0, &ids).to_kind(Kind::Double);
            let counts: Vec<f64> = counts.values().copied().collect();
            let counts = Torch::from_slice(&counts).to_device(table.device()).unsqueeze(1);
            let number = counts.sum(Kind::Double).double_value(&[]) * rows.size()[1] as f64;
            let mean = (&rows * &counts).sum(Kind::Double).double_value(&[]) / number;
            let away = rows - mean;
            let squares = (&away * &away * counts).sum(Kind::Double).double_value(&[]);
            (squares / (number - 1.0).max(1.0)).sqrt()
        }))
    }
}

/// Blocks of a window where nobody says how many.
const fn default_window(layers: usize) -> usize {
    let rounded = (layers + WINDOWS / 2) / WINDOWS;
    if rounded == 0 { 1 } else { rounded }
}

/// What is put back for a cell of a grid. Of an even number of blocks the middle is the one after it.
fn restore(what: Restored, block: usize, window: usize, layers: usize) -> Restore {
    let around = block.saturating_sub(window / 2)..layers.min(block + window.div_ceil(2));
    match what {
        Restored::State => Restore::State(block),
        Restored::Mlp => Restore::Outputs(Part::MlpDown, around),
        Restored::Attention => Restore::Outputs(Part::AttentionOut, around),
        Restored::StateWithoutMlp => Restore::StateWithout(Part::MlpDown, block),
        Restored::StateWithoutAttention => Restore::StateWithout(Part::AttentionOut, block),
    }
}

/// Noise of some deviation, `[samples, tokens, d]`, the same for the same seed.
fn drawn(how: &Tracing, shape: [usize; 3], deviation: f64) -> Torch {
    let mut random = SplitMix::new(how.seed);
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| narrow(random.normal() * deviation)).collect();
    Torch::from_slice(&values).view(shape.map(|n| n as i64))
}

#[expect(clippy::cast_possible_truncation, reason = "probabilities are shown with few digits")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_the_paper() {
        let of = |block, window| match restore(Restored::Mlp, block, window, 48) {
            Restore::Outputs(Part::MlpDown, blocks) => blocks,
            other => unreachable!("{other:?}"),
        };
        assert_eq!((of(0, 10), of(20, 10), of(47, 10)), (0..5, 15..25, 42..48));
        assert_eq!((of(7, 1), of(7, 3)), (7..8, 6..9));
        assert_eq!((default_window(48), default_window(7), default_window(2)), (10, 1, 1));
    }
}

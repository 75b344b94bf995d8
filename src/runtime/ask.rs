//! Questions in tokens, asked a few at a time: what goes together is alike in length, and no more of it than
//! memory should hold.

use std::ops::Range;

use tch::{Device, Kind, Tensor as Torch, no_grad};

use super::TorchEngine;
use crate::{
    editor,
    engine::{Answer, Drawing, EngineError, Progress, Prompt},
    eval::Score,
    model::{Batch, Choice, ModelError, Padding, Unprobed},
};

/// Rows that go together at most, on a CPU and on a GPU.
const ROWS: (usize, usize) = (64, 512);

/// Logits that are computed together at most.
const LOGITS: usize = 1 << 26;

/// A prompt and a continuation in tokens.
pub(super) struct Tokenized {
    prompt: Vec<u32>,
    expected: Vec<u32>,
}

/// What decides with which others something is computed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    /// What goes together has the same.
    alike: usize,
    /// Tokens; near ones go together.
    tokens: usize,
}

/// Does `work` on `items`, a few at a time, and gives what comes of it in their order.
pub(super) fn in_parts<I, T>(
    items: &[I],
    what: &str,
    size: impl Fn(&I) -> Size,
    rows: impl Fn(&I) -> usize,
    progress: &mut dyn Progress,
    mut work: impl FnMut(&[&I]) -> Result<Vec<T>, EngineError>,
) -> Result<Vec<T>, EngineError> {
    let mut order: Vec<(Size, usize)> = items.iter().map(size).zip(0..).collect();
    order.sort_unstable();
    let mut done: Vec<Option<T>> = items.iter().map(|_| None).collect();
    progress.start(what, Some(items.len() as u64));
    let mut count = 0;
    for alike in order.chunk_by(|(a, _), (b, _)| a.alike == b.alike) {
        // The longest of them comes last.
        let most = alike.last().map_or(1, |&(_, last)| rows(&items[last]).max(1));
        for part in alike.chunks(most) {
            let found = work(&part.iter().map(|&(_, item)| &items[item]).collect::<Vec<_>>())?;
            for (&(_, item), found) in part.iter().zip(found) {
                done[item] = Some(found);
            }
            count += part.len() as u64;
            progress.advance(count, "")?;
        }
    }
    progress.finish("");
    Ok(done.into_iter().map(|done| done.expect("because each is in one part")).collect())
}

impl Size {
    /// Goes with others of the same `alike`, those of nearly as many `tokens` first.
    pub(super) const fn of(alike: usize, tokens: usize) -> Self {
        Self { alike, tokens }
    }
}

impl Tokenized {
    /// Those whose continuations are equally long go together.
    pub(super) fn size(&self) -> Size {
        Size::of(self.expected.len(), self.prompt.len())
    }
}

impl TorchEngine {
    /// A probe in tokens.
    pub(super) fn asked(&self, probe: &Prompt) -> Result<Tokenized, EngineError> {
        let prompt = self.tokens_of(&probe.prompt)?;
        let tokens = self.model.tokens();
        let expected = editor::continuation(tokens, &probe.prompt, &prompt, &probe.expected)?;
        Ok(Tokenized { prompt, expected })
    }

    /// The same, if the model can read it at a time and it has something to expect.
    pub(super) fn fitting(&self, probe: &Prompt) -> Result<Option<Tokenized>, EngineError> {
        let prompt = self.tokens_of(&probe.prompt)?;
        let tokens = self.model.tokens();
        match editor::continuation(tokens, &probe.prompt, &prompt, &probe.expected) {
            Ok(expected) => {
                let fits = prompt.len() + expected.len() <= self.context();
                let asked = fits && !expected.is_empty() && !prompt.is_empty();
                Ok(asked.then_some(Tokenized { prompt, expected }))
            }
            Err(ModelError::NoToken { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The windows of a text, each half a window after the one before; each expects what the one before did
    /// not have. The last is as long as what is left of the text.
    pub(super) fn windows(&self, text: &str) -> Result<Vec<Tokenized>, EngineError> {
        let ids = self.tokens_of(text)?;
        let (window, lead) = (self.context(), self.model.tokens().lead().len().max(1));
        if ids.len() <= lead {
            let (part, text) = (String::new(), text.to_owned());
            return Err(ModelError::NoToken { part, text }.into());
        }
        if window <= lead {
            return Err(ModelError::TooLong { tokens: lead + 1, context: window }.into());
        }
        let mut windows = Vec::new();
        let (mut start, mut seen) = (0, lead);
        while seen < ids.len() {
            let end = ids.len().min(start + window);
            windows.push(Tokenized {
                prompt: ids[start..seen].to_vec(),
                expected: ids[seen..end].to_vec(),
            });
            seen = end;
            start += window / 2;
        }
        Ok(windows)
    }

    fn context(&self) -> usize {
        self.model.decoder().spec().context
    }

    /// Questions like this one that are asked together.
    pub(super) fn rows(&self, asked: &Tokenized) -> usize {
        let logits = self.model.decoder().spec().vocabulary * asked.expected.len().max(1);
        self.most_rows().min(LOGITS / logits)
    }

    /// Texts that are run together at most.
    pub(super) fn most_rows(&self) -> usize {
        if self.model.decoder().device() == Device::Cpu { ROWS.0 } else { ROWS.1 }
    }

    /// Answers questions whose continuations are equally long.
    pub(super) fn answer_alike(&self, asked: &[&Tokenized]) -> Result<Vec<Answer>, EngineError> {
        let decoder = self.model.decoder();
        let prompts: Vec<Vec<u32>> = asked.iter().map(|asked| asked.prompt.clone()).collect();
        let tokens = asked.first().map_or(0, |asked| asked.expected.len());
        let greedy = decoder.generate(&prompts, tokens, Choice::Greedy, &[])?;
        let said = asked.iter().zip(&greedy);
        let wrong: Vec<&Tokenized> = said
            .filter(|(asked, greedy)| asked.expected != greedy.ids)
            .map(|(asked, _)| *asked)
            .collect();
        let mut unsaid = self.score_alike(&wrong)?.into_iter();
        let answers = asked.iter().zip(greedy).map(|(asked, greedy)| {
            let matches = asked.expected == greedy.ids;
            let confidence = greedy.probabilities.iter().map(|&p| f64::from(p)).product();
            let probability = if matches {
                confidence
            } else {
                let score = unsaid.next().expect("because all the others were scored");
                score.log_p.iter().sum::<f64>().exp()
            };
            Ok(Answer {
                text: self.model.tokens().decode(&greedy.ids)?.trim().to_owned(),
                matches,
                probability: narrow(probability),
                confidence: narrow(confidence),
            })
        });
        answers.collect()
    }

    /// Scores continuations that are equally long.
    pub(super) fn score_alike(&self, asked: &[&Tokenized]) -> Result<Vec<Score>, EngineError> {
        let tokens = asked.first().map_or(0, |asked| asked.expected.len());
        if tokens == 0 {
            let nothing = Score { expected: vec![], likeliest: vec![], log_p: vec![] };
            return Ok(vec![nothing; asked.len()]);
        }
        let decoder = self.model.decoder();
        // Continuations of one prompt that differ only in their last token are read in one row.
        let mut rows: Vec<Vec<u32>> = Vec::new();
        let mut row_of = Vec::with_capacity(asked.len());
        for asked in asked {
            let row = [&asked.prompt, &asked.expected[..tokens - 1]].concat();
            if rows.last() != Some(&row) {
                rows.push(row);
            }
            row_of.push(rows.len() as i64 - 1);
        }
        let expected: Vec<i64> =
            asked.iter().flat_map(|asked| &asked.expected).map(|&id| i64::from(id)).collect();
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        let (likeliest, log_p) = no_grad(|| {
            let batch = Batch::new(&rows, Padding::Left, decoder.device());
            let hidden = decoder.embed(&batch.ids, &batch.positions);
            let layers: Range<usize> = 0..decoder.spec().layers;
            let mask = batch.mask.as_ref();
            let out = decoder.blocks(layers, hidden, &[], mask, &mut Unprobed);
            let hidden = out.continue_value().expect("because nobody ends the pass").0;
            let last = hidden.narrow(1, hidden.size()[1] - tokens, tokens);
            let logits = decoder.head(&last); // [rows, tokens, vocabulary]
            let row_of = Torch::from_slice(&row_of).to_device(decoder.device());
            let places = Torch::arange(tokens, (Kind::Int64, decoder.device()));
            let expected = Torch::from_slice(&expected).view([-1, tokens]);
            let expected = expected.to_device(decoder.device());
            let wanted = [Some(row_of.unsqueeze(1)), Some(places), Some(expected)];
            let log_p = logits.log_softmax(2, Kind::Float).index(&wanted); // [asked, tokens]
            let likeliest = logits.argmax(2, false).index_select(0, &row_of);
            (likeliest, log_p.to_kind(Kind::Double))
        });
        let flat = |tensor: Torch| tensor.flatten(0, -1).to_device(Device::Cpu);
        let likeliest = Vec::<i64>::try_from(flat(likeliest)).expect("because it is of i64");
        let log_p = Vec::<f64>::try_from(flat(log_p)).expect("because it is of f64");
        let each = asked.first().map_or(1, |asked| asked.expected.len());
        let found = likeliest.chunks(each).zip(log_p.chunks(each));
        let scores = asked.iter().zip(found).map(|(asked, (likeliest, log_p))| Score {
            expected: asked.expected.clone(),
            likeliest: likeliest.iter().map(|&id| u32::try_from(id).unwrap_or(u32::MAX)).collect(),
            log_p: log_p.to_vec(),
        });
        Ok(scores.collect())
    }

    /// Goes on with texts that are equally long.
    pub(super) fn write_alike(
        &self,
        begun: &[&(usize, Vec<u32>)],
        how: &Drawing,
    ) -> Result<Vec<String>, EngineError> {
        let rows: Vec<Vec<u32>> = begun.iter().map(|(_, ids)| ids.clone()).collect();
        let length = rows.first().map_or(0, Vec::len);
        let tokens = how.tokens.min(self.context()).saturating_sub(length);
        // No two of them draw from one stream.
        let first = begun.first().map_or(0, |(number, _)| *number as u64);
        let seed = how.seed.wrapping_add(first);
        let choice = Choice::Sample { temperature: 1.0, top: how.top, seed };
        let written = self.model.decoder().generate(&rows, tokens, choice, &[])?;
        let whole = rows.into_iter().zip(written).map(|(begun, new)| [begun, new.ids].concat());
        whole.map(|ids| Ok(self.model.tokens().decode(&ids)?)).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a probability is shown, not computed with")]
const fn narrow(probability: f64) -> f32 {
    probability as f32
}

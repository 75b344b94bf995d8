//! Questions in tokens, asked a few at a time: what goes together is alike in length, and no more of it than
//! memory should hold.

use std::ops::Range;

use tch::{Device, Kind, Tensor as Torch, no_grad};

use super::TorchEngine;
use crate::{
    engine::{Answer, Drawing, EngineError, Progress, Prompt},
    eval::Score,
    model::{Choice, Direction, ModelError, Padding, Question, Unprobed},
};

/// Rows that go together at most, on a CPU and on a GPU.
const ROWS: (usize, usize) = (64, 512);

/// Logits that are computed together at most.
const LOGITS: usize = 1 << 26;

/// How the model takes what is wanted of it, where it is read.
struct Taken {
    /// What is likeliest there.
    likeliest: Vec<u32>,
    /// Natural logarithm of its probability, and of that of what is wanted.
    highest: Vec<f64>,
    log_p: Vec<f64>,
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

/// Those of which equally much is wanted go together.
pub(super) fn size(question: &Question) -> Size {
    Size::of(question.wanted.len(), question.prompt().len())
}

impl TorchEngine {
    /// Makes sure of what `what` stands on.
    pub(super) fn reads_forward(&self, what: &'static str) -> Result<(), EngineError> {
        Ok(self.model.spec().reads_forward(what)?)
    }

    /// A probe in tokens.
    pub(super) fn asked(&self, probe: &Prompt) -> Result<Question, EngineError> {
        let tokens = self.model.tokens();
        if self.model.spec().direction == Direction::Both {
            let question = tokens.question(&probe.prompt, &probe.expected)?;
            return Ok(question.within(self.context())?);
        }
        let prompt = self.tokens_of(&probe.prompt)?;
        let expected = tokens.continuation(&probe.prompt, &prompt, &probe.expected)?;
        Ok(Question::following(prompt, expected))
    }

    /// The same, if the model can read it at a time and it has something to expect.
    pub(super) fn fitting(&self, probe: &Prompt) -> Result<Option<Question>, EngineError> {
        match self.model.tokens().question(&probe.prompt, &probe.expected) {
            // All of a continuation has to fit, although its last token is not read.
            Ok(question) => {
                let unread = match self.model.spec().direction {
                    Direction::Forward => 1,
                    Direction::Both => 0,
                };
                Ok((question.ids.len() + unread <= self.context()).then_some(question))
            }
            Err(ModelError::NoToken { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The windows of a text, each half a window after the one before; each expects what the one before did
    /// not have. The last is as long as what is left of the text.
    pub(super) fn windows(&self, text: &str) -> Result<Vec<Question>, EngineError> {
        self.reads_forward("the perplexity of a text")?;
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
            windows.push(Question::following(ids[start..seen].to_vec(), ids[seen..end].to_vec()));
            seen = end;
            start += window / 2;
        }
        Ok(windows)
    }

    fn context(&self) -> usize {
        self.model.decoder().spec().context
    }

    /// Questions like this one that are asked together.
    pub(super) fn rows(&self, asked: &Question) -> usize {
        let logits = self.model.decoder().spec().outputs() * asked.wanted.len().max(1);
        self.most_rows().min(LOGITS / logits)
    }

    /// Texts that are run together at most.
    pub(super) fn most_rows(&self) -> usize {
        if self.model.decoder().device() == Device::Cpu { ROWS.0 } else { ROWS.1 }
    }

    /// Answers questions of which equally much is wanted.
    pub(super) fn answer_alike(&self, asked: &[&Question]) -> Result<Vec<Answer>, EngineError> {
        if self.model.spec().direction == Direction::Both {
            return self.answer_at_once(asked);
        }
        let decoder = self.model.decoder();
        let prompts: Vec<Vec<u32>> = asked.iter().map(|asked| asked.prompt().to_vec()).collect();
        let tokens = asked.first().map_or(0, |asked| asked.wanted.len());
        let greedy = decoder.generate(&prompts, tokens, Choice::Greedy, &[])?;
        let said = asked.iter().zip(&greedy);
        let wrong: Vec<&Question> = said
            .filter(|(asked, greedy)| asked.wanted != greedy.ids)
            .map(|(asked, _)| *asked)
            .collect();
        let mut unsaid = self.take_alike(&wrong).into_iter();
        let answers = asked.iter().zip(greedy).map(|(asked, greedy)| {
            let matches = asked.wanted == greedy.ids;
            let confidence = greedy.probabilities.iter().map(|&p| f64::from(p)).product();
            let probability = if matches {
                confidence
            } else {
                let taken = unsaid.next().expect("because all the others were scored");
                taken.log_p.iter().sum::<f64>().exp()
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

    /// Answers of a model that says everything at once.
    fn answer_at_once(&self, asked: &[&Question]) -> Result<Vec<Answer>, EngineError> {
        let answer = |(asked, taken): (&&Question, Taken)| {
            let all = |log_p: &[f64]| narrow(log_p.iter().sum::<f64>().exp());
            Ok(Answer {
                text: self.model.tokens().said(&taken.likeliest)?.trim().to_owned(),
                matches: asked.wanted == taken.likeliest,
                probability: all(&taken.log_p),
                confidence: all(&taken.highest),
            })
        };
        asked.iter().zip(self.take_alike(asked)).map(answer).collect()
    }

    /// Scores what is wanted of questions, equally much of each.
    pub(super) fn score_alike(&self, asked: &[&Question]) -> Vec<Score> {
        let score = |(asked, taken): (&&Question, Taken)| Score {
            expected: asked.wanted.clone(),
            likeliest: taken.likeliest,
            log_p: taken.log_p,
        };
        asked.iter().zip(self.take_alike(asked)).map(score).collect()
    }

    /// Reads the model where questions ask, equally often in each.
    fn take_alike(&self, asked: &[&Question]) -> Vec<Taken> {
        let each = asked.first().map_or(0, |asked| asked.wanted.len());
        if each == 0 {
            let nothing = |_| Taken { likeliest: vec![], highest: vec![], log_p: vec![] };
            return asked.iter().map(nothing).collect();
        }
        let decoder = self.model.decoder();
        // Questions about one text are read in one row.
        let mut rows: Vec<Vec<u32>> = Vec::new();
        let mut row_of = Vec::with_capacity(asked.len());
        let mut reads: Vec<&[usize]> = Vec::new();
        for asked in asked {
            if rows.last() != Some(&asked.ids) {
                rows.push(asked.ids.clone());
                reads.push(&asked.reads);
            }
            row_of.push(rows.len() as i64 - 1);
        }
        let wanted: Vec<i64> =
            asked.iter().flat_map(|asked| &asked.wanted).map(|&id| i64::from(id)).collect();
        let places = i64::try_from(each).unwrap_or(i64::MAX);
        let (likeliest, highest, log_p) = no_grad(|| {
            let batch = decoder.batch(&rows, Padding::Left);
            let column = |(row, reads): (usize, &&[usize])| -> Vec<i64> {
                reads.iter().map(|&place| batch.column(row, place) as i64).collect()
            };
            let columns: Vec<i64> = reads.iter().enumerate().flat_map(column).collect();
            let on = |values: &[i64]| Torch::from_slice(values).to_device(decoder.device());
            let hidden = decoder.embed(&batch.ids, &batch.positions);
            let layers: Range<usize> = 0..decoder.spec().layers;
            let mask = batch.mask.as_ref();
            let out = decoder.blocks(layers, hidden, &[], mask, &mut Unprobed);
            let hidden = out.continue_value().expect("because nobody ends the pass").0;
            let columns = on(&columns).view([-1, places, 1]);
            let columns = columns.expand([-1, -1, hidden.size()[2]], false);
            let logits = decoder.head(&hidden.gather(1, &columns, false)); // [rows, places, outputs]
            let row_of = on(&row_of);
            let places = Torch::arange(places, (Kind::Int64, decoder.device()));
            let wanted = on(&wanted).view([asked.len() as i64, -1]);
            let wanted = [Some(row_of.unsqueeze(1)), Some(places), Some(wanted)];
            let all = logits.log_softmax(2, Kind::Float);
            let log_p = all.index(&wanted); // [asked, places]
            let of_asked = |of_rows: Torch| of_rows.index_select(0, &row_of);
            let highest = of_asked(all.amax([2i64].as_slice(), false));
            (of_asked(logits.argmax(2, false)), highest, log_p)
        });
        let flat = |tensor: Torch| tensor.flatten(0, -1).to_device(Device::Cpu);
        let numbers = |tensor: Torch| {
            Vec::<f64>::try_from(flat(tensor.to_kind(Kind::Double))).expect("because it is of f64")
        };
        let likeliest = Vec::<i64>::try_from(flat(likeliest)).expect("because it is of i64");
        let (highest, log_p) = (numbers(highest), numbers(log_p));
        let found = likeliest.chunks(each).zip(highest.chunks(each)).zip(log_p.chunks(each));
        let taken = found.map(|((likeliest, highest), log_p)| Taken {
            likeliest: likeliest.iter().map(|&id| u32::try_from(id).unwrap_or(u32::MAX)).collect(),
            highest: highest.to_vec(),
            log_p: log_p.to_vec(),
        });
        taken.collect()
    }

    /// Goes on with texts that are equally long.
    pub(super) fn write_alike(
        &self,
        begun: &[&(usize, Vec<u32>)],
        how: &Drawing,
    ) -> Result<Vec<String>, EngineError> {
        let rows: Vec<Vec<u32>> = begun.iter().map(|(_, ids)| ids.clone()).collect();
        let length = rows.first().map_or(0, Vec::len);
        let tokens = how.length.after(length, self.context());
        // No two of them draw from one stream.
        let first = begun.first().map_or(0, |(number, _)| *number as u64);
        let seed = how.seed.wrapping_add(first);
        let choice = match how.top {
            1 => Choice::Greedy,
            top => Choice::Sample { temperature: 1.0, top, seed },
        };
        let written = self.model.decoder().generate(&rows, tokens, choice, &[])?;
        let whole = rows.into_iter().zip(written).map(|(begun, new)| [begun, new.ids].concat());
        whole.map(|ids| Ok(self.model.tokens().decode(&ids)?)).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a probability is shown, not computed with")]
const fn narrow(probability: f64) -> f32 {
    probability as f32
}

//! The seam: [`crate::ledger::Engine`] on a model and its editors.
//!
//! Text becomes tokens here, version weights become the model's, and whatever goes wrong inside
//! libtorch, which panics, becomes an [`EngineError`].
//!
//! This module knows nothing of commits.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    error::Error,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use tch::{Kind, Tensor as Torch, no_grad};

use crate::{
    delta::{Accumulator, Dtype, Matrix, Tensor},
    editor::{self, EditError, ModelSize, Settings, Solver, ZOn},
    ledger::{
        Answer, Approximation, Continuations, EditJob, EditOutcome, EditorDescription, Engine,
        EngineError, Probe, Progress, Sampling, Statistics, StatisticsText,
    },
    model::{Batch, Choice, DeviceChoice, Model, ModelError, Padding, Unprobed, open_device},
};

/// Probes that are answered between two looks at the clock.
const PROBES: usize = 64;

/// Tokens that a word may have after its first.
const WORD: usize = 8;

/// A base that libtorch runs.
#[derive(Debug)]
pub struct TorchEngine {
    model: Model,
    solver: Solver,
    /// Tensors that may differ from the base's.
    changed: BTreeSet<String>,
}

impl TorchEngine {
    /// Opens the checkpoint in `base_dir`, to compute on `device` in `dtype`. Its weights are loaded
    /// when they are needed, and no more of them.
    ///
    /// # Errors
    /// When the device is not there, or the checkpoint is damaged or of an unknown architecture.
    pub fn open(base_dir: &Path, device: DeviceChoice, dtype: Dtype) -> Result<Self, EngineError> {
        guarded(|| {
            let model = Model::open_unloaded(base_dir, open_device(device)?, dtype)?;
            Ok(Self { model, solver: Solver::default(), changed: BTreeSet::new() })
        })
    }

    /// What makes one doubt that the files of the base belong together, in words.
    #[must_use]
    pub fn doubts(&self) -> &[String] {
        self.model.tokens().doubts()
    }

    fn read(&self, editor: &str, settings: &str) -> Result<Settings, EngineError> {
        if editor != editor::NAME {
            return Err(EngineError::Settings(format!(
                "there is no editor {editor:?}; there is {}",
                editor::NAME
            )));
        }
        let spec = self.model.spec();
        let size = ModelSize {
            family: spec.model_type.to_owned(),
            layers: spec.layers,
            width: spec.width,
            inner: spec.inner,
        };
        Ok(Settings::over_preset(settings, &size).map_err(EditError::from)?)
    }

    /// Answers probes whose expected texts have `tokens` tokens.
    fn answer_alike(
        &self,
        asked: &[&Asked<'_>],
        tokens: usize,
    ) -> Result<Vec<Answer>, EngineError> {
        let decoder = self.model.decoder();
        let prompts: Vec<Vec<u32>> = asked.iter().map(|asked| asked.prompt.clone()).collect();
        let greedy = decoder.generate(&prompts, tokens, Choice::Greedy, &[])?;
        let wrong: Vec<&Asked<'_>> = asked
            .iter()
            .zip(&greedy)
            .filter(|(asked, greedy)| asked.expected != greedy.ids)
            .map(|(asked, _)| *asked)
            .collect();
        let mut unsaid = self.probabilities(&wrong, tokens).into_iter();
        let answers = asked.iter().zip(greedy).map(|(asked, greedy)| {
            let matches = asked.expected == greedy.ids;
            let confidence = product(&greedy.probabilities);
            let probability = if matches { Some(confidence) } else { unsaid.next() };
            Ok(Answer {
                text: self.model.tokens().decode(&greedy.ids)?.trim().to_owned(),
                matches,
                probability: probability.expect("because all the others were computed"),
                confidence,
            })
        });
        answers.collect()
    }

    /// Probability of each expected text, all of `tokens` tokens.
    fn probabilities(&self, asked: &[&Asked<'_>], tokens: usize) -> Vec<f32> {
        if asked.is_empty() || tokens == 0 {
            return vec![1.0; asked.len()];
        }
        let decoder = self.model.decoder();
        let rows: Vec<Vec<u32>> = asked
            .iter()
            .map(|asked| [&asked.prompt, &asked.expected[..tokens - 1]].concat())
            .collect();
        let expected: Vec<i64> =
            asked.iter().flat_map(|asked| &asked.expected).map(|&id| i64::from(id)).collect();
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        let log_p = no_grad(|| {
            let batch = Batch::new(&rows, Padding::Left, decoder.device());
            let hidden = decoder.embed(&batch.ids, &batch.positions);
            let layers: Range<usize> = 0..decoder.spec().layers;
            let mask = batch.mask.as_ref();
            let out = decoder.blocks(layers, hidden, &[], mask, &mut Unprobed);
            let hidden = out.continue_value().expect("because nobody ends the pass").0;
            let last = hidden.narrow(1, hidden.size()[1] - tokens, tokens);
            let expected = Torch::from_slice(&expected).view([-1, tokens, 1]);
            decoder
                .head(&last)
                .log_softmax(2, Kind::Float)
                .gather(2, &expected.to_device(decoder.device()), false)
                .sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Double)
        });
        Vec::<f64>::try_from(log_p)
            .expect("because it is a vector of f64")
            .into_iter()
            .map(|log_p| narrow(log_p.exp()))
            .collect()
    }

    fn tokens_of(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.model.tokens().encode(text)?.ids)
    }
}

/// A probe in tokens.
struct Asked<'a> {
    prompt: Vec<u32>,
    expected: Vec<u32>,
    /// Where its answer goes.
    answer: &'a mut Option<Answer>,
}

impl Engine for TorchEngine {
    fn set_weights(&mut self, weights: &BTreeMap<String, Tensor>) -> Result<(), EngineError> {
        guarded(|| {
            let mut new: BTreeMap<String, Matrix> = BTreeMap::new();
            for (name, tensor) in weights {
                let slot = self.model.decoder().weights().slot(name)?;
                if tensor.shape != slot.stored_shape() {
                    return Err(ModelError::Shape {
                        name: name.clone(),
                        wanted: slot.stored_shape(),
                        found: tensor.shape.clone(),
                    }
                    .into());
                }
                new.insert(name.clone(), Accumulator::new(tensor, slot.orientation).rounded());
            }
            for name in &self.changed {
                if !new.contains_key(name) {
                    new.insert(name.clone(), self.model.base_weight(name)?);
                }
            }
            for (name, weight) in &new {
                self.changed.insert(name.clone());
                self.model.set_weight(name, weight)?;
            }
            Ok(())
        })
    }

    fn preset(&self, editor: &str) -> Result<String, EngineError> {
        self.settings(editor, "")
    }

    fn settings(&self, editor: &str, settings: &str) -> Result<String, EngineError> {
        Ok(self.read(editor, settings)?.canonical())
    }

    fn describe(&self, editor: &str, settings: &str) -> Result<EditorDescription, EngineError> {
        let settings = self.read(editor, settings)?;
        let site = |&layer: &usize| {
            let site = self.model.edit_site(layer)?;
            Ok((site.tensor, site.orientation))
        };
        Ok(EditorDescription {
            version: editor::VERSION,
            tensors: settings.layers.iter().map(site).collect::<Result<_, ModelError>>()?,
            z_settings: settings.of_z(),
            z_depends_on_version: settings.z_on == ZOn::Current,
        })
    }

    fn prefixes(&mut self, settings: &str, seed: u64) -> Result<Vec<String>, EngineError> {
        let settings = self.read(editor::NAME, settings)?;
        self.set_weights(&BTreeMap::new())?;
        guarded(|| {
            self.model.load()?;
            Ok(editor::sample_prefixes(&self.model, &settings, seed)?)
        })
    }

    fn statistics(
        &mut self,
        settings: &str,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EngineError> {
        let settings = self.read(editor::NAME, settings)?;
        self.set_weights(&BTreeMap::new())?;
        guarded(|| {
            progress.part("model");
            let documents = match text {
                StatisticsText::Corpus(texts) => {
                    self.model.load_blocks(settings.z_layer())?;
                    texts.iter().map(|text| self.tokens_of(text)).collect::<Result<_, _>>()?
                }
                StatisticsText::Sampled { seed, tokens } => {
                    self.model.load()?;
                    editor::sample_documents(&self.model, *tokens, *seed, progress)?
                }
            };
            let layers = &settings.layers;
            Ok(editor::second_moments(&self.model, layers, &documents, progress)?)
        })
    }

    fn edit(
        &mut self,
        job: &EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EngineError> {
        let settings = self.read(job.editor, job.settings)?;
        self.set_weights(&BTreeMap::new())?;
        guarded(|| {
            progress.part("model");
            self.model.load()?;
            Ok(editor::edit(&mut self.model, &mut self.solver, &settings, job, progress)?)
        })
    }

    fn answer(
        &mut self,
        probes: &[Probe],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Answer>, EngineError> {
        guarded(|| {
            progress.part("model");
            self.model.load()?;
            let mut answers: Vec<Option<Answer>> = vec![None; probes.len()];
            let mut asked = Vec::with_capacity(probes.len());
            for (probe, answer) in probes.iter().zip(&mut answers) {
                let prompt = self.tokens_of(&probe.prompt)?;
                let tokens = self.model.tokens();
                let expected =
                    editor::continuation(tokens, &probe.prompt, &prompt, &probe.expected)?;
                asked.push(Asked { prompt, expected, answer });
            }
            // Alike in length, so that little is filled up.
            asked.sort_by_key(|asked| (asked.expected.len(), asked.prompt.len()));
            progress.start("answers", Some(probes.len() as u64));
            let mut done = 0;
            for alike in asked.chunk_by_mut(|a, b| a.expected.len() == b.expected.len()) {
                for part in alike.chunks_mut(PROBES) {
                    let tokens = part[0].expected.len();
                    let found = self.answer_alike(&part.iter().collect::<Vec<_>>(), tokens)?;
                    for (asked, found) in part.iter_mut().zip(found) {
                        *asked.answer = Some(found);
                    }
                    done += part.len() as u64;
                    progress.advance(done, "")?;
                }
            }
            progress.finish("");
            drop(asked);
            Ok(answers.into_iter().map(|a| a.expect("because all were asked")).collect())
        })
    }

    fn approximate(
        &self,
        left: &Matrix,
        right: &Matrix,
        rank: usize,
    ) -> Result<Approximation, EngineError> {
        guarded(|| no_grad(|| Ok(editor::approximate(left, right, rank)?)))
    }

    fn continuations(
        &mut self,
        prompt: &str,
        how: &Sampling,
    ) -> Result<Continuations, EngineError> {
        guarded(|| {
            self.model.load()?;
            let (decoder, tokens) = (self.model.decoder(), self.model.tokens());
            let ids = self.tokens_of(prompt)?;
            let room = decoder.spec().context.saturating_sub(ids.len());
            let choice = match how.sample {
                None => Choice::Greedy,
                Some((temperature, seed)) => {
                    Choice::Sample { temperature, top: decoder.spec().vocabulary, seed }
                }
            };
            let stops = tokens.stops();
            let rows = [ids.clone()];
            let text = decoder.generate(&rows, how.tokens.min(room), choice, stops)?;
            let text = tokens.decode(&text[0].ids)?.trim().to_owned();

            let likely = likeliest(&no_grad(|| self.next(&ids)), how.top);
            let rows: Vec<Vec<u32>> =
                likely.iter().map(|(id, _)| [ids.as_slice(), &[*id]].concat()).collect();
            let rest = WORD.min(room.saturating_sub(1));
            let rest = decoder.generate(&rows, rest, Choice::Greedy, stops)?;
            let next = likely.iter().zip(rest).map(|(&(id, probability), rest)| {
                let text = tokens.decode(&[&[id], rest.ids.as_slice()].concat())?;
                let word = text.split_whitespace().next().unwrap_or_default();
                let bare = word.trim_end_matches(|c: char| c.is_ascii_punctuation());
                Ok((if bare.is_empty() { word } else { bare }.to_owned(), probability))
            });
            Ok(Continuations { next: next.collect::<Result<_, EngineError>>()?, text })
        })
    }
}

impl TorchEngine {
    /// Probabilities of all tokens after `ids`, `[vocabulary]`.
    fn next(&self, ids: &[u32]) -> Torch {
        let decoder = self.model.decoder();
        let batch = Batch::new(&[ids.to_vec()], Padding::Right, decoder.device());
        let logits = decoder.forward(&batch, &mut Unprobed);
        let logits = logits.continue_value().expect("because nobody ends the pass");
        logits.get(0).get(-1).softmax(0, Kind::Float)
    }
}

/// The `top` likeliest tokens and their probabilities.
fn likeliest(probabilities: &Torch, top: usize) -> Vec<(u32, f32)> {
    let top = i64::try_from(top).unwrap_or(i64::MAX).min(probabilities.size()[0]);
    let (values, ids) = probabilities.topk(top, 0, true, true);
    let values = Vec::<f32>::try_from(values).expect("because it is a vector of f32");
    let ids = Vec::<i64>::try_from(ids).expect("because it is a vector of i64");
    ids.into_iter().filter_map(|id| u32::try_from(id).ok()).zip(values).collect()
}

fn product(probabilities: &[f32]) -> f32 {
    narrow(probabilities.iter().map(|&p| f64::from(p)).product())
}

#[expect(clippy::cast_possible_truncation, reason = "a probability is shown, not computed with")]
const fn narrow(probability: f64) -> f32 {
    probability as f32
}

/// Runs `work`; a panic of libtorch is an error like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(EngineError::Model(message(panic.as_ref()).into())))
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown panic");
    // libtorch adds where in its own code it happened.
    text.lines().next().unwrap_or_default().to_owned()
}

impl From<EditError> for EngineError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Watcher(error) => error,
            EditError::Settings(error) => Self::Settings(error.to_string()),
            EditError::Request { subject, why } => Self::Request { subject, why },
            error => Self::Model(Box::<dyn Error + Send + Sync>::from(error)),
        }
    }
}

impl From<ModelError> for EngineError {
    fn from(error: ModelError) -> Self {
        Self::Model(Box::new(error))
    }
}

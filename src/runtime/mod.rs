//! The seam: [`crate::engine::Engine`] on a model and its editors.
//!
//! Text becomes tokens here, version weights become the model's, and whatever goes wrong inside
//! libtorch, which panics, becomes an [`EngineError`].
//!
//! This module knows nothing of commits.

mod ask;
mod lens;
mod neurons;
mod scan;
mod trace;

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use tch::{Kind, Tensor as Torch, no_grad};

use crate::{
    delta::Accumulator,
    editor::{self, Bench, EditError, Editor, SettingsError, Solver},
    engine::{
        Acting, Answer, Approximation, Columns, Continuations, Description, Drawing, EditJob,
        EditOutcome, EditorSpec, Engine, EngineError, Factors, FoundWith, Lens, Progress, Prompt,
        Sampling, Scan, Statistics, StatisticsText, Traceable, Traced, Tracing, TrainJob, Trained,
        Unit, Word,
    },
    eval::{Reading, Score},
    model::{
        Choice, DeviceChoice, Direction, Model, ModelError, Padding, Question, Unprobed, kernels,
        libtorch_version, open_device,
    },
    tensor::{Dtype, Matrix, Tensor},
};
use ask::{Size, in_parts, size};

/// Tokens that a word may have after its first.
const WORD: usize = 8;

/// Tokens that are named of what a unit promotes, where the units are what is asked for.
const WORDS: usize = 5;

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

    fn read(&self, editor: &str, settings: &str) -> Result<Box<dyn Editor>, EngineError> {
        let method = editor::method(editor).map_err(EditError::from)?;
        let read = method.read(settings, self.model.spec()).map_err(editor::naming_others);
        Ok(read.map_err(EditError::from)?)
    }

    fn tokens_of(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.model.tokens().encode(text)?.ids)
    }
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

    fn found_with(&self) -> FoundWith {
        FoundWith {
            device: self.model.device_name(),
            dtype: self.model.dtype().name().to_lowercase(),
            threads: u64::try_from(tch::get_num_threads()).unwrap_or_default(),
            kernels: kernels().to_owned(),
            library: format!("libtorch {}", libtorch_version()),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            known: 0,
        }
    }

    fn settle(
        &self,
        editor: &str,
        settings: &str,
    ) -> Result<(EditorSpec, Description), EngineError> {
        let method = editor::method(editor).map_err(EditError::from)?;
        let settled = self.read(editor, settings)?;
        let spec = EditorSpec {
            name: method.name().to_owned(),
            version: method.version(),
            settings: settled.canonical(),
        };
        Ok((spec, settled.describe(&self.model)?))
    }

    fn prefixes(&mut self, editor: &EditorSpec, seed: u64) -> Result<Vec<String>, EngineError> {
        let editor = self.read(&editor.name, &editor.settings)?;
        self.set_weights(&BTreeMap::new())?;
        guarded(|| Ok(editor.prefixes(&mut self.model, seed)?))
    }

    fn statistics(
        &mut self,
        editor: &EditorSpec,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EngineError> {
        let editor = self.read(&editor.name, &editor.settings)?;
        self.set_weights(&BTreeMap::new())?;
        guarded(|| {
            progress.part("model");
            Ok(editor.moments(&mut self.model, text, progress)?)
        })
    }

    fn train(
        &mut self,
        editor: &EditorSpec,
        job: &mut TrainJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Trained, EngineError> {
        let editor = self.read(&editor.name, &editor.settings)?;
        self.set_weights(&BTreeMap::new())?;
        guarded(|| {
            progress.part("model");
            Ok(editor.train(&mut self.model, job, progress)?)
        })
    }

    fn edit(
        &mut self,
        editor: &EditorSpec,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EngineError> {
        let editor = self.read(&editor.name, &editor.settings)?;
        self.set_weights(&BTreeMap::new())?;
        guarded(|| {
            progress.part("model");
            let bench = Bench { model: &mut self.model, solver: &mut self.solver };
            Ok(editor.edit(bench, job, progress)?)
        })
    }

    fn answer(
        &mut self,
        probes: &[Prompt],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Answer>, EngineError> {
        guarded(|| {
            progress.part("model");
            self.model.load()?;
            let asked = probes.iter().map(|probe| self.asked(probe));
            let asked = asked.collect::<Result<Vec<_>, _>>()?;
            let rows = |asked: &Question| self.rows(asked);
            in_parts(&asked, "answers", size, rows, progress, |part| self.answer_alike(part))
        })
    }

    fn score(
        &mut self,
        probes: &[Prompt],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Option<Score>>, EngineError> {
        guarded(|| {
            progress.part("model");
            self.model.load()?;
            let mut scores = vec![None; probes.len()];
            let (mut asked, mut places) = (Vec::new(), Vec::new());
            for (probe, place) in probes.iter().zip(&mut scores) {
                if let Some(fits) = self.fitting(probe)? {
                    asked.push(fits);
                    places.push(place);
                }
            }
            let rows = |asked: &Question| self.rows(asked);
            let score = |part: &[&Question]| Ok(self.score_alike(part));
            let found = in_parts(&asked, "scores", size, rows, progress, score)?;
            for (place, score) in places.into_iter().zip(found) {
                *place = Some(score);
            }
            Ok(scores)
        })
    }

    fn read_text(
        &mut self,
        text: &str,
        progress: &mut dyn Progress,
    ) -> Result<Reading, EngineError> {
        guarded(|| {
            self.reads_forward("the perplexity of a text")?;
            progress.part("model");
            self.model.load()?;
            let windows = self.windows(text)?;
            let window = self.model.decoder().spec().context as u64;
            let mut reading = Reading { tokens: 0, log_p: 0.0, window };
            let rows = |asked: &Question| self.rows(asked);
            let score = |part: &[&Question]| Ok(self.score_alike(part));
            for score in in_parts(&windows, "windows", size, rows, progress, score)? {
                reading.tokens += score.log_p.len() as u64;
                reading.log_p += score.log_p.iter().sum::<f64>();
            }
            Ok(reading)
        })
    }

    fn sample_text(
        &mut self,
        tokens: u64,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<String, EngineError> {
        guarded(|| {
            self.reads_forward("generation")?;
            progress.part("model");
            self.model.load()?;
            let texts = editor::sample_documents(&self.model, tokens, seed, progress)?;
            let texts = texts.iter().map(|ids| self.model.tokens().decode(ids));
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        })
    }

    fn write_texts(
        &mut self,
        beginnings: &[String],
        how: &Drawing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<String>, EngineError> {
        guarded(|| {
            self.reads_forward("generation")?;
            progress.part("model");
            self.model.load()?;
            let begun = beginnings.iter().enumerate();
            let begun: Vec<(usize, Vec<u32>)> = begun
                .map(|(number, text)| Ok((number, self.tokens_of(text)?)))
                .collect::<Result<_, ModelError>>()?;
            let size = |(_, ids): &(usize, Vec<u32>)| Size::of(ids.len(), 0);
            let write = |part: &[&(usize, Vec<u32>)]| self.write_alike(part, how);
            in_parts(&begun, "texts", size, |_| self.most_rows(), progress, write)
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
            if self.model.spec().direction == Direction::Both {
                return self.said_at_once(prompt, how);
            }
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

    fn lens(&mut self, prompt: &str, expected: Option<&str>) -> Result<Lens, EngineError> {
        guarded(|| {
            self.reads_forward("the lens")?;
            self.model.load()?;
            self.look(prompt, expected)
        })
    }

    fn trace(
        &mut self,
        subjects: &[String],
        prompts: &[Traceable],
        how: &Tracing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Traced>, EngineError> {
        guarded(|| {
            self.reads_forward("a trace")?;
            progress.part("model");
            self.model.load()?;
            self.trace_all(subjects, prompts, how, progress)
        })
    }

    fn scan(
        &mut self,
        texts: &[String],
        top: usize,
        progress: &mut dyn Progress,
    ) -> Result<Scan, EngineError> {
        guarded(|| {
            self.reads_forward("a scan of units")?;
            progress.part("model");
            self.model.load()?;
            self.scan_texts(texts, top, progress)
        })
    }

    fn promoted(&mut self, units: &[Unit], top: usize) -> Result<Vec<Vec<Word>>, EngineError> {
        guarded(|| {
            self.reads_forward("what units promote")?;
            self.model.load()?;
            self.promoted_by(units, top)
        })
    }

    fn acting(
        &mut self,
        prompt: &str,
        expected: Option<&str>,
        top: usize,
    ) -> Result<Acting, EngineError> {
        guarded(|| {
            self.reads_forward("what units add")?;
            self.model.load()?;
            self.acting_after(prompt, expected, top)
        })
    }

    fn columns(
        &mut self,
        changes: &BTreeMap<String, Factors<'_>>,
        prompts: &[Traceable],
        top: usize,
        progress: &mut dyn Progress,
    ) -> Result<BTreeMap<String, Columns>, EngineError> {
        guarded(|| {
            self.reads_forward("what columns read")?;
            progress.part("model");
            self.model.load()?;
            self.columns_of(changes, prompts, top, progress)
        })
    }
}

impl TorchEngine {
    /// Probabilities of all tokens after `ids`, `[vocabulary]`.
    fn next(&self, ids: &[u32]) -> Torch {
        self.probabilities(ids).get(-1)
    }

    /// Probabilities at each of `ids`, `[tokens, outputs]`.
    fn probabilities(&self, ids: &[u32]) -> Torch {
        let decoder = self.model.decoder();
        let batch = decoder.batch(&[ids.to_vec()], Padding::Right);
        let logits = decoder.forward(&batch, &mut Unprobed);
        let logits = logits.continue_value().expect("because nobody ends the pass");
        logits.get(0).softmax(-1, Kind::Float)
    }

    /// What an encoder says where a prompt is read: what is likeliest there, and most likely at the first place.
    fn said_at_once(&self, prompt: &str, how: &Sampling) -> Result<Continuations, EngineError> {
        if how.sample.is_some() {
            self.reads_forward("drawing what is said")?;
        }
        let (tokens, context) = (self.model.tokens(), self.model.spec().context);
        let question = tokens.open_question(prompt)?.within(context)?;
        let all = no_grad(|| self.probabilities(&question.ids));
        let at = |&place: &usize| all.get(i64::try_from(place).unwrap_or(i64::MAX));
        let said: Vec<u32> = question
            .reads
            .iter()
            .flat_map(|place| likeliest(&at(place), 1))
            .map(|said| said.0)
            .collect();
        let next =
            question.reads.first().map_or_else(Vec::new, |place| likeliest(&at(place), how.top));
        let next = next.into_iter().map(|(id, probability)| Ok((tokens.said(&[id])?, probability)));
        let next = next.collect::<Result<_, EngineError>>()?;
        Ok(Continuations { next, text: tokens.said(&said)? })
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
            // Where the model reads both ways nothing is wrong with any setting.
            EditError::Settings(error) if !matches!(error, SettingsError::ReadsBothWays { .. }) => {
                Self::Settings(error.to_string())
            }
            EditError::Request { subject, why } => Self::Request { subject, why },
            EditError::Model(error) => error.into(),
            EditError::Version(_) => Self::Model(error.into()),
            error => Self::Refused { hint: error.hint().map(str::to_owned), source: error.into() },
        }
    }
}

impl From<ModelError> for EngineError {
    fn from(error: ModelError) -> Self {
        let hint = error.hint();
        match error {
            ModelError::Torch(error) => Self::Model(error.into()),
            ModelError::NoToken { .. }
            | ModelError::NoClass { .. }
            | ModelError::ReadsBothWays { .. }
            | ModelError::TooLong { .. }
            | ModelError::NoUnit { .. } => Self::Refused { source: error.into(), hint },
            error => Self::Unusable { source: error.into(), hint },
        }
    }
}

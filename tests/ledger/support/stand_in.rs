//! A model without a runtime: an associative memory that can be computed by hand.
//!
//! A prompt is its bag of words, so that a paraphrase is a permutation; its key is one-hot at a hash
//! of that bag. What the model says is what the edited tensors hold in that column, two tensors
//! (one stored `[out, in]`, one `[in, out]`) added up and read as the bytes of a word. An edit writes
//! the difference between the target's bytes and the column as one rank per request, or as other editors as two,
//! or as one dense change, for which no statistics are needed.
//! So answers come from the weights and from nothing else.

use std::{collections::BTreeMap, fs, path::Path};

use kledger::{
    checkpoint::Checkpoint,
    delta::{Change, ChangeForm},
    engine::{
        Acting, Acts, Agreement, Answer, Approximation, Axis, Columns, Continuations, Description,
        Drawing, EditJob, EditOutcome, EditorSpec, Engine, EngineError, Factors, Found, FoundWith,
        Grain, Grid, Learned, Lens, LessonPart, Needs, Prefix, Progress, Prompt, Reached, Restored,
        Said, Sampling, Scan, ScannedLayer, Search, Standing, Statistics, StatisticsText,
        Traceable, Traced, Tracing, TrainJob, Trained, Trigger, Unit, Validation, WeightSetting,
        Word, ZTrace,
    },
    eval::{Reading, Score},
    id::{Id, Kind},
    tensor::{Dtype, Matrix, Orientation, Tensor},
};

/// Columns: how many prompts can be told apart.
pub(crate) const INPUTS: usize = 256;
/// Rows: the longest word.
pub(crate) const OUTPUTS: usize = 16;
const FIRST: &str = "h.0.mlp.c_proj.weight";
const SECOND: &str = "layers.1.mlp.down_proj.weight";

/// What edits change, and how the checkpoint stores each.
const TENSORS: [(&str, Orientation); 2] =
    [(FIRST, Orientation::InOut), (SECOND, Orientation::OutIn)];

struct Bag;

impl Kind for Bag {
    const NAME: &'static str = "bag of words";
}

/// The column of a prompt.
pub(crate) fn column(prompt: &str) -> usize {
    let mut words: Vec<String> = prompt
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.sort();
    let hash = Id::<Bag>::of(words.join(" ").as_bytes());
    usize::from(hash.as_bytes()[0])
}

/// Writes a checkpoint in which each of `inputs` columns holds some word of its own. With fewer than [`INPUTS`] prompts get
/// into each other's way, and edits take less room.
pub(crate) fn write_checkpoint(dir: &Path, inputs: usize) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("config.json"), r#"{"model_type": "stand-in"}"#).unwrap();
    fs::write(dir.join("tokenizer.json"), "{}").unwrap();
    let mut first = vec![0f32; inputs * OUTPUTS]; // [in, out]
    for (column, values) in first.chunks_mut(OUTPUTS).enumerate() {
        let word = format!("base{column}");
        for (value, byte) in values.iter_mut().zip(word.bytes()) {
            *value = f32::from(byte);
        }
    }
    let second = vec![0f32; OUTPUTS * inputs]; // [out, in]
    let embedding = vec![1f32; 8];
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let (first, second, embedding) = (bytes(&first), bytes(&second), bytes(&embedding));
    let view = |shape: &[usize], bytes| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes)
            .unwrap()
    };
    let tensors = [
        (FIRST, view(&[inputs, OUTPUTS], &first)),
        (SECOND, view(&[OUTPUTS, inputs], &second)),
        ("embed.weight", view(&[8], &embedding)),
    ];
    safetensors::serialize_to_file(tensors, None, &dir.join("model.safetensors")).unwrap();
}

/// The engine. It counts what it does, so that a test can see what was not done again.
pub(crate) struct StandIn {
    base: Checkpoint,
    inputs: usize,
    weights: BTreeMap<String, Tensor>,
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> EngineError {
    EngineError::Model(Box::new(error))
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Share of the wanted change that is made: below 1 edits do not take.
    strength: f64,
    /// Whether it says that a z depends on what else is edited about the subject.
    join_subjects: bool,
    /// Whether a timid editor makes the whole change.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bold: bool,
    /// Whether what it is trained to has a change of the base, which it says its edits stand on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    meta: bool,
    /// Whether it says that the strength is to be measured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    measured: bool,
    /// Which tensors are edited; whatever it says, both are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strength: 1.0,
            join_subjects: false,
            bold: false,
            meta: false,
            measured: false,
            layers: Vec::new(),
        }
    }
}

/// What training finds: how much of a change is made.
const LEARNED: &str = "strength";

/// What the search for a z is called, whichever editor makes it.
const SEARCH: &str = "memit";

/// The editors. They seek the same, and write it down differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Editor {
    /// A column for each fact.
    Memit,
    /// Two columns for each fact, which add up.
    Wide,
    /// One change that its facts hold together.
    Whole,
    /// Half of the change, unless it is told to be bold.
    Timid,
    /// As much of the change as it was trained to make.
    Trained,
}

impl Editor {
    fn named(name: &str) -> Result<Self, EngineError> {
        let all = [Self::Memit, Self::Wide, Self::Whole, Self::Timid, Self::Trained];
        let found = all.into_iter().find(|editor| editor.name() == name);
        found.ok_or_else(|| EngineError::Settings(format!("there is no editor {name}")))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Memit => "memit",
            Self::Wide => "wide",
            Self::Whole => "whole",
            Self::Timid => "timid",
            Self::Trained => "trained",
        }
    }

    /// The parts of a fact's change that its columns have.
    const fn shares(self) -> &'static [f32] {
        match self {
            Self::Memit | Self::Whole | Self::Timid | Self::Trained => &[1.0],
            Self::Wide => &[0.25, 0.75],
        }
    }
}

fn read(settings: &str) -> Result<Settings, EngineError> {
    toml::from_str(settings).map_err(|error| EngineError::Settings(error.to_string()))
}

impl StandIn {
    /// Opens the base in `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, EngineError> {
        let base = Checkpoint::open(dir).map_err(failed)?;
        let inputs = base.raw(FIRST).map_err(failed)?.1[0];
        Ok(Self { base, inputs, weights: BTreeMap::new() })
    }

    fn tensor(&self, name: &str) -> Result<Tensor, EngineError> {
        match self.weights.get(name) {
            Some(tensor) => Ok(tensor.clone()),
            None => self.base.tensor(name).map_err(failed),
        }
    }

    /// What a prompt's column holds in the second tensor.
    fn second(&self, prompt: &str) -> Result<Vec<f32>, EngineError> {
        let (second, column) = (values(&self.tensor(SECOND)?), column(prompt) % self.inputs);
        Ok((0..OUTPUTS).map(|i| second[i * self.inputs + column]).collect())
    }

    /// What a prompt's column holds, summed over both tensors.
    fn read(&self, prompt: &str) -> Result<Vec<f32>, EngineError> {
        let (first, second) = (values(&self.tensor(FIRST)?), values(&self.tensor(SECOND)?));
        let column = column(prompt) % self.inputs;
        Ok((0..OUTPUTS)
            .map(|i| first[column * OUTPUTS + i] + second[i * self.inputs + column])
            .collect())
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    assert_eq!(tensor.dtype, Dtype::F32);
    tensor.bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn word(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}

fn wanted(word: &str) -> Vec<f32> {
    word.bytes().map(f32::from).chain(std::iter::repeat(0.0)).take(OUTPUTS).collect()
}

/// 1 where the column holds exactly the word, less the farther it is.
fn probability(held: &[f32], word: &str) -> f32 {
    let distance: f32 = held.iter().zip(wanted(word)).map(|(a, b)| (a - b).abs()).sum();
    1.0 / (1.0 + distance)
}

impl Engine for StandIn {
    fn set_weights(&mut self, weights: &BTreeMap<String, Tensor>) -> Result<(), EngineError> {
        self.weights = weights.clone();
        Ok(())
    }

    fn found_with(&self) -> FoundWith {
        FoundWith {
            device: "none".to_owned(),
            dtype: "f32".to_owned(),
            threads: 1,
            kernels: "none".to_owned(),
            library: "stand-in 1".to_owned(),
            program: "1".to_owned(),
            known: 0,
        }
    }

    fn settle(
        &self,
        editor: &str,
        settings: &str,
    ) -> Result<(EditorSpec, Description), EngineError> {
        let editor = Editor::named(editor)?;
        let settings = read(settings)?;
        let spec = EditorSpec {
            name: editor.name().to_owned(),
            version: 1,
            settings: toml::to_string(&settings).unwrap(),
        };
        let tensors = TENSORS.map(|(name, orientation)| (name.to_owned(), orientation)).into();
        let search = Search {
            method: SEARCH.to_owned(),
            version: spec.version,
            settings: spec.settings.clone(),
            on_version: false,
        };
        let description = Description {
            grain: if editor == Editor::Whole { Grain::Whole } else { Grain::Fact },
            tensors,
            needs: Needs {
                prefixes: true,
                moments: !matches!(editor, Editor::Whole | Editor::Trained),
                artefact: editor == Editor::Trained,
            },
            artefact: (editor == Editor::Trained)
                .then(|| format!("bold = {}, meta = {}", settings.bold, settings.meta)),
            search: Some(search),
            joins_subjects: settings.join_subjects,
            prefix_settings: String::new(),
            weight: Some(WeightSetting { key: "strength", measured: settings.measured }),
            axes: match editor {
                Editor::Wide => vec![Axis { key: "layers", values: vec![vec![1].into()] }],
                _ => vec![
                    Axis { key: "strength", values: vec![0.5.into()] },
                    Axis { key: "bold", values: vec![true.into()] },
                ],
            },
            widest: None,
            uncalibrated: editor == Editor::Timid,
        };
        Ok((spec, description))
    }

    fn prefixes(&mut self, _: &EditorSpec, seed: u64) -> Result<Vec<String>, EngineError> {
        Ok(vec![format!("prefix {seed}")])
    }

    fn statistics(
        &mut self,
        _: &EditorSpec,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EngineError> {
        progress.start("statistics", None);
        let tokens = match text {
            StatisticsText::Corpus(documents) => {
                documents.iter().map(|text| text.split_whitespace().count() as u64).sum()
            }
            StatisticsText::Sampled { tokens, .. } => *tokens,
        };
        // As large as its words are long.
        let mut moment = Matrix::identity(self.inputs);
        if let StatisticsText::Corpus(documents) = text {
            progress.advance(tokens, "")?;
            let bytes: usize = documents.iter().map(String::len).sum();
            moment.data.iter_mut().for_each(|value| *value *= bytes as f32 / tokens as f32);
        }
        progress.finish("");
        let second_moments =
            [FIRST, SECOND].into_iter().map(|name| (name.to_owned(), moment.clone())).collect();
        Ok(Statistics { tokens, second_moments })
    }

    fn train(
        &mut self,
        editor: &EditorSpec,
        job: &mut TrainJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Trained, EngineError> {
        let mut steps = job.begun.take().map_or(0, |begun| begun.steps);
        progress.start("training", Some(job.steps));
        let meta = read(&editor.settings)?.meta;
        let tensors = |steps: u64| {
            let strength = Matrix { rows: 1, cols: 1, data: vec![(steps as f32 / 100.0).min(1.0)] };
            let mut tensors = BTreeMap::from([(LEARNED.to_owned(), Tensor::from(&strength))]);
            if meta {
                // Too little to change a letter, and another one after other steps.
                let mut change = Matrix::zeros(OUTPUTS, self.inputs);
                change.data[0] = 1.0 / (steps + 10) as f32;
                tensors.insert(format!("{FIRST}.dense"), Tensor::from(&change));
            }
            tensors
        };
        while steps < job.steps {
            steps += 1;
            if steps.is_multiple_of(10) {
                (job.keep)(&Learned { steps, tensors: tensors(steps) })?;
            }
            progress.advance(steps, "")?;
        }
        progress.finish("");
        let part = |part| {
            let edits = job.lessons.iter().filter(|lesson| lesson.part == part).count() as u64;
            let all = Validation { edits, reliability: 1.0, generality: 0.75, locality: 0.5 };
            (edits > 0).then_some(all)
        };
        Ok(Trained {
            tensors: tensors(steps),
            steps,
            best: steps,
            seen: part(LessonPart::Seen),
            unseen: part(LessonPart::Unseen),
            notes: Vec::new(),
        })
    }

    fn edit(
        &mut self,
        editor: &EditorSpec,
        job: &mut EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EngineError> {
        let whole = Editor::named(&editor.name)? == Editor::Whole;
        let trained = Editor::named(&editor.name)? == Editor::Trained;
        let needed = if whole || trained { 0 } else { TENSORS.len() };
        assert_eq!(job.second_moments.len(), needed, "statistics cover the edited tensors");
        let settings: Settings = toml::from_str(&editor.settings).unwrap();
        let timid = Editor::named(&editor.name)? == Editor::Timid && !settings.bold;
        let strength = if timid { 0.5 } else { 1.0 } * settings.strength as f32;
        let strength = match job.artefact {
            Some(artefact) => strength * artefact[LEARNED].to_f32()[0],
            None => strength,
        };
        assert_eq!(job.artefact.is_some(), trained, "what needs an artefact gets one");
        self.weights = job.version.materialise().map_err(failed)?;
        let requests = job.requests.len();
        let mut outcome = EditOutcome {
            columns: Vec::new(),
            changes: BTreeMap::new(),
            z: Matrix { rows: requests, cols: OUTPUTS, data: Vec::new() },
            traces: Vec::new(),
            reached: Vec::new(),
            settings: editor.settings.clone(),
            notes: Vec::new(),
        };
        let mut changes = Vec::new();
        let mut columns = Vec::new();
        for (number, (request, known)) in job.requests.iter().zip(job.known_z).enumerate() {
            let prompt = request.text();
            if request.target.len() > OUTPUTS {
                let why = format!("{:?} has no token", request.target);
                return Err(EngineError::Request { subject: request.subject.clone(), why });
            }
            let kept = request.kept.iter().map(|text| format!("{prompt}: keeps {text}"));
            outcome.notes.extend(kept);
            let z = known.clone().unwrap_or_else(|| wanted(&request.target));
            let trace = ZTrace { steps: 1, loss: 0.0, probability: 1.0 };
            if known.is_none() {
                (job.found)(&[Found { request: number, z: z.clone(), trace: trace.clone() }]);
            }
            progress.advance(number as u64 + 1, "")?;
            let held = self.read(&prompt)?;
            let change: Vec<f32> =
                z.iter().zip(&held).map(|(z, held)| (z - held) * strength / 2.0).collect();
            outcome.z.data.extend(&z);
            outcome.traces.push(known.is_none().then_some(trace));
            outcome.reached.push(Reached { part: strength, rival: None });
            changes.push(change);
            columns.push(column(&prompt) % self.inputs);
        }
        // The editor's columns: whose each is, and what part of its change.
        let shares = Editor::named(&editor.name)?.shares();
        let whose = |request| shares.iter().map(move |share| (request, *share));
        let split: Vec<(usize, f32)> = (0..requests).flat_map(whose).collect();
        let rank = split.len();
        let mut left = Matrix::zeros(OUTPUTS, rank);
        let mut right = Matrix::zeros(rank, self.inputs);
        for (at, (request, share)) in split.iter().enumerate() {
            right.data[at * self.inputs + columns[*request]] = 1.0;
            for (output, value) in changes[*request].iter().enumerate() {
                left.data[output * rank + at] = *value * share;
            }
        }
        if !whole {
            outcome.columns = split.iter().map(|(request, _)| *request as u32).collect();
        }
        let mut dense = Matrix::zeros(OUTPUTS, self.inputs);
        for (change, column) in changes.iter().zip(&columns) {
            for (output, value) in change.iter().enumerate() {
                dense.data[output * self.inputs + column] += value;
            }
        }
        for (name, orientation) in TENSORS {
            let (form, keys) = if whole {
                (ChangeForm::Dense(dense.clone()), None)
            } else {
                let (left, right) = (left.clone(), right.clone());
                (ChangeForm::LowRank { left, right: right.clone() }, Some(right))
            };
            let change = Change { orientation, form, keys };
            outcome.changes.insert(name.to_owned(), change);
        }
        self.weights.clear();
        Ok(outcome)
    }

    fn answer(
        &mut self,
        probes: &[Prompt],
        _progress: &mut dyn Progress,
    ) -> Result<Vec<Answer>, EngineError> {
        probes
            .iter()
            .map(|probe| {
                let held = self.read(&probe.prompt)?;
                let text = word(&held);
                Ok(Answer {
                    matches: text == probe.expected,
                    probability: probability(&held, &probe.expected),
                    confidence: probability(&held, &text),
                    text,
                })
            })
            .collect()
    }

    /// Tokens are bytes.
    fn score(
        &mut self,
        probes: &[Prompt],
        _progress: &mut dyn Progress,
    ) -> Result<Vec<Option<Score>>, EngineError> {
        let score = |probe: &Prompt| {
            let held = self.read(&probe.prompt)?;
            let length = probe.expected.len();
            Ok((1..=OUTPUTS).contains(&length).then(|| Score {
                expected: probe.expected.bytes().map(u32::from).collect(),
                likeliest: held.iter().take(length).map(|value| value.round() as u32).collect(),
                log_p: held
                    .iter()
                    .zip(probe.expected.bytes())
                    .map(|(held, byte)| -f64::from(1.0 + (held - f32::from(byte)).abs()).ln())
                    .collect(),
            }))
        };
        probes.iter().map(score).collect()
    }

    /// Each word is a prompt for itself.
    fn read_text(
        &mut self,
        text: &str,
        _progress: &mut dyn Progress,
    ) -> Result<Reading, EngineError> {
        let mut reading = Reading { tokens: 0, log_p: 0.0, window: 1 };
        for word in text.split_whitespace() {
            reading.tokens += 1;
            reading.log_p += f64::from(probability(&self.read(word)?, word)).ln();
        }
        Ok(reading)
    }

    /// What it says of each number up to the tokens.
    fn sample_text(
        &mut self,
        tokens: u64,
        seed: u64,
        _progress: &mut dyn Progress,
    ) -> Result<String, EngineError> {
        let words = (0..tokens.min(8)).map(|n| Ok(word(&self.read(&format!("{}", seed + n))?)));
        Ok(words.collect::<Result<Vec<_>, EngineError>>()?.join(" "))
    }

    fn write_texts(
        &mut self,
        beginnings: &[String],
        how: &Drawing,
        _progress: &mut dyn Progress,
    ) -> Result<Vec<String>, EngineError> {
        let written = beginnings.iter().map(|text| {
            let said = word(&self.read(text)?);
            Ok(format!("{text} {said} {said} {}", how.seed))
        });
        written.collect()
    }

    /// Not the best one: the first columns.
    fn approximate(
        &self,
        left: &Matrix,
        right: &Matrix,
        rank: usize,
    ) -> Result<Approximation, EngineError> {
        let kept: Vec<usize> = (0..rank.min(right.rows)).collect();
        let lost = 1.0 - kept.len() as f64 / right.rows as f64;
        Ok(Approximation {
            left: left.select_columns(&kept),
            right: right.select_rows(&kept),
            lost,
        })
    }

    fn continuations(&mut self, prompt: &str, _: &Sampling) -> Result<Continuations, EngineError> {
        let held = self.read(prompt)?;
        let text = word(&held);
        Ok(Continuations { next: vec![(text.clone(), probability(&held, &text))], text })
    }

    /// A tensor is a block: what the first holds, and what both hold together. Tokens are words.
    fn lens(&mut self, prompt: &str, expected: Option<&str>) -> Result<Lens, EngineError> {
        let words = prompt.split_whitespace();
        let ends = words.clone().map(|word| {
            // As far as to the end of the word.
            let end = word.as_ptr() as usize + word.len() - prompt.as_ptr() as usize;
            let (both, second) = (self.read(&prompt[..end])?, self.second(&prompt[..end])?);
            let first: Vec<f32> = both.iter().zip(&second).map(|(a, b)| a - b).collect();
            Ok([first, both])
        });
        let ends = ends.collect::<Result<Vec<_>, EngineError>>()?;
        let said = |block: usize| {
            let said = ends.iter().map(|end| {
                let (held, last) = (&end[block], &end[1]);
                let text = word(held);
                let away: f32 = held.iter().zip(last).map(|(a, b)| (a - b).abs()).sum();
                let standing = |expected| Standing {
                    rank: if text == expected { 1 } else { 2 },
                    probability: probability(held, expected),
                };
                Said {
                    token: text.bytes().fold(0, |token: u32, byte| {
                        token.wrapping_mul(31).wrapping_add(byte.into())
                    }),
                    probability: probability(held, &text),
                    expected: expected.map(standing),
                    entropy: 0.0,
                    divergence: away,
                    word: text,
                }
            });
            said.collect()
        };
        Ok(Lens {
            tokens: words.map(str::to_owned).collect(),
            expected: expected.map(str::to_owned),
            blocks: vec![said(0), said(1)],
        })
    }

    /// Without its subject the model says nothing. Putting back the last word of the subject brings back what the
    /// block's tensor adds to the answer.
    fn trace(
        &mut self,
        subjects: &[String],
        prompts: &[Traceable],
        how: &Tracing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Traced>, EngineError> {
        assert!(!subjects.is_empty(), "noise is as strong as something");
        progress.start("tokens", Some(prompts.len() as u64));
        let traced = prompts.iter().zip(1..).map(|(asked, number)| {
            let both = self.read(&asked.prompt)?;
            let second = self.second(&asked.prompt)?;
            let first: Vec<f32> = both.iter().zip(&second).map(|(a, b)| a - b).collect();
            let answer = asked.expected.clone().unwrap_or_else(|| word(&both));
            let count = |text: &str| text.split_whitespace().count();
            let before = count(&asked.prompt[..asked.subject.start]);
            let subject = before..count(&asked.prompt[..asked.subject.end]);
            let low = probability(&[0.0; OUTPUTS], &answer);
            let grid = |&restored: &Restored| {
                let effect = if restored == Restored::Attention {
                    [low; 2]
                } else {
                    [probability(&first, &answer), probability(&both, &answer)]
                };
                let row = |at| if at + 1 == subject.end { effect.to_vec() } else { vec![low; 2] };
                let last = subject.end - 1..subject.end;
                let places = if how.subject_last { last } else { 0..count(&asked.prompt) };
                Grid { restored, scores: places.map(row).collect() }
            };
            progress.advance(number, "")?;
            Ok(Traced {
                tokens: asked.prompt.split_whitespace().map(str::to_owned).collect(),
                high: probability(&both, &answer),
                low,
                noise: 1.0,
                window: how.window.unwrap_or(1),
                grids: how.restored.iter().map(grid).collect(),
                answer,
                subject: subject.clone(),
            })
        });
        let traced = traced.collect();
        progress.finish("");
        traced
    }

    /// A layer is a tensor, a unit one of its columns. A beginning makes its own column act, as much as it has words.
    fn scan(
        &mut self,
        texts: &[String],
        top: usize,
        progress: &mut dyn Progress,
    ) -> Result<Scan, EngineError> {
        progress.start("bytes", Some(texts.iter().map(|text| text.len() as u64).sum()));
        let mut scan =
            Scan { texts: texts.len() as u64, tokens: 0, prefixes: vec![], layers: vec![] };
        let mut units: Vec<Vec<Trigger>> = vec![Vec::new(); self.inputs];
        let mut read = 0;
        for text in texts {
            read += text.len() as u64;
            progress.advance(read, "")?;
            let words: Vec<&str> = text.split_whitespace().collect();
            scan.tokens += words.len() as u64;
            for end in 1..=words.len() {
                let next = words.get(end).map(|&word| word.to_owned());
                let prefix = Prefix { text: words[..end].join(" "), cut: false, next };
                let known = scan.prefixes.iter().any(|known| known.text == prefix.text);
                if known {
                    continue;
                }
                let place = column(&prefix.text) % self.inputs;
                units[place].push(Trigger { prefix: scan.prefixes.len(), coefficient: end as f32 });
                scan.prefixes.push(prefix);
            }
        }
        for triggers in &mut units {
            triggers.sort_by(|a, b| b.coefficient.total_cmp(&a.coefficient));
            triggers.truncate(top);
        }
        for layer in 0..2 {
            let all: Vec<Unit> = (0..self.inputs as u32).map(|unit| Unit { layer, unit }).collect();
            let promoted = self.promoted(&all, 1)?;
            let pairs = units.iter().zip(&promoted).filter_map(|(triggers, promoted)| {
                let next = scan.prefixes[triggers.first()?.prefix].next.clone()?;
                Some((promoted[0].text.clone(), next))
            });
            let pairs: Vec<_> = pairs.collect();
            let agree = pairs.iter().filter(|(promoted, next)| promoted == next).count() as u64;
            let agreement = Agreement { of: pairs.len() as u64, agree, chance: 0.0 };
            scan.layers.push(ScannedLayer { units: units.clone(), agreement });
        }
        progress.finish("");
        Ok(scan)
    }

    /// A column promotes the word that it holds.
    fn promoted(&mut self, units: &[Unit], top: usize) -> Result<Vec<Vec<Word>>, EngineError> {
        assert!(top > 0);
        let (first, second) = (values(&self.tensor(FIRST)?), values(&self.tensor(SECOND)?));
        let promoted = units.iter().map(|unit| {
            let place = unit.unit as usize;
            if unit.layer > 1 || place >= self.inputs {
                let text = format!("the model has no unit {unit}");
                return Err(EngineError::Refused { source: text.into(), hint: None });
            }
            let held: Vec<f32> = if unit.layer == 0 {
                first[place * OUTPUTS..(place + 1) * OUTPUTS].to_vec()
            } else {
                (0..OUTPUTS).map(|i| second[i * self.inputs + place]).collect()
            };
            let text = word(&held);
            Ok(vec![Word { probability: probability(&held, &text), text }])
        });
        promoted.collect()
    }

    /// The two columns of the prompt act, and add the bytes that they hold.
    fn acting(
        &mut self,
        prompt: &str,
        expected: Option<&str>,
        top: usize,
    ) -> Result<Acting, EngineError> {
        let (both, second) = (self.read(prompt)?, self.second(prompt)?);
        let answer = expected.map_or_else(|| word(&both), str::to_owned);
        let sum = |held: &[f32]| held.iter().sum::<f32>();
        let layers = vec![sum(&both) - sum(&second), sum(&second)];
        let place = (column(prompt) % self.inputs) as u32;
        let units: Vec<Unit> = (0..2).map(|layer| Unit { layer, unit: place }).collect();
        let promoted = self.promoted(&units, top)?;
        let acts = units.into_iter().zip(&layers).zip(promoted);
        let acts =
            acts.map(|((unit, &adds), promotes)| Acts { unit, coefficient: 1.0, adds, promotes });
        Ok(Acting {
            probability: probability(&both, &answer),
            logit: sum(&both),
            units: acts.take(top).collect(),
            layers,
            answer,
        })
    }

    fn columns(
        &mut self,
        changes: &BTreeMap<String, Factors<'_>>,
        prompts: &[Traceable],
        _top: usize,
        progress: &mut dyn Progress,
    ) -> Result<BTreeMap<String, Columns>, EngineError> {
        progress.start("prompts", Some(prompts.len() as u64));
        let found = changes.iter().map(|(name, change)| {
            let (rank, width) = (change.right.rows, change.right.cols);
            let times = (0..rank).flat_map(|column_of| {
                prompts.iter().map(move |asked| {
                    change.right.data[column_of * width + column(&asked.prompt) % width]
                })
            });
            let data = times.collect();
            let promoted = (0..rank).map(|column| {
                let held: Vec<f32> =
                    (0..OUTPUTS).map(|i| change.left.data[i * rank + column]).collect();
                let text = word(&held);
                vec![Word { probability: probability(&held, &text), text }]
            });
            let promotes = Some(promoted.collect());
            let responses = Matrix { rows: rank, cols: prompts.len(), data };
            (name.clone(), Columns { responses, promotes })
        });
        let found = found.collect();
        progress.advance(prompts.len() as u64, "")?;
        progress.finish("");
        Ok(found)
    }
}

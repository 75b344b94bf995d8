//! Versions asked what a protocol asks, and its table filled in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    engine::{Drawing, Engine, EngineError, Progress, Prompt},
    eval::{Answers, Case, Decoding, Metric, PromptTarget, Protocol, Row, Score, Weights, Written},
};

/// What a model is to write for the cases.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// How they are drawn, by protocols that draw them; `None` is nothing.
    pub drawing: Option<Drawing>,
    /// What words weigh when texts are compared.
    pub weights: &'a Weights,
}

/// A case under a version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalRecord {
    /// The revision as given.
    pub revision: String,
    /// The case's id.
    pub case: String,
    /// Its edit prompt.
    pub prompt: String,
    /// What the edit makes the model say.
    pub target: String,
    /// Its figures, before they are scaled as papers print them; those it was not measured in are
    /// not among them.
    pub values: BTreeMap<&'static str, f64>,
    /// What was asked, and how likely each token was.
    pub asked: Vec<EvalAnswer>,
    /// What the model wrote.
    pub texts: Vec<String>,
}

/// A continuation and how the model took it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalAnswer {
    /// What was asked.
    #[serde(flatten)]
    pub asked: PromptTarget,
    /// How it was taken.
    #[serde(flatten)]
    pub score: Score,
}

/// Cases that one version after the other is asked.
pub(crate) struct Measuring<'a> {
    protocol: &'a Protocol,
    cases: &'a [Case],
    texts: Texts<'a>,
    asked: Vec<PromptTarget>,
    base: Answers,
    /// Answers, texts by case, and figures of the version asked last.
    now: Answers,
    written: Vec<Vec<String>>,
    rows: Vec<Row>,
}

impl<'a> Measuring<'a> {
    /// Nothing is asked yet.
    pub(crate) fn new(protocol: &'a Protocol, cases: &'a [Case], texts: Texts<'a>) -> Self {
        let asked = protocol.asked(cases).into_iter().collect();
        let (base, now) = (Answers::new(), Answers::new());
        Self { protocol, cases, texts, asked, base, now, written: Vec::new(), rows: Vec::new() }
    }

    /// Asks the unedited base what the protocol compares with, which may be nothing.
    pub(crate) fn ask_base(
        &mut self,
        engine: &mut dyn Engine,
        progress: &mut dyn Progress,
    ) -> Result<(), EngineError> {
        let asked: Vec<PromptTarget> =
            self.protocol.asked_of_base(self.cases).into_iter().collect();
        if !asked.is_empty() {
            engine.set_weights(&BTreeMap::new())?;
            self.base = answers(&asked, engine, progress)?;
        }
        Ok(())
    }

    /// Asks the version that the engine has now.
    pub(crate) fn ask(
        &mut self,
        engine: &mut dyn Engine,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Metric>, EngineError> {
        self.now = answers(&self.asked, engine, progress)?;
        self.written = vec![Vec::new(); self.cases.len()];
        let drawing = match self.protocol.decoding {
            Decoding::Sampled => self.texts.drawing,
            Decoding::Greedy { tokens } => Some(Drawing::greedy(tokens)),
        };
        if let Some(drawing) = drawing {
            let beginnings: Vec<Vec<String>> =
                self.cases.iter().map(self.protocol.beginnings).collect();
            let texts = engine.write_texts(&beginnings.concat(), &drawing, progress)?;
            let mut texts = texts.into_iter();
            self.written = beginnings
                .iter()
                .map(|beginnings| texts.by_ref().take(beginnings.len()).collect())
                .collect();
        }
        let cases = self.cases.iter().zip(&self.written);
        self.rows = cases
            .map(|(case, texts)| {
                let written = (!texts.is_empty()).then_some(Written {
                    texts,
                    case,
                    weights: self.texts.weights,
                });
                self.protocol.row(case, &self.now, &self.base, written)
            })
            .collect();
        Ok(self.protocol.summary(&self.rows))
    }

    /// The rows of the version asked last, with what they were computed from.
    pub(crate) fn records(&mut self, revision: &str) -> Vec<EvalRecord> {
        let names = self.protocol.names();
        let written = std::mem::take(&mut self.written);
        let cases = self.cases.iter().zip(&self.rows).zip(written);
        cases
            .map(|((case, row), texts)| EvalRecord {
                revision: revision.to_owned(),
                case: case.id.clone(),
                prompt: case.text(),
                target: case.target.clone(),
                values: names
                    .iter()
                    .zip(&row.0)
                    .filter_map(|(name, value)| Some((*name, (*value)?)))
                    .collect(),
                asked: self
                    .protocol
                    .asked(std::slice::from_ref(case))
                    .into_iter()
                    .filter_map(|asked| {
                        let score = self.now.get(&asked)?.clone();
                        Some(EvalAnswer { asked, score })
                    })
                    .collect(),
                texts,
            })
            .collect()
    }

    /// What was not measured.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let missing = self.asked.len() - self.now.len();
        if missing > 0 {
            notes.push(format!(
                "{missing} of {} questions were left out: longer than what the model reads at a time, \
                 or their continuation does not begin with a token of its own",
                self.asked.len()
            ));
        }
        let names = self.protocol.names();
        let measured: BTreeSet<usize> = self
            .rows
            .iter()
            .flat_map(|row| row.0.iter().enumerate().filter_map(|(at, v)| v.and(Some(at))))
            .collect();
        let questions = self.protocol.measures.len();
        let absent: Vec<&str> =
            (0..questions).filter(|at| !measured.contains(at)).map(|at| names[at]).collect();
        if !absent.is_empty() {
            notes.push(format!("no case has what {} asks for", absent.join(", ")));
        }
        notes
    }
}

fn answers(
    asked: &[PromptTarget],
    engine: &mut dyn Engine,
    progress: &mut dyn Progress,
) -> Result<Answers, EngineError> {
    let prompts: Vec<Prompt> = asked
        .iter()
        .map(|asked| Prompt { prompt: asked.prompt.clone(), expected: asked.target.clone() })
        .collect();
    let scores = engine.score(&prompts, progress)?.into_iter();
    Ok(asked
        .iter()
        .zip(scores)
        .filter_map(|(asked, score)| Some((asked.clone(), score?)))
        .collect())
}

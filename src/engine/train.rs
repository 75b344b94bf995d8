//! What an editor that learns is trained on, and what comes of it.

use std::{collections::BTreeMap, time::Instant};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{EngineError, Prompt};
use crate::{fact::Request, tensor::Tensor};

/// A fact that edits are rehearsed on: it is given another object of its predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// The fact in words, with the object that it has.
    pub request: Request,
    /// Index of its predicate in [`TrainJob::objects`].
    pub predicate: usize,
    /// What is to stay; where nothing is named, other lessons of the predicate and of the subject are.
    pub kept: Vec<Prompt>,
    /// What it is for.
    pub part: LessonPart,
}

/// What a [`Lesson`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LessonPart {
    /// To learn from.
    Training,
    /// To validate with: nothing of its subject is learned from.
    Seen,
    /// To validate with: nothing of its predicate is learned from.
    Unseen,
}

/// What an editor is to be trained on.
pub struct TrainJob<'a> {
    /// The facts.
    pub lessons: &'a [Lesson],
    /// By predicate, the objects that its facts have, in words; each once.
    pub objects: &'a [Vec<String>],
    /// Seed of everything drawn.
    pub seed: u64,
    /// Steps at most.
    pub steps: u64,
    /// When no further step begins.
    pub until: Option<Instant>,
    /// What an earlier run of the same training came to.
    pub begun: Option<Learned>,
    /// Takes what was learned so far, now and then, so that a run that is stopped can go on.
    pub keep: &'a mut dyn FnMut(&Learned) -> Result<(), EngineError>,
}

/// How far a training came, and all that it needs to go on from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// Steps made.
    pub steps: u64,
    /// What goes on: parameters, moments of the optimiser, what was validated best.
    pub tensors: BTreeMap<String, Tensor>,
}

/// What a training gave.
#[derive(Debug, Clone)]
pub struct Trained {
    /// What edits are made with.
    pub tensors: BTreeMap<String, Tensor>,
    /// Steps made.
    pub steps: u64,
    /// The step whose parameters these are.
    pub best: u64,
    /// Single edits of subjects that were not learned from; `None` where there are none.
    pub seen: Option<Validation>,
    /// Single edits of predicates that were not learned from; `None` where there are none.
    pub unseen: Option<Validation>,
    /// What the user should know. Whole sentences without a full stop.
    pub notes: Vec<String>,
}

/// How single edits went, each alone on the base, in parts of 1.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Validation {
    /// Edits tried.
    pub edits: u64,
    /// Edits whose prompt is answered with the new object.
    pub reliability: f64,
    /// Their other wordings, of which none was learned from, that are answered so.
    pub generality: f64,
    /// Prompts of other facts, of the predicate and of the subject, whose answer is what it was.
    pub locality: f64,
}

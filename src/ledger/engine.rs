//! The seam between the ledger and whatever runs the model.
//!
//! The ledger says which facts to edit into which version; an [`Engine`] knows tensors and editors
//! and says what came of it. Everything that crosses is plain data, so the ledger builds and is
//! tested without libtorch, with a stand-in engine.

use std::collections::BTreeMap;

use super::FoundWith;
use crate::{
    delta::{Matrix, Orientation, Tensor, Version},
    eval::{Reading, Score},
    fact::Request,
};

/// Runs the base model with some of its tensors replaced, and edits it.
///
/// An engine holds one loaded base. It has no state that changes an answer apart from the weights
/// set by [`Engine::set_weights`].
pub trait Engine {
    /// Replaces the edited tensors by those of a version, named and laid out as in the checkpoint.
    /// Tensors that are not named go back to the base's.
    ///
    /// # Errors
    /// When a tensor is unknown, has another shape, or does not fit on the device.
    fn set_weights(&mut self, weights: &BTreeMap<String, Tensor>) -> Result<(), EngineError>;

    /// The default settings of `editor` for the loaded base, as canonical TOML.
    ///
    /// # Errors
    /// When the editor is unknown.
    fn preset(&self, editor: &str) -> Result<String, EngineError>;

    /// Checks `settings` (TOML) for `editor` on the loaded base, fills in defaults, and returns the
    /// canonical form that a commit records.
    ///
    /// # Errors
    /// When a key is unknown, a value is out of range, or a layer does not exist.
    fn settings(&self, editor: &str, settings: &str) -> Result<String, EngineError>;

    /// What the ledger must know of `editor` with these canonical settings.
    ///
    /// # Errors
    /// As [`Engine::settings`].
    fn describe(&self, editor: &str, settings: &str) -> Result<EditorDescription, EngineError>;

    /// What it computes with; no fact is known from an earlier run yet.
    fn found_with(&self) -> FoundWith;

    /// Samples the context prefixes from the unedited base.
    ///
    /// # Errors
    /// When the model fails.
    fn prefixes(&mut self, settings: &str, seed: u64) -> Result<Vec<String>, EngineError>;

    /// The uncentred second moments of the keys at every layer that `settings` edits, on the
    /// unedited base.
    ///
    /// # Errors
    /// When the text yields no token, the model fails, or `progress` asks to stop.
    fn statistics(
        &mut self,
        settings: &str,
        text: &StatisticsText,
        progress: &mut dyn Progress,
    ) -> Result<Statistics, EngineError>;

    /// Runs an editor. The weights set before do not matter and are the base's afterwards.
    ///
    /// # Errors
    /// When a request cannot be edited, the model fails, or `progress` asks to stop.
    fn edit(
        &mut self,
        job: &EditJob<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, EngineError>;

    /// For each probe, on the weights now set, the greedy continuation and how likely the expected
    /// one is.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    fn answer(
        &mut self,
        probes: &[Probe],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Answer>, EngineError>;

    /// For each probe, on the weights now set, how likely each token of the expected continuation is when
    /// the right ones come before it. `None` where prompt and continuation are longer than what the model
    /// reads at a time, or the continuation does not begin with a token of its own.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    fn score(
        &mut self,
        probes: &[Probe],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Option<Score>>, EngineError>;

    /// How likely a text is on the weights now set, read in windows as long as the model's context, each
    /// beginning half a window after the one before.
    ///
    /// # Errors
    /// When the text has fewer than two tokens, the model fails or `progress` asks to stop.
    fn read_text(
        &mut self,
        text: &str,
        progress: &mut dyn Progress,
    ) -> Result<Reading, EngineError>;

    /// Texts that begin as given, drawn from the weights now set; the beginnings are part of them.
    ///
    /// # Errors
    /// When a beginning has no token or is longer than what the model reads at a time, the model fails
    /// or `progress` asks to stop.
    fn write_texts(
        &mut self,
        beginnings: &[String],
        how: &Drawing,
        progress: &mut dyn Progress,
    ) -> Result<Vec<String>, EngineError>;

    /// The best approximation of `left @ right` by factors of at most this `rank`, in the Frobenius
    /// norm.
    ///
    /// # Errors
    /// When the decomposition fails.
    fn approximate(
        &self,
        left: &Matrix,
        right: &Matrix,
        rank: usize,
    ) -> Result<Approximation, EngineError>;

    /// The most likely next tokens after `prompt` and one continuation, on the weights now set.
    ///
    /// # Errors
    /// When the prompt has no token or the model fails.
    fn continuations(&mut self, prompt: &str, how: &Sampling)
    -> Result<Continuations, EngineError>;
}

/// What the ledger must know of an editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditorDescription {
    /// Raised when the same input would give another output.
    pub version: u32,
    /// The tensors it changes, and how the checkpoint stores each.
    pub tensors: BTreeMap<String, Orientation>,
    /// What context prefixes depend on.
    pub prefix_settings: String,
    /// The settings that a request's z depends on.
    pub z_settings: String,
    /// Whether a request's z depends on the version that is edited, and not on its ground alone: the base with
    /// the changes that were not made fact by fact.
    pub z_depends_on_version: bool,
    /// Whether it depends on what else is edited about the subject: then all of it has to be edited together.
    pub joins_subjects: bool,
}

/// A change of lower rank.
#[derive(Debug, Clone)]
pub struct Approximation {
    /// `[out, rank]`.
    pub left: Matrix,
    /// `[rank, in]`.
    pub right: Matrix,
    /// Frobenius norm of what is lost over that of the change.
    pub lost: f64,
}

/// Text for [`Engine::statistics`].
#[derive(Debug, Clone, PartialEq)]
pub enum StatisticsText {
    /// Documents given by the user.
    Corpus(Vec<String>),
    /// Text sampled from the base itself until it has this many tokens.
    Sampled {
        /// Seed of the sampler.
        seed: u64,
        /// Tokens to sample.
        tokens: u64,
    },
}

/// What [`Engine::statistics`] found.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Tokens counted.
    pub tokens: u64,
    /// By name of the edited tensor: E[k kᵀ], `[in, in]`, of the keys entering it.
    pub second_moments: BTreeMap<String, Matrix>,
}

/// What an editor is asked to do.
pub struct EditJob<'a> {
    /// Name of the editor.
    pub editor: &'a str,
    /// Its settings, in canonical TOML.
    pub settings: &'a str,
    /// Context prefixes, in order; the empty prefix is not among them.
    pub prefixes: &'a [String],
    /// E[k kᵀ] by name of edited tensor.
    pub second_moments: &'a BTreeMap<String, Matrix>,
    /// The version to edit: base weights, the lineage's deltas and their keys (the carry).
    pub version: &'a Version,
    /// The facts, in words.
    pub requests: &'a [Request],
    /// For each request the z vector found earlier under the same inputs, if any.
    pub known_z: &'a [Option<Vec<f32>>],
}

/// What an editor did.
#[derive(Debug, Clone)]
pub struct EditOutcome {
    /// By name of edited tensor, what is to be added.
    pub layers: BTreeMap<String, LayerEdit>,
    /// The z vector of each request, `[requests, width]`.
    pub z: Matrix,
    /// Per request: how its optimisation ended; `None` where z was known.
    pub traces: Vec<Option<ZTrace>>,
    /// The settings with the numbers that were found in place of those that they leave to be found, in canonical
    /// form.
    pub settings: String,
    /// What the user should know, such as facts that compete for one key. Whole sentences without a
    /// full stop.
    pub notes: Vec<String>,
}

/// The change of one tensor: `delta = left @ right`, column i of `left` and row i of `right`
/// belonging to request i.
#[derive(Debug, Clone)]
pub struct LayerEdit {
    /// `[out, requests]`.
    pub left: Matrix,
    /// `[requests, in]`.
    pub right: Matrix,
    /// The keys of the requests at this layer, `[requests, in]`, for the carry of later edits.
    pub keys: Matrix,
}

/// How the optimisation of one z ended.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ZTrace {
    /// Gradient steps made.
    pub steps: u32,
    /// Last total loss.
    pub loss: f32,
    /// Probability of the target under z, geometric mean over its tokens and prefixes.
    pub probability: f32,
}

/// A prompt and what is hoped for after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The whole prompt, subject filled in.
    pub prompt: String,
    /// The expected continuation, without its leading space.
    pub expected: String,
}

/// What the model says to a [`Probe`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Answer {
    /// Greedy continuation, as many tokens as `expected` has, without its leading space.
    pub text: String,
    /// Whether those tokens are exactly the expected ones.
    pub matches: bool,
    /// Probability of the expected continuation: product over its tokens.
    pub probability: f32,
    /// Probability of the greedy continuation: product over its tokens.
    pub confidence: f32,
}

/// How [`Engine::continuations`] continues.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// How many next tokens to list.
    pub top: usize,
    /// How many tokens to continue by.
    pub tokens: usize,
    /// Temperature and seed; `None` is greedy.
    pub sample: Option<(f32, u64)>,
}

/// How [`Engine::write_texts`] goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing {
    /// Tokens of a text, its beginning included; fewer where the model reads fewer at a time.
    pub tokens: usize,
    /// Each token is drawn by probability from so many likeliest ones.
    pub top: usize,
    /// Seed.
    pub seed: u64,
}

/// Continuations of one prompt.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Continuations {
    /// Next tokens (each with the greedy rest of its word) and their probabilities, likeliest first.
    pub next: Vec<(String, f32)>,
    /// The continuation: greedy or sampled.
    pub text: String,
}

/// Hears how long work goes on, and may end it.
pub trait Progress {
    /// What follows is this part of the work, whether or not it is long enough for [`Self::start`].
    fn part(&mut self, _what: &str) {}
    /// A part of the work begins of which it can be told how far it is, `total` units long if that is known.
    fn start(&mut self, what: &str, total: Option<u64>);
    /// `done` units are done; `note` is a short figure such as the loss.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] when the work is to stop here.
    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError>;
    /// That part ended.
    fn finish(&mut self, note: &str);
    /// z vectors that are final, by index of request, and how the search for each ended: an edit that is stopped
    /// later need not find them again.
    fn found_z(&mut self, _request: usize, _z: &[f32], _trace: &ZTrace) {}
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64, _: &str) -> Result<(), EngineError> {
        Ok(())
    }
    fn finish(&mut self, _: &str) {}
}

/// Why an engine gave up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The work was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The program was built without a model runtime.
    #[error("this build has no model runtime")]
    NoRuntime,
    /// A setting does not fit the editor or the model.
    #[error("{0}")]
    Settings(String),
    /// A request cannot be edited.
    #[error("cannot edit {subject:?}: {why}")]
    Request {
        /// The fact's subject, in words.
        subject: String,
        /// What is wrong.
        why: String,
    },
    /// What was asked of the model cannot be done, though nothing is wrong with it.
    #[error("{source}")]
    Refused {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// The model's files or the device cannot be used.
    #[error("{source}")]
    Unusable {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// Something failed while the model ran: libtorch, or memory.
    #[error("the model failed")]
    Model(#[source] Box<dyn std::error::Error + Send + Sync>),
}

//! What an editor is asked to do, and what it did.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    delta::{Change, Version},
    fact::Request,
    tensor::{Matrix, Orientation, Tensor},
};

/// An editor and what it is set to: what a commit records of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditorSpec {
    /// Name of the editor.
    pub name: String,
    /// Raised when the same input would give another output.
    pub version: u32,
    /// Its settings, complete and in canonical TOML.
    pub settings: String,
}

/// What the ledger must know of an editor with its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// What of its change one fact can be taken out of.
    pub grain: Grain,
    /// The tensors it changes, and how the checkpoint stores each.
    pub tensors: BTreeMap<String, Orientation>,
    /// What it has to be given.
    pub needs: Needs,
    /// The settings that what it was trained to has to be of, in canonical TOML, where it needs to be trained.
    pub artefact: Option<String>,
    /// The search that finds a vector for each request, where it has one.
    pub search: Option<Search>,
    /// Whether what it finds for a request depends on what else is edited about the subject: then all of it has
    /// to be edited together.
    pub joins_subjects: bool,
    /// What context prefixes depend on.
    pub prefix_settings: String,
    /// The setting that says how much what the model knows besides outweighs an edit, if there is one.
    pub weight: Option<WeightSetting>,
    /// What a calibration can try, in turn.
    pub axes: Vec<Axis>,
    /// An editor and settings (TOML) whose statistics serve for all of that, where statistics are needed.
    pub widest: Option<(&'static str, String)>,
    /// Whether nobody has published settings for this model, so that a calibration is worth its time.
    pub uncalibrated: bool,
}

/// Values of a setting that a calibration tries.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its key.
    pub key: &'static str,
    /// Other values than it has.
    pub values: Vec<toml::Value>,
}

/// The setting that says how much what the model knows besides outweighs an edit: a number, or one for each tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightSetting {
    /// Its key.
    pub key: &'static str,
    /// Whether the check of the edit is to choose it.
    pub measured: bool,
}

/// What of a change belongs to one fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// Columns: each fact has its own and can be let go of by them.
    Fact,
    /// Nothing: the facts of a change hold together.
    Whole,
}

/// What an editor has to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Context prefixes, sampled from the base.
    pub prefixes: bool,
    /// Second moments of keys, taken on text.
    pub moments: bool,
    /// What it was trained to on the base.
    pub artefact: bool,
}

/// A search for a vector per request. Editors that search alike give it one name and so share what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Its name.
    pub method: String,
    /// Raised when the same input would find another vector.
    pub version: u32,
    /// The settings that it reads, in canonical TOML.
    pub settings: String,
    /// Whether it is made on the version that is edited, and not on its ground alone: the base with the changes
    /// that were not made fact by fact.
    pub on_version: bool,
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

/// Text for [`Engine::statistics`](super::Engine::statistics).
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

/// What [`Engine::statistics`](super::Engine::statistics) found.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Tokens counted.
    pub tokens: u64,
    /// By name of the edited tensor: E[k kᵀ], `[in, in]`, of the keys entering it.
    pub second_moments: BTreeMap<String, Matrix>,
}

/// What an editor is asked to do.
pub struct EditJob<'a> {
    /// Context prefixes, in order; the empty prefix is not among them.
    pub prefixes: &'a [String],
    /// E[k kᵀ] by name of edited tensor; nothing where the editor needs none.
    pub second_moments: &'a BTreeMap<String, Matrix>,
    /// What the editor was trained to; nothing where it needs none.
    pub artefact: Option<&'a BTreeMap<String, Tensor>>,
    /// Seed of everything sampled.
    pub seed: u64,
    /// The version to edit: base weights, the lineage's deltas and their keys (the carry).
    pub version: &'a Version,
    /// The facts, in words.
    pub requests: &'a [Request],
    /// For each request the z vector found earlier under the same inputs, if any.
    pub known_z: &'a [Option<Vec<f32>>],
    /// Takes z vectors as they become final, those of one step at once: an edit that is stopped later need not find
    /// them again.
    pub found: &'a mut dyn FnMut(&[Found]),
}

/// The z vector of a request that an editor searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Index of the request.
    pub request: usize,
    /// Its z vector.
    pub z: Vec<f32>,
    /// How the search for it ended.
    pub trace: ZTrace,
}

/// What an editor did.
#[derive(Debug, Clone)]
pub struct EditOutcome {
    /// The index of the request that column i of every change belongs to, in any order; a request can have several.
    /// Empty where the requests hold the change together.
    pub columns: Vec<u32>,
    /// By name of tensor, what is to be added. Keys, for the carry of later edits, have a row for each column.
    pub changes: BTreeMap<String, Change>,
    /// The z vector of each request, `[requests, width]`; no rows where the editor searches for none.
    pub z: Matrix,
    /// Per request: how its optimisation ended; `None` where z was known or none was sought.
    pub traces: Vec<Option<ZTrace>>,
    /// Per request: how much of what was sought is in the weights; empty where the editor does not say.
    pub reached: Vec<Reached>,
    /// The settings with the numbers that were found in place of those that they leave to be found, in canonical
    /// form.
    pub settings: String,
    /// What the user should know, such as facts that compete for one key. Whole sentences without a
    /// full stop.
    pub notes: Vec<String>,
}

/// How much of what was sought for a request is in the weights, where it is looked up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// How far from what was there to what was sought, from 0 to 1.
    pub part: f32,
    /// The request that draws it farthest the other way, and how far, as the same part; none where none does.
    pub rival: Option<(usize, f32)>,
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

/// What an edit was found with. The same inputs give the same bits where all of this is the same.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct FoundWith {
    /// Where it was computed: `cpu`, `cuda:0`.
    pub device: String,
    /// In what: `f32`, `f16`, `bf16`.
    pub dtype: String,
    /// Threads of the CPU: sums are cut into as many parts.
    pub threads: u64,
    /// Instructions of the CPU that kernels are chosen by: `avx512`, `avx2`.
    pub kernels: String,
    /// What computed, with its version: `libtorch 2.11.0`.
    pub library: String,
    /// Version of kledger.
    pub program: String,
    /// Facts whose z was known from an earlier run, perhaps with something else.
    pub known: u64,
}

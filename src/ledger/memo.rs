//! What earlier edits found and later ones need not find again: statistics and z vectors.
//!
//! z vectors are kept as soon as they are found, so that an edit that is stopped, refused or overtaken
//! costs only a solve the next time.

use std::collections::{BTreeMap, btree_map::Entry};

use bincode::{Decode, Encode};

use super::{
    LedgerError, MOST_SAMPLED_TOKENS, StatisticsRecord,
    edit::Setup,
    engine::{Engine, Progress, StatisticsText, ZTrace},
    lineage::Line,
    read::Stored,
    repo::{Actor, Repo},
    version,
    write::Change,
};
use crate::{
    checkpoint::Base,
    codec::{self, Draft, Object},
    delta::{Lineage, Matrix, Tensor, TensorFile},
    fact::Request,
    id::{Id, Kind},
    store::{ZEntry, ZMemo},
};

/// Everything that a z vector depends on. Never stored: its id is the key under which z is found
/// again.
#[derive(Encode, Decode)]
pub(super) struct ZInputs {
    base: Id<Base>,
    editor: String,
    editor_version: u32,
    settings: String,
    prefixes: Vec<String>,
    /// The weights that z is sought on: the version edited, where z depends on it; else what facts are
    /// edited into, where that is not the base alone.
    lineage: Option<Option<Id<Lineage>>>,
    subject: String,
    fact: Wanted,
    /// What else is edited about the subject, where z depends on it.
    beside: Vec<Wanted>,
}

/// What a z is to make of its subject.
#[derive(Clone, Encode, Decode)]
struct Wanted {
    prompts: Vec<String>,
    target: String,
    kept: Vec<String>,
}

impl Kind for ZInputs {
    const NAME: &'static str = "z inputs";
}

impl Object for ZInputs {
    const TAG: u8 = 0x15;
}

/// Key of a z vector: the id of its [`ZInputs`].
pub(super) type ZKey = [u8; 32];

/// Places of as many z vectors are in one memo: an object is of bounded length.
const MEMO: usize = 1 << 20;

/// A z vector, and how the search for it ended; `None` where a program of before kept it.
pub(super) type FoundZ = (Vec<f32>, Option<ZTrace>);

/// The tensor of a z file, one row for each vector.
const Z: &str = "z";
/// The tensor that says of each vector's search how it ended: steps, loss and probability. No steps are a number where
/// that is not known.
const TRACE: &str = "trace";

impl Setup {
    /// The key of each request's z.
    pub(super) fn z_keys(
        &self,
        base: Id<Base>,
        prefixes: &[String],
        line: &Line,
        requests: &[Request],
    ) -> Vec<ZKey> {
        let sought_on = if self.description.z_depends_on_version {
            Some(line.id())
        } else {
            line.ground().id().map(Some)
        };
        let mut beside: BTreeMap<&str, Vec<(usize, Wanted)>> = BTreeMap::new();
        for (i, request) in requests.iter().enumerate() {
            beside.entry(&request.subject).or_default().push((i, Wanted::of(request)));
        }
        let key = |(i, request): (usize, &Request)| {
            let others = self.description.joins_subjects.then(|| &beside[request.subject.as_str()]);
            let others = others.into_iter().flatten().filter(|(other, _)| *other != i);
            let inputs = ZInputs {
                base,
                editor: self.editor.clone(),
                editor_version: self.description.version,
                settings: self.description.z_settings.clone(),
                prefixes: prefixes.to_vec(),
                lineage: sought_on,
                subject: request.subject.clone(),
                fact: Wanted::of(request),
                beside: others.map(|(_, wanted)| wanted.clone()).collect(),
            };
            *codec::id_of(&inputs).as_bytes()
        };
        requests.iter().enumerate().map(key).collect()
    }
}

impl Wanted {
    fn of(request: &Request) -> Self {
        Self {
            prompts: std::iter::once(&request.prompt)
                .chain(&request.rephrasings)
                .cloned()
                .collect(),
            target: request.target.clone(),
            kept: request.kept.clone(),
        }
    }
}

/// Statistics with their record.
pub(super) struct Moments {
    pub(super) id: Id<StatisticsRecord>,
    pub(super) record: StatisticsRecord,
    /// By name of tensor: E[k kᵀ], `[in, in]`.
    pub(super) matrices: BTreeMap<String, Matrix>,
}

impl Repo {
    /// Reads the statistics of the first of `candidates` that covers what `setup` edits.
    pub(super) fn stored_statistics(
        &self,
        setup: &Setup,
        candidates: Vec<Stored<StatisticsRecord>>,
    ) -> Result<Option<Moments>, LedgerError> {
        let files = self.store().tensors();
        for (id, record) in candidates {
            let file = files.open(record.file)?;
            let mut matrices = BTreeMap::new();
            for name in setup.description.tensors.keys() {
                let stored = moment_name(name);
                if !file.contains(&stored) {
                    break;
                }
                let tensor = file.tensor(&stored)?;
                let width = tensor.shape.first().copied().unwrap_or_default();
                matrices.insert(name.clone(), version::matrix(&tensor, &stored, width, width)?);
            }
            if matrices.len() == setup.description.tensors.len() {
                return Ok(Some(Moments { id, record, matrices }));
            }
        }
        Ok(None)
    }

    /// Takes the default statistics: on text sampled from the base.
    pub(super) fn sampled_statistics(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        setup: &Setup,
        base: Id<Base>,
        progress: &mut dyn Progress,
    ) -> Result<Moments, LedgerError> {
        let (seed, tokens) = (setup.seed, self.config().statistics_tokens);
        let source = format!("{tokens} tokens sampled from the base, seed {seed}");
        let text = StatisticsText::Sampled { seed, tokens };
        self.take_statistics(actor, engine, setup, base, (&text, source), progress)
    }

    /// Takes statistics, and stores them so that later edits find them whether or not this one goes
    /// well.
    pub(super) fn take_statistics(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        setup: &Setup,
        base: Id<Base>,
        (text, source): (&StatisticsText, String),
        progress: &mut dyn Progress,
    ) -> Result<Moments, LedgerError> {
        let (found, corpus) = match text {
            StatisticsText::Corpus(documents) => {
                let corpus = corpus_hash(documents);
                let text = (documents.as_slice(), corpus);
                (self.statistics_in_parts(engine, setup, base, text, progress)?, corpus)
            }
            StatisticsText::Sampled { tokens, .. } if *tokens > MOST_SAMPLED_TOKENS => {
                return Err(LedgerError::TooManyTokens { tokens: *tokens });
            }
            StatisticsText::Sampled { .. } => {
                (engine.statistics(&setup.settings, text, progress)?, corpus_hash(&[]))
            }
        };
        let tensors = found
            .second_moments
            .iter()
            .map(|(name, matrix)| (moment_name(name), Tensor::from(matrix)))
            .collect();
        let (file, contents) = self.store().tensors().write(&tensors)?;
        let record = StatisticsRecord { base, source, corpus, tokens: found.tokens, file };
        let ledger = self.read()?;
        let mut draft = Draft::new(&ledger);
        draft.put(&contents);
        let id = draft.put(&record);
        let objects = draft.into_new();
        Change::new(objects).with_statistics(ledger.statistics()?, id).apply(&ledger, actor)?;
        Ok(Moments { id, record, matrices: found.second_moments })
    }

    /// Reads the z vectors that are known, by request.
    pub(super) fn known_z(&self, keys: &[ZKey]) -> Result<Vec<Option<FoundZ>>, LedgerError> {
        let ledger = self.read()?;
        let mut places = Vec::new();
        for key in keys {
            places.push(ledger.session.z(key)?);
        }
        drop(ledger);
        let files = self.store().tensors();
        let mut open: BTreeMap<Id<TensorFile>, (Matrix, Option<Matrix>)> = BTreeMap::new();
        let mut known = Vec::new();
        for place in places {
            let Some((file, row)) = place else {
                known.push(None);
                continue;
            };
            let (z, traces) = match open.entry(file) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(new) => {
                    let file = files.open(file)?;
                    let tensor = file.tensor(Z)?;
                    let [rows, width] = tensor.shape.as_slice().try_into().unwrap_or_default();
                    let z = version::matrix(&tensor, Z, rows, width)?;
                    let traces = if file.contains(TRACE) {
                        Some(version::matrix(&file.tensor(TRACE)?, TRACE, rows, 3)?)
                    } else {
                        None
                    };
                    new.insert((z, traces))
                }
            };
            let row = usize::try_from(row).unwrap_or(usize::MAX);
            let trace = |traces: &Matrix| trace(traces.row(row));
            known.push(
                (row < z.rows).then(|| (z.row(row).to_vec(), traces.as_ref().and_then(trace))),
            );
        }
        Ok(known)
    }

    /// Keeps z vectors to be found again under their keys.
    pub(super) fn keep_z(
        &self,
        actor: &Actor,
        found: &[(ZKey, FoundZ)],
    ) -> Result<(), LedgerError> {
        let Some((_, (first, _))) = found.first() else { return Ok(()) };
        let z = Matrix {
            rows: found.len(),
            cols: first.len(),
            data: found.iter().flat_map(|(_, (z, _))| z.iter().copied()).collect(),
        };
        let traces = Matrix {
            rows: found.len(),
            cols: 3,
            data: found.iter().flat_map(|(_, (_, trace))| row(trace.as_ref())).collect(),
        };
        let tensors =
            [(Z.to_owned(), Tensor::from(&z)), (TRACE.to_owned(), Tensor::from(&traces))].into();
        let (file, contents) = self.store().tensors().write(&tensors)?;
        let entries = (0u32..).zip(found).map(|(row, (key, _))| ZEntry { key: *key, row });
        let mut places: Vec<ZEntry> = entries.collect();
        places.sort();
        let ledger = self.read()?;
        let mut draft = Draft::new(&ledger);
        draft.put(&contents);
        let mut change = Change::new(draft.into_new());
        for places in places.chunks(MEMO) {
            change = change.with_z(ZMemo { file, places: places.to_vec() });
        }
        change.apply(&ledger, actor)
    }
}

/// A trace as a row of [`TRACE`].
#[expect(clippy::cast_precision_loss, reason = "steps are fewer than 2^24")]
fn row(trace: Option<&ZTrace>) -> [f32; 3] {
    trace.map_or([f32::NAN; 3], |trace| [trace.steps as f32, trace.loss, trace.probability])
}

/// What a row of [`TRACE`] says.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "steps are a whole number where they are one"
)]
fn trace(row: &[f32]) -> Option<ZTrace> {
    let &[steps, loss, probability] = row else { return None };
    (steps >= 0.0).then_some(ZTrace { steps: steps as u32, loss, probability })
}

fn moment_name(tensor: &str) -> String {
    format!("{tensor}.second_moment")
}

/// Marks hashes of corpora.
struct Corpus;

impl Kind for Corpus {
    const NAME: &'static str = "corpus";
}

fn corpus_hash(documents: &[String]) -> [u8; 32] {
    let mut hasher = Id::<Corpus>::hasher();
    for document in documents {
        hasher.update(&(document.len() as u64).to_le_bytes());
        hasher.update(document.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

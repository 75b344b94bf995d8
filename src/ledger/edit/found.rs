//! What earlier edits found and later ones need not find again: statistics and z vectors.
//!
//! z vectors are kept as soon as they are found, so that an edit that is stopped, refused or overtaken
//! costs only a solve the next time.

use std::collections::{BTreeMap, btree_map::Entry};

use bincode::{Decode, Encode};

use super::setup::Setup;
use crate::{
    checkpoint::Base,
    codec::{self, Draft, Object},
    delta::{Lineage, TensorFile},
    engine::ZTrace,
    fact::Request,
    id::{Id, Kind},
    ledger::{
        actor::Actor,
        error::LedgerError,
        lineage::{line::Line, load},
        repo::Repo,
        state::update::Update,
    },
    store::{ZEntry, ZMemo},
    tensor::{Matrix, Tensor},
};

/// Everything that a z vector depends on. Never stored: its id is the key under which z is found
/// again.
#[derive(Encode, Decode)]
pub(crate) struct ZInputs {
    base: Id<Base>,
    /// The search that finds it, whichever editor makes it.
    method: String,
    version: u32,
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
pub(crate) type ZKey = [u8; 32];

/// Places of as many z vectors are in one memo: an object is of bounded length.
const MEMO: usize = 1 << 20;

/// A z vector, and how the search for it ended; `None` where a program of before kept it.
pub(crate) type FoundZ = (Vec<f32>, Option<ZTrace>);

/// The tensor of a z file, one row for each vector.
const Z: &str = "z";
/// The tensor that says of each vector's search how it ended: steps, loss and probability. No steps are a number where
/// that is not known.
const TRACE: &str = "trace";

impl Setup {
    /// The key of each request's z; `None` where the editor searches for none.
    pub(crate) fn z_keys(
        &self,
        base: Id<Base>,
        prefixes: &[String],
        line: &Line,
        requests: &[Request],
    ) -> Option<Vec<ZKey>> {
        let search = self.description.search.as_ref()?;
        let sought_on =
            if search.on_version { Some(line.id()) } else { line.ground().id().map(Some) };
        let mut beside: BTreeMap<&str, Vec<(usize, Wanted)>> = BTreeMap::new();
        for (i, request) in requests.iter().enumerate() {
            beside.entry(&request.subject).or_default().push((i, Wanted::of(request)));
        }
        let key = |(i, request): (usize, &Request)| {
            let others = self.description.joins_subjects.then(|| &beside[request.subject.as_str()]);
            let others = others.into_iter().flatten().filter(|(other, _)| *other != i);
            let inputs = ZInputs {
                base,
                method: search.method.clone(),
                version: search.version,
                settings: search.settings.clone(),
                prefixes: prefixes.to_vec(),
                lineage: sought_on,
                subject: request.subject.clone(),
                fact: Wanted::of(request),
                beside: others.map(|(_, wanted)| wanted.clone()).collect(),
            };
            *codec::id_of(&inputs).as_bytes()
        };
        Some(requests.iter().enumerate().map(key).collect())
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

impl Repo {
    /// Reads the z vectors that are known, by request.
    pub(crate) fn known_z(&self, keys: &[ZKey]) -> Result<Vec<Option<FoundZ>>, LedgerError> {
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
                    let z = load::matrix(&tensor, Z, rows, width)?;
                    let traces = if file.contains(TRACE) {
                        Some(load::matrix(&file.tensor(TRACE)?, TRACE, rows, 3)?)
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
    pub(crate) fn keep_z(
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
        let mut change = Update::new(draft.into_new());
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

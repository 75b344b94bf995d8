//! Facts edited into a version: from requests to a delta at the end of a lineage.
//!
//! Prefixes, statistics and z vectors that were found under the same inputs before are used again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::found::{FoundZ, ZKey};
use crate::{
    checkpoint::Base,
    commit::Spec,
    delta::{Delta, TensorFile},
    engine::{
        EditJob, EditOutcome, EditorDescription, Engine, EngineError, FoundWith, Progress, ZTrace,
    },
    fact::{FactKey, Request},
    id::Id,
    ledger::{
        actor::Actor,
        edit::{earlier::Earlier, setup::Setup},
        error::LedgerError,
        lineage::{line::Line, load},
        repo::Repo,
    },
    tensor::Tensor,
};

/// Facts to be edited, and into what.
pub(crate) struct Job<'a> {
    pub(crate) base: Id<Base>,
    /// The lineage to put the delta on. Where it holds some of the facts, they are edited on top of that.
    pub(crate) line: &'a Line,
    pub(crate) requests: BTreeMap<FactKey, Request>,
    pub(crate) earlier: &'a Earlier,
}

/// What the engine made of a [`Job`].
pub(crate) struct Edited {
    pub(crate) spec: Spec,
    pub(crate) delta: Delta,
    /// Table of contents of its tensor file.
    pub(crate) contents: TensorFile,
    /// Facts whose z was known.
    pub(crate) known: u64,
    pub(crate) found_with: FoundWith,
    /// The lineage with the delta at its end.
    pub(crate) line: Line,
    pub(crate) weights: BTreeMap<String, Tensor>,
    /// By fact, in the order of their keys: how its optimisation ended.
    pub(crate) traces: Vec<Option<ZTrace>>,
    pub(crate) notes: Vec<String>,
}

impl Repo {
    /// As many facts can be in one delta, which lists them, and the tensors that it changes.
    fn most_columns(&self, editor: &EditorDescription) -> usize {
        let fact = size_of::<FactKey>();
        let tensors = editor.tensors.keys().map(|name| name.len() + fact + size_of::<u128>());
        let rest = tensors.sum::<usize>() + 2 * fact;
        self.object_limit().saturating_sub(rest) / fact
    }

    /// Runs the editor and builds the weights that come of it.
    ///
    /// # Errors
    /// When a fact cannot be edited, the model fails, or `progress` asks to stop; the z vectors found
    /// until then are kept.
    pub(crate) fn edit(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        setup: Setup,
        job: Job<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Edited, LedgerError> {
        let most = self.most_columns(&setup.description);
        if job.requests.len() > most {
            return Err(LedgerError::TooManyFacts { count: job.requests.len(), most });
        }
        let mut notes = Vec::new();
        let prefixes = match job.earlier.specs.iter().find(|spec| setup.samples_as(spec, engine)) {
            Some(spec) => spec.prefixes.clone(),
            None => {
                progress.part("prefixes");
                engine.prefixes(&setup.settings, setup.seed)?
            }
        };
        let moments = match self.stored_statistics(&setup, job.earlier.statistics.clone())? {
            Some(moments) => moments,
            None => {
                let tokens = self.config().statistics_tokens;
                notes.push(format!(
                    "statistics taken on {tokens} tokens sampled from the base; kledger stats \
                     --corpus FILE takes them on text of yours"
                ));
                self.sampled_statistics(actor, engine, &setup, job.base, progress)?
            }
        };

        let (columns, requests): (Vec<FactKey>, Vec<Request>) = job.requests.into_iter().unzip();
        let keys = setup.z_keys(job.base, &prefixes, job.line, &requests);
        let (known, traces): (Vec<_>, Vec<_>) =
            self.known_z(&keys)?.into_iter().map(Option::unzip).unzip();
        let files = self.store().tensors();
        progress.part("weights");
        let version = self.version(job.line, &columns)?;
        let work = EditJob {
            editor: &setup.editor,
            settings: &setup.settings,
            prefixes: &prefixes,
            second_moments: &moments.matrices,
            version: &version,
            requests: &requests,
            known_z: &known,
        };
        let mut outcome = self.run_editor(actor, engine, &work, &keys, progress)?;
        // What was found before ended as it did then, so a commit that is made again is the same.
        for (trace, known) in outcome.traces.iter_mut().zip(traces) {
            *trace = trace.take().or(known.flatten());
        }
        notes.extend(outcome.notes);
        progress.part("record");

        let orientations = &setup.description.tensors;
        let (delta, contents) = load::write_delta(&files, outcome.layers, orientations, &columns)?;
        let mut line = job.line.clone();
        line.push(delta.clone());
        progress.part("weights");
        let weights = self.build(&line)?;
        Ok(Edited {
            spec: Spec {
                editor: setup.editor,
                editor_version: setup.description.version,
                settings: outcome.settings,
                seed: setup.seed,
                prefixes,
                statistics: moments.id,
            },
            delta,
            contents,
            known: known.iter().flatten().count() as u64,
            found_with: FoundWith {
                known: known.iter().flatten().count() as u64,
                ..engine.found_with()
            },
            line,
            weights,
            traces: outcome.traces,
            notes,
        })
    }

    /// Runs the editor and keeps the z vectors that it finds, on the way and however it ends.
    fn run_editor(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        job: &EditJob<'_>,
        keys: &[ZKey],
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, LedgerError> {
        let mut kept = BTreeSet::new();
        let mut keep = |found: &BTreeMap<usize, FoundZ>| {
            let is_new = |request: &usize| {
                job.known_z.get(*request).is_some_and(Option::is_none) && !kept.contains(request)
            };
            let new = found.iter().filter(|(request, _)| is_new(request));
            let new: Vec<(ZKey, FoundZ)> =
                new.map(|(request, found)| (keys[*request], found.clone())).collect();
            self.keep_z(actor, &new)?;
            kept.extend(found.keys().copied());
            Ok(())
        };
        let mut listening = Listening::new(progress, KEPT_EVERY, &mut keep);
        let outcome = engine.edit(job, &mut listening);
        let mut found = listening.found;
        if let Ok(outcome) = &outcome {
            let trace = |row: usize| outcome.traces.get(row).cloned().flatten();
            let found_z = |row: usize| (outcome.z.row(row).to_vec(), trace(row));
            found.extend((0..outcome.z.rows).map(|row| (row, found_z(row))));
        }
        keep(&found)?;
        outcome.map_err(|error| {
            LedgerError::with_kept(error, || {
                let kept = match found.len() as u64 {
                    0 => "no edit of a fact was found yet".to_owned(),
                    1 => "the edit of 1 fact was found and is kept".to_owned(),
                    found => format!("the edits of {found} facts were found and are kept"),
                };
                format!("{kept}; what was to be edited still is: run the command again")
            })
        })
    }
}

/// How long z vectors that were found wait until they are kept: finding them can take hours.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// Puts z vectors, by request, where the next edit finds them.
type Keep<'a> = &'a mut dyn FnMut(&BTreeMap<usize, FoundZ>) -> Result<(), LedgerError>;

/// Hears z vectors as they are found, and has them kept now and then.
struct Listening<'a> {
    progress: &'a mut dyn Progress,
    found: BTreeMap<usize, FoundZ>,
    every: Duration,
    keep: Keep<'a>,
    kept: Instant,
}

impl<'a> Listening<'a> {
    fn new(progress: &'a mut dyn Progress, every: Duration, keep: Keep<'a>) -> Self {
        Self { progress, found: BTreeMap::new(), every, keep, kept: Instant::now() }
    }
}

impl Progress for Listening<'_> {
    fn part(&mut self, what: &str) {
        self.progress.part(what);
    }
    fn start(&mut self, what: &str, total: Option<u64>) {
        self.progress.start(what, total);
    }
    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError> {
        if self.kept.elapsed() >= self.every {
            // What cannot be kept now is tried again, and at the end the reason is told.
            let _again_later = (self.keep)(&self.found);
            self.kept = Instant::now();
        }
        self.progress.advance(done, note)
    }
    fn finish(&mut self, note: &str) {
        self.progress.finish(note);
    }
    fn found_z(&mut self, request: usize, z: &[f32], trace: &ZTrace) {
        self.found.insert(request, (z.to_vec(), Some(trace.clone())));
        self.progress.found_z(request, z, trace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Silent;

    #[test]
    fn what_was_found_is_kept_while_more_is_sought() {
        let mut kept = Vec::new();
        let mut keep = |found: &BTreeMap<usize, FoundZ>| {
            kept.push(found.keys().copied().collect::<Vec<_>>());
            Ok(())
        };
        let (mut silent, soon, late) = (Silent, Duration::ZERO, Duration::MAX);
        for (every, request) in [(soon, 3), (late, 1), (soon, 2)] {
            let mut listening = Listening::new(&mut silent, every, &mut keep);
            let trace = ZTrace { steps: 1, loss: 0.5, probability: 0.5 };
            listening.found_z(request, &[1.0], &trace);
            listening.advance(1, "").unwrap();
        }
        assert_eq!(kept, [[3], [2]]);
    }
}

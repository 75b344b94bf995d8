//! Facts edited into a version: from requests to a delta at the end of a lineage.
//!
//! Prefixes, statistics and z vectors that were found under the same inputs before are used again.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::found::{FoundZ, ZKey};
use crate::{
    checkpoint::Base,
    commit::Spec,
    delta::{Delta, TensorFile, Version},
    engine::{Description, EditJob, EditOutcome, Engine, Found, FoundWith, Progress},
    fact::{FactKey, Request},
    id::Id,
    ledger::{
        actor::Actor,
        edit::{
            earlier::Earlier,
            failure::{Finding, Rival},
            rounds::Round,
            setup::Setup,
            statistics::Moments,
        },
        error::LedgerError,
        lineage::{line::Line, load},
        repo::Repo,
    },
    tensor::{Matrix, Tensor},
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
    /// By fact, in the order of their keys, as [`Delta::facts`] has them: how its edit went.
    pub(crate) findings: Vec<Finding>,
    pub(crate) notes: Vec<String>,
    /// How often its misses were edited again.
    pub(crate) rounds: Vec<Round>,
}

impl Repo {
    /// As many facts can be in one delta, which lists them, and the tensors that it changes.
    fn most_columns(&self, editor: &Description) -> usize {
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
        let needed = setup.description.needs;
        let prefixes = match needed
            .prefixes
            .then(|| job.earlier.specs.iter().find(|spec| setup.samples_as(spec, engine)))
        {
            None => Vec::new(),
            Some(Some(spec)) => spec.prefixes.clone(),
            Some(None) => {
                progress.part("prefixes");
                engine.prefixes(&setup.editor, setup.seed)?
            }
        };
        let moments = if needed.moments {
            Some(self.moments(actor, engine, &setup, &job, &mut notes, progress)?)
        } else {
            None
        };

        let parameters = match needed.artefact {
            true => Some(self.parameters(&setup, engine, &job)?),
            false => None,
        };

        let (facts, requests): (Vec<FactKey>, Vec<Request>) = job.requests.into_iter().unzip();
        let keys = setup.z_keys(job.base, &prefixes, job.line, &requests);
        let found_before = match &keys {
            Some(keys) => self.known_z(keys)?,
            None => vec![None; requests.len()],
        };
        let (known, traces): (Vec<_>, Vec<_>) = found_before.into_iter().map(Option::unzip).unzip();
        let files = self.store().tensors();
        progress.part("weights");
        let version = self.version(job.line, &facts)?;
        let none = BTreeMap::new();
        let work = Work {
            setup: &setup,
            prefixes: &prefixes,
            second_moments: moments.as_ref().map_or(&none, |found| &found.matrices),
            artefact: parameters.as_ref().map(|parameters| &parameters.tensors),
            version: &version,
            requests: &requests,
            keys: keys.as_deref().unwrap_or_default(),
            known_z: &known,
        };
        let mut outcome = self.run_editor(actor, engine, &work, progress)?;
        // What was found before ended as it did then, so a commit that is made again is the same.
        for (trace, known) in outcome.traces.iter_mut().zip(traces) {
            *trace = trace.take().or(known.flatten());
        }
        notes.append(&mut outcome.notes);
        let rival = |(request, pull): (usize, f32)| Rival { of: requests[request].text(), pull };
        let mut reached = outcome.reached.iter();
        let findings = outcome.traces.iter().map(|trace| {
            let reached = reached.next();
            Finding {
                sought: setup.description.search.is_some(),
                trace: trace.clone(),
                reached: reached.map(|reached| reached.part),
                rival: reached.and_then(|reached| reached.rival.map(rival)),
                weight_setting: setup.description.weight.map(|weight| weight.key),
            }
        });
        let findings = findings.collect();
        progress.part("record");

        let (delta, contents) = load::write_outcome(&files, &outcome, &setup.description, &facts)?;
        let mut line = job.line.clone();
        line.push(delta.clone());
        progress.part("weights");
        let weights = self.build(&line)?;
        Ok(Edited {
            spec: Spec {
                editor: setup.editor.name,
                editor_version: setup.editor.version,
                settings: outcome.settings,
                seed: setup.seed,
                prefixes,
                statistics: moments.map(|moments| moments.id),
                artefact: parameters.map(|parameters| parameters.id),
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
            findings,
            notes,
            rounds: Vec::new(),
        })
    }

    /// The statistics that an edit is made with: the newest that fit, or new ones of sampled text, of which `notes` tell.
    fn moments(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        setup: &Setup,
        job: &Job<'_>,
        notes: &mut Vec<String>,
        progress: &mut dyn Progress,
    ) -> Result<Moments, LedgerError> {
        if let Some(moments) = self.stored_statistics(setup, job.earlier.statistics.clone())? {
            return Ok(moments);
        }
        let tokens = self.config().statistics_tokens;
        notes.push(format!(
            "statistics taken on {tokens} tokens sampled from the base; kledger stats --corpus FILE \
             takes them on text of yours"
        ));
        self.sampled_statistics(actor, engine, setup, job.base, progress)
    }

    /// Runs the editor and keeps the z vectors that it finds, on the way and however it ends.
    fn run_editor(
        &self,
        actor: &Actor,
        engine: &mut dyn Engine,
        work: &Work<'_>,
        progress: &mut dyn Progress,
    ) -> Result<EditOutcome, LedgerError> {
        let mut keep = |found: &[(ZKey, FoundZ)]| self.keep_z(actor, found);
        let mut sink = Sink::new(work.keys, work.known_z, KEPT_EVERY, &mut keep);
        let mut job = EditJob {
            prefixes: work.prefixes,
            second_moments: work.second_moments,
            artefact: work.artefact,
            seed: work.setup.seed,
            version: work.version,
            requests: work.requests,
            known_z: work.known_z,
            found: &mut |found| sink.take(found),
        };
        let outcome = engine.edit(&work.setup.editor, &mut job, progress);
        let found = sink.finish()?;
        outcome.map_err(|error| {
            LedgerError::with_kept(error, || {
                let kept = match found {
                    0 => "no edit of a fact was found yet".to_owned(),
                    1 => "the edit of 1 fact was found and is kept".to_owned(),
                    found => format!("the edits of {found} facts were found and are kept"),
                };
                format!("{kept}; what was to be edited still is: run the command again")
            })
        })
    }
}

/// What an editor is given.
struct Work<'a> {
    setup: &'a Setup,
    prefixes: &'a [String],
    second_moments: &'a BTreeMap<String, Matrix>,
    artefact: Option<&'a BTreeMap<String, Tensor>>,
    version: &'a Version,
    requests: &'a [Request],
    /// The key of each request's z.
    keys: &'a [ZKey],
    known_z: &'a [Option<Vec<f32>>],
}

/// How long z vectors that were found wait until they are kept: finding them can take hours.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// Puts z vectors where the next edit finds them.
type Keep<'a> = &'a mut dyn FnMut(&[(ZKey, FoundZ)]) -> Result<(), LedgerError>;

/// Takes z vectors as they are found, and keeps them now and then.
struct Sink<'a> {
    /// The key of each request's z.
    keys: &'a [ZKey],
    known: &'a [Option<Vec<f32>>],
    every: Duration,
    keep: Keep<'a>,
    kept: Instant,
    found: u64,
    /// Those that are not kept yet.
    waiting: Vec<(ZKey, FoundZ)>,
}

impl<'a> Sink<'a> {
    fn new(
        keys: &'a [ZKey],
        known: &'a [Option<Vec<f32>>],
        every: Duration,
        keep: Keep<'a>,
    ) -> Self {
        Self { keys, known, every, keep, kept: Instant::now(), found: 0, waiting: Vec::new() }
    }

    fn take(&mut self, found: &[Found]) {
        self.found += found.len() as u64;
        for found in found {
            // One that was known is found once more where it was sought together with others.
            let known = self.known.get(found.request).is_some_and(Option::is_some);
            if let Some(key) = self.keys.get(found.request).filter(|_| !known) {
                self.waiting.push((*key, (found.z.clone(), Some(found.trace.clone()))));
            }
        }
        if self.kept.elapsed() >= self.every {
            // What cannot be kept now is tried again, and at the end the reason is told.
            if (self.keep)(&self.waiting).is_ok() {
                self.waiting.clear();
            }
            self.kept = Instant::now();
        }
    }

    /// Keeps those that are left; says how many there were in all.
    fn finish(self) -> Result<u64, LedgerError> {
        (self.keep)(&self.waiting)?;
        Ok(self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ZTrace;

    #[test]
    fn what_was_found_is_kept_while_more_is_sought() {
        let keys = [1, 2, 3, 4].map(|byte| [byte; 32]);
        let known = [None, None, None, Some(vec![1.0])];
        let kept_by = |every| {
            let mut kept = Vec::new();
            let mut keep = |found: &[(ZKey, FoundZ)]| {
                kept.push(found.iter().map(|(key, _)| key[0]).collect::<Vec<_>>());
                Ok(())
            };
            let mut sink = Sink::new(&keys, &known, every, &mut keep);
            for requests in [vec![2, 0, 3], vec![1]] {
                let trace = ZTrace { steps: 1, loss: 0.5, probability: 0.5 };
                let found = |request| Found { request, z: vec![1.0], trace: trace.clone() };
                sink.take(&requests.into_iter().map(found).collect::<Vec<_>>());
            }
            assert_eq!(sink.finish().unwrap(), 4);
            kept
        };
        assert_eq!(kept_by(Duration::ZERO), [vec![3, 1], vec![2], vec![]]);
        assert_eq!(kept_by(Duration::MAX), [vec![3, 1, 2]]);
    }

    #[test]
    fn what_cannot_be_kept_is_tried_again() {
        let (mut tries, keys) = (0, [[7; 32]]);
        let mut keep = |found: &[(ZKey, FoundZ)]| {
            tries += 1;
            assert_eq!(found.len(), 1);
            if tries == 1 { Err(LedgerError::NoMessage) } else { Ok(()) }
        };
        let mut sink = Sink::new(&keys, &[None], Duration::ZERO, &mut keep);
        let trace = ZTrace { steps: 1, loss: 0.5, probability: 0.5 };
        sink.take(&[Found { request: 0, z: vec![1.0], trace }]);
        assert_eq!(sink.finish().unwrap(), 1);
        assert_eq!(tries, 2);
    }
}

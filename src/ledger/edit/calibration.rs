//! Settings that suit a model, found by editing facts that it knows.
//!
//! One setting after the other is tried with other values, in the order in which the editor lists them, while those
//! before it have what was found for them. A value is taken where what the check measures is better by more than a
//! point.

use std::{collections::BTreeSet, time::Instant};

use serde::{Deserialize, Serialize};

use super::{
    attempt::{Edited, Job},
    earlier::Earlier,
    examine::Examination,
    measured::Measured,
    options::EditOptions,
    rehearsal::Rehearsal,
    setup::Setup,
    trial::Trial,
    weigh::EditTask,
};
use crate::{
    checkpoint::Base,
    engine::{EngineError, Progress},
    id::Id,
    ledger::{actor::Actor, error::LedgerError, lineage::line::Line},
};

/// Settings that were tried, and what came of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// What was set besides what was found until then; nothing at the beginning.
    pub settings: toml::Table,
    /// What the check measured.
    #[serde(flatten)]
    pub measured: Measured,
    /// Whether it was better than all before.
    pub taken: bool,
}

/// What a search came to.
#[derive(Debug, Default)]
pub(crate) struct Searched {
    /// What is to be set.
    pub(crate) settings: toml::Table,
    pub(crate) tried: Vec<Tried>,
    /// Values that the time did not suffice for.
    pub(crate) untried: u64,
}

/// How settings are tried.
pub(crate) struct Calibration<'a> {
    pub(crate) actor: &'a Actor,
    /// The version that is edited.
    pub(crate) base: Id<Base>,
    pub(crate) line: &'a Line,
    pub(crate) earlier: &'a Earlier,
    /// What edits are made with besides.
    pub(crate) options: &'a EditOptions,
    /// Settings that stay as they are.
    pub(crate) fixed: &'a BTreeSet<String>,
    /// When nothing more is tried.
    pub(crate) until: Option<Instant>,
    /// Blocks to be tried besides those that the editor lists.
    pub(crate) blocks: &'a [usize],
}

/// The setting that says which blocks are edited, of editors that have one.
const BLOCKS: &str = "layers";

impl Calibration<'_> {
    /// Whether `setup` has blocks that can be chosen, and nobody has.
    pub(crate) fn chooses_blocks(setup: &Setup, fixed: &BTreeSet<String>) -> bool {
        setup.description.axes.iter().any(|axis| axis.key == BLOCKS) && !fixed.contains(BLOCKS)
    }

    /// Tries values of one setting after the other on the edits of `rehearsal`.
    ///
    /// # Errors
    /// When an edit fails or `progress` asks to stop.
    pub(crate) fn search(
        &self,
        trial: &mut Trial<'_>,
        rehearsal: &Rehearsal,
        progress: &mut dyn Progress,
    ) -> Result<Searched, LedgerError> {
        let mut searched = Searched::default();
        let axes = self.setup(trial, &searched.settings)?.description.axes.len();
        let values: usize = (0..axes)
            .map(|axis| Ok(self.values(trial, &searched.settings, axis)?.len()))
            .sum::<Result<usize, LedgerError>>()?;
        progress.start("calibrate", Some(values as u64 + 1));
        let mut within = Within { progress, done: 0 };
        let mut best = self.measure(trial, rehearsal, &searched.settings, &mut within)?;
        searched.tried.push(Tried { settings: toml::Table::new(), measured: best, taken: true });
        for axis in 0..axes {
            for (key, value) in self.values(trial, &searched.settings, axis)? {
                if self.until.is_some_and(|until| Instant::now() >= until) {
                    searched.untried += 1;
                    continue;
                }
                within.done += 1;
                let note = format!("{key} = {value}, best {:.1}", 100.0 * best.score);
                within.progress.advance(within.done, &note)?;
                let tried: toml::Table = [(key.to_owned(), value)].into_iter().collect();
                let mut settings = searched.settings.clone();
                settings.extend(tried.clone());
                let measured = self.measure(trial, rehearsal, &settings, &mut within)?;
                let taken = measured.beats(&best);
                searched.tried.push(Tried { settings: tried, measured, taken });
                if taken {
                    (best, searched.settings) = (measured, settings);
                }
            }
        }
        within.progress.finish(&format!("S {:.1}", 100.0 * best.score));
        Ok(searched)
    }

    /// The values to try for the setting that is next in turn as this `number`, with `settings` in force: where
    /// statistics were taken, those that they cover.
    fn values(
        &self,
        trial: &Trial<'_>,
        settings: &toml::Table,
        number: usize,
    ) -> Result<Vec<(&'static str, toml::Value)>, LedgerError> {
        let settled = self.setup(trial, settings)?;
        let axis = settled.description.axes.get(number);
        let Some(axis) = axis.filter(|axis| !self.fixed.contains(axis.key)) else {
            return Ok(Vec::new());
        };
        let mut values = Vec::new();
        let with = |value: &toml::Value| {
            let mut settings = settings.clone();
            settings.insert(axis.key.to_owned(), value.clone());
            self.setup(trial, &settings)
        };
        // An editor may take no more than one block.
        let others = self.other_blocks(&settled, number).filter(|others| with(others).is_ok());
        for value in others.filter(|it| !axis.values.contains(it)).iter().chain(&axis.values) {
            let setup = with(value)?;
            let taken = &self.earlier.statistics;
            if taken.is_empty() || trial.repo.has_statistics(&setup, taken)? {
                values.push((axis.key, value.clone()));
            }
        }
        Ok(values)
    }

    /// The blocks that are to be tried besides, where the setting of this `number` is the first that says which; nothing
    /// where they are what `settled` says.
    fn other_blocks(&self, settled: &Setup, number: usize) -> Option<toml::Value> {
        let first = settled.description.axes.iter().position(|axis| axis.key == BLOCKS);
        let blocks = toml::Value::try_from(self.blocks).ok().filter(|_| !self.blocks.is_empty());
        let now = settled.editor.settings.parse::<toml::Table>().unwrap_or_default();
        blocks.filter(|blocks| first == Some(number) && now.get(BLOCKS) != Some(blocks))
    }

    fn setup(&self, trial: &Trial<'_>, settings: &toml::Table) -> Result<Setup, LedgerError> {
        let mut options = self.options.clone();
        options.settings.extend(settings.clone());
        Setup::settle(trial.repo, trial.engine.as_ref(), &options)
    }

    /// What edits with `settings` come to.
    ///
    /// # Errors
    /// When an edit fails or `progress` asks to stop.
    pub(crate) fn measure(
        &self,
        trial: &mut Trial<'_>,
        Rehearsal { edits, sample }: &Rehearsal,
        settings: &toml::Table,
        progress: &mut dyn Progress,
    ) -> Result<Measured, LedgerError> {
        let setup = self.setup(trial, settings)?;
        let job = || Job {
            base: self.base,
            line: self.line,
            requests: edits.iter().map(|(key, edit)| (*key, edit.request.clone())).collect(),
            earlier: self.earlier,
        };
        let examination = |edited: &Edited| Examination {
            edited: edits.values().cloned().zip(edited.findings.clone()).collect(),
            neighbours: sample.neighbours.clone(),
            earlier: sample.earlier.clone(),
            known: sample.known,
        };
        let task = EditTask { actor: self.actor, job: &job, examination: &examination };
        let (checked, _) = trial.edit_and_check(setup, &task, progress)?;
        Ok(Measured::of(&checked.check))
    }
}

/// The progress of one edit, as a part of that of many.
pub(crate) struct Within<'a> {
    pub(crate) progress: &'a mut dyn Progress,
    /// Edits that are done.
    pub(crate) done: u64,
}

impl Progress for Within<'_> {
    fn part(&mut self, what: &str) {
        self.progress.part(what);
    }

    fn start(&mut self, what: &str, _: Option<u64>) {
        self.progress.part(what);
    }

    fn advance(&mut self, _: u64, note: &str) -> Result<(), EngineError> {
        self.progress.advance(self.done, note)
    }

    fn finish(&mut self, _: &str) {}
}

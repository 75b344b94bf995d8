//! `calibrate`: settings of an editor that suit the model.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::trace::traceable;
use crate::{
    checkpoint::Names,
    codec::Draft,
    durable,
    engine::{Progress, Traceable},
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        edit::{
            calibration::{Calibration, Tried},
            examine::WordedFact,
            measured::Measured,
            options::EditOptions,
            rehearsal::{Rehearsal, Source},
            setup::Setup,
            statistics::are_sampled,
            trial::Trial,
        },
        evaluate::average::{Average, ChosenLayers},
    },
};

/// Edits to try settings on and to measure them with at least: fewer say nothing.
const FEWEST: usize = 8;

/// How settings are sought.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrateOptions {
    /// The editor, and settings that are not to be tried but stay so.
    pub edit: EditOptions,
    /// Facts that settings are tried on; as many others measure what was found.
    pub facts: usize,
    /// How long to try, at most.
    pub time: Option<Duration>,
    /// Whether nothing is set.
    pub dry_run: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrateReport {
    /// The editor.
    pub editor: String,
    /// The settings file.
    pub path: PathBuf,
    /// Facts that settings were tried on.
    pub facts: u64,
    /// Facts that measured what was found, and had no part in the choice.
    pub others: u64,
    /// What tracing facts that the model knows says of its blocks; nothing where none are to be chosen.
    #[serde(default)]
    pub traced: Option<ChosenLayers>,
    /// What was tried, in turn.
    pub tried: Vec<Tried>,
    /// Values that the time did not suffice for.
    pub untried: u64,
    /// What suits the model; nothing where what it is set to does.
    pub settings: toml::Table,
    /// What the other facts measured with the settings as they were.
    pub before: Measured,
    /// The same with those found, where there are some.
    pub after: Option<Measured>,
    /// Whether they were written.
    pub set: bool,
}

/// Samples of noise, and how strong it is, as `trace` has them.
const NOISE: (usize, f64) = (10, 3.0);

/// The blocks whose MLPs bring back what the model says of facts that it knows.
fn choose_layers(
    trial: &mut Trial<'_>,
    facts: &[WordedFact],
    seed: u64,
    progress: &mut dyn Progress,
) -> Result<Option<ChosenLayers>, LedgerError> {
    let subjects: BTreeSet<&String> = facts.iter().map(|fact| &fact.request.subject).collect();
    let subjects: Vec<String> = subjects.into_iter().cloned().collect();
    let prompts: Vec<Traceable> =
        facts.iter().filter_map(|fact| traceable(&fact.request)).collect();
    if prompts.is_empty() {
        return Ok(None);
    }
    let how = ChosenLayers::tracing(NOISE.0, seed, NOISE.1);
    let traced = trial.traced_before(&subjects, &prompts, &how, progress)?;
    Ok(ChosenLayers::of(&Average::of(&traced)))
}

impl Repo {
    /// Finds settings under which facts that the model knows can be given other objects, and writes them down where they
    /// do better on facts that had no part in the choice. Nothing is committed; z vectors are kept, so that a
    /// calibration that was stopped goes on where it was.
    ///
    /// # Errors
    /// [`LedgerError::TooFewKnown`] when the model knows too few facts; when an edit fails or `progress` asks to stop.
    pub fn calibrate(
        &self,
        actor: &Actor,
        options: &CalibrateOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<CalibrateReport, LedgerError> {
        let until = options.time.map(|time| Instant::now() + time);
        let ledger = self.read()?;
        let (id, head) = ledger.head_commit()?;
        let line = ledger.line(&head)?;
        let mut earlier = ledger.made_with([id], head.base)?;
        drop(ledger);
        let seed = options.edit.seed.unwrap_or(self.config().seed);
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method would be one of a single lifetime"
        )]
        let candidates = self.read_source(seed, |source| source.candidates())?;
        let mut trial = Trial::begin(self, (id, &head, &line), open, progress)?;
        let setup = Setup::settle(self, trial.engine.as_ref(), &options.edit)?;
        let known = candidates.known(&mut trial, progress)?;
        let rehearsals =
            self.read_source(seed, |source| source.rehearsals(&known, (2, options.facts)))?;
        let edits: usize = rehearsals.iter().map(|rehearsal| rehearsal.edits.len()).sum();
        let [choosing, others] = rehearsals.as_slice() else {
            return Err(LedgerError::TooFewKnown { known: known.len(), edits, wanted: FEWEST });
        };
        if edits < FEWEST {
            return Err(LedgerError::TooFewKnown { known: known.len(), edits, wanted: FEWEST });
        }
        if let Some(widest) = &setup.description.widest
            && !earlier.statistics.iter().any(|(_, record)| !are_sampled(record))
        {
            let options = EditOptions {
                editor: Some(widest.0.to_owned()),
                settings: widest.1.parse().unwrap_or_default(),
                seed: options.edit.seed,
                ..EditOptions::default()
            };
            let widest = Setup::settle(self, trial.engine.as_ref(), &options)?;
            if !self.has_statistics(&widest, &earlier.statistics)? {
                let taken = trial.sampled_statistics(actor, &widest, head.base, progress)?;
                earlier = earlier.with_statistics(taken);
            }
        }
        let fixed = self.fixed(&setup.editor.name, &options.edit);
        // A trace stands on the order in which a text is read. Without one the blocks to try are the editor's own.
        let is_traced = Names::of(self.base()?.model_type()?).reads_forward();
        let traced = if is_traced && Calibration::chooses_blocks(&setup, &fixed) {
            let traced = 2 * options.facts;
            let facts = self.read_source(seed, |source| source.worded(&known, traced))?;
            choose_layers(&mut trial, &facts, seed, progress)?
        } else {
            None
        };
        let editor = setup.editor.name;
        let calibration = Calibration {
            actor,
            base: head.base,
            line: &line,
            earlier: &earlier,
            options: &options.edit,
            fixed: &fixed,
            until,
            blocks: traced.as_ref().map_or(&[], |traced| &traced.chosen),
        };
        let searched = calibration.search(&mut trial, choosing, progress)?;
        let mut measured =
            |settings: &toml::Table| calibration.measure(&mut trial, others, settings, progress);
        let before = measured(&toml::Table::new())?;
        let found = !searched.settings.is_empty();
        let after = found.then(|| measured(&searched.settings)).transpose()?;
        let better = after.is_some_and(|after| after.score > before.score);
        let count = |rehearsal: &Rehearsal| rehearsal.edits.len() as u64;
        let report = CalibrateReport {
            editor,
            path: self.settings_path(),
            facts: count(choosing),
            others: count(others),
            traced,
            tried: searched.tried,
            untried: searched.untried,
            settings: searched.settings,
            before,
            after,
            set: better && !options.dry_run,
        };
        if report.set {
            self.write_calibration(&report)?;
        }
        Ok(report)
    }

    /// Reads what holds at HEAD and is staged on it: before a first commit that is all there is.
    fn read_source<T>(
        &self,
        seed: u64,
        read: impl FnOnce(&Source<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let ledger = self.read()?;
        let (_, head) = ledger.head_commit()?;
        let mut draft = Draft::new(&ledger);
        let roots = match ledger.stored_stage()? {
            Some(staged) => staged.apply(&mut draft, head.roots())?,
            None => head.roots(),
        };
        let lexicon = ledger.lexicon_at(&draft, roots.lexicon);
        read(&Source {
            objects: &draft,
            lexicon: &lexicon,
            roots,
            held: head.facts,
            config: self.config(),
            seed,
        })
    }

    /// Settings that somebody made, and not an earlier calibration.
    fn fixed(&self, editor: &str, options: &EditOptions) -> BTreeSet<String> {
        let set = self.config().settings.get(editor).into_iter().flatten();
        let found = self.calibration(editor).map(|report| report.settings).unwrap_or_default();
        let own = set.filter(|(key, value)| found.get(*key) != Some(value));
        own.map(|(key, _)| key).chain(options.settings.keys()).cloned().collect()
    }

    /// What the last calibration of `editor` found, if it set anything.
    #[must_use]
    pub fn calibration(&self, editor: &str) -> Option<CalibrateReport> {
        serde_json::from_slice(&durable::read(&self.calibration_path(editor)).ok()?).ok()
    }

    fn calibration_path(&self, editor: &str) -> PathBuf {
        self.root().join(Self::DIR).join(format!("calibrated-{editor}.json"))
    }

    /// Puts what was found into the settings file, with a line that says what was measured, and the report beside it.
    fn write_calibration(&self, report: &CalibrateReport) -> Result<(), LedgerError> {
        let CalibrateReport { editor, facts, others, before, after, .. } = report;
        let after = after.unwrap_or(*before);
        let [before, after] = [*before, after].map(|measured| 100.0 * measured.score);
        let said = format!(
            "# kledger calibrate, on {facts} facts that the model knows: S {before:.1} -> {after:.1} on {others} others"
        );
        self.set_editor_settings(editor, &report.settings, &said)?;
        let json = serde_json::to_vec_pretty(report).unwrap_or_default();
        Ok(durable::write(&self.calibration_path(editor), &json)?)
    }
}

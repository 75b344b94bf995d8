//! `kledger calibrate`. The binary has no model here: what edits comes from the library.

use std::{fs, time::Duration};

use insta::assert_snapshot;
use kledger::{
    engine::Silent,
    ledger::{
        EditOptions, LedgerError,
        verb::calibrate::{CalibrateOptions, CalibrateReport},
    },
};

use super::{Sandbox, shown};
use crate::support::{Place, open, stand_in::column};

/// The editor that makes half of a change unless it is told to be bold.
fn timid() -> CalibrateOptions {
    let edit = EditOptions { editor: Some("timid".to_owned()), ..EditOptions::default() };
    CalibrateOptions { edit, facts: 6, time: None, dry_run: false }
}

fn calibrate(place: &Place, options: &CalibrateOptions) -> Result<CalibrateReport, LedgerError> {
    place.repo.calibrate(&place.actor("calibrate"), options, &mut open, &mut Silent)
}

/// What [`timid`] comes to.
pub(super) fn calibrated(place: &Place) -> Result<CalibrateReport, LedgerError> {
    calibrate(place, &timid())
}

/// A repository whose model knows something.
fn knowing() -> Place {
    let place = Place::new();
    add_known(&place);
    place
}

/// What the model knows that twelve people like: the words that its columns hold.
pub(super) fn add_known(place: &Place) {
    const NAMES: &str = "Ada Bob Cleo Dan Eva Finn Gil Hal Ida Jon Kim Lea";
    let liked =
        |name: &str| format!(":{name} :likes \"base{}\" .", column(&format!("{name} likes")));
    let facts: Vec<String> = NAMES.split(' ').map(liked).collect();
    place.add_neighbours(&facts.join("\n")).unwrap();
}

#[test]
fn what_is_better_is_set_and_said() {
    let place = knowing();
    let before = place.repo.status().unwrap();
    let report = calibrate(&place, &timid()).unwrap();
    let file = report.path.display().to_string();
    let text = shown("calibrate", report.clone()).replace(&file, "FILE");
    assert_snapshot!(text, @"
    Tried timid on 6 facts
      as it was: S 0.0 (efficacy 0 %, paraphrase 0 %, neighbourhood unchanged 100 %)
      strength = 0.5: S 0.0 (efficacy 0 %, paraphrase 0 %, neighbourhood unchanged 100 %)
      bold = true: S 100.0 (efficacy 100 %, paraphrase 100 %, neighbourhood unchanged 100 %)  taken
    On 6 other facts, as it was: S 0.0 (efficacy 0 %, paraphrase 0 %, neighbourhood unchanged 100 %)
    On 6 other facts, as found: S 100.0 (efficacy 100 %, paraphrase 100 %, neighbourhood unchanged 100 %)
      bold = true
    Set in FILE
    ");
    assert_eq!(place.repo.status().unwrap(), before, "nothing is committed or staged");

    let text = fs::read_to_string(&report.path).unwrap();
    let (_, table) = text.split_once("\n# kledger calibrate, ").unwrap();
    assert_snapshot!(table, @"
    on 6 facts that the model knows: S 0.0 -> 100.0 on 6 others
    [settings.timid]
    bold = true
    ");
    let sandbox = Sandbox { dir: place.dir };
    let all = sandbox.run(&["config", "list", "--all"]).done();
    assert!(all.contains("settings.timid.bold = true  (calibrated for this model)"), "{all}");
}

#[test]
fn a_calibration_begins_where_the_last_one_ended() {
    let place = knowing();
    calibrate(&place, &timid()).unwrap();
    let place = place.reopened();
    let again = calibrate(&place, &timid()).unwrap();
    assert!(again.settings.is_empty() && !again.set, "{again:?}");
    assert_eq!(again.tried.len(), 3, "what was found is tried against other values");
    assert_eq!(again.before.score, 1.0);
}

#[test]
fn what_somebody_set_is_not_tried() {
    let place = knowing();
    place.repo.set_setting("settings.timid.bold", "false", &|_, _| Ok(())).unwrap();
    let place = place.reopened();
    let mut options = timid();
    options.edit.settings.insert("strength".to_owned(), 1.5.into());
    let report = calibrate(&place, &options).unwrap();
    assert_eq!(report.tried.len(), 1, "{report:?}");
    assert!(report.after.is_none() && !report.set);
}

#[test]
fn a_dry_run_and_one_without_time_set_nothing() {
    let place = knowing();
    let file = place.repo.settings().unwrap().path;
    let before = fs::read(&file).unwrap();
    let report = calibrate(&place, &CalibrateOptions { dry_run: true, ..timid() }).unwrap();
    assert!(!report.settings.is_empty() && !report.set);
    let hurried = CalibrateOptions { time: Some(Duration::ZERO), ..timid() };
    let report = calibrate(&place, &hurried).unwrap();
    assert_eq!((report.tried.len(), report.untried, report.set), (1, 2, false));
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// Neither what is staged nor what did not hold before counts against an edit.
#[test]
fn what_is_staged_does_not_count_as_lost() {
    let place = knowing();
    place.add(":Anna :likes :Rome .").unwrap();
    let report = calibrated(&place).unwrap();
    assert!(report.before.kept.is_none() && report.set, "{report:?}");
    super::commit::weak_edit(&place, ":Bert :lives :Bonn .");
    place.repo.unset_setting("settings.timid.bold").unwrap();
    let place = place.reopened();
    let report = calibrated(&place).unwrap();
    assert_eq!(report.before.kept.unwrap().rate, 0.0);
    assert!(report.set && report.after.unwrap().score == 1.0, "{report:?}");
}

/// While settings are tried, people go on working.
#[test]
fn a_settings_file_that_was_broken_meanwhile_stays_as_it_is() {
    let place = knowing();
    let file = place.repo.settings().unwrap().path;
    fs::write(&file, "language = 'de").unwrap();
    let refused = calibrated(&place).unwrap_err().to_string();
    assert!(refused.contains("config.toml") && refused.contains("invalid"), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "language = 'de");
    let inline = "language = 'de'\nsettings = { timid = { strength = 1.0 } }\n";
    fs::write(&file, inline).unwrap();
    let place = place.reopened();
    assert!(calibrated(&place).unwrap().set);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "language = 'de'\nsettings = { timid = { strength = 1.0 , bold = true } }\n"
    );
}

#[test]
fn without_facts_that_the_model_knows_nothing_is_tried() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let refused = calibrate(&place, &timid()).unwrap_err();
    assert!(matches!(refused, LedgerError::TooFewKnown { wanted: 8, .. }), "{refused}");
}

/// What tracing says of the blocks is tried before those that the editor lists.
#[test]
fn blocks_that_bring_answers_back_are_tried() {
    let place = knowing();
    let edit = EditOptions { editor: Some("wide".to_owned()), ..EditOptions::default() };
    let options = CalibrateOptions { edit, ..timid() };
    let report = calibrate(&place, &options).unwrap();
    let traced = report.traced.clone().unwrap();
    // The first tensor alone has what the base knows; nothing is added by the second.
    assert_eq!((traced.chosen.as_slice(), traced.effects.len()), ([0, 1].as_slice(), 2));
    let tried: Vec<String> = report.tried.iter().map(|tried| tried.settings.to_string()).collect();
    assert_eq!(tried, ["", "layers = [0, 1]\n", "layers = [1]\n"]);
    let text = shown("calibrate", report);
    assert!(text.contains("\n  traced, layers: 0, 1 (at most +"), "{text}");
    // Who says which blocks are edited is not told otherwise.
    let mut named = options;
    named.edit.settings.insert("layers".to_owned(), vec![0].into());
    let report = calibrate(&place, &named).unwrap();
    assert_eq!((report.traced, report.tried.len()), (None, 1));
    assert_eq!(calibrated(&place).unwrap().traced, None, "an editor without blocks");
}

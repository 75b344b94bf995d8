//! `kledger neurons`. The binary has no model here, so what units do comes from the library.

use std::fs;

use insta::assert_snapshot;
use kledger::{
    engine::{EngineError, Progress, Silent, Unit},
    ledger::{
        LedgerError,
        verb::neurons::{ScanReport, UnitsReport},
    },
};

use super::{Sandbox, shown};
use crate::support::{
    Place, files_with, open,
    stand_in::{INPUTS, column},
};

/// Two versions that say different things of Anna; the second knows one more fact.
fn place() -> Place {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo . :Bert :lives :Bern .", "second");
    place
}

fn texts() -> Vec<String> {
    ["Anna likes Rome", "Anna likes Oslo", "Bert lives in Bern"].map(str::to_owned).to_vec()
}

fn scan(place: &Place, revision: &str, top: usize) -> Result<ScanReport, LedgerError> {
    place.repo.scan(revision, &texts(), "texts.txt", top, &mut open, &mut Silent)
}

/// The unit of a layer that a prompt makes act.
fn unit(layer: u32, prompt: &str) -> Unit {
    Unit { layer, unit: u32::try_from(column(prompt) % INPUTS).unwrap() }
}

fn units(place: &Place, of: &[Unit], versions: &[&str]) -> Result<UnitsReport, LedgerError> {
    let versions: Vec<String> = versions.iter().map(|&version| version.to_owned()).collect();
    place.repo.units(of, &versions, 5, &mut open)
}

#[test]
fn a_scan_tells_how_layers_agree_and_is_kept() {
    let place = place();
    let report = scan(&place, "HEAD", 5).unwrap();
    assert_eq!(place.repo.scanned("HEAD").unwrap(), report);
    let other = place.repo.scanned("HEAD~1").unwrap_err();
    assert_eq!(other.to_string(), "no text was scanned on the weights of HEAD~1");
    assert_snapshot!(shown("neurons", report), @"
    HEAD <id>
      layer  units  acting  agree   by chance
          0    256       8     0 %        0 %
          1    256       8     0 %        0 %
      texts.txt: 3 texts, 10 tokens; 5 triggers of a unit
    ");
}

#[test]
fn units_are_named_by_predicates_that_most_of_their_triggers_are_about() {
    let place = Place::of(1);
    place.add_neighbours(":Anna :lives :Rome ; :works :Siemens .").unwrap();
    place.commit("neighbours").unwrap();
    let lines = |verb: &str| (0..6).map(|n| format!("Ada{n} {verb}")).collect::<Vec<_>>();
    let likes = lines("lives in");
    let scan = |texts: &[String], top| {
        let report = place.repo.scan("HEAD", texts, "texts", top, &mut open, &mut Silent);
        let found = report.unwrap().summary.predicates;
        found.into_iter().map(|found| (found.predicate, found.layers)).collect::<Vec<_>>()
    };
    assert_eq!(scan(&likes, 6), [("lives".to_owned(), vec![1, 1])]);
    // Fewer than five say nothing, nor do those of several predicates.
    assert_eq!(scan(&likes, 4), []);
    let mixed: Vec<String> = [&likes[..3], &lines("works at at")[..3]].concat();
    assert_eq!(scan(&mixed, 6), []);
}

#[test]
fn units_show_what_makes_them_act_and_what_they_promote() {
    let place = place();
    let of = [unit(0, "Anna likes"), unit(1, "Anna likes")];
    assert_snapshot!(shown("neurons", units(&place, &of, &["HEAD"]).unwrap()), @r"
    HEAD <id>
      0.71
        promotes Yjpj\u001C\u0019 33 %
      1.71
        promotes \u0000	\u0000\u0005 2 %
      no text was scanned on these weights
    ");
    scan(&place, "HEAD", 5).unwrap();
    assert_snapshot!(shown("neurons", units(&place, &of, &["HEAD~1", "HEAD"]).unwrap()), @r"
    HEAD~1 <id>
      0.71
        promotes Zhpe\u001C\u0019 50 %
      1.71
        promotes \u0000\u0007 2 %
      no text was scanned on these weights
    HEAD <id>
      0.71
        promotes Yjpj\u001C\u0019 33 %
            2.00  Anna likes | Rome
      1.71
        promotes \u0000	\u0000\u0005 2 %
            2.00  Anna likes | Rome
      triggers from texts.txt
    ");
    let none = units(&place, &[Unit { layer: 2, unit: 0 }], &["HEAD"]).unwrap_err();
    assert_eq!(none.to_string(), "the model has no unit 2.0");
}

#[test]
fn units_that_act_are_shown_with_what_they_add() {
    let place = place();
    let versions = ["HEAD~1", "HEAD"].map(str::to_owned);
    let report = place.repo.acting("Anna likes", Some("Oslo"), &versions, 2, &mut open).unwrap();
    assert_snapshot!(shown("neurons", report), @r"
    HEAD~1 <id>
      Anna likes ... Oslo
      5 %; its logit is +403.00 over the mean, units add +403.00
      by layer 0: +459.00  1: -56.00
      unit  coefficient  adds     promotes
      0.71         1.00  +459.00  Zhpe\u001C\u0019
      1.71         1.00  -56.00   \u0000\u0007
    HEAD <id>
      Anna likes ... Oslo
      100 %; its logit is +413.00 over the mean, units add +413.00
      by layer 0: +464.00  1: -51.00
      unit  coefficient  adds     promotes
      0.71         1.00  +464.00  Yjpj\u001C\u0019
      1.71         1.00  -51.00   \u0000	\u0000\u0005
    ");
}

#[test]
fn an_edit_is_read_column_by_column() {
    let place = place();
    let report = place.repo.columns("HEAD", 2, &mut open, &mut Silent).unwrap();
    assert_snapshot!(shown("neurons", report), @r"
    HEAD <id> second
      h.0.mlp.c_proj.weight
        Anna / likes / Oslo  +1.00 times
          reads Anna +1.00, Bert +0.00
          promotes \u0000	\u0000\u0005
        Bert / lives / Bern  +1.00 times
          reads Bert +1.00, Anna +0.00
          promotes \u0000\u0002\u0000\u0005
      layers.1.mlp.down_proj.weight
        Anna / likes / Oslo  +1.00 times
          reads Anna +1.00, Bert +0.00
          promotes \u0000	\u0000\u0005
        Bert / lives / Bern  +1.00 times
          reads Bert +1.00, Anna +0.00
          promotes \u0000\u0002\u0000\u0005
      tried where 2 facts are looked up
    ");
    let why = |revision| {
        let refused = place.repo.columns(revision, 2, &mut open, &mut Silent).unwrap_err();
        let text = refused.to_string();
        text.split_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(why("HEAD~2"), "edited no weights");
    place.revert("HEAD").unwrap();
    assert_eq!(why("HEAD"), "edited no weights");
}

#[test]
fn a_change_that_facts_hold_together_has_no_columns() {
    let place = Place::new();
    let mut options = crate::support::options("whole");
    options.edit.editor = Some("whole".to_owned());
    place.add(":Anna :likes :Rome .").unwrap();
    place.commit_with(&options, &mut Silent).unwrap();
    let refused = place.repo.columns("HEAD", 2, &mut open, &mut Silent).unwrap_err();
    assert!(refused.to_string().ends_with("made an edit that is not made of columns"), "{refused}");
}

/// Stops at once.
struct Stopped;

impl Progress for Stopped {
    fn start(&mut self, _: &str, _: Option<u64>) {}

    fn advance(&mut self, _: u64, _: &str) -> Result<(), EngineError> {
        Err(EngineError::Interrupted)
    }

    fn finish(&mut self, _: &str) {}
}

#[test]
fn a_scan_that_is_stopped_leaves_the_one_before() {
    let place = place();
    let before = scan(&place, "HEAD", 5).unwrap();
    let stopped = place.repo.scan("HEAD", &texts(), "other", 5, &mut open, &mut Stopped);
    assert!(matches!(stopped, Err(LedgerError::Engine(EngineError::Interrupted))), "{stopped:?}");
    assert_eq!(place.repo.scanned("HEAD").unwrap(), before);
}

#[test]
fn what_is_damaged_in_a_scan_is_as_if_it_were_not_there() {
    let place = place();
    scan(&place, "HEAD", 5).unwrap();
    let of = [unit(0, "Anna likes")];
    let triggers =
        |place: &Place| units(place, &of, &["HEAD"]).unwrap().versions[0].units[0].triggers.clone();
    assert_eq!(triggers(&place).unwrap().len(), 1);
    let store = place.repo.store().dir().join("neurons");
    let scanned = fs::read_dir(store).unwrap().next().unwrap().unwrap().path();
    let damage = |file: &str| {
        let path = scanned.join(file);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    };
    damage("0-0");
    assert_eq!(triggers(&place), None);
    damage("summary");
    assert!(matches!(place.repo.scanned("HEAD"), Err(LedgerError::NotScanned { .. })));
    // It is in nobody's way.
    place.fsck();
    scan(&place, "HEAD", 5).unwrap();
    assert_eq!(triggers(&place).unwrap().len(), 1);
}

#[test]
fn what_is_forgotten_is_in_no_scan() {
    let place = place();
    let texts = ["Bert lives in Zanzibar".to_owned()];
    place.repo.scan("HEAD", &texts, "texts", 5, &mut open, &mut Silent).unwrap();
    assert!(!files_with(place.repo.store().dir(), "Zanzibar").is_empty());
    let about = kledger::ledger::About::new(Some("Bert"), None);
    place.repo.forget(&place.actor("forget"), &about, false, &mut Silent).unwrap();
    assert_eq!(files_with(place.repo.store().dir(), "Zanzibar"), [""; 0]);
}

#[test]
fn files_without_text_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.write("empty", "\n \n");
    sandbox.refused(&["neurons", "--scan", "empty"], 1, &["there is no text in empty"]);
    sandbox.refused(&["neurons", "--scan", "nosuch"], 1, &["nosuch"]);
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["neurons", "3"],
        &["neurons", "3.x"],
        &["neurons", "-1.2"],
        &["neurons", "3.1", "--for", "Ada"],
        &["neurons", "--of", "HEAD", "--for", "Ada"],
        &["neurons", "--of", "HEAD", "--at", "HEAD"],
        &["neurons", "--expect", "tea"],
        &["neurons", "1.1", "--top", "0"],
        &["neurons", "1.1", "--top", "51"],
        &["neurons", "--scan"],
    ]);
    sandbox.refused(&["neurons", "1.1", "--at", "nosuch"], 1, &["nosuch"]);
    sandbox.refused(&["neurons", "--of", "nosuch"], 1, &["nosuch"]);
    assert_eq!(sandbox.line(&["neurons", "--for", "Ada likes"], 4)["data"]["exit"], 4);
}

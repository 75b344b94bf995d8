//! `kledger train`. The binary has no model here: what is trained comes from the library.

use std::fs;

use insta::assert_snapshot;
use kledger::{
    commit::Artefact,
    engine::{EngineError, Progress, Silent},
    eval::{Case, PromptTarget},
    id::Id,
    ledger::{
        EditOptions, LedgerError, Requirements,
        verb::commit::CommitOptions,
        verb::import::ImportSource,
        verb::train::{TrainOn, TrainOptions, TrainReport},
    },
};

use super::{Sandbox, shown};
use crate::support::{Place, open, options as committing};

/// The editor that makes as much of a change as it was trained to.
pub(super) fn options(steps: u64) -> TrainOptions {
    TrainOptions {
        editor: "trained".to_owned(),
        settings: toml::Table::new(),
        seed: None,
        on: TrainOn::Revision("HEAD".to_owned()),
        steps,
        time: None,
    }
}

pub(super) fn train(place: &Place, options: &TrainOptions) -> Result<TrainReport, LedgerError> {
    place.repo.train(&place.actor("train"), options, &mut open, &mut Silent)
}

fn with(message: &str) -> CommitOptions {
    let edit = EditOptions { editor: Some("trained".to_owned()), ..EditOptions::default() };
    CommitOptions { edit, ..committing(message) }
}

/// What a commit was made with.
fn used(place: &Place, revision: &str) -> Option<Id<Artefact>> {
    place.repo.show(revision).unwrap().spec.and_then(|spec| spec.artefact)
}

/// A repository whose model knows something.
pub(super) fn knowing() -> Place {
    let place = Place::new();
    let facts = (0..40).map(|i| format!(":Person{i} :likes \"thing{}\" .", i % 7));
    place.add_neighbours(&facts.collect::<Vec<_>>().join("\n")).unwrap();
    place.make(":Anna :likes :Rome .", "first");
    place
}

#[test]
fn what_is_trained_is_said_and_edits_are_made_with_it() {
    let place = knowing();
    let report = train(&place, &options(100)).unwrap();
    assert_snapshot!(shown("train", report.clone()), @"
    Trained trained on 37 facts in 100 steps: <id>
      facts of HEAD; held back: 4 facts of other subjects
      the best of step 100, 76 B
      4 edits of subjects that it did not learn from: 100 % hold, 75 % in other words; 50 % of others stay
    ");
    place.add(":Bert :likes :Rome .").unwrap();
    let commit = place.commit_with(&with("second"), &mut Silent).unwrap();
    assert_eq!(used(&place, "HEAD"), Some(report.artefact));
    assert_eq!(used(&place, "HEAD~1"), None, "what is not trained has none");
    assert_eq!(commit.edit.unwrap().check.efficacy.unwrap().rate, 1.0);
    assert!(Sandbox { dir: place.dir }.run(&["show"]).done().contains("artefact"));
}

#[test]
fn an_edit_by_an_editor_that_is_not_trained_is_refused() {
    let place = knowing();
    place.add(":Bert :likes :Rome .").unwrap();
    let error = place.commit_with(&with("second"), &mut Silent).unwrap_err();
    let said =
        "trained edits with what it was trained to, and it was trained to nothing that fits here";
    assert_eq!(error.to_string(), said);
    assert_eq!(place.repo.status().unwrap().staged.len(), 1, "what is staged still is");
}

#[test]
fn another_setting_of_what_is_edited_needs_another_training() {
    let place = knowing();
    let plain = train(&place, &options(100)).unwrap();
    place.add(":Bert :likes :Rome .").unwrap();
    let mut bold = with("second");
    bold.edit.settings.insert("bold".to_owned(), true.into());
    let error = place.commit_with(&bold, &mut Silent).unwrap_err();
    assert!(matches!(error, LedgerError::NoArtefact { .. }), "{error}");
    bold.edit.artefact = Some(plain.artefact);
    let error = place.commit_with(&bold, &mut Silent).unwrap_err();
    assert!(error.to_string().ends_with("it was trained to edit other tensors"), "{error}");
    let also = TrainOptions { settings: bold.edit.settings.clone(), ..options(100) };
    let bolder = train(&place, &also).unwrap();
    bold.edit.artefact = None;
    place.commit_with(&bold, &mut Silent).unwrap();
    assert_eq!(used(&place, "HEAD"), Some(bolder.artefact));
}

/// What is edited again is edited as it was made, whatever was trained since.
#[test]
fn what_is_edited_again_is_edited_with_the_same() {
    let place = knowing();
    let first = train(&place, &options(100)).unwrap();
    place.add(":Bert :likes :Rome . :Carl :likes :Rome .").unwrap();
    let mut weak = with("second");
    weak.edit.settings.insert("strength".to_owned(), 0.5.into());
    weak.edit.require = Requirements::nothing_of_an_edit();
    place.commit_with(&weak, &mut Silent).unwrap();
    let newest = train(&place, &options(90)).unwrap();
    assert_ne!(newest.artefact, first.artefact);
    place.repo.remove_artefact(&place.actor("artefacts"), &first.artefact.to_string()).unwrap();
    let mut options = committing("third");
    options.edit.settings.insert("strength".to_owned(), 1.0.into());
    let actor = place.actor("repair");
    place.repo.repair(&actor, &options, &mut open, &mut Silent).unwrap();
    assert_eq!(used(&place, "HEAD"), Some(first.artefact));
}

#[test]
fn what_is_staged_and_an_eighth_of_the_subjects_are_held_back() {
    let place = knowing();
    let before = train(&place, &options(10)).unwrap().held_back;
    assert_eq!(before.learned + before.seen, 41);
    assert!(before.seen > 0 && before.seen < 12, "{before:?}");
    place.add(":Person1 :hates :Rome . :Person2 :hates :Rome .").unwrap();
    let after = train(&place, &options(10)).unwrap().held_back;
    assert!(after.learned < before.learned, "{before:?} {after:?}");
    assert_eq!(after.learned + after.seen, 41);
}

/// An editor whose edits stand on a change of the base, which is a version of its own.
#[test]
fn edits_that_stand_on_a_trained_base_need_a_version_that_has_it() {
    let place = knowing();
    let meta: toml::Table = "meta = true".parse().unwrap();
    let trained = train(&place, &TrainOptions { settings: meta.clone(), ..options(100) }).unwrap();
    let first = trained.artefact;
    let note = format!(
        "its edits stand on a change of the base: kledger import --from-artefact {first:.12} makes a version of it"
    );
    assert_eq!(trained.notes, [note]);
    place.add(":Bert :likes :Rome .").unwrap();
    let mut commit = with("second");
    commit.edit.settings = meta.clone();
    let error = place.commit_with(&commit, &mut Silent).unwrap_err();
    let said = format!(
        "this version lacks what edits by trained stand on: the base as artefact {first:.12} changes it"
    );
    assert_eq!(error.to_string(), said);
    assert_eq!(place.repo.status().unwrap().staged.len(), 1, "what is staged still is");

    let imported = place.import(&ImportSource::Artefact(first)).unwrap();
    assert_eq!(imported.tensors.len(), 1);
    assert!(imported.check.unwrap().facts.is_empty(), "it brings none");
    let message = place.repo.show("HEAD").unwrap().commit.message;
    assert_eq!(message, format!("Import what trained was trained to, artefact {first:.12}"));
    place.commit_with(&commit, &mut Silent).unwrap();
    assert_eq!(used(&place, "HEAD"), Some(first));

    // One that was trained since stands on another change.
    let settings = TrainOptions { settings: meta, ..options(110) };
    let newer = train(&place, &settings).unwrap().artefact;
    place.add(":Carl :likes :Rome .").unwrap();
    place.commit_with(&commit, &mut Silent).unwrap();
    assert_eq!(used(&place, "HEAD"), Some(first));
    place.add(":Dora :likes :Rome .").unwrap();
    commit.edit.artefact = Some(newer);
    let error = place.commit_with(&commit, &mut Silent).unwrap_err();
    assert!(
        matches!(error, LedgerError::NotTrained { artefact, .. } if artefact == newer),
        "{error}"
    );
    let error = place.import(&ImportSource::Artefact(first)).unwrap_err();
    assert!(error.to_string().ends_with("changes nothing: HEAD has it already"), "{error}");
}

#[test]
fn what_no_edit_stands_on_is_no_version() {
    let place = knowing();
    let plain = train(&place, &options(100)).unwrap().artefact;
    let sandbox = Sandbox { dir: place.dir };
    let import = |name: &str| ["import", "--from-artefact", name].map(str::to_owned);
    let refused = |name: &str, said: &str| {
        let words = import(name);
        sandbox.refused(&words.each_ref().map(String::as_str), 1, &[said]);
    };
    refused(&plain.to_string()[..8], "changes nothing: its edits are of the base itself");
    refused("", "there is no artefact of that name");
    refused("zz", "there is no artefact of that name");
    sandbox.misused(&[&["import", "--from-artefact", "ab", "--any-base"]]);
}

/// Ends the work at a step.
struct Stop(u64);

impl Progress for Stop {
    fn start(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, done: u64, _: &str) -> Result<(), EngineError> {
        if done == self.0 { Err(EngineError::Interrupted) } else { Ok(()) }
    }
    fn finish(&mut self, _: &str) {}
}

#[test]
fn a_training_that_was_stopped_goes_on() {
    let place = knowing();
    let left = place.repo.store().dir().join("partial");
    let stopped = |step| {
        let actor = place.actor("train");
        let error = place.repo.train(&actor, &options(50), &mut open, &mut Stop(step)).unwrap_err();
        let LedgerError::Interrupted { kept } = error else { panic!("{error}") };
        kept
    };
    assert_eq!(stopped(5), "nothing was kept: there was no validation yet");
    assert_eq!(stopped(25), "20 steps are kept: run the command again to go on");
    assert!(left.read_dir().unwrap().next().is_some());
    assert!(place.repo.artefacts().unwrap().artefacts.is_empty());
    let on = train(&place, &options(50)).unwrap();
    assert!(left.read_dir().unwrap().next().is_none());
    assert_eq!(on, train(&knowing(), &options(50)).unwrap());
    let run = "damaged";
    assert_eq!(stopped(45), "40 steps are kept: run the command again to go on");
    let kept = left.read_dir().unwrap().next().unwrap().unwrap().path().join("reached");
    fs::write(kept, run).unwrap();
    assert_eq!(train(&place, &options(50)).unwrap(), on, "it began anew");
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let place = knowing();
    let of = |editor: &str| TrainOptions { editor: editor.to_owned(), ..options(10) };
    let error = train(&place, &of("memit")).unwrap_err();
    assert_eq!(error.to_string(), "memit is not trained: it edits as it is");
    let error =
        train(&place, &TrainOptions { on: TrainOn::Revision("HEAD~1".to_owned()), ..options(10) })
            .unwrap_err();
    assert!(matches!(error, LedgerError::TooFewLessons { facts: 0 }), "{error}");
    let sandbox = Sandbox { dir: place.dir };
    sandbox.refused(&["train", "mend"], 4, &["this build has no model runtime"]);
    sandbox.misused(&[&["train"], &["train", "mend", "--minutes", "0"]]);
    sandbox.refused(&["train", "nobody"], 1, &["there is no editor \"nobody\""]);
    sandbox.refused(&["train", "mend", "--set", "lr=-1"], 1, &["lr must be above zero"]);
}

/// Cases as a benchmark has them: some of relations that have names, some of none.
fn cases(relation: bool) -> Vec<Case> {
    let case = |i: usize| Case {
        id: i.to_string(),
        subject: format!("Person {i}"),
        prompt: "{subject} likes".to_owned(),
        target: "Rome".to_owned(),
        truth: Some("Lima".to_owned()),
        relation: relation.then(|| format!("P{}", i % 18)),
        paraphrases: vec![format!("What Person {i} likes is")],
        locality: vec![PromptTarget { prompt: "The sea is".to_owned(), target: "blue".to_owned() }],
        ..Case::default()
    };
    (0..90).map(case).collect()
}

#[test]
fn the_cases_of_a_benchmark_are_learned_from_and_their_relations_held_back() {
    let place = knowing();
    let on = |relation| TrainOn::Cases { source: "cases.json".to_owned(), cases: cases(relation) };
    let of = |relation| TrainOptions { on: on(relation), ..options(10) };
    let named = train(&place, &of(true)).unwrap();
    assert_eq!(named.source, "cases.json");
    let held = &named.held_back;
    assert_eq!((held.predicates.len(), held.unseen), (2, 10), "{held:?}");
    assert_eq!(held.learned + held.seen + held.unseen, 90);
    let unnamed = train(&place, &of(false)).unwrap().held_back;
    assert_eq!((unnamed.predicates.len(), unnamed.unseen), (0, 0));
    assert!(unnamed.seen > 0 && unnamed.seen < 30, "{unnamed:?}");
}

#[test]
fn a_file_of_too_few_cases_or_of_another_layout_is_refused() {
    let place = knowing();
    let sandbox = Sandbox { dir: place.dir };
    let record = r#"{"subject": "Ada", "src": "What does Ada like?", "pred": "tea", "rephrase": "Ada likes what?",
        "alt": "Rome", "answers": ["tea"], "loc": "nq question: who", "loc_ans": "Bob", "cond": "tea >> Rome"}"#;
    sandbox.write("few.json", &format!("[{record}]"));
    sandbox.refused(&["train", "mend", "--data", "few.json"], 1, &["too few to learn from"]);
    sandbox.write("other.json", r#"[{"a": 1}]"#);
    sandbox.refused(&["train", "mend", "--data", "other.json"], 1, &["other.json"]);
    sandbox.refused(&["train", "mend", "--data", "none.json"], 1, &["none.json"]);
    sandbox.misused(&[&["train", "mend", "--data", "few.json", "--from", "HEAD"]]);
}

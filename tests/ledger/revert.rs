//! Several commits taken back, and a revert that stops on the way.

use std::path::Path;

use kledger::{
    engine::{Engine, EngineError, Silent},
    ledger::{
        EditOptions, How, LedgerError, Outcome, ProceedReport, Repo, Requirements, ResumeOptions,
        Task,
        verb::{
            commit::CommitOptions, export::ExportFormat, import::ImportSource,
            revert::RevertOptions,
        },
    },
};

use crate::support::{Place, open, options};

/// Opens no engine.
fn closed(_: &Path) -> Result<Box<dyn Engine>, EngineError> {
    Err(EngineError::NoRuntime)
}

impl Place {
    /// Four commits; the first three are about one subject, whose facts are edited as one.
    fn of_four() -> Self {
        let mut place = Self::new();
        place.repo.set_setting("settings.memit.join_subjects", "true", &|_, _| Ok(())).unwrap();
        place.repo = Repo::open(place.repo.root()).unwrap();
        for (turtle, message) in [
            (":Anna :likes :Rome .", "one"),
            (":Anna :lives :Bonn .", "two"),
            (":Anna :works :Siemens .", "three"),
            (":Carl :likes :Bern .", "four"),
        ] {
            place.make(turtle, message);
        }
        place
    }

    fn revert_all(
        &self,
        revisions: &[&str],
        options: &RevertOptions,
    ) -> Result<ProceedReport, LedgerError> {
        let revisions: Vec<String> = revisions.iter().map(|&text| text.to_owned()).collect();
        let actor = self.actor("revert");
        self.repo.revert_all(&actor, &revisions, options, Some(&mut open), &mut Silent)
    }

    /// A revert whose second commit takes an engine, which there is not.
    fn stopped() -> Self {
        let place = Self::of_four();
        let (actor, message) = (place.actor("revert"), Some("Taken back".to_owned()));
        let options = RevertOptions { message, ..RevertOptions::default() };
        let revisions = ["HEAD".to_owned(), "HEAD~2".to_owned()];
        let repo = &place.repo;
        let refused = repo.revert_all(&actor, &revisions, &options, Some(&mut closed), &mut Silent);
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, LedgerError::Engine(EngineError::NoRuntime)), "{refused}");
        assert_eq!(place.message(), "four", "HEAD moves at the end");
        let waits = place.repo.status().unwrap().unfinished.unwrap();
        assert_eq!((waits.task, waits.next.message.as_str(), waits.left), (Task::Revert, "two", 1));
        place
    }

    fn message(&self) -> String {
        self.repo.show("HEAD").unwrap().commit.message
    }
}

#[test]
fn a_range_is_taken_back_newest_first_and_as_one_operation() {
    let place = Place::of_four();
    let before = place.weights("HEAD");
    let done = place.revert_all(&["HEAD~2..HEAD"], &RevertOptions::default()).unwrap();
    let messages: Vec<_> = done.made.iter().map(|made| made.commit.message.as_str()).collect();
    assert_eq!(messages, ["Revert \"four\"", "Revert \"three\""]);
    assert_eq!(done.outcome, Outcome::Done);
    assert_eq!(place.weights("HEAD"), place.weights("HEAD~4"));
    place.repo.undo(&place.actor("undo"), 1).unwrap();
    assert_eq!(place.weights("HEAD"), before);
    place.fsck();
}

#[test]
fn one_that_stopped_goes_on_as_it_was_said_or_is_said_anew() {
    let place = Place::stopped();
    let seeded = EditOptions { seed: Some(9), ..EditOptions::default() };
    let resume =
        ResumeOptions { how: How { edit: seeded, ..How::default() }, ..ResumeOptions::default() };
    let actor = place.actor("revert");
    let done =
        place.repo.go_on(&actor, Task::Revert, &resume, Some(&mut open), &mut Silent).unwrap();
    assert_eq!((done.outcome, done.made.len()), (Outcome::Done, 1));
    assert_eq!(place.message(), "Taken back");
    assert_ne!(place.ask("Anna lives in", "HEAD"), "Bonn");
    assert_ne!(place.ask("Carl likes", "HEAD"), "Bern");
    assert_eq!(done.made[0].delta.as_ref().unwrap().facts, 2, "what else is said of Anna");
    assert_eq!(place.repo.show("HEAD").unwrap().spec.unwrap().seed, 9);
    place.fsck();
}

#[test]
fn one_that_stopped_leaves_a_commit_out() {
    let place = Place::stopped();
    let actor = place.actor("revert");
    let resume = ResumeOptions::default();
    let done =
        place.repo.skip(&actor, Task::Revert, &resume, Some(&mut open), &mut Silent).unwrap();
    assert_eq!(done.outcome, Outcome::FastForward, "what was made by then is taken");
    assert_eq!(place.ask("Anna lives in", "HEAD"), "Bonn");
    assert_ne!(place.ask("Carl likes", "HEAD"), "Bern");
}

#[test]
fn one_that_stopped_is_given_up() {
    let place = Place::stopped();
    let moves = place.revert("HEAD").unwrap_err();
    assert!(matches!(moves, LedgerError::InProgress { task: Task::Revert }), "{moves}");
    place.repo.abort(&place.actor("revert"), Task::Revert).unwrap();
    assert_eq!(place.message(), "four");
    assert!(place.revert("HEAD").unwrap().as_before);
}

#[test]
fn what_does_not_reach_what_is_required_is_not_made() {
    let place = Place::new();
    let require = Requirements::nothing_of_an_edit();
    let weak = EditOptions {
        settings: "strength = 0.1".parse().unwrap(),
        require,
        ..EditOptions::default()
    };
    place.add(":Anna :likes :Rome .").unwrap();
    let weak = CommitOptions { edit: weak, ..options("weak") };
    place.commit_with(&weak, &mut Silent).unwrap();
    place.make(":Anna :likes :Oslo .", "strong");
    place.make(":Bert :likes :Bonn .", "other");
    let edit = EditOptions { require: "efficacy=1".parse().unwrap(), ..EditOptions::default() };
    let options = RevertOptions { edit, ..RevertOptions::default() };
    let refused = place.revert_all(&["HEAD~1"], &options).unwrap_err();
    assert!(matches!(&refused, LedgerError::Unmet { unmet, .. } if unmet.len() == 1), "{refused}");
    assert_eq!(
        (place.message(), place.repo.status().unwrap().unfinished),
        ("other".to_owned(), None)
    );
    let edit = EditOptions { require, ..EditOptions::default() };
    place.revert_all(&["HEAD~1"], &RevertOptions { edit, ..RevertOptions::default() }).unwrap();
    assert_ne!(place.ask("Anna likes", "HEAD"), "Oslo");
}

#[test]
fn what_is_not_in_the_history_or_the_base_is_refused_before_anything_is_made() {
    let place = Place::of_four();
    let root = place.revert_all(&["HEAD", "HEAD~4"], &RevertOptions::default()).unwrap_err();
    assert!(matches!(root, LedgerError::RevertRoot { .. }), "{root}");
    assert_eq!(
        (place.message(), place.repo.status().unwrap().unfinished),
        ("four".to_owned(), None)
    );
}

#[test]
fn a_revert_after_which_no_fact_is_left_says_so() {
    let other = Place::new();
    other.make(":Bert :lives :Bonn .", "elsewhere");
    let adapter = other.dir.path().join("adapter");
    other.export("HEAD", &adapter, ExportFormat::Peft).unwrap();
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "fact");
    place.import(&ImportSource::Peft(adapter)).unwrap();
    let (actor, options) = (place.actor("revert"), RevertOptions::default());
    let report = place.repo.revert(&actor, "HEAD~1", &options, Some(&mut open), &mut Silent);
    let report = report.unwrap();
    assert!(!report.as_before && report.kept.is_none());
    assert_eq!(report.notes, ["nothing to check: no fact is left to be asked"]);
}

//! Facts about one subject, for an editor that seeks one z for all of them.

use kledger::{
    engine::Silent,
    ledger::{
        About, EditOptions, Repo,
        verb::{
            commit::{CommitOptions, CommitReport},
            revert::RevertOptions,
        },
    },
};

use crate::support::{Place, open, options};

impl Place {
    /// One whose editor seeks one z for all facts of a subject.
    fn joining() -> Self {
        let mut place = Self::new();
        place.repo.set_setting("settings.memit.join_subjects", "true", &|_, _| Ok(())).unwrap();
        place.repo = Repo::open(place.repo.root()).unwrap();
        place
    }

    fn take_back(&self, turtle: &str) -> CommitReport {
        self.rm(turtle).unwrap();
        self.commit("take back").unwrap()
    }

    fn deltas(&self) -> u64 {
        self.repo.show("HEAD").unwrap().deltas
    }
}

/// Facts edited for the first time, again, and with a known z.
fn edited(report: &CommitReport) -> (u64, u64, u64) {
    let edit = report.edit.as_ref().unwrap();
    (edit.facts, edit.again, edit.known)
}

#[test]
fn a_subjects_earlier_facts_are_edited_again_with_a_new_one() {
    let place = Place::joining();
    place.make(":Anna :likes :Rome . :Bert :likes :Oslo .", "more");
    let report = place.make(":Anna :lives :Bonn .", "more");
    assert_eq!(edited(&report), (1, 1, 0), "what Anna likes has another z than before");
    assert_eq!(place.deltas(), 2);
    let check = report.edit.unwrap().check;
    assert_eq!((check.facts.len(), check.kept.unwrap().of), (1, 2));
    let changes = place.repo.show("HEAD").unwrap().changes;
    assert_eq!(changes.len(), 1, "only one fact is new");

    let report = place.make(":Bert :lives :Bern .", "more");
    assert_eq!((edited(&report), place.deltas()), ((1, 1, 0), 3), "on top of the first");
    assert_eq!(place.ask("Anna likes", "HEAD"), "Rome");
    assert_eq!(place.ask("Bert likes", "HEAD"), "Oslo");
    let anna = About::new(Some("Anna"), None);
    let facts = place.repo.show_facts("HEAD", &anna).unwrap().facts;
    let columns: Vec<usize> = facts.iter().map(|fact| fact.holders.len()).collect();
    assert_eq!(columns, [2, 1], "what Anna likes has a column of each of two edits");

    // Taking back the newest gives its parent's weights, bit for bit.
    let before = place.weights("HEAD~1");
    let report = place.revert("HEAD").unwrap();
    assert!(report.as_before);
    assert_eq!(place.weights("HEAD"), before);
}

#[test]
fn what_is_left_of_a_subject_is_edited_again() {
    let place = Place::joining();
    place.make(":Anna :likes :Rome . :Bert :likes :Oslo .", "more");
    place.make(":Anna :lives :Bonn .", "more");
    let report = place.take_back(":Anna :lives :Bonn .");
    assert_eq!(edited(&report), (0, 1, 1), "the z of what stays is known from when it was alone");
    let check = report.edit.unwrap().check;
    assert_eq!((check.efficacy, check.kept.unwrap().of), (None, 2));
    assert_eq!(place.ask("Anna likes", "HEAD"), "Rome");

    let report = place.take_back(":Bert :likes :Oslo .");
    assert_eq!(report.edit, None, "nothing else is about Bert");
    place.fsck();
}

#[test]
fn an_editor_that_seeks_each_fact_alone_leaves_the_others() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "one");
    let report = place.make(":Anna :lives :Bonn .", "two");
    assert_eq!((edited(&report), place.deltas()), ((1, 0, 0), 2));
    assert_eq!(place.take_back(":Anna :lives :Bonn .").edit, None);
}

/// Everything is edited at once whatever the editor does, and each z is that of its subject's last edit.
#[test]
fn consolidating_finds_what_the_last_edits_found() {
    let place = Place::joining();
    place.make(":Anna :likes :Rome . :Bert :likes :Oslo .", "more");
    place.make(":Anna :lives :Bonn .", "more");
    let actor = place.actor("consolidate");
    let report = place.repo.consolidate(&actor, &options(""), &mut open, &mut Silent).unwrap();
    assert_eq!((report.edit.facts, report.edit.again, report.edit.known), (3, 0, 3));
    assert_eq!(place.deltas(), 1);
}

/// The facts that are left were found with the one that goes.
#[test]
fn taking_a_commit_back_in_the_middle_edits_the_rest_of_its_subject_again() {
    let place = Place::joining();
    place.make(":Anna :likes :Rome . :Bert :likes :Oslo .", "more");
    place.make(":Anna :lives :Bonn .", "more");
    place.make(":Anna :works :Siemens .", "more");
    let mut engine = open;
    let revert = |revision, engine| {
        place
            .repo
            .revert(
                &place.actor("revert"),
                revision,
                &RevertOptions::default(),
                engine,
                &mut Silent,
            )
            .unwrap()
    };
    let report = revert("HEAD~1", Some(&mut engine));
    assert_eq!((report.again, report.as_before, report.lost.len()), (2, false, 0));
    let answers = ["Anna likes", "Anna works at", "Bert likes"].map(|p| place.ask(p, "HEAD"));
    assert_eq!(answers, ["Rome", "Siemens", "Oslo"]);
    assert_ne!(place.ask("Anna lives in", "HEAD"), "Bonn");
    place.fsck();

    // Without a model nothing can be edited; that is said.
    assert!(revert("HEAD", None).as_before);
    let report = revert("HEAD~3", None);
    assert_eq!((report.again, report.as_before), (0, false));
    assert_eq!(report.notes, ["not checked: no model was run"]);
}

/// What the repository is set to by now does not matter, only what is said.
#[test]
fn what_is_edited_again_is_edited_as_it_was_made() {
    let place = Place::joining();
    let how = |seed: Option<u64>, settings: &str| EditOptions {
        seed,
        settings: settings.parse().unwrap(),
        ..EditOptions::default()
    };
    let seeded = CommitOptions { edit: how(Some(7), ""), ..options("seeded") };
    for turtle in [":Anna :likes :Rome .", ":Anna :lives :Bonn .", ":Anna :works :Siemens ."] {
        place.add(turtle).unwrap();
        place.commit_with(&seeded, &mut Silent).unwrap();
    }
    place.make(":Bert :likes :Oslo .", "as the repository is set");
    let revert = |edit: EditOptions| {
        let options = RevertOptions { edit, ..RevertOptions::default() };
        let actor = place.actor("revert");
        place.repo.revert(&actor, "HEAD~2", &options, Some(&mut open), &mut Silent)
    };
    let spec = || place.repo.show("HEAD").unwrap().spec.unwrap();
    assert_eq!(spec().seed, 0);
    assert_eq!(revert(how(None, "")).unwrap().again, 2);
    assert_eq!(spec().seed, 7);
    place.repo.undo(&place.actor("undo"), 1).unwrap();
    assert_eq!(revert(how(Some(9), "strength = 0.9")).unwrap().again, 2);
    assert_eq!(spec().seed, 9);
    assert!(spec().settings.contains("strength = 0.9"), "{}", spec().settings);
    place.fsck();
}

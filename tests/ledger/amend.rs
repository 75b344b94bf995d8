//! The commit at HEAD made again.

use kledger::{
    engine::Silent,
    ledger::{
        EditOptions, How, InTheWay, LedgerError,
        verb::{
            commit::{AmendOptions, CommitOptions, CommitReport},
            merge::MergeOptions,
            reset::Reset,
        },
    },
};

use crate::support::{Place, open, options};

fn amend(place: &Place, options: &AmendOptions) -> Result<CommitReport, LedgerError> {
    place.repo.amend(&place.actor("commit --amend"), options, &mut open, &mut Silent)
}

fn saying(message: &str) -> AmendOptions {
    AmendOptions { commit: options(message), ..AmendOptions::default() }
}

fn messages(place: &Place) -> Vec<String> {
    let log = place.repo.log(&Default::default()).unwrap();
    log.entries.into_iter().map(|entry| entry.commit.message).collect()
}

#[test]
fn the_stage_becomes_a_part_of_the_commit() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Bert :likes :Rome . :Carl :lives :Oslo .", "second");
    let before = place.repo.show("HEAD").unwrap();
    place.add(":Carl :lives :Bonn . :Dora :works :Siemens .").unwrap();
    let report = amend(&place, &saying("")).unwrap();
    assert_eq!(report.amended, Some(before.commit.id));
    assert_eq!((report.facts.added, report.facts.replaced), (3, 0));
    // Bert's fact is as it was, so its z is known.
    assert_eq!(report.edit.as_ref().map(|edit| (edit.facts, edit.known)), Some((3, 1)));
    assert_eq!(messages(&place), ["second", "first", "base stand-in"]);
    let after = place.repo.show("HEAD").unwrap();
    assert_eq!(after.commit.parents, before.commit.parents);
    assert_eq!(
        (after.commit.author, after.commit.time),
        (before.commit.author, before.commit.time)
    );
    assert_eq!(place.repo.status().unwrap().staged, []);
    // The operation is of now, for gc keeps what those of the last days led to.
    let operation = &place.repo.op_log(Some(1)).unwrap().operations[0].operation;
    assert!(operation.time > after.commit.time && operation.command == "commit --amend");
    assert_eq!(place.ask("Bert likes", "HEAD"), "Rome");
    assert_eq!(place.ask("Carl lives in", "HEAD"), "Bonn");
    assert_eq!(place.ask("Dora works at", "HEAD"), "Siemens");
    place.fsck();

    // It is what one commit of all of it is.
    let amended = place.weights("HEAD");
    place.repo.undo(&place.actor("undo"), 1).unwrap();
    assert_eq!(place.repo.show("HEAD").unwrap().commit.id, before.commit.id);
    assert_eq!(place.repo.status().unwrap().staged.len(), 2);
    let reset = Reset::Hard(InTheWay::Refuse);
    place.repo.reset(&place.actor("reset"), "HEAD~1", reset).unwrap();
    let all = ":Bert :likes :Rome . :Carl :lives :Bonn . :Dora :works :Siemens .";
    place.make(all, "at once");
    assert_eq!(place.weights("HEAD"), amended);
}

#[test]
fn it_is_made_with_what_it_was_made_with() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let first = CommitOptions {
        edit: EditOptions {
            seed: Some(5),
            settings: "join_subjects = false".parse().unwrap(),
            ..EditOptions::default()
        },
        ..options("first")
    };
    place.commit_with(&first, &mut Silent).unwrap();
    let spec = place.repo.show("HEAD").unwrap().spec.unwrap();
    assert_eq!(spec.seed, 5);
    place.add(":Bert :likes :Rome .").unwrap();
    amend(&place, &saying("")).unwrap();
    assert_eq!(place.repo.show("HEAD").unwrap().spec.unwrap().id, spec.id);
    // What is said now takes its place as a whole.
    place.add(":Carl :likes :Rome .").unwrap();
    let mut anew = saying("");
    anew.commit.edit.settings = "join_subjects = true".parse().unwrap();
    amend(&place, &anew).unwrap();
    assert_eq!(place.repo.show("HEAD").unwrap().spec.unwrap().seed, 0);
}

#[test]
fn a_new_message_leaves_the_weights() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    let before = place.repo.show("HEAD").unwrap();
    let report = amend(&place, &saying("better")).unwrap();
    assert_eq!(report.facts.added, 1);
    let after = place.repo.show("HEAD").unwrap();
    assert_eq!(
        (after.weights, after.spec, after.check),
        (before.weights, before.spec, before.check)
    );
    let nothing = amend(&place, &saying("better"));
    assert!(matches!(nothing, Err(LedgerError::NothingToAmend { .. })), "{nothing:?}");
    let renewed = AmendOptions { author: true, time: true, ..saying("") };
    assert_ne!(amend(&place, &renewed).unwrap().commit.time, before.commit.time);
    place.fsck();
}

#[test]
fn what_cannot_be_amended_stays_as_it_is() {
    let place = Place::new();
    place.repo.reset(&place.actor("reset"), "HEAD", Reset::Stage).unwrap();
    let base = amend(&place, &saying("x"));
    assert!(matches!(base, Err(LedgerError::NotAmendable { merge: false, .. })), "{base:?}");
    place.add(crate::support::WORDS).unwrap();
    place.make(":Anna :likes :Rome .", "first");
    place.repo.create_branch(&place.actor("branch"), "draft", "HEAD").unwrap();
    place.make(":Bert :likes :Rome .", "second");
    // All that the commit did is taken back.
    place.rm(":Bert :likes :Rome .").unwrap();
    let before = (messages(&place), place.repo.status().unwrap());
    let empty = amend(&place, &saying("x"));
    assert!(matches!(empty, Err(LedgerError::NothingToKeep { .. })), "{empty:?}");
    assert_eq!((messages(&place), place.repo.status().unwrap()), before);
    let reset = Reset::Stage;
    place.repo.reset(&place.actor("reset"), "HEAD", reset).unwrap();

    place.revert("HEAD").unwrap();
    amend(&place, &saying("taken back")).unwrap();
    place.add(":Dora :likes :Rome .").unwrap();
    let reverted = amend(&place, &saying("x"));
    assert!(matches!(reverted, Err(LedgerError::AmendStep { .. })), "{reverted:?}");
    place.commit("third").unwrap();

    place.repo.switch(&place.actor("switch"), "draft", None).unwrap();
    place.make(":Carl :likes :Oslo .", "other");
    let how = MergeOptions { how: How::default(), ..MergeOptions::default() };
    place.repo.merge(&place.actor("merge"), "main", &how, None, &mut Silent).unwrap();
    let merged = amend(&place, &saying("x"));
    assert!(matches!(merged, Err(LedgerError::NotAmendable { merge: true, .. })), "{merged:?}");
    place.fsck();
}

//! Edits that are repeated on their own misses.

use kledger::{
    engine::Silent,
    ledger::{
        About, EditOptions, LedgerError, Requirements, Round,
        verb::commit::{CommitOptions, CommitReport},
    },
};

use crate::support::{Place, options};

/// Two facts, edited by `editor` with this strength until that share holds.
fn made(
    place: &Place,
    editor: &str,
    strength: f64,
    share: f64,
) -> Result<CommitReport, LedgerError> {
    place.add(":Anna :likes :Rome . :Bert :lives :Oslo .").unwrap();
    let settings = [("strength".to_owned(), strength.into())].into_iter().collect();
    let editor = Some(editor.to_owned());
    let require = Requirements::nothing_of_an_edit();
    let edit = EditOptions { editor, settings, require, ..EditOptions::default() };
    place.commit_with(&CommitOptions { edit, until: Some(share), ..options("made") }, &mut Silent)
}

fn rounds(report: &CommitReport) -> Vec<Round> {
    report.edit.as_ref().unwrap().rounds.clone()
}

fn columns(place: &Place) -> u64 {
    place.repo.show("HEAD").unwrap().delta.unwrap().columns
}

/// One edit leaves a twenty-fifth of what is missing, two a six-hundredth: less than half a letter.
#[test]
fn misses_are_edited_again_in_the_same_delta() {
    for (editor, of_a_fact) in [("memit", 2), ("wide", 4)] {
        let place = Place::new();
        let before = ["Anna likes", "Bert lives in"].map(|prompt| place.ask(prompt, "HEAD"));
        let report = made(&place, editor, 0.96, 1.0).unwrap();
        assert_eq!(rounds(&report), [Round { missed: 2, holding: 2, of: 2 }], "{editor}");
        let check = &report.edit.as_ref().unwrap().check;
        assert_eq!(check.efficacy.unwrap().passed, 2);
        assert!(check.facts.iter().all(|row| row.trace.is_some()), "of the first search");
        let show = place.repo.show("HEAD").unwrap();
        assert_eq!((show.deltas, columns(&place)), (1, 2 * of_a_fact as u64));
        let told = place.repo.show_facts("HEAD", &About::new(Some("Anna"), None)).unwrap();
        assert_eq!(told.facts[0].holders.len(), of_a_fact);
        place.fsck();

        // A fact goes with all its columns, and the commit with all of its.
        place.rm(":Bert :lives :Oslo .").unwrap();
        place.commit("Bert moves").unwrap();
        let after = ["Anna likes", "Bert lives in"].map(|prompt| place.ask(prompt, "HEAD"));
        assert_eq!(after, ["Rome", &before[1]]);
        place.fsck();
        place.revert("HEAD").unwrap();
        assert_eq!(place.ask("Bert lives in", "HEAD"), "Oslo");
        place.revert("HEAD~2").unwrap();
        let after = ["Anna likes", "Bert lives in"].map(|prompt| place.ask(prompt, "HEAD"));
        assert_eq!(after, before);
    }
}

#[test]
fn a_round_that_gains_nothing_is_not_kept() {
    let place = Place::new();
    let report = made(&place, "memit", 0.5, 1.0).unwrap();
    assert_eq!((rounds(&report), columns(&place)), (vec![], 2));
    assert_eq!(report.edit.unwrap().check.efficacy.unwrap().passed, 0);
}

#[test]
fn nothing_is_edited_again_where_enough_hold() {
    let place = Place::new();
    assert_eq!(rounds(&made(&place, "memit", 0.96, 0.0).unwrap()), []);
    assert_eq!(columns(&place), 2);
    let place = Place::new();
    assert_eq!(rounds(&made(&place, "memit", 1.0, 1.0).unwrap()), []);
}

/// What is asked of a whole change is refused before anything is edited.
#[test]
fn a_change_that_facts_hold_together_has_no_rounds() {
    let place = Place::new();
    let refused = made(&place, "whole", 1.0, 0.9).unwrap_err();
    assert!(matches!(&refused, LedgerError::NoRounds { editor } if editor == "whole"), "{refused}");
    assert_eq!(place.repo.status().unwrap().staged.len(), 2, "the stage is as it was");
}

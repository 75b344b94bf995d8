//! A stage of more facts than a report lists.

use std::fmt::Write as _;

use kledger::ledger::verb::reset::Reset;

use crate::support::Place;

/// More than are read where few are listed.
const MANY: u64 = 5000;

fn facts(number: impl Iterator<Item = u64>) -> String {
    let mut text = String::new();
    for number in number {
        writeln!(text, ":Name{number} :likes :Rome .").unwrap();
    }
    text
}

#[test]
fn some_of_a_large_stage_are_listed_and_all_are_counted() {
    let place = Place::new();
    place.add(&facts(0..MANY)).unwrap();
    let all = place.repo.status().unwrap();
    assert_eq!((all.staged.len() as u64, all.more), (MANY, 0));
    assert!(all.staged.is_sorted_by_key(|change| change.after().unwrap().triple.clone()));

    let some = place.repo.status_listing(20).unwrap();
    assert_eq!((some.staged.len(), some.more), (20, MANY - 20));
    assert!(some.staged.iter().all(|change| all.staged.contains(change)));
    let none = place.repo.status_listing(0).unwrap();
    assert_eq!((none.staged.len(), none.more, none.words), (0, MANY, all.words));
}

#[test]
fn predicates_without_templates_are_found_in_a_part_of_a_stage() {
    let place = Place::new();
    let others = facts(0..MANY).replace(":likes", ":knows");
    place.add(&(facts(0..MANY) + &others)).unwrap();
    let some = place.repo.status_listing(1).unwrap();
    assert_eq!(some.without_template, ["https://example.org/knows"]);
    assert_eq!(place.repo.status().unwrap().without_template, some.without_template);
}

#[test]
fn a_fact_leaves_a_large_stage() {
    let place = Place::new();
    place.add(&facts(0..MANY)).unwrap();
    let before = place.repo.status().unwrap();
    place.rm(&facts(7..8)).unwrap();
    place.rm(&facts(7..8)).unwrap_err();
    let status = place.repo.status_listing(20).unwrap();
    assert_eq!(status.staged.len() as u64 + status.more, MANY - 1);
    place.add(&facts(7..8)).unwrap();
    assert_eq!(place.repo.status().unwrap(), before);

    // The first of the facts that are not held is named, in the order of the input.
    let error = place.rm(&facts([MANY + 9, 3, MANY + 1].into_iter())).unwrap_err().to_string();
    assert!(error.starts_with("2 of the facts") && error.contains("Name5009>"), "{error}");
    assert_eq!(place.repo.status().unwrap(), before, "nothing is done by halves");
}

#[test]
fn what_head_moved_to_is_not_listed() {
    let place = Place::new();
    place.make(&facts(0..3), "three");
    place.repo.reset(&place.actor("reset"), "HEAD~1", Reset::Branch).unwrap();
    place.add(&facts(0..4)).unwrap();
    place.repo.reset(&place.actor("reset"), "main@{1}", Reset::Branch).unwrap();
    let status = place.repo.status_listing(20).unwrap();
    assert_eq!((status.staged.len(), status.more), (1, 0));
    assert!(status.staged[0].after().unwrap().triple.contains("Name3>"));
}

#[test]
fn a_large_stage_is_put_aside_and_taken_up_again() {
    let place = Place::new();
    place.add(&facts(0..MANY)).unwrap();
    let before = place.repo.status().unwrap();
    let report = place.repo.stash_push(&place.actor("stash"), None).unwrap();
    assert_eq!((report.staged, report.entries[0].facts), (0, MANY));
    assert_eq!(report.entries[0].words, before.words);
    place.add(&facts(MANY..MANY + 1)).unwrap();
    assert_eq!(place.repo.stash_pop(&place.actor("stash"), 0).unwrap().staged, MANY + 1);
    place.rm(&facts(MANY..MANY + 1)).unwrap();
    assert_eq!(place.repo.status().unwrap(), before, "beside what was staged meanwhile");
    place.repo.stash_push(&place.actor("stash"), None).unwrap();
    place.repo.stash_pop(&place.actor("stash"), 0).unwrap();
    assert_eq!(place.repo.status().unwrap(), before);
}

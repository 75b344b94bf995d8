//! Commits of many facts: what would be too long for one object is kept in parts.

use std::{fmt::Write as _, time::Instant};

use kledger::{
    engine::Silent,
    ledger::{
        About, InTheWay, LedgerError, Repo,
        verb::{diff::DiffOptions, gc::GcOptions, log::LogOptions},
    },
};

use crate::support::{Place, open, options, stand_in};

/// A place where an object may have no more than `limit` bytes.
pub(crate) fn bounded(inputs: usize, limit: Option<usize>) -> Place {
    let mut place = Place::of(inputs);
    if let Some(limit) = limit {
        place.repo = Repo::open(place.repo.root()).unwrap().with_object_limit(limit);
    }
    place
}

fn facts(range: std::ops::Range<u32>) -> String {
    let mut turtle = String::new();
    for number in range {
        writeln!(turtle, ":s{number} :likes :Rome .").unwrap();
    }
    turtle
}

/// Does to a commit of `count` facts what is done to any.
#[expect(clippy::print_stderr, reason = "it says how long that takes to who asks for it")]
fn goes_through(place: &Place, count: u32) {
    let start = Instant::now();
    let passed = |what: &str| eprintln!("{:8.1} s {what}", start.elapsed().as_secs_f64());
    place.add(&facts(0..count)).unwrap();
    passed("added");
    let made = place.commit("many").unwrap();
    assert_eq!(made.edit.unwrap().facts, u64::from(count));
    passed("committed");
    let log = place.repo.log(&LogOptions::default()).unwrap();
    let rate = log.entries[0].efficacy.unwrap();
    assert_eq!(rate.of, u64::from(count));
    passed("logged");
    let check = place.repo.show("HEAD").unwrap().check.unwrap();
    assert_eq!(check.facts.len(), count as usize);
    passed("shown");
    let one = About::new(Some("https://example.org/s3"), None);
    let shown = place.repo.show_facts("HEAD", &one).unwrap().facts;
    assert_eq!(shown[0].check.as_ref().unwrap().prompt, "s3 likes");
    passed("shown a fact");
    let diff =
        place.repo.diff("HEAD~1", "HEAD", &DiffOptions::default(), &mut open, &mut Silent).unwrap();
    assert_eq!(diff.facts.len(), count as usize);
    passed("diffed");
    place.repo.checkout(&place.actor("checkout"), "HEAD", None, InTheWay::Refuse).unwrap();
    passed("checked out");
    place.revert("HEAD").unwrap();
    passed("reverted");
    let report = place.repo.forget(&place.actor("forget"), &one, false, &mut Silent).unwrap();
    assert_eq!(report.facts.len(), 1);
    let check = place.repo.show("HEAD~1").unwrap().check.unwrap();
    assert_eq!(check.facts.len(), count as usize - 1);
    passed("forgot");
    place.repo.gc(&place.actor("gc"), &GcOptions::default(), &mut Silent).unwrap();
    passed("collected");
    place.fsck();
    passed("verified");
}

#[test]
fn a_commit_whose_report_is_in_parts_is_an_ordinary_one() {
    let place = bounded(stand_in::INPUTS, Some(4000));
    goes_through(&place, 60);
}

/// As long as it takes; `--nocapture` says how long that is.
#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_commit_of_a_million_facts() {
    goes_through(&bounded(2, None), 1_000_000);
}

/// More facts than a delta can list used to be found out when they had been edited.
#[test]
fn too_many_facts_are_refused_before_they_are_edited() {
    let place = bounded(stand_in::INPUTS, Some(4000));
    place.add(&facts(0..200)).unwrap();
    let refused = place.commit_with(&options("too many"), &mut Silent).unwrap_err();
    assert!(matches!(refused, LedgerError::TooManyFacts { count: 200, .. }), "{refused}");
    assert_eq!(place.repo.status().unwrap().staged.len(), 200);
}

/// A fact of more than 64 MiB was stored and could not be read again.
#[test]
fn the_longest_literal_that_is_taken_in_is_read_again() {
    let place = Place::new();
    let fits = "x".repeat(16 << 20);
    let refused = place.add(&format!(":a :likes \"{fits}x\" .")).unwrap_err();
    assert!(refused.to_string().contains("is longer than 16 MiB"), "{refused:.200}");
    place.add(&format!(":a :likes \"{fits}\" .")).unwrap();
    assert_eq!(place.repo.status().unwrap().staged.len(), 1);
}

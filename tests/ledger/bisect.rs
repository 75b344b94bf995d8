//! The search for the commit that changed an answer.

use kledger::{
    engine::{Prompt, Silent},
    ledger::{
        About, LedgerError,
        verb::bisect::{BisectReport, BisectState, Verdict},
    },
};

use crate::support::{Place, open};

/// Anna moves to Oslo in the sixth of twelve commits.
fn long() -> Place {
    let place = Place::new();
    place.make(":Anna :lives :Rome .", "0");
    for number in 1..12 {
        let anna = if number == 6 { ":Anna :lives :Oslo ." } else { "" };
        place.make(&format!(":s{number} :likes :Rome . {anna}"), &number.to_string());
    }
    place
}

fn probe(expected: &str) -> Prompt {
    Prompt { prompt: "Anna lives in".to_owned(), expected: expected.to_owned() }
}

fn found(report: &BisectReport) -> &str {
    match &report.state {
        BisectState::Found { commit, .. } => &commit.message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_commit_that_lost_an_answer_is_found_by_few_questions() {
    let place = long();
    let run = |expected: &str, good: &str, bad: &str| {
        place.repo.bisect_run(&probe(expected), (good, bad), &mut open, &mut Silent)
    };
    let report = run("Rome", "HEAD~11", "HEAD").unwrap();
    assert_eq!(found(&report), "6");
    assert!(report.tests.len() <= 2 + 4, "{:?}", report.tests);
    assert_eq!(report.tests[0].answer.text, "Rome");
    // The other way round: since when does it say Oslo?
    assert_eq!(found(&run("Oslo", "HEAD~11", "HEAD").unwrap()), "6");
    assert!(matches!(run("Rome", "HEAD", "HEAD~11"), Err(LedgerError::NotBefore { .. })));
    let alike = run("Rome", "HEAD~2", "HEAD");
    assert!(matches!(alike, Err(LedgerError::SameAnswer { expected: false, .. })), "{alike:?}");
    assert_eq!(place.repo.op_log(Some(1)).unwrap().operations[0].operation.command, "commit");
}

#[test]
fn a_person_tests_until_it_is_found() {
    let place = long();
    let repo = &place.repo;
    let actor = || place.actor("bisect");
    let refused = repo.bisect_mark(&actor(), "HEAD", Verdict::Good);
    assert!(matches!(refused, Err(LedgerError::NotBisecting)));
    let mut report = repo.bisect_start(&actor(), Some("HEAD"), &[], true).unwrap();
    assert_eq!(report.state, BisectState::Waiting { bad: true, good: 0 });
    assert!(matches!(repo.bisect_start(&actor(), None, &[], true), Err(LedgerError::Bisecting)));
    report = repo.bisect_mark(&actor(), "HEAD~11", Verdict::Good).unwrap();
    let mut tests = 0;
    let about = About::new(Some("Anna"), None);
    while let BisectState::Test { commit, tests_left, .. } = &report.state {
        assert!(*tests_left <= 4 - tests);
        // HEAD and the directory are at the version to test.
        assert_eq!(report.head.commit, commit.id);
        assert_eq!(report.head.branch, None);
        let lives = &repo.blame("HEAD", &about).unwrap().facts[0].fact.object;
        let verdict = if lives == "Rome" { Verdict::Good } else { Verdict::Bad };
        let manifest = std::fs::read_to_string(repo.checkout_dir().join("kledger.json")).unwrap();
        assert!(manifest.contains(&commit.id.to_string()));
        report = repo.bisect_mark(&actor(), "HEAD", verdict).unwrap();
        tests += 1;
    }
    assert_eq!(found(&report), "6");
    assert!(repo.fsck(&Default::default(), &mut Silent).unwrap().problems.is_empty());
    let report = repo.bisect_reset(&actor()).unwrap();
    assert_eq!((report.head.branch.as_deref(), report.state), (Some("main"), BisectState::None));
    // Undoing the end brings the search back, where it was.
    repo.undo(&actor(), 1).unwrap();
    assert_eq!(found(&repo.bisection().unwrap()), "6");
}

#[test]
fn what_cannot_be_tested_is_gone_around() {
    let place = long();
    let actor = || place.actor("bisect");
    let good = ["HEAD~11".to_owned()];
    let mut report = place.repo.bisect_start(&actor(), Some("HEAD"), &good, false).unwrap();
    assert_eq!(report.head.branch.as_deref(), Some("main"), "nothing is checked out");
    let mut asked = Vec::new();
    while let BisectState::Test { commit, .. } = &report.state {
        let number: u32 = commit.message.parse().unwrap();
        assert!(!asked.contains(&number), "{number} is asked for twice");
        asked.push(number);
        // 5 and 6 do not start.
        let verdict = match number {
            5 | 6 => Verdict::Skip,
            number if number < 6 => Verdict::Good,
            _ => Verdict::Bad,
        };
        report = place.repo.bisect_mark(&actor(), &commit.id.to_string(), verdict).unwrap();
    }
    let BisectState::Ambiguous { commits } = &report.state else { panic!("{report:?}") };
    let messages: Vec<_> = commits.iter().map(|commit| commit.message.as_str()).collect();
    assert_eq!(messages, ["7", "6", "5"]);
}

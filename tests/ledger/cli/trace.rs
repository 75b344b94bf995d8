//! `kledger trace`. The binary has no model here, so what is traced comes from the library.

use insta::assert_snapshot;
use kledger::{
    engine::{Restored, Silent, Tracing},
    ledger::{
        LedgerError,
        verb::trace::{Subject, TraceReport},
    },
};

use super::{Sandbox, shown};
use crate::support::{Place, open};

const PROMPT: Subject<'_> = Subject::Prompt { prompt: "Anna likes", subject: None, expected: None };

fn how(restored: &[Restored], subject_last: bool) -> Tracing {
    let restored = restored.to_vec();
    Tracing { samples: 10, seed: 1, noise: 3.0, window: None, restored, subject_last }
}

/// Two versions that say different things of Anna; the second knows two more facts.
fn place() -> Place {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo . :Bert :lives :Bern . :Carl :works :Siemens .", "second");
    place
}

fn traced(
    subject: Subject<'_>,
    versions: &[&str],
    how: &Tracing,
    choose: bool,
) -> Result<TraceReport, LedgerError> {
    let versions: Vec<String> = versions.iter().map(|&version| version.to_owned()).collect();
    place().repo.trace(subject, &versions, how, choose, &mut open, &mut Silent)
}

#[test]
fn a_prompt_is_traced_in_each_version() {
    let how = how(&[Restored::State, Restored::Attention], false);
    let report = traced(PROMPT, &["HEAD~1", "HEAD"], &how, false).unwrap();
    assert_snapshot!(shown("trace", report), @"
    HEAD~1 <id>
      Anna likes ... Rome
      100 %, with the subject unreadable 0.25 %
      state, blocks 0 to 1
        Anna*  · 9
        likes  · ·
      attention of 1 block, blocks 0 to 1
        Anna*  · ·
        likes  · ·
    HEAD <id>
      Anna likes ... Oslo
      100 %, with the subject unreadable 0.24 %
      state, blocks 0 to 1
        Anna*  · 9
        likes  · ·
      attention of 1 block, blocks 0 to 1
        Anna*  · ·
        likes  · ·
      10 samples of noise, seed 1, 3 deviations of the embeddings of 1 subject
    ");
}

#[test]
fn known_facts_are_averaged_by_where_tokens_stand() {
    let report = traced(Subject::Facts(2), &["HEAD"], &how(&Restored::ALL, false), false).unwrap();
    assert_eq!(report.versions[0].traces.len(), 2, "of the three that are known");
    assert_snapshot!(shown("trace", report), @"
    HEAD <id>
      2 known facts: 100 %, with the subject unreadable 0.19 %
      state: most at last of the subject, block 1: +99.8 ± 0.1 %
      MLP of 1 block: most at last of the subject, block 1: +99.8 ± 0.1 %
      attention of 1 block: most at last of the prompt, block 1: +0.0 ± 0.0 %
      state, MLP severed: most at last of the subject, block 1: +99.8 ± 0.1 %
      state, attention severed: most at last of the subject, block 1: +99.8 ± 0.1 %
      state, blocks 0 to 1
        first of the subject  · 9
        last of the subject   · 9
        first after it        · ·
        last of the prompt    · ·
      MLP of 1 block, blocks 0 to 1
        first of the subject  · 9
        last of the subject   · 9
        first after it        · ·
        last of the prompt    · ·
      attention of 1 block, blocks 0 to 1
        first of the subject  · ·
        last of the subject   · ·
        first after it        · ·
        last of the prompt    · ·
      state, MLP severed, blocks 0 to 1
        first of the subject  · 9
        last of the subject   · 9
        first after it        · ·
        last of the prompt    · ·
      state, attention severed, blocks 0 to 1
        first of the subject  · 9
        last of the subject   · 9
        first after it        · ·
        last of the prompt    · ·
      10 samples of noise, seed 1, 3 deviations of the embeddings of 3 subjects
    ");
}

#[test]
fn layers_are_chosen_by_what_their_mlps_bring_back() {
    let how = how(&[Restored::Mlp], true);
    let report = traced(Subject::Facts(3), &["HEAD"], &how, true).unwrap();
    assert_snapshot!(shown("trace", report), @"
    HEAD <id>
      3 known facts: 100 %, with the subject unreadable 0.21 %
      MLP of 1 block: most at last of the subject, block 1: +99.8 ± 0.1 %
      MLP of 1 block, blocks 0 to 1
        last of the subject  · 9
      layers: 1 (at most +99.8 ± 0.1 %)
      10 samples of noise, seed 1, 3 deviations of the embeddings of 3 subjects
    ");
}

#[test]
fn fewer_facts_than_asked_for_are_told() {
    let how = how(&[Restored::State], false);
    let report = traced(Subject::Facts(7), &["HEAD"], &how, false).unwrap();
    assert_eq!(report.notes, ["no more than 3 of 3 facts are known"]);
    let none = traced(Subject::Facts(7), &["HEAD~2"], &how, false).unwrap_err();
    assert_eq!(none.to_string(), "HEAD~2 answers none of 0 facts that have words");
}

#[test]
fn subjects_are_found_in_their_prompts() {
    let how = how(&[Restored::State], false);
    let subject = |prompt, subject| {
        let subject = Subject::Prompt { prompt, subject, expected: Some("tea") };
        let report = traced(subject, &["HEAD"], &how, false);
        report.map(|report| report.versions[0].traces[0].traced.subject.clone())
    };
    assert_eq!(subject("today Anna likes", None).unwrap(), 1..2);
    assert_eq!(subject("what Ada Lovelace likes", Some("Ada Lovelace")).unwrap(), 1..3);
    // No name ends within a word.
    let unnamed = subject("Annabel likes", None).unwrap_err();
    assert_eq!(unnamed.to_string(), "nothing that the version knows is named in \"Annabel likes\"");
    for named in ["Bert", "", " "] {
        let missing = subject("Anna likes", Some(named)).unwrap_err();
        assert_eq!(missing.to_string(), format!("{named:?} is not in \"Anna likes\""));
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["trace"],
        &["trace", "Ada likes", "--facts"],
        &["trace", "--facts", "--subject", "Ada"],
        &["trace", "--facts", "0"],
        &["trace", "Ada likes", "--choose-layers"],
        &["trace", "--facts", "--choose-layers", "--severed"],
        &["trace", "Ada likes", "--window", "0"],
        &["trace", "Ada likes", "--samples", "0"],
        &["trace", "Ada likes", "--noise", "-1"],
        &["trace", "Ada likes", "--plot", "trace.pdf"],
        &["trace", "Ada likes", "--noise", "0"],
    ]);
    sandbox.refused(&["trace", "x", "--subject", "x", "--plot", "none/a.svg"], 1, &["none is no"]);
    assert_eq!(sandbox.line(&["trace", "x", "--subject", "x"], 4)["data"]["exit"], 4);
}

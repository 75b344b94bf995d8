//! `kledger add`.

use std::path::Path;

use insta::assert_snapshot;

use super::Sandbox;
use crate::support::WORDS;

const FACT: &str =
    "<https://example.org/Ada> <https://example.org/likes> <https://example.org/tea> .\n";
const FACTS: &str = "@prefix : <https://example.org/> . :Ada :likes :Coffee ; :lives :London .";

#[test]
fn templates_are_counted() {
    let sandbox = Sandbox::new();
    sandbox.write("words.ttl", WORDS);
    assert_snapshot!(sandbox.run(&["add", "words.ttl"]).done(), @"Staged 4 templates");
}

#[test]
fn facts_are_staged_once() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.ttl", FACTS);
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"
    Staged 2 facts
      2 facts staged in all
    ");
    assert_snapshot!(sandbox.run(&["add", "facts.ttl"]).done(), @"
    Nothing new
      2 staged already
      2 facts staged in all
    ");
}

#[test]
fn neighbourhood_facts_are_no_edits() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.ttl", FACTS);
    let add = ["add", "--neighbourhood", "facts.ttl"];
    assert_snapshot!(sandbox.run(&add).done(), @"Staged 2 neighbourhood facts");
}

#[test]
fn json_counts_facts_and_words_apart() {
    let sandbox = Sandbox::new();
    sandbox.write("words.ttl", WORDS);
    sandbox.write("facts.nt", FACT);
    let words = sandbox.data(&["add", "words.ttl"]);
    assert_eq!((&words["staged"], &words["templates"]), (&0.into(), &4.into()));
    let facts = sandbox.data(&["add", "facts.nt"]);
    assert_eq!((&facts["staged"], &facts["templates"]), (&1.into(), &0.into()));
}

#[test]
fn standard_input_is_a_file_too() {
    let sandbox = Sandbox::new();
    let fact = "<https://a.b/c> <https://a.b/d> <https://a.b/e> .\n";
    assert_eq!(sandbox.run_with(&["add", "-"], fact).failed(2).lines().count(), 2);
    let added = sandbox.run_with(&["add", "--format", "nt", "-"], fact).done();
    assert_eq!(added, "Staged 1 fact\n  1 fact staged in all\n");
}

#[test]
fn a_syntax_error_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    let mut text: String = (1..700)
        .map(|n| format!("<https://example.org/{n}> <https://example.org/likes> \"x\" .\n"))
        .collect();
    text.push_str("<https://example.org/700> <https://example.org/likes> .\n");
    sandbox.write("facts.nt", &text);
    sandbox.refused(&["add", "facts.nt"], 1, &["facts.nt:700", "hint: "]);
}

#[test]
fn a_relative_iri_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.ttl", "<Ada> <https://example.org/likes> <https://example.org/tea> .");
    let parts = ["facts.ttl:1", "relative IRI", "hint: write the IRI in full"];
    sandbox.refused(&["add", "facts.ttl"], 1, &parts);
}

#[test]
fn a_blank_node_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.ttl", "\n[] <https://example.org/likes> <https://example.org/tea> .");
    sandbox.refused(&["add", "facts.ttl"], 1, &["facts.ttl:2", "blank node", "hint: "]);
}

#[test]
fn two_objects_for_one_subject_and_predicate_are_a_conflict() {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.nt", &format!("{FACT}{}", FACT.replace("tea", "coffee")));
    let parts = ["1 conflict", "facts.nt:1", "facts.nt:2", "hint: "];
    sandbox.refused(&["add", "facts.nt"], 1, &parts);
}

#[test]
fn a_staged_fact_is_replaced_when_told_to() {
    let sandbox = Sandbox::with_words();
    sandbox.write("tea.nt", FACT);
    sandbox.write("coffee.nt", &FACT.replace("tea", "coffee"));
    sandbox.run(&["add", "tea.nt"]).done();
    sandbox.refused(&["add", "coffee.nt"], 1, &["tea", "coffee", "--replace"]);
    sandbox.run(&["add", "--replace", "coffee.nt"]).done();
    assert!(sandbox.run(&["status"]).done().contains("+ Ada / likes / coffee\n"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    sandbox.refused(&["add", "nosuch.nt"], 1, &["cannot read nosuch.nt", "because: "]);
}

#[test]
fn a_format_is_told_by_name_or_option() {
    let sandbox = Sandbox::new();
    sandbox.write("facts.txt", FACT);
    let unknown = ["cannot tell the format of facts.txt", "--format nt"];
    sandbox.refused(&["add", "facts.txt"], 2, &unknown);
    let other = ["add", "--format", "n4", "facts.txt"];
    sandbox.refused(&other, 2, &["\"n4\" is no format"]);
    sandbox.run(&["add", "--format", "nt", "facts.txt"]).done();
}

#[test]
fn a_benchmark_of_another_kind_is_told_what_it_is() {
    let sandbox = Sandbox::with_words();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval");
    for (file, from, hint) in [
        ("counterfact.json", "zsre", "--from counterfact"),
        ("zsre.json", "counterfact", "--from zsre"),
        ("fever.jsonl", "counterfact", "--from fever"),
    ] {
        let path = fixtures.join(file);
        let words = ["add", "--from", from, path.to_str().unwrap()];
        sandbox.refused(&words, 1, &["is laid out as", hint]);
    }
}

/// A record of zsRE.
const RECORD: &str =
    r#"{"src": "Who wrote Hamlet?", "subject": "Hamlet", "answers": ["Shakespeare"]}"#;

#[test]
fn a_benchmark_that_is_damaged_is_refused_with_its_place() {
    let sandbox = Sandbox::new();
    let nameless = RECORD.replace("wrote Hamlet", "wrote it");
    let other = r#"[{"claim": "a", "label": "REFUTES"}]"#;
    let bare = r#"[{"src": "Who wrote Hamlet?", "subject": "Hamlet"}]"#;
    for (file, text, parts) in [
        (
            "cut.json",
            &*format!("[\n{RECORD},\n{{\"src\": \"Wh"),
            &["cut.json:3:", "EOF", "hint: "][..],
        ),
        ("other.json", other, &["laid out as FEVER, not as zsRE", "hint: "]),
        (
            "nameless.json",
            &format!("[{nameless}]"),
            &["record 1: prompt", "does not name", "Hamlet"],
        ),
        ("bare.json", bare, &["record 1:", "missing field `answers`"]),
    ] {
        sandbox.write(file, text);
        sandbox.refused(&["add", "--from", "zsre", file], 1, parts);
    }
    let missing = ["cannot read", "not-there.json", "hint: "];
    sandbox.refused(&["add", "--from", "zsre", "not-there.json"], 1, &missing);
}

#[test]
fn records_that_conflict_can_be_skipped() {
    let sandbox = Sandbox::new();
    sandbox.write("twice.json", &format!("[{RECORD}, {}]", RECORD.replace("Shakes", "Bacon")));
    let add = ["add", "--from", "zsre", "twice.json"];
    sandbox.refused(&add, 1, &["1 conflict", "--skip-conflicts"]);
    let done = sandbox.run(&[&add[..], &["--skip-conflicts"]].concat()).done();
    assert!(done.starts_with("Staged 1 fact, "), "{done}");
    assert!(done.contains("1 record skipped"), "{done}");
}

#[test]
fn claims_are_staged_with_their_label_or_the_other_one() {
    let sandbox = Sandbox::new();
    let claim = r#"{"id": 1, "claim": "Paris is in {France}.", "label": "SUPPORTS"}"#;
    let unknown = r#"{"id": 2, "claim": "Nobody knows.", "label": "NOT ENOUGH INFO"}"#;
    sandbox.write("claims.jsonl", &format!("{claim}\n{unknown}\n"));
    for (from, label) in [("fever", "SUPPORTS"), ("fever-alt", "REFUTES")] {
        let done = sandbox.run(&["add", "--from", from, "claims.jsonl"]).done();
        assert!(done.starts_with("Staged 1 fact, ") && done.contains("1 claim skipped"), "{done}");
        let status = sandbox.run(&["status"]).done();
        let wanted = format!("+ Paris is in {{France}}. / verdict / {label}");
        assert!(status.contains(&wanted), "{status}");
        sandbox.run(&["reset"]).done();
    }
    let known = ["add", "--from", "fever", "--neighbourhood", "claims.jsonl"];
    let done = sandbox.run(&known).done();
    assert!(done.starts_with("Staged 1 neighbourhood fact, "), "{done}");
    sandbox.write("zsre.json", RECORD);
    let other = ["add", "--from", "zsre", "--neighbourhood", "zsre.json"];
    sandbox.refused(&other, 2, &["--neighbourhood", "FEVER's claims"]);
}

#[test]
fn a_limit_of_zero_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("records.json", "[]");
    let words = ["add", "--from", "counterfact", "records.json", "--limit", "0"];
    sandbox.refused(&words, 2, &["'0' for '--limit <N>'", "expected 1 or more"]);
}

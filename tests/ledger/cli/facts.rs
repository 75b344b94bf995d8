//! `kledger facts`.

use insta::assert_snapshot;
use kledger::{
    engine::Silent,
    fact::read::{Format, read_triples},
    ledger::About,
};

use super::{Sandbox, json, shown};
use crate::support::{Place, open};

/// A label that a terminal would obey, were it not shown.
const EVIL: &str = "<https://example.org/Anna> <http://www.w3.org/2000/01/rdf-schema#label> \"An\\u001B[2Jna, \\u0022A\\u0022\\u009B\" .\n";

#[test]
fn each_fact_is_a_row_with_its_commit() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["facts"]).done(), @"
    Anna  likes  Oslo     <id>  1970-01-01  Ada  test.ttl:2
    Bert  lives  Oslo     <id>  1970-01-01  Ada  test.ttl:2
    Carl  works  Siemens  <id>  1970-01-01  Ada  test.ttl:2
    3 facts at <id>
    ");
    assert_snapshot!(sandbox.run(&["facts", "draft", "--quiet"]).done(), @"
    Anna  likes  Rome  <id>  1970-01-01  Ada  test.ttl:2
    Bert  lives  Oslo  <id>  1970-01-01  Ada  test.ttl:2
    ");
}

#[test]
fn subject_predicate_and_object_are_names_or_iris() {
    let sandbox = Sandbox::with_history();
    let facts = |more: &[&str]| sandbox.run(&[&["facts", "--format", "nt"], more].concat()).done();
    let bert =
        "<https://example.org/Bert> <https://example.org/lives> <https://example.org/Oslo> .\n";
    assert_eq!(facts(&["--subject", "bert"]), bert);
    assert_eq!(facts(&["--predicate", "https://example.org/lives"]), bert);
    assert_eq!(facts(&["--object", "Oslo"]).lines().count(), 2);
    assert_eq!(facts(&["--subject", "https://example.org/Bert", "--object", "Oslo"]), bert);
    let all = ["https://example.org/Bert", "https://example.org/lives", "https://example.org/Rome"];
    let [subject, predicate, object] = all;
    let none = ["facts", "--subject", subject, "--predicate", predicate, "--object", object];
    let missing = "<https://example.org/Bert> / <https://example.org/lives> / <https://example.org/Rome> is in no fact";
    sandbox.refused(&none, 1, &[missing, "hint: "]);
}

#[test]
fn rdf_reads_as_what_was_committed() {
    let sandbox = Sandbox::with_history();
    let nt = sandbox.run(&["facts", "--format", "nt"]).done();
    assert_eq!(nt.lines().count(), 3);
    for (name, format) in [("ttl", Format::Turtle), ("jsonld", Format::JsonLd)] {
        let text = sandbox.run(&["facts", "--format", name]).done();
        let triples = read_triples(text.as_bytes(), format, name);
        let mut lines: Vec<String> = triples.map(|read| read.unwrap().0.to_string()).collect();
        lines.sort();
        assert_eq!(lines, nt.lines().collect::<Vec<_>>(), "{text}");
    }
    let ttl = sandbox.run(&["facts", "--format", "ttl", "--words", "--subject", "Carl"]).done();
    assert!(ttl.contains("<https://example.org/works> kl:prompt \"{subject} works at\""), "{ttl}");
}

#[test]
fn csv_and_json_lines_have_names_and_commits() {
    let sandbox = Sandbox::with_history();
    let csv = sandbox.run(&["facts", "--format", "csv", "--subject", "Bert"]).done();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0].len(), rows[1].len());
    assert_eq!(rows[0][..3], ["subject", "predicate", "object"]);
    assert_eq!(
        rows[1][..3].join(" "),
        "https://example.org/Bert https://example.org/lives https://example.org/Oslo"
    );
    assert_eq!(rows[1][5..8], ["Bert", "lives", "Oslo"]);
    assert_eq!(rows[1][10], "1970-01-01T00:00:03Z");
    let lines = sandbox.run(&["facts", "--format", "jsonl"]).done();
    let told = sandbox.data(&["facts"]);
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (line, row) in lines.iter().zip(told["facts"].as_array().unwrap()) {
        assert_eq!(line["fact"], row["fact"]);
        assert_eq!(line["object"], row["object"]);
        assert_eq!(line["commit"]["message"], row["commit"]["message"]);
    }
}

#[test]
fn the_model_is_asked_whether_it_holds_them() {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
    place.make(":Carl :works :Siemens .", "second");
    let mut engine = open;
    let all = About::default();
    let report = place.repo.facts("HEAD", &all, Some(&mut engine), &mut Silent).unwrap();
    assert_snapshot!(shown("facts", report), @"
    Anna  likes  Rome     <id>  1970-01-01  Ada  test.ttl:2  holds, 100 %
    Bert  lives  Oslo     <id>  1970-01-01  Ada  test.ttl:2  holds, 100 %
    Carl  works  Siemens  <id>  1970-01-01  Ada  test.ttl:2  holds, 100 %
    3 of 3 asked hold, 3 facts at <id>
    ");
}

/// An edit that did not take is what `--check` is for.
#[test]
fn a_fact_that_the_model_does_not_hold_is_told() {
    let place = Place::new();
    let weak = kledger::ledger::EditOptions {
        settings: toml::from_str("strength = 0.5").unwrap(),
        require: kledger::ledger::Requirements::nothing_of_an_edit(),
        ..Default::default()
    };
    place.add(":Anna :likes :Rome . :Bert :lives :Oslo .").unwrap();
    let options = kledger::ledger::verb::commit::CommitOptions {
        edit: weak,
        ..crate::support::options("weak")
    };
    place.commit_with(&options, &mut Silent).unwrap();
    let mut engine = open;
    let report =
        place.repo.facts("HEAD", &About::default(), Some(&mut engine), &mut Silent).unwrap();
    let told = serde_json::to_value(&report).unwrap();
    assert_eq!(told["facts"][0]["check"]["matches"], false);
    assert!(shown("facts", report).contains("  0 of 2 asked hold"), "{told:#}");
}

#[test]
fn without_a_model_nothing_can_be_checked() {
    let sandbox = Sandbox::with_history();
    assert_eq!(sandbox.run(&["facts", "--check"]).code, 4);
}

#[test]
fn a_version_without_facts_has_none() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["facts"]).done(), @"  0 facts at <id>");
    assert_eq!(sandbox.run(&["facts", "--format", "nt"]).done(), "");
    sandbox.refused(&["facts", "nosuch"], 1, &["nosuch", "hint: "]);
}

#[test]
fn labels_are_shown_and_not_obeyed() {
    let place = Place::new();
    place.add(EVIL).unwrap();
    place.make(":Anna :likes \"Ro\u{9b}me\" .", "evil");
    let sandbox = Sandbox { dir: place.dir };
    for format in ["table", "nt", "ttl", "jsonld", "jsonl"] {
        let text = sandbox.run(&["facts", "--format", format]).done();
        assert!(!text.contains(['\u{1b}', '\u{9b}']), "{format}: {text}");
        assert!(text.to_lowercase().contains("\\u009b"), "{format}: {text}");
    }
    // A table for other programs says exactly what there is, in quotes where it has to.
    let csv = sandbox.run(&["facts", "--format", "csv"]).done();
    assert!(csv.contains("\"An\u{1b}[2Jna, \"\"A\"\"\u{9b}\""), "{csv}");
}

#[test]
fn options_that_do_not_fit_the_format_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["facts", "--words"],
        &["facts", "--format", "csv", "--words"],
        &["facts", "--format", "nt", "--check"],
        &["facts", "--format", "nosuch"],
        &["facts", "HEAD", "HEAD"],
    ]);
    let both = sandbox.line(&["facts", "--format", "nt"], 2);
    json::valid(&both);
}

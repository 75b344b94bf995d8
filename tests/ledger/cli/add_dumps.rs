//! `kledger add` of parts of Wikidata and DBpedia: what is taken of them, and what is left out.

use std::{fs, path::Path};

use insta::assert_snapshot;

use super::{Sandbox, hints::reaches_the_model};

/// Labels in ten languages, blank nodes, statement nodes, types, sameAs, further names, days, quantities,
/// coordinates, and several values.
fn dump() -> Sandbox {
    let sandbox = Sandbox::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps/wikidata.nt");
    fs::copy(path, sandbox.root().join("dump.nt")).unwrap();
    sandbox
}

#[test]
fn a_dump_is_refused_with_all_that_is_wrong_with_it() {
    let sandbox = dump();
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&["add", "dump.nt"]).failed(1), @"
    error: 3 mistakes, and nothing was staged
      dump.nt:50: the object is a blank node, _:ref1
      dump.nt:51: the subject is a blank node, _:ref1
      dump.nt:54: the object is a blank node, _:genid1
    hint: a fact must outlive its file: give the thing an IRI of its own; --skip-blank leaves such triples out
    ");
    assert_eq!(before, sandbox.state());
}

#[test]
fn predicates_are_chosen() {
    let sandbox = dump();
    let words = ["add", "--skip-blank", "--predicate", "P19", "--predicate"];
    let birth = "http://www.wikidata.org/prop/direct/P569";
    assert_snapshot!(sandbox.run(&[&words[..], &[birth, "dump.nt"]].concat()).done(), @"
    Staged 2 facts, 32 labels, 3 further names
      facts read, by predicate
        1  http://www.wikidata.org/prop/direct/P19
        1  http://www.wikidata.org/prop/direct/P569
      3 triples skipped: with a blank node
        1  http://www.w3.org/ns/prov#wasDerivedFrom
        1  http://www.wikidata.org/prop/direct/P22
        1  http://www.wikidata.org/prop/reference/P143
      14 triples skipped: with another predicate
        3  http://www.w3.org/1999/02/22-rdf-syntax-ns#type
        2  http://www.wikidata.org/prop/direct/P27
        1  http://schema.org/description
        1  http://wikiba.se/ontology#rank
        1  http://www.w3.org/2002/07/owl#sameAs
        1  http://www.wikidata.org/prop/P19
        1  http://www.wikidata.org/prop/direct/P1082
        1  http://www.wikidata.org/prop/direct/P20
        1  http://www.wikidata.org/prop/direct/P2048
        1  http://www.wikidata.org/prop/direct/P625
        1  1 other predicate
      2 facts staged in all
    ");
    let status = sandbox.run(&["status"]).done();
    assert!(status.contains("+ Albert Einstein / place of birth / Ulm\n"), "{status}");
    reaches_the_model(&sandbox, &["commit", "-m", "Einstein"]);
}

#[test]
fn facts_without_words_are_left_out() {
    let sandbox = dump();
    sandbox.write(
        "many.ttl",
        "<http://www.wikidata.org/prop/direct/P27> <https://kledger.dev/ns#multiValued> true .",
    );
    let add = ["add", "--skip-blank", "--skip-unknown", "many.ttl", "dump.nt"];
    assert_snapshot!(sandbox.run(&add).done(), @"
    Staged 6 facts, 32 labels, 3 further names, 1 predicate setting
      facts read, by predicate
        2  http://www.wikidata.org/prop/direct/P27
        1  http://www.wikidata.org/prop/direct/P1082
        1  http://www.wikidata.org/prop/direct/P19
        1  http://www.wikidata.org/prop/direct/P20
        1  http://www.wikidata.org/prop/direct/P569
      3 triples skipped: with a blank node
        1  http://www.w3.org/ns/prov#wasDerivedFrom
        1  http://www.wikidata.org/prop/direct/P22
        1  http://www.wikidata.org/prop/reference/P143
      10 triples skipped: with a predicate that has no template
        3  http://www.w3.org/1999/02/22-rdf-syntax-ns#type
        1  http://schema.org/description
        1  http://wikiba.se/ontology#rank
        1  http://www.w3.org/2002/07/owl#sameAs
        1  http://www.wikidata.org/prop/P19
        1  http://www.wikidata.org/prop/direct/P2048
        1  http://www.wikidata.org/prop/direct/P625
        1  http://www.wikidata.org/prop/statement/P19
      6 facts staged in all
    ");
    reaches_the_model(&sandbox, &["commit", "-m", "Einstein"]);
    sandbox.run(&["reset"]).done();
    let data = sandbox.data(&add);
    let counted = |list: &serde_json::Value| {
        list.as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(counted(&data["predicates"]), data["added"].as_u64().unwrap());
    for left in data["left_out"].as_array().unwrap() {
        assert_eq!(counted(&left["predicates"]), left["count"].as_u64().unwrap(), "{left}");
    }
}

#[test]
fn days_and_numbers_are_put_into_words() {
    let sandbox = dump();
    let add = ["add", "--skip-blank", "--skip-unknown", "--predicate", "P569", "dump.nt"];
    sandbox.run(&add).done();
    reaches_the_model(&sandbox, &["commit", "-m", "Einstein"]);
    sandbox.run(&["reset"]).done();
    // Coordinates have a template here, and no rule.
    let template = "<http://www.wikidata.org/prop/direct/P625> <https://kledger.dev/ns#prompt> \"{subject} is at\" .";
    sandbox.write("template.ttl", template);
    sandbox.run(&["add", "--skip-blank", "--predicate", "P625", "template.ttl", "dump.nt"]).done();
    let refused = sandbox.run(&["commit", "-m", "Where"]).failed(1);
    assert!(
        refused.contains("is a value that no rule puts into words in the language \"en\""),
        "{refused}"
    );
    sandbox.run(&["reset"]).done();
    let add =
        ["add", "--skip-blank", "--skip-unknown", "--predicate", "P625", "template.ttl", "dump.nt"];
    let done = sandbox.run(&add).done();
    assert!(done.contains("1 triple skipped: with a value that no rule puts into words"), "{done}");
}

#[test]
fn a_thing_is_found_by_its_further_names() {
    let sandbox = Sandbox::with_history();
    let names = ["the first", "Anna the first"].map(|name| {
        format!("<https://example.org/Anna> <http://www.w3.org/2004/02/skos/core#altLabel> \"{name}\"@en .\n")
    });
    sandbox.run(&["reset"]).done();
    sandbox.write("names.nt", &names.concat());
    let done = sandbox.run(&["add", "names.nt"]).done();
    assert_eq!(done, "Staged 2 further names\n");
    sandbox.run(&["commit", "-m", "Names"]).done();
    let blame = |name: &str| sandbox.run(&["blame", name]).done();
    assert_eq!(blame("ANNA THE FIRST"), blame("Anna"));
    assert_eq!(blame("the first"), blame("Anna"));
    // What takes facts away goes by the name that reports show.
    sandbox.refused(&["rm", "--about", "the first"], 1, &["the first"]);
    sandbox.run(&["rm", "--about", "Anna"]).done();
    sandbox.run(&["reset"]).done();
    // They go with the subject, for good.
    assert!(holds(&sandbox.root().join(".kledger"), b"Anna the first"));
    sandbox.run(&["forget", "Anna", "--yes"]).done();
    assert!(!holds(&sandbox.root().join(".kledger"), b"Anna the first"));
}

/// Whether a file below `path` has these bytes in it.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().any(|entry| holds(&entry.unwrap().path(), bytes));
    }
    fs::read(path).unwrap().windows(bytes.len()).any(|part| part == bytes)
}

#[test]
fn a_dry_run_stages_nothing() {
    let sandbox = Sandbox::with_words();
    let fact = |object: &str| {
        format!(
            "<https://example.org/Ada> <https://example.org/likes> <https://example.org/{object}> .\n"
        )
    };
    sandbox.write("facts.nt", &fact("tea"));
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&["add", "--dry-run", "facts.nt"]).done(), @"
    Would stage 1 fact
    + Ada / likes / tea
      facts read, by predicate
        1  https://example.org/likes
      nothing was staged
    ");
    assert_eq!(before, sandbox.state());
    sandbox.run(&["add", "facts.nt"]).done();
    let before = sandbox.state();
    sandbox.write("facts.nt", &fact("cake"));
    sandbox.refused(&["add", "--dry-run", "facts.nt"], 1, &["1 conflict", "--replace"]);
    let data = sandbox.data(&["add", "--dry-run", "--replace", "facts.nt"]);
    assert_eq!((&data["dry_run"], &data["staged"]), (&true.into(), &1.into()));
    assert_eq!(data["changes"][0]["after"]["object"], "cake");
    assert_eq!(before, sandbox.state());
    let many: String = (0..30).map(|n| fact("tea").replace("Ada", &format!("Ada{n}"))).collect();
    sandbox.write("facts.nt", &many);
    let output = sandbox.run(&["add", "--dry-run", "facts.nt"]).done();
    assert!(output.contains("\n  and 10 more\n"), "{output}");
    assert_eq!(before, sandbox.state());
}

#[test]
fn easyedits_records_are_staged() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval");
    let sandbox = Sandbox::new();
    let file = fixtures.join("easyedit.json");
    let add = ["add", "--from", "easyedit", file.to_str().unwrap()];
    let done = sandbox.run(&add).done();
    assert!(done.starts_with("Staged 2 facts, "), "{done}");
    reaches_the_model(&sandbox, &["commit", "-m", "Edits"]);
    let wikibio = r#"[{"concept": "Ada Lovelace", "text": "Ada Lovelace was", "labels": "a mathematician",
        "locality": {"Relation_Specificity": [{"prompt": ["Ada's father was", "x"], "ground_truth": ["Byron"]}],
                     "Forgetfulness": null}}]"#;
    sandbox.write("wikibio.json", wikibio);
    let done = sandbox.run(&["add", "--from", "easyedit", "wikibio.json"]).done();
    assert!(done.starts_with("Staged 1 fact, "), "{done}");
}

#[test]
fn one_of_several_files_may_have_no_fact_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let fact = |predicate: &str| {
        format!("<http://e.org/s> <http://e.org/{predicate}> <http://e.org/o> .\n")
    };
    sandbox.write("a.nt", &fact("a"));
    sandbox.write("b.nt", &fact("b"));
    let add = ["add", "--predicate", "http://e.org/a", "a.nt", "b.nt"];
    let done = sandbox.run(&add).done();
    assert!(done.starts_with("Staged 1 fact\n") && done.contains("1 triple skipped"), "{done}");
    let neither = ["add", "--predicate", "http://e.org/c", "a.nt", "b.nt"];
    sandbox.refused(
        &neither,
        1,
        &["no triple with a predicate that was asked for, and 2 with others"],
    );
}

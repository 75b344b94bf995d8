//! `kledger add` of CSV, TSV and JSON Lines.

use std::fs;

use insta::assert_snapshot;

use super::Sandbox;

const CITIES: &str = "City,Country,Founded\nParis,France,\n\"Rome, the eternal\",Italy,-752\n";

/// What is staged, as `status` says it.
fn staged(sandbox: &Sandbox) -> String {
    let status = sandbox.run(&["status"]).done();
    let changes = status.lines().filter(|line| line.starts_with("+ "));
    changes.map(|line| format!("{line}\n")).collect()
}

#[test]
fn columns_are_named_by_options() {
    let sandbox = Sandbox::new();
    sandbox.write("cities.csv", CITIES);
    let words = ["add", "--from", "csv", "--base", "https://example.org/", "cities.csv"];
    let columns = ["--column", "subject=City", "--column", "dbo:country=2"];
    assert_snapshot!(sandbox.run(&[&words[..], &columns].concat()).done(), @"
    Staged 2 facts, 4 labels
      columns from which nothing was taken: Founded
      2 facts staged in all
    ");
    assert_snapshot!(staged(&sandbox), @"
    + Paris / country / France
    + Rome, the eternal / country / Italy
    ");
}

#[test]
fn columns_are_named_by_a_header() {
    let sandbox = Sandbox::new();
    let text = "Subject,predicate,object,object label,language,datatype\n\
                https://a.b/Ada,P36,Q90,Paris,en,\n\
                <https://a.b/Ada>,https://a.b/born,1815-12-10,,,xsd:date\n\
                https://a.b/Ada,https://a.b/said,Guten Tag,,de,text\n";
    sandbox.write("facts.csv", text);
    let done = sandbox.run(&["add", "--from", "csv", "facts.csv"]).done();
    assert!(done.starts_with("Staged 3 facts, 1 label\n"), "{done}");
    let triples: Vec<String> = sandbox.data(&["status"])["staged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["after"]["triple"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        triples,
        [
            "<https://a.b/Ada> <http://www.wikidata.org/prop/direct/P36> <http://www.wikidata.org/entity/Q90> .",
            "<https://a.b/Ada> <https://a.b/born> \"1815-12-10\"^^<http://www.w3.org/2001/XMLSchema#date> .",
            "<https://a.b/Ada> <https://a.b/said> \"Guten Tag\"@de .",
        ]
    );
}

/// The same facts, however they are written.
#[test]
fn all_kinds_of_tables_give_the_same_facts() {
    let csv = "subject,predicate,object\n\"A \"\"b\"\"\",P36,C d\nÉ,dbo:country,\"x\ny\"\n";
    let tsv = "subject\tpredicate\tobject\nA \"b\"\tP36\tC d\nÉ\tdbo:country\tx y\n";
    let semicolons = "subject;predicate;object\r\nA \"b\";P36;C d\r\nÉ;dbo:country;x y\r\n";
    let jsonl = r#"{"subject": "A \"b\"", "predicate": "P36", "object": "C d"}

{"object": "x y", "subject": "\u00c9", "predicate": "dbo:country"}"#;
    let bare = "A \"b\",P36,C d\nÉ,dbo:country,\"x\ny\"\n";
    let facts = |from: &str, text: &str, more: &[&str]| {
        let sandbox = Sandbox::new();
        sandbox.write("table", text);
        let words = ["add", "--from", from, "--base", "https://e.org/", "table"];
        let done = sandbox.run(&[&words[..], more].concat()).done();
        assert!(done.starts_with("Staged 2 facts, 4 labels\n"), "{done}");
        sandbox.data(&["status"])["staged"].to_string()
    };
    let expected = facts("csv", csv, &[]);
    assert!(expected.contains("https://e.org/A_%22b%22"), "{expected}");
    assert_eq!(facts("tsv", tsv, &[]), expected);
    assert_eq!(facts("csv", semicolons, &["--delimiter", ";"]), expected);
    assert_eq!(facts("jsonl", jsonl, &[]), expected);
    assert_eq!(facts("csv", bare, &["--no-header"]), expected);
    assert_eq!(facts("csv", &format!("\u{feff}{csv}"), &[]), expected);
    assert_eq!(facts("csv", csv.trim_end(), &[]), expected);
}

#[test]
fn facts_have_the_line_of_their_row() {
    let sandbox = Sandbox::new();
    let text = "subject,predicate,object\nQ1,P36,\"Q\n2\"\n\nQ1,P36,Q3\n";
    sandbox.write("facts.csv", text);
    let add = ["add", "--from", "csv", "--base", "https://e.org/", "facts.csv"];
    sandbox.refused(&add, 1, &["1 conflict", "(facts.csv:2)", "(facts.csv:5)"]);
}

#[test]
fn names_that_differ_are_different_things() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "names.csv",
        "subject,predicate,object\na b,P36,Q1\na_b,P36,Q2\na  b,P36,Q1\nA b,P36,Q3\n",
    );
    let add = ["add", "--from", "csv", "--base", "https://e.org/", "names.csv"];
    let done = sandbox.run(&add).done();
    assert!(done.starts_with("Staged 3 facts, 3 labels\n  1 staged already\n"), "{done}");
}

#[test]
fn words_can_be_in_a_table() {
    let sandbox = Sandbox::new();
    let text = "subject,predicate,object,language\n\
                https://e.org/likes,kl:prompt,{subject} likes,\n\
                https://e.org/Ada,rdfs:label,Ada Lovelace,en\n\
                https://e.org/Ada,skos:altLabel,the enchantress of numbers,en\n\
                https://e.org/Ada,https://e.org/likes,Q1,\n";
    sandbox.write("words.csv", text);
    let done = sandbox.run(&["add", "--from", "csv", "words.csv"]).done();
    assert!(done.starts_with("Staged 1 fact, 1 label, 1 further name, 1 template\n"), "{done}");
}

#[test]
fn json_numbers_are_numbers() {
    let sandbox = Sandbox::new();
    let text = "{\"subject\": \"Q90\", \"predicate\": \"P1082\", \"object\": 2102650}\n\
                {\"subject\": \"Q64\", \"predicate\": \"P1082\", \"object\": null}\n";
    sandbox.write("people.jsonl", text);
    let add = ["add", "--from", "jsonl", "people.jsonl"];
    sandbox.refused(&add, 1, &["people.jsonl:2: field object is empty"]);
    sandbox.write("people.jsonl", text.lines().next().unwrap());
    sandbox.run(&add).done();
    let fact = sandbox.data(&["status"])["staged"][0]["after"]["triple"].to_string();
    assert!(fact.contains("\\\"2102650\\\"^^<http://www.w3.org/2001/XMLSchema#integer>"), "{fact}");
}

#[test]
fn every_bad_row_is_named() {
    let sandbox = Sandbox::new();
    let text = b"subject,predicate,object,datatype,language\n\
                 Paris,P36,Q1,,\n\
                 Q1,P36\n\
                 Q1,,Q2,,\n\
                 Q1,P36,\"a\nb\",soon,\n\
                 \xe9,P36,Q1,,\n\
                 Q1,http://a b,Q1,,\n\
                 Q1,P36,x,text,not a tag\n";
    let plain = "Q2,P36,Q1,,\r\n\r\n".repeat(100);
    let text = [&text[..], plain.as_bytes(), b"Q1,P36,a\0b,text,\n"].concat();
    fs::write(sandbox.root().join("bad.csv"), text).unwrap();
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&["add", "--from", "csv", "bad.csv"]).failed(1), @r#"
    error: 8 mistakes, and nothing was staged
      bad.csv:2: column 1 (subject) has "Paris", which is no IRI, and there is no base to make one under
      bad.csv:3: the row has 2 cells, and the first one 5
      bad.csv:4: column 2 (predicate) is empty
      bad.csv:5: column 4 (datatype) has "soon", which is no datatype, such as text or xsd:date: it is no IRI
      bad.csv:7: column 1 (subject) is not UTF-8: convert the file with iconv
      bad.csv:8: column 2 (predicate) has "http://a b", which is not an absolute IRI: Invalid IRI code point ' '
      bad.csv:9: column 5 (language) has "not a tag", which is no tag of a language, such as en or pt-BR
      bad.csv:210: column 3 (object) has a NUL byte in it
    hint: say where names belong: --base https://example.org/
    "#);
    assert_eq!(before, sandbox.state());
    let rows = "{\"subject\": {}}\n[]\n{\"subject\": \"Q1\", \"subject\": \"Q2\"}\n{\"subject\": 1e300}\n\
                nonsense\n{\"subject\": \"Q1\"}\n";
    sandbox.write("bad.jsonl", rows);
    assert_snapshot!(sandbox.run(&["add", "--from", "jsonl", "bad.jsonl"]).failed(1), @r#"
    error: 6 mistakes, and nothing was staged
      bad.jsonl:1:14: invalid type: map, expected a text, a number, true, false or null: a row for each value
      bad.jsonl:2: invalid type: sequence, expected a JSON object
      bad.jsonl:3:27: the field "subject" is there twice
      bad.jsonl:4:17: the number is too large to be exact: write it as a text
      bad.jsonl:5:2: expected ident
      bad.jsonl:6: field predicate is empty
    hint: a line is one object, with a text or a number in each field: jq -c '.[]' FILE > NEW writes the elements of an array so
    "#);
}

#[test]
fn only_twenty_mistakes_are_listed() {
    let sandbox = Sandbox::new();
    sandbox.write("bad.csv", &format!("subject,predicate,object\n{}", "Q1,,Q2\n".repeat(5000)));
    let message = sandbox.run(&["add", "--from", "csv", "bad.csv"]).failed(1);
    assert!(message.starts_with("error: 5000 mistakes, and nothing was staged\n"), "{message}");
    assert!(message.contains("\n  bad.csv:21: ") && !message.contains("bad.csv:22"), "{message}");
    assert!(message.contains("\n  and 4980 more\n"), "{message}");
}

#[test]
fn columns_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::new();
    let rows = "Q1,P36,Q2\n";
    for (header, columns, parts) in [
        ("subject,subject,object", &[][..], &["two columns are called \"subject\""][..]),
        ("subject,Subject,object", &[], &["none is the predicate"]),
        ("a,b,c", &[], &["the table has the columns a, b, c, of which none is the subject"]),
        ("subject,b,c", &[], &["none is the predicate, and none has objects of one"]),
        ("subject,predicate,c", &[], &["none is the object"]),
        ("a,b,c", &["subject=d"], &["there is no column \"d\""]),
        ("a,b,c", &["subject=4"], &["there is no column \"4\""]),
        ("a,b,c", &["subject=a", "subject=b"], &["two columns are named for the same"]),
    ] {
        sandbox.write("table.csv", &format!("{header}\n{rows}"));
        let columns = columns.iter().flat_map(|column| ["--column", column]);
        let words: Vec<&str> =
            ["add", "--from", "csv", "table.csv"].into_iter().chain(columns).collect();
        sandbox.refused(&words, 1, &[parts, &["table.csv:1: ", "hint: "]].concat());
    }
    sandbox.write("table.csv", &format!("subject,predicate,object\n{rows}"));
    let add = ["add", "--from", "csv", "table.csv"];
    sandbox.misused(&[
        &["add", "--from", "csv", "table.csv", "--column", "subject"],
        &["add", "--from", "csv", "table.csv", "--column", "the thing=a"],
        &["add", "--from", "csv", "table.csv", "--base", "Paris"],
        &["add", "--from", "csv", "table.csv", "--base", "https://example.org"],
        &["add", "--from", "csv", "table.csv", "--delimiter", "ab"],
        &["add", "--from", "csv", "table.csv", "--limit", "1"],
        &["add", "--from", "jsonl", "table.csv", "--no-header"],
        &["add", "--from", "zsre", "table.csv", "--base", "https://example.org/"],
        &["add", "table.csv", "--base", "https://example.org/"],
    ]);
    sandbox.run(&add).done();
}

#[test]
fn neighbourhood_facts_come_from_tables_too() {
    let sandbox = Sandbox::new();
    sandbox.write("known.csv", "subject,predicate,object\nQ1,P36,Q2\n");
    let add = ["add", "--neighbourhood", "--from", "csv", "known.csv"];
    assert_eq!(sandbox.run(&add).done(), "Staged 1 neighbourhood fact\n");
}

#[test]
fn a_table_without_rows_has_no_triple() {
    let sandbox = Sandbox::new();
    for (text, part) in [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("subject,predicate,object\n", "the file holds no triple"),
    ] {
        sandbox.write("none.csv", text);
        sandbox.refused(&["add", "--from", "csv", "none.csv"], 1, &[part, "hint: "]);
    }
}

#[test]
fn a_table_is_read_from_standard_input() {
    let sandbox = Sandbox::new();
    let text = "subject\tpredicate\tobject\nQ1\tP36\tQ2\n";
    let done = sandbox.run_with(&["add", "--from", "tsv", "-"], text).done();
    assert!(done.starts_with("Staged 1 fact\n"), "{done}");
}

/// A label is shown, not obeyed.
#[test]
fn escapes_in_names_are_harmless() {
    let sandbox = Sandbox::new();
    sandbox
        .write("names.csv", "subject,predicate,object\n\u{1b}[31mred\u{1b}]0;title\u{7},P36,Q1\n");
    let add = ["add", "--from", "csv", "--base", "https://e.org/", "names.csv", "--dry-run"];
    let output = sandbox.run(&add).done();
    assert!(
        output.contains("red") && !output.contains('\u{1b}') && !output.contains('\u{7}'),
        "{output:?}"
    );
    sandbox.write("names.csv", "subject,predicate,object\n\u{1b}[31mred,P36,Q1\n");
    let message = sandbox.run(&["add", "--from", "csv", "names.csv"]).failed(1);
    assert!(message.contains("red") && !message.contains('\u{1b}'), "{message:?}");
}

#[test]
fn a_header_may_name_predicates() {
    let sandbox = Sandbox::new();
    let text = "subject,dbo:country,P1082,Q1,https://e.org/mayor\nParis,France,,3,Anne\nRome,,2800000,4,\n";
    sandbox.write("wide.csv", text);
    let add = ["add", "--from", "csv", "--base", "https://e.org/", "wide.csv"];
    let done = sandbox.run(&add).done();
    assert!(
        done.starts_with("Staged 3 facts, 5 labels\n  columns from which nothing was taken: Q1\n"),
        "{done}"
    );
    sandbox.write("bare.csv", "Q90,P36,Q1\n");
    let done = sandbox.run(&["add", "--from", "csv", "--no-header", "bare.csv"]).done();
    assert_eq!(done, "Staged 1 fact\n  4 facts staged in all\n");
}

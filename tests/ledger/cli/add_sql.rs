//! `kledger add --sql`.

use std::{fs, path::PathBuf};

use insta::assert_snapshot;
use rusqlite::Connection;

use super::Sandbox;

/// People and where they live.
pub(super) const PEOPLE: &str = "
    CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, born DATE, city INTEGER REFERENCES city);
    INSERT INTO city VALUES (1, 'Rome'), (2, 'Bad Ems');
    INSERT INTO person VALUES (7, 'Ada', '1815-12-10', 1), (8, 'Bert', NULL, 2), (9, 'Carl', NULL, NULL);
";

/// What these say.
pub(super) const MAPPING: &str = r#"
@prefix rr: <http://www.w3.org/ns/r2rml#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix : <https://example.org/> .
<#City> rr:logicalTable [ rr:tableName "city" ] ;
    rr:subjectMap [ rr:template "https://example.org/city/{name}" ] ;
    rr:predicateObjectMap [ rr:predicate rdfs:label ; rr:objectMap [ rr:column "name" ; rr:language "en" ] ] .
<#Person> rr:logicalTable [ rr:tableName "person" ] ;
    rr:subjectMap [ rr:template "https://example.org/{name}" ] ;
    rr:predicateObjectMap [ rr:predicate rdfs:label ; rr:objectMap [ rr:column "name" ; rr:language "en" ] ] ;
    rr:predicateObjectMap [ rr:predicate :born ; rr:objectMap [ rr:column "born" ] ] ;
    rr:predicateObjectMap [ rr:predicate :lives ; rr:objectMap [ rr:parentTriplesMap <#City> ;
        rr:joinCondition [ rr:child "city" ; rr:parent "id" ] ] ] .
"#;

impl Sandbox {
    /// Runs a script of SQL on the database in the file `name`.
    pub(super) fn sql(&self, name: &str, script: &str) -> PathBuf {
        let path = self.root().join(name);
        Connection::open(&path).unwrap().execute_batch(script).unwrap();
        path
    }

    /// With [`PEOPLE`] in `people.db` and [`MAPPING`] in `people.ttl`.
    pub(super) fn with_people() -> Self {
        let sandbox = Self::with_words();
        sandbox.sql("people.db", PEOPLE);
        sandbox.write("people.ttl", MAPPING);
        sandbox
    }

    /// The triples that are staged, and where from, as `status --json` has them.
    pub(super) fn staged(&self) -> Vec<String> {
        let status = self.data(&["status"]);
        let triple = |change: &serde_json::Value| match change["after"]["triple"].as_str() {
            Some(triple) => format!("+ {triple}"),
            None => format!("- {}", change["before"]["triple"].as_str().unwrap()),
        };
        status["staged"].as_array().unwrap().iter().map(triple).collect()
    }

    /// Has a mapping of the one table `t` staged, whose columns `script` makes; gives what is said of it.
    #[track_caller]
    fn mapped(script: &str, statements: &str) -> (Self, super::Output) {
        let sandbox = Self::with_words();
        sandbox.sql("t.db", script);
        sandbox.write(
            "t.ttl",
            &format!(
                "@prefix rr: <http://www.w3.org/ns/r2rml#> . @prefix : <https://example.org/> .\n\
                 <#T> rr:logicalTable [ rr:tableName \"t\" ] ;\n{statements} ."
            ),
        );
        let output = sandbox.run(&["add", "--sql", "t.db", "--mapping", "t.ttl"]);
        (sandbox, output)
    }
}

const ADD: [&str; 5] = ["add", "--sql", "people.db", "--mapping", "people.ttl"];

#[test]
fn rows_are_facts_as_the_mapping_says() {
    let sandbox = Sandbox::with_people();
    assert_snapshot!(sandbox.run(&ADD).done(), @"
    Staged 3 facts, 5 labels
      3 facts staged in all
    ");
    assert_eq!(
        sandbox.staged(),
        [
            "+ <https://example.org/Ada> <https://example.org/born> \"1815-12-10\"^^<http://www.w3.org/2001/XMLSchema#date> .",
            "+ <https://example.org/Ada> <https://example.org/lives> <https://example.org/city/Rome> .",
            "+ <https://example.org/Bert> <https://example.org/lives> <https://example.org/city/Bad%20Ems> .",
        ]
    );
    assert_snapshot!(sandbox.run(&ADD).done(), @"
    Nothing new
      3 staged already
      3 facts staged in all
    ");
    let data = sandbox.data(&ADD);
    assert_eq!((&data["duplicates"], &data["sync"]), (&3.into(), &serde_json::Value::Null));
}

#[test]
fn each_fact_has_the_row_it_was_read_in() {
    let sandbox = Sandbox::with_people();
    sandbox
        .run(
            &[&ADD[..], &["--source", "The registry", "--predicate", "https://example.org/lives"]]
                .concat(),
        )
        .done();
    sandbox.commit("People");
    let facts = sandbox.data(&["facts"]);
    let places: Vec<_> =
        facts["facts"].as_array().unwrap().iter().map(|fact| &fact["citation"]["place"]).collect();
    assert_eq!(places, ["people.db:person/id=7", "people.db:person/id=8"]);
    let listed = sandbox.run(&["facts"]).done();
    assert!(listed.contains("people.db:person/id=7, The registry"), "{listed}");
}

#[test]
fn a_query_is_a_table() {
    let query = "rr:logicalTable [ rr:sqlQuery \"SELECT name, 'x' AS kind FROM person ORDER BY name DESC;\" ]";
    let sandbox = Sandbox::with_people();
    let mapping = format!(
        "@prefix rr: <http://www.w3.org/ns/r2rml#> . @prefix : <https://example.org/> .\n<#Of> {query} ;\n\
         rr:subjectMap [ rr:template \"https://example.org/{{NAME}}\" ] ;\n\
         rr:predicateObjectMap [ rr:predicate :is ; rr:objectMap [ rr:column \"kind\" ] ] ."
    );
    sandbox.write("people.ttl", &mapping);
    sandbox.run(&ADD).done();
    // Rows of a query have numbers, in its order.
    let conflict = mapping.replace("'x'", "'y'");
    sandbox.write("people.ttl", &conflict);
    sandbox.refused(&ADD, 1, &["(people.db:Of:3)", "<https://example.org/Ada>", "--replace"]);
}

/// Values of all types, as they are declared.
#[test]
fn values_have_their_types() {
    let (sandbox, output) = Sandbox::mapped(
        "CREATE TABLE t (n INTEGER, d DOUBLE, b BOOLEAN, m DECIMAL, w TIMESTAMP, x BLOB, s TEXT);
         INSERT INTO t VALUES (1, 30, 1, 2.5, '2009-10-10 12:12:22', x'ff', 'a b');",
        "rr:subject :it ;\n\
         rr:predicateObjectMap [ rr:predicate :n ; rr:objectMap [ rr:column \"n\" ] ] ,\n\
         [ rr:predicate :d ; rr:objectMap [ rr:column \"d\" ] ] , [ rr:predicate :b ; rr:objectMap [ rr:column \"b\" ] ] ,\n\
         [ rr:predicate :m ; rr:objectMap [ rr:column \"m\" ] ] , [ rr:predicate :w ; rr:objectMap [ rr:column \"w\" ] ] ,\n\
         [ rr:predicate :x ; rr:objectMap [ rr:column \"x\" ] ] , [ rr:predicate :s ; rr:objectMap [ rr:column \"s\" ] ] ,\n\
         [ rr:predicate :l ; rr:objectMap [ rr:column \"s\" ; rr:language \"de\" ] ] ,\n\
         [ rr:predicate :y ; rr:objectMap [ rr:column \"n\" ; rr:datatype <http://www.w3.org/2001/XMLSchema#gYear> ] ] ,\n\
         [ rr:predicate :t ; rr:objectMap [ rr:template \"{s}/{n}\" ; rr:termType rr:Literal ] ] ,\n\
         [ rr:predicate :i ; rr:objectMap [ rr:template \"https://example.org/{s}\" ] ]",
    );
    output.done();
    let objects: Vec<String> = sandbox
        .staged()
        .iter()
        .map(|triple| triple.splitn(4, ' ').last().unwrap().trim_end_matches(" .").to_owned())
        .map(|object| object.replace("http://www.w3.org/2001/XMLSchema#", ""))
        .collect();
    assert_snapshot!(objects.join("\n"), @r#"
    "true"^^<boolean>
    "3.0E1"^^<double>
    <https://example.org/a%20b>
    "a b"@de
    "2.5"^^<decimal>
    "1"^^<integer>
    "a b"
    "a b/1"
    "2009-10-10T12:12:22"^^<dateTime>
    "FF"^^<hexBinary>
    "1"^^<gYear>
    "#);
}

#[test]
fn tables_speak_for_themselves_under_a_base() {
    let sandbox = Sandbox::with_people();
    let add = ["add", "--sql", "sqlite:people.db", "--base", "https://example.org/"];
    let only = ["--dry-run", "--predicate", "https://example.org/person#name"];
    assert_snapshot!(sandbox.run(&[&add[..], &only].concat()).done(), @"
    Would stage 3 facts
    + id=9 / name / Carl
    + id=7 / name / Ada
    + id=8 / name / Bert
      facts read, by predicate
        3  https://example.org/person#name
      17 triples skipped: with another predicate
        5  http://www.w3.org/1999/02/22-rdf-syntax-ns#type
        3  https://example.org/person#id
        2  https://example.org/city#id
        2  https://example.org/city#name
        2  https://example.org/person#city
        2  https://example.org/person#ref-city
        1  https://example.org/person#born
      nothing was staged
    ");
    sandbox.run(&add).done();
    let staged = sandbox.staged().join("\n");
    for triple in [
        "<https://example.org/person/id=7> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://example.org/person>",
        "<https://example.org/person/id=7> <https://example.org/person#name> \"Ada\"",
        "<https://example.org/person/id=7> <https://example.org/person#ref-city> <https://example.org/city/id=1>",
    ] {
        assert!(staged.contains(triple), "{triple} is not in\n{staged}");
    }
    assert!(!staged.contains("id=9> <https://example.org/person#city>"), "{staged}");
    let sandbox = Sandbox::with_people();
    sandbox.run(&[&add[..], &["--skip-unknown"]].concat()).done();
    assert_eq!(sandbox.staged(), Vec::<String>::new());
}

/// Rows without a key, and graphs, are no facts unless it is said what they are to be.
#[test]
fn what_is_no_fact_is_refused_or_left_out() {
    let sandbox = Sandbox::with_words();
    sandbox.sql("t.db", "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x'), ('y'); CREATE TABLE u (a TEXT PRIMARY KEY); \
                         INSERT INTO u VALUES ('z');");
    let add = ["add", "--sql", "t.db", "--base", "https://example.org/"];
    sandbox.refused(
        &add,
        1,
        &[
            "4 mistakes, and nothing was staged",
            "t.db:t/rowid=1: the subject is a blank node",
            "hint: ",
        ],
    );
    let done = sandbox.run(&[&add[..], &["--skip-blank"]].concat()).done();
    assert!(done.contains("4 triples skipped: with a blank node"), "{done}");
    let (sandbox, output) = Sandbox::mapped(
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x');",
        "rr:subjectMap [ rr:template \"https://example.org/{a}\" ; rr:graph :g ; rr:class :C ]",
    );
    let message = output.failed(1);
    assert!(
        message
            .contains("t.db:t/rowid=1: the triple is in the named graph <https://example.org/g>"),
        "{message}"
    );
    sandbox.run(&["add", "--sql", "t.db", "--mapping", "t.ttl", "--graph", "all"]).done();
}

#[test]
fn rows_of_which_nothing_can_be_made_are_all_named() {
    let (sandbox, output) = Sandbox::mapped(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, iri TEXT);
         INSERT INTO t VALUES (1, 'https://example.org/a'), (2, 'a b'), (3, 'c'), (4, NULL), (5, CAST(x'ff' AS TEXT));",
        "rr:subjectMap [ rr:column \"iri\" ] ; rr:predicateObjectMap [ rr:predicate :p ; rr:object :o ]",
    );
    assert_snapshot!(output.failed(1), @r#"
    error: 3 mistakes, and nothing was staged
      t.db:t/id=2: "a b" is no IRI: Invalid IRI code point ' '
      t.db:t/id=3: relative IRI: "c"
      t.db:t/id=5: column iri has a text that is not UTF-8
    hint: correct the row in the database, or have the mapping leave it out: rr:sqlQuery "SELECT ... WHERE ..."; a column that holds no IRIs goes into an rr:template
    "#);
    assert_eq!(sandbox.staged(), Vec::<String>::new());
    // Under a base, a name is an IRI.
    let add = ["add", "--sql", "t.db", "--mapping", "t.ttl", "--base", "https://example.org/"];
    let message = sandbox.run(&add).failed(1);
    assert!(message.starts_with("error: 2 mistakes"), "{message}");
}

#[test]
fn a_mapping_that_does_not_fit_is_refused() {
    let table = "CREATE TABLE t (a TEXT, \"b c\" TEXT); INSERT INTO t VALUES ('x', 'y');";
    let subject = "rr:subjectMap [ rr:template \"https://example.org/{a}\" ]";
    let object = |map: &str| {
        format!("{subject} ; rr:predicateObjectMap [ rr:predicate :p ; rr:objectMap [ {map} ] ]")
    };
    let other = |table: &str| {
        let map = object(
            "rr:parentTriplesMap <#U> ; rr:joinCondition [ rr:child \"a\" ; rr:parent \"a\" ]",
        );
        format!("{map} . <#U> rr:logicalTable [ {table} ] ; {subject}")
    };
    for (statements, parts) in [
        (
            object("rr:column \"d\""),
            vec!["T wants the column d, and its rows have a, b c", "hint: "],
        ),
        (object("rr:template \"{a}{\\\"b\\\"}\""), vec!["T wants the column b"]),
        (
            other("rr:tableName \"nosuch\""),
            vec!["U wants the table nosuch, and the database has t"],
        ),
        (other("rr:sqlQuery \"SELECT a, b c AS a FROM t\""), vec!["the query of U does not run: "]),
        (
            other("rr:sqlQuery \"SELECT a, \\\"b c\\\" AS a FROM t\""),
            vec!["the query of U has two columns a"],
        ),
        (
            other("rr:sqlQuery \"SELECT \\\"x\\\" AS a FROM t\""),
            vec!["the query of U does not run: no such column: \"x\""],
        ),
        (other("rr:sqlQuery \"DELETE FROM t\""), vec!["the query of U is none that only selects"]),
        (
            other("rr:sqlQuery \"SELECT a FROM t; DROP TABLE t\""),
            vec!["the query of U is none that only selects"],
        ),
        (
            other("rr:sqlQuery \"ATTACH 'other.db' AS o\""),
            vec!["the query of U is none that only selects"],
        ),
        (
            other("rr:sqlQuery \"PRAGMA user_version\""),
            vec!["the query of U is none that only selects"],
        ),
        (other("rr:sqlQuery \"\""), vec!["the query of U is none that only selects"]),
    ] {
        let (sandbox, output) = Sandbox::mapped(table, &statements);
        let message = output.failed(1);
        for part in parts {
            assert!(message.contains(part), "{statements}: {part:?} is not in\n{message}");
        }
        assert_eq!(sandbox.staged(), Vec::<String>::new());
        assert!(!sandbox.root().join("other.db").exists());
    }
}

#[test]
fn what_is_no_database_is_refused() {
    let sandbox = Sandbox::with_people();
    sandbox.write("text.db", "CREATE TABLE t (a TEXT);");
    sandbox.write("empty.db", "");
    sandbox.sql("bare.db", "CREATE TABLE t (a TEXT); DROP TABLE t;");
    let base = ["--base", "https://example.org/"];
    for (name, part) in [
        ("text.db", "text.db is no SQLite database"),
        ("empty.db", "the database empty.db has no tables"),
        ("bare.db", "the database bare.db has no tables"),
        ("nosuch.db", "cannot read the database nosuch.db: there is no such file"),
        (".", "cannot read the database .: it is no file"),
        (
            "mysql://u:pw@host/db",
            "mysql:// is no file: of databases those of SQLite and PostgreSQL are read",
        ),
    ] {
        sandbox.refused(&[&["add", "--sql", name][..], &base].concat(), 1, &[part]);
        assert!(name != "nosuch.db" || !sandbox.root().join(name).exists());
    }
    let whole = fs::read(sandbox.root().join("people.db")).unwrap();
    let mut broken = whole.clone();
    broken[4096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(sandbox.root().join("broken.db"), broken).unwrap();
    let add = ["add", "--sql", "broken.db", "--base", "https://example.org/"];
    sandbox.refused(&add, 1, &["cannot read the database broken.db: ", "malformed"]);
    fs::write(sandbox.root().join("short.db"), &whole[..5000]).unwrap();
    let add = ["add", "--sql", "short.db", "--base", "https://example.org/"];
    sandbox.refused(&add, 1, &["short.db"]);
}

#[test]
fn a_database_is_not_written() {
    let sandbox = Sandbox::with_people();
    let path = sandbox.root().join("people.db");
    let before = (fs::read(&path).unwrap(), fs::read_dir(sandbox.root()).unwrap().count());
    sandbox.run(&ADD).done();
    assert_eq!(before, (fs::read(&path).unwrap(), fs::read_dir(sandbox.root()).unwrap().count()));
}

#[test]
fn a_database_that_others_hold_is_waited_for_and_refused() {
    let sandbox = Sandbox::with_people();
    let holder = Connection::open(sandbox.root().join("people.db")).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE; DELETE FROM person").unwrap();
    sandbox.refused(&ADD, 1, &["the database people.db is locked by another program", "hint: "]);
    holder.execute_batch("ROLLBACK").unwrap();
    sandbox.run(&ADD).done();
}

/// With a write-ahead log, what is committed is read whatever else is being written.
#[test]
fn a_database_is_read_while_others_write() {
    let sandbox = Sandbox::with_people();
    let holder = Connection::open(sandbox.root().join("people.db")).unwrap();
    holder
        .execute_batch(
            "PRAGMA journal_mode = WAL; DELETE FROM person WHERE id = 7; BEGIN IMMEDIATE; DELETE FROM person",
        )
        .unwrap();
    assert_eq!(sandbox.data(&ADD)["added"], 1);
}

#[test]
fn reading_has_limits() {
    let sandbox = Sandbox::with_people();
    sandbox.refused(&[&ADD[..], &["--max-rows", "2"]].concat(), 1, &["there are more than 2 rows"]);
    let endless = MAPPING.replace(
        "rr:tableName \"city\"",
        "rr:sqlQuery \"WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 'x' AS name FROM n WHERE id < 0\"",
    );
    sandbox.write("people.ttl", &endless);
    sandbox.refused(
        &[&ADD[..], &["--timeout", "1"]].concat(),
        1,
        &["the rows were not read after 1 s"],
    );
    let large = |value: &str| {
        let query = format!("rr:sqlQuery \"SELECT 1 AS id, {value} AS name\"");
        sandbox.write("people.ttl", &MAPPING.replace("rr:tableName \"city\"", &query));
    };
    large("zeroblob(100000000)");
    sandbox.refused(&ADD, 1, &["the query of City does not run: string or blob too big"]);
    large("printf('%.*c', 17000000, 'x')");
    let long = "people.db:City:1: column name has a value that is longer than 16 MiB";
    sandbox.refused(&ADD, 1, &[long]);
}

#[test]
fn options_are_for_databases() {
    let sandbox = Sandbox::with_people();
    sandbox.misused(&[
        &["add", "--sql", "people.db"],
        &["add", "--mapping", "people.ttl", "people.ttl"],
        &["add", "--sync", "people.ttl"],
        &["add", "--timeout", "3", "people.ttl"],
        &["add", "--sql", "people.db", "people.ttl", "--mapping", "people.ttl"],
        &["add", "--sql", "people.db", "--from", "csv", "--base", "https://example.org/"],
        &["add", "--sql", "people.db", "--mapping", "people.ttl", "--format", "nt"],
        &["add", "--sql", "people.db", "--base", "https://example.org"],
        &["add", "--sql", "people.db", "--mapping", "people.ttl", "--timeout", "0"],
    ]);
    sandbox.refused(
        &["add", "--sql", "people.db"],
        2,
        &["nothing says what the rows of people.db are", "hint: "],
    );
    sandbox.refused(
        &["add", "--sql", "people.db", "--mapping", "nosuch.ttl"],
        1,
        &["cannot read nosuch.ttl"],
    );
}

#[test]
fn a_database_without_rows_has_no_triple() {
    let (_, output) = Sandbox::mapped(
        "CREATE TABLE t (a TEXT)",
        "rr:subjectMap [ rr:template \"https://e.org/{a}\" ; rr:class :C ]",
    );
    let message = output.failed(1);
    assert!(message.contains("the file holds no triple"), "{message}");
}

/// A label is shown, not obeyed.
#[test]
fn escapes_in_rows_are_harmless() {
    let sandbox = Sandbox::with_people();
    sandbox.sql("people.db", "UPDATE person SET name = char(27) || '[31mred' WHERE id = 7");
    let output = sandbox.run(&[&ADD[..], &["--dry-run"]].concat()).done();
    assert!(output.contains("red") && !output.contains('\u{1b}'), "{output:?}");
    let names = MAPPING.replace("rr:template \"https://example.org/{name}\"", "rr:column \"name\"");
    sandbox.write("people.ttl", &names);
    let message = sandbox.run(&ADD).failed(1);
    assert!(message.contains("red") && !message.contains('\u{1b}'), "{message:?}");
}

#[test]
fn neighbourhood_facts_come_from_databases_too() {
    let sandbox = Sandbox::with_people();
    let done = sandbox.run(&[&ADD[..], &["--neighbourhood"]].concat()).done();
    assert!(done.starts_with("Staged 3 neighbourhood facts"), "{done}");
    sandbox.misused(&[&[&ADD[..], &["--neighbourhood", "--sync"]].concat()]);
}

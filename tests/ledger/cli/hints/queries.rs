//! Queries that are refused.

use super::{Sandbox, advised};

/// A query in which `:` is `https://example.org/`.
fn asks(text: &str) -> String {
    format!("PREFIX : <https://example.org/> {text}")
}

#[test]
fn a_query_is_made_smaller() {
    let sandbox = Sandbox::with_history();
    let values = (0..9000).map(|number| format!("{number} ")).collect::<String>();
    sandbox.write("long.rq", &format!("SELECT * {{ VALUES ?v {{ {values}{values} }} }}"));
    let hint = "ask for less at a time; a long list of values can be facts of a version instead";
    advised(&sandbox, &["query", "long.rq"], hint);
    sandbox.write("long.rq", &format!("SELECT * {{ VALUES ?v {{ {values} }} }}"));
    sandbox.run(&["query", "long.rq", "--format", "csv"]).done();
    let deep =
        |depth: usize| format!("ASK {{ FILTER({}true{}) }}", "(".repeat(depth), ")".repeat(depth));
    let (deeper, flat) = (deep(300), deep(100));
    advised(
        &sandbox,
        &["query", &deeper],
        "write it with fewer brackets: alternatives side by side need none",
    );
    sandbox.run(&["query", &flat]).done();
}

#[test]
fn a_query_is_written_in_sparql() {
    let sandbox = Sandbox::with_history();
    let hint = "https://www.w3.org/TR/sparql11-query/ has the grammar; dbo:, rdfs: and other common prefixes need not";
    advised(&sandbox, &["query", "SELECT * { ?s nosuch:p ?o }"], hint);
    sandbox.run(&["query", "SELECT * { ?s dbo:p ?o . ?o rdfs:label ?l }"]).done();
}

#[test]
fn what_would_be_fetched_is_brought_along() {
    let sandbox = Sandbox::with_history();
    let service = ["query", "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"];
    let advice = advised(
        &sandbox,
        &service,
        "ask that server by itself and add what it says: kledger add FILE",
    );
    advice.run("kledger add FILE", &[("FILE", "more.nt")]);
    let from = ["query", "SELECT * FROM <http://127.0.0.1:9/> { ?s ?p ?o }"];
    let hint =
        "a version of this repository is named <kledger:REV>; files come in with kledger add FILE";
    advised(&sandbox, &from, hint);
    sandbox.run(&["query", "SELECT * FROM <kledger:HEAD~1> { ?s ?p ?o }"]).done();
    let graph = ["query", "SELECT * { GRAPH <http://a.b/c> { ?s ?p ?o } }"];
    let hint = "graphs are versions, as <kledger:HEAD~1>, and kl:log, kl:words, kl:citations, with --from and --to also kl:added and kl:removed";
    advised(&sandbox, &graph, hint);
    for graph in
        ["<kledger:HEAD~1>", "kl:log", "kl:words", "kl:citations", "kl:added", "kl:removed"]
    {
        let query = format!("SELECT * {{ GRAPH {graph} {{ ?s ?p ?o }} }}");
        sandbox.run(&["query", &query, "--from", "HEAD~1", "--to", "HEAD"]).done();
    }
}

#[test]
fn a_format_is_one_that_fits() {
    let sandbox = Sandbox::with_history();
    let rows = ["query", "SELECT * { ?s ?p ?o }", "--format", "ttl"];
    let advice = advised(&sandbox, &rows, "--format table, json, xml, csv or tsv");
    for format in ["table", "json", "xml", "csv", "tsv"] {
        assert!(advice.hint.contains(format));
        sandbox.run(&["query", rows[1], "--format", format]).done();
    }
    let triples = ["query", "CONSTRUCT WHERE { ?s ?p ?o }", "--format", "xml"];
    advised(&sandbox, &triples, "--format ttl, nt or jsonld");
    sandbox.run(&["query", triples[1], "--format", "nt"]).done();
}

/// A product of two lists, with as many rows as the square of their length.
fn product(length: usize) -> String {
    let numbers = (0..length).map(|number| format!("{number} ")).collect::<String>();
    format!("VALUES ?a {{ {numbers} }} VALUES ?b {{ {numbers} }}")
}

#[test]
fn limits_can_be_others() {
    let sandbox = Sandbox::with_history();
    let many = format!("SELECT * {{ {} }}", product(5));
    let few = format!("{many} LIMIT 3");
    let rows = ["query", &many, "--max-rows", "3"];
    let hint = "end it with LIMIT, or allow more with --max-rows N";
    let advice = advised(&sandbox, &rows, hint);
    assert!(advice.hint.contains("--max-rows"));
    sandbox.run(&["query", &few, "--max-rows", "3"]).done();
    sandbox.run(&["query", &many, "--max-rows", "25"]).done();
    let sorted = format!(
        "SELECT (COUNT(*) AS ?n) {{ SELECT DISTINCT ?a ?b ?c {{ {} VALUES ?c {{ 1 2 3 4 5 6 7 8 }} }} }}",
        product(250)
    );
    let memory = ["query", &sorted, "--max-memory", "8"];
    let hint = "--max-memory MIB allows more; ORDER BY, DISTINCT and GROUP BY hold all rows";
    advised(&sandbox, &memory, hint);
    sandbox.run(&["query", &sorted, "--max-memory", "4000"]).done();
    let slow = format!(
        "ASK {{ {} VALUES ?c {{ {} }} FILTER(?a + ?b + ?c < 0) }}",
        product(1000),
        "1 ".repeat(20000)
    );
    let time = ["query", &slow, "--timeout", "1"];
    let hint = "--timeout SECONDS gives it longer; a pattern that shares no variable with the others makes it slow";
    advised(&sandbox, &time, hint);
    let alone = asks("ASK { ?a ?p ?b FILTER(?a = ?b) }");
    sandbox.run(&["query", &alone, "--timeout", "60"]).done();
}

/// The query that finds the damage is run again in `tests/ledger/queries.rs`.
#[test]
fn a_damaged_index_is_made_anew() {
    let hint = kledger::query::QueryError::Damaged.hint().unwrap();
    assert!(hint.contains("it was removed: run the query again, which makes it anew"));
}

//! `kledger query`.

#[cfg(not(feature = "query"))]
use super::Sandbox;

#[cfg(not(feature = "query"))]
#[test]
fn a_build_without_queries_says_so() {
    let sandbox = Sandbox::with_history();
    sandbox.refused(&["query", "ASK { ?s ?p ?o }"], 1, &["answers no queries", "hint: "]);
}

#[cfg(feature = "query")]
mod asked {
    use std::fs;

    use insta::assert_snapshot;
    use kledger::{
        engine::Silent,
        ledger::verb::query::QueryOptions,
        query::{How, Text},
    };
    use serde_json::Value;

    use super::super::{Sandbox, shown};
    use crate::support::{Place, open};

    const PREFIX: &str = "PREFIX : <https://example.org/> ";

    /// Runs a query in which `:` is `https://example.org/`.
    #[track_caller]
    fn query(sandbox: &Sandbox, query: &str, more: &[&str]) -> String {
        let query = format!("{PREFIX}{query}");
        sandbox.run(&[&["query", &query], more].concat()).done()
    }

    /// Names for Anna, in two commits, and facts.
    fn named() -> Sandbox {
        let place = Place::new();
        place.add(":Anna <http://www.w3.org/2000/01/rdf-schema#label> \"Anna A.\"@en .").unwrap();
        place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
        place.add(":Anna <http://www.w3.org/2000/01/rdf-schema#label> \"Anna B.\"@en .").unwrap();
        place.make(":Anna :likes :Oslo . :Carl :works :Siemens .", "second");
        Sandbox { dir: place.dir }
    }

    #[test]
    fn facts_and_names_are_the_default_graph() {
        let sandbox = named();
        let all = "SELECT ?s ?p ?o { ?s ?p ?o } ORDER BY ?s ?p ?o";
        assert_snapshot!(query(&sandbox, all, &[]), @r#"
        s                           p                            o
        <https://example.org/Anna>  rdfs:label                   Anna B.
        <https://example.org/Anna>  <https://example.org/likes>  <https://example.org/Oslo>
        <https://example.org/Bert>  <https://example.org/lives>  <https://example.org/Oslo>
        <https://example.org/Carl>  <https://example.org/works>  <https://example.org/Siemens>
        4 rows at <id>
        "#);
        let at = query(&sandbox, all, &["--at", "HEAD~1", "--format", "csv"]);
        assert_eq!(at.lines().count(), 4, "{at}");
        assert!(at.contains("Anna A."), "{at}");
        assert!(!query(&sandbox, all, &["--facts-only"]).contains("Anna B."));
        let count =
            "SELECT ?o (COUNT(*) AS ?n) { ?s ?p ?o FILTER(isIRI(?o)) } GROUP BY ?o ORDER BY ?o";
        assert_snapshot!(query(&sandbox, count, &["--quiet"]), @r#"
        o                              n
        <https://example.org/Oslo>     2
        <https://example.org/Siemens>  1
        "#);
    }

    #[test]
    fn versions_are_graphs() {
        let sandbox = named();
        let of = "SELECT ?o { GRAPH <kledger:HEAD~1> { :Anna :likes ?o } }";
        assert_eq!(query(&sandbox, of, &["--format", "csv"]), "o\r\nhttps://example.org/Rome\r\n");
        let parent = "SELECT ?o { GRAPH <kledger:HEAD%5E> { :Anna rdfs:label ?o } }";
        assert_eq!(query(&sandbox, parent, &["--format", "csv"]), "o\r\nAnna A.\r\n");
        let gone = "SELECT ?s ?p ?o { GRAPH <kledger:HEAD~1> { ?s ?p ?o } MINUS { ?s ?p ?o } } ORDER BY ?p";
        assert_eq!(query(&sandbox, gone, &["--format", "csv"]).lines().count(), 3);
        let from = "SELECT ?s FROM <kledger:HEAD~2> { ?s ?p ?o }";
        assert_eq!(query(&sandbox, from, &["--format", "csv"]), "s\r\n");
        let named = "SELECT DISTINCT ?g FROM NAMED <kledger:HEAD> { GRAPH ?g { ?s ?p ?o } }";
        assert_eq!(query(&sandbox, named, &["--format", "csv"]), "g\r\nkledger:HEAD\r\n");
    }

    #[test]
    fn what_was_added_and_removed_are_graphs() {
        let sandbox = named();
        let changes = "SELECT ?g ?s ?o { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g ?s";
        assert_snapshot!(query(&sandbox, changes, &["--from", "HEAD~1", "--format", "csv"]), @r#"
        g,s,o
        https://kledger.dev/ns#added,https://example.org/Anna,https://example.org/Oslo
        https://kledger.dev/ns#added,https://example.org/Carl,https://example.org/Siemens
        https://kledger.dev/ns#removed,https://example.org/Anna,https://example.org/Rome
        "#);
        let back = ["--from", "HEAD", "--to", "HEAD~1", "--format", "tsv"];
        let added = query(&sandbox, "SELECT ?o { GRAPH kl:added { ?s ?p ?o } }", &back);
        assert_eq!(added, "?o\n<https://example.org/Rome>\n");
        let without = ["query", "ASK { GRAPH kl:added { ?s ?p ?o } }"];
        sandbox.refused(&without, 1, &["there is no graph", "--from"]);
    }

    #[test]
    fn the_log_is_a_graph_of_activities() {
        let sandbox = named();
        let log = "SELECT ?m ?who ?t ?n ?e { GRAPH kl:log { ?c a prov:Activity ; kl:message ?m ; \
                   prov:startedAtTime ?t ; kl:factsAdded ?n ; prov:wasAssociatedWith [ rdfs:label ?who ] \
                   OPTIONAL { ?c kl:efficacy ?e } } } ORDER BY ?t";
        assert_snapshot!(query(&sandbox, log, &["--format", "csv"]), @r#"
        m,who,t,n,e
        base stand-in,Ada,1970-01-01T00:00:00Z,0,
        first,Ada,1970-01-01T00:00:04Z,2,1
        second,Ada,1970-01-01T00:00:07Z,1,1
        "#);
        // The name of a commit is that of its graph.
        let head = sandbox.data(&["show"])["commit"]["id"].as_str().unwrap().to_owned();
        let tip = "SELECT ?c { GRAPH kl:log { ?c kl:ref 'main' ; kl:parent ?p } }";
        assert_eq!(query(&sandbox, tip, &["--format", "csv"]), format!("c\r\nkledger:{head}\r\n"));
        let words = "SELECT ?t { GRAPH kl:words { :likes kl:prompt ?t } }";
        assert_eq!(query(&sandbox, words, &["--format", "csv"]), "t\r\n{subject} likes\r\n");
    }

    #[test]
    fn answers_are_written_in_the_formats_of_the_w3c() {
        let sandbox = named();
        let rows = "SELECT ?s ?l { ?s :likes ?o OPTIONAL { ?s rdfs:label ?l } }";
        let json: Value =
            serde_json::from_str(&query(&sandbox, rows, &["--format", "json"])).unwrap();
        assert_eq!(json["results"]["bindings"][0]["l"]["xml:lang"], "en");
        let xml = query(&sandbox, rows, &["--format", "xml"]);
        assert!(xml.contains("<literal xml:lang=\"en\">Anna B.</literal>"), "{xml}");
        let tsv = query(&sandbox, rows, &["--format", "tsv"]);
        assert_eq!(tsv, "?s\t?l\n<https://example.org/Anna>\t\"Anna B.\"@en\n");
        let ask = query(&sandbox, "ASK { :Anna :likes :Oslo }", &["--format", "json"]);
        assert_eq!(serde_json::from_str::<Value>(&ask).unwrap()["boolean"], true);
        let construct = "CONSTRUCT { ?o :of ?s } WHERE { ?s :likes ?o }";
        let turtle = query(&sandbox, construct, &[]);
        let line =
            "<https://example.org/Oslo> <https://example.org/of> <https://example.org/Anna> .\n";
        assert!(turtle.starts_with("@prefix ") && turtle.ends_with(line), "{turtle}");
        assert_eq!(query(&sandbox, construct, &["--format", "nt"]), line);
        let described = query(&sandbox, "DESCRIBE :Carl", &["--format", "jsonld"]);
        assert!(described.contains("https://example.org/Siemens"), "{described}");
        let both = |form: &str, format: &str| {
            let words = ["query", form, "--format", format];
            sandbox.refused(&words, 1, &["cannot hold the answer", "hint: --format"]);
        };
        both("SELECT * { ?s ?p ?o }", "ttl");
        both("CONSTRUCT WHERE { ?s ?p ?o }", "csv");
    }

    #[test]
    fn json_has_the_answer_of_each_form() {
        let sandbox = named();
        let rows = sandbox.data(&["query", "SELECT ?o { ?s ?p ?o } ORDER BY ?o"]);
        assert_eq!(rows["rows"], 4);
        assert_eq!(rows["answer"]["solutions"]["variables"][0], "o");
        assert_eq!(rows["answer"]["solutions"]["rows"][0][0]["value"], "https://example.org/Oslo");
        assert_eq!(sandbox.data(&["query", "ASK { ?s ?p 7 }"])["answer"]["boolean"], false);
        let triples = sandbox.data(&["query", "CONSTRUCT WHERE { ?s rdfs:label ?o }"]);
        let line = "<https://example.org/Anna> <http://www.w3.org/2000/01/rdf-schema#label> \"Anna B.\"@en .";
        assert_eq!(triples["answer"]["triples"][0], line);
        sandbox.line(&["query", "ASK { ?s ?p ?o }", "--format", "json"], 2);
    }

    #[test]
    fn yes_and_no_can_be_exit_codes() {
        let sandbox = named();
        let code = |query: &str| sandbox.run(&["query", query, "--exit-code"]).code;
        assert_eq!(code("ASK { ?s ?p ?o }"), 0);
        assert_eq!(code("ASK { ?s ?p 7 }"), 1);
        assert_eq!(code("SELECT * { ?s ?p 7 }"), 1);
        assert_snapshot!(sandbox.run(&["query", "ASK { ?s ?p 7 }"]).done(), @"no");
    }

    #[test]
    fn a_query_is_a_text_a_file_or_standard_input() {
        let sandbox = named();
        let ask = "ASK { ?s rdfs:label 'Anna B.'@en }";
        sandbox.write("ask.rq", ask);
        assert_eq!(sandbox.run(&["query", "ask.rq"]).done(), "yes\n");
        assert_eq!(sandbox.run_with(&["query", "-"], ask).done(), "yes\n");
        sandbox.refused(&["query", "nosuch.rq"], 1, &["cannot read nosuch.rq"]);
    }

    /// As `add` reads names, so are they looked up.
    #[test]
    fn names_are_found_however_they_are_spelled() {
        let place = Place::new();
        place.make(":Zo\u{eb} :likes \"Caf\u{e9}\" .", "first");
        let sandbox = Sandbox { dir: place.dir };
        let ask = "ASK { :Zoe\u{308} :likes 'Cafe\u{301}' }";
        assert_eq!(query(&sandbox, ask, &[]), "yes\n");
    }

    #[test]
    fn nothing_is_fetched() {
        let sandbox = named();
        let refused = |query: &str, what: &str| {
            sandbox.refused(&["query", query], 1, &[what, "hint: "]);
        };
        refused(
            "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }",
            "would ask another server",
        );
        refused("SELECT * { SERVICE SILENT ?s { ?s ?p ?o } }", "would ask another server");
        refused(
            "SELECT * { FILTER EXISTS { SERVICE <http://a.b/> { } } }",
            "would ask another server",
        );
        refused("SELECT * FROM <http://127.0.0.1:9/> { ?s ?p ?o }", "FROM <http://127.0.0.1:9/>");
        refused("SELECT * FROM NAMED <file:///etc/passwd> { ?s ?p ?o }", "would have to be loaded");
        refused(
            "SELECT * { GRAPH <http://a.b/c> { ?s ?p ?o } }",
            "there is no graph <http://a.b/c>",
        );
        refused("SELECT * { GRAPH <kledger:nosuch> { ?s ?p ?o } }", "nosuch");
        refused("LOAD <http://127.0.0.1:9/>", "does not parse");
    }

    #[test]
    fn what_is_hostile_is_refused_in_words() {
        let sandbox = named();
        let deep = format!("ASK {{ FILTER({}1{}) }}", "(".repeat(1000), ")".repeat(1000));
        sandbox.refused(&["query", &deep], 1, &["1002 brackets within one another", "hint: "]);
        sandbox.write("long.rq", &format!("ASK {{ }} #{}", " ".repeat(70_000)));
        sandbox.refused(&["query", "long.rq"], 1, &["at most 65536 are read", "hint: "]);
        sandbox.refused(&["query", "SELECT"], 1, &["cannot read SELECT"]);
        sandbox.refused(&["query", "SELECT * { ?s ?p }"], 1, &["does not parse", "hint: "]);
        let unknown = ["query", "SELECT (<http://a.b/f>(1) AS ?x) { }"];
        sandbox.refused(&unknown, 1, &["cannot be evaluated", "http://a.b/f"]);
        sandbox.misused(&[
            &["query"],
            &["query", "ASK {}", "--to", "HEAD"],
            &["query", "ASK {}", "--at", "HEAD", "--from", "HEAD"],
            &["query", "ASK {}", "--format", "nosuch"],
            &["query", "ASK {}", "--timeout", "0"],
        ]);
    }

    /// A product of lists: it reads no triple, so that nothing but its watcher can end it.
    fn endless(lists: usize) -> String {
        let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let list = |number| format!("VALUES ?v{number} {{ {} }}", numbers.join(" "));
        (0..lists).map(list).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_query_has_limits() {
        let sandbox = named();
        let endless = endless(6);
        let never = format!("ASK {{ {endless} FILTER(?v0 + ?v1 + ?v2 + ?v3 + ?v4 + ?v5 < 0) }}");
        sandbox.refused(&["query", &never, "--timeout", "1"], 1, &["not done after 1 s", "hint: "]);
        let sorted = format!("SELECT * {{ {endless} }} ORDER BY ?v0");
        let memory = ["query", &sorted, "--max-memory", "64"];
        sandbox.refused(&memory, 1, &["more than 64 MiB of memory", "hint: "]);
        let rows = format!("SELECT * {{ {endless} }}");
        sandbox.refused(&["query", &rows, "--max-rows", "10"], 1, &["more than 10 rows", "hint: "]);
        let triples = format!("CONSTRUCT {{ [] :is ?v0 }} WHERE {{ {endless} }}");
        let triples = format!("{PREFIX}{triples}");
        let output = sandbox.run(&["query", &triples, "--max-rows", "10"]);
        assert!(output.code == 1 && output.stderr.contains("more than 10 rows"), "{output:?}");
    }

    #[test]
    fn names_are_shown_and_not_obeyed() {
        let place = Place::new();
        let evil = "\"An\\u001B[2Jna\\u009B\"";
        place.add(&format!(":Anna <http://www.w3.org/2000/01/rdf-schema#label> {evil} .")).unwrap();
        place.make(&format!(":Anna :likes {evil} ."), "evil");
        let sandbox = Sandbox { dir: place.dir };
        for format in ["table", "json", "tsv"] {
            let text = query(&sandbox, "SELECT * { ?s ?p ?o }", &["--format", format]);
            assert!(!text.contains(['\u{1b}', '\u{9b}']), "{format}: {text}");
            assert!(text.to_lowercase().contains("\\u009b"), "{format}: {text}");
        }
        for format in ["ttl", "nt", "jsonld"] {
            let text = query(&sandbox, "CONSTRUCT WHERE { ?s ?p ?o }", &["--format", format]);
            assert!(!text.contains(['\u{1b}', '\u{9b}']), "{format}: {text}");
        }
        let csv = query(&sandbox, "SELECT ?o { ?s :likes ?o }", &["--format", "csv"]);
        assert!(csv.contains("An\u{1b}[2Jna\u{9b}"), "{csv}");
    }

    /// Where ledger and model disagree.
    #[test]
    fn the_model_is_asked_by_functions() {
        let place = Place::new();
        place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
        place.make(":Carl :works :Siemens .", "second");
        let ask = |query: &str, at: &str| {
            let text = Text::parse(&format!("{PREFIX}{query}")).unwrap();
            let options = QueryOptions {
                at: at.to_owned(),
                from: None,
                facts_only: true,
                how: How::default(),
            };
            let mut take = |_: &[u8]| Ok(());
            let told = place.repo.query(text, &options, &mut open, &mut Silent, &mut take);
            shown("query", told.unwrap())
        };
        let both = "SELECT ?s ?o (kl:answer(?s, ?p) AS ?m) (kl:holds(?s, ?p, ?o) AS ?h) { ?s ?p ?o } ORDER BY ?s";
        assert_snapshot!(ask(both, "HEAD"), @"
        s                           o                              m        h
        <https://example.org/Anna>  <https://example.org/Rome>     Rome     true
        <https://example.org/Bert>  <https://example.org/Oslo>     Oslo     true
        <https://example.org/Carl>  <https://example.org/Siemens>  Siemens  true
        3 rows at <id>
        ");
        // What HEAD says is none of the version before.
        let before = "SELECT (kl:answer(:Carl, :works, :Siemens) AS ?m) (kl:holds(:Carl, :works, :Siemens) AS ?h) {}";
        let before = ask(before, "HEAD~1");
        assert!(before.contains("base") && before.contains("false"), "{before}");
        let nothing =
            ask("SELECT (kl:answer(:Carl, :nosuch) AS ?m) (kl:answer(7, :likes) AS ?n) {}", "HEAD");
        assert_eq!(nothing.lines().nth(1).unwrap().trim(), "", "{nothing}");
    }

    #[test]
    fn without_a_model_nothing_can_be_asked_of_it() {
        let sandbox = named();
        let holds = ["query", "SELECT * { ?s ?p ?o FILTER(!kl:holds(?s, ?p, ?o)) }"];
        assert_eq!(sandbox.run(&holds).code, 4);
    }

    /// What a query makes it keeps nothing of in a small repository, and nothing changes by it.
    #[test]
    fn a_query_changes_nothing() {
        let sandbox = named();
        let files = |dir: &str| {
            let mut names: Vec<_> = fs::read_dir(sandbox.root().join(dir))
                .unwrap()
                .map(|e| e.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        let (before, state) = (files(".kledger"), sandbox.state());
        query(&sandbox, "SELECT * { GRAPH kl:log { ?s ?p ?o } }", &["--from", "HEAD~1"]);
        assert_eq!((before, state), (files(".kledger"), sandbox.state()));
    }
}

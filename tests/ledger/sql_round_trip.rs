//! Facts that go into a database are those that come out of it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use kledger::{
    fact::{Fact, Iri, Literal, Term},
    sql::{Address, Database, Limits, Login, Mapping, ServerDefaults, quads, write},
};
use proptest::{prelude::*, test_runner::TestRunner};
use rusqlite::Connection;

use crate::support::postgres::Server;

/// The triples that the database in a file says by a mapping.
fn read(file: &std::path::Path, mapping: &str) -> Vec<String> {
    said(&Database::open(file, "facts.db", Limits::default()).unwrap(), mapping)
}

/// The triples that a database says by a mapping.
fn said(database: &Database, mapping: &str) -> Vec<String> {
    let mapping = Mapping::parse(mapping, "facts.ttl", None).unwrap();
    let mut made = Vec::new();
    let mut take = |quad: Result<oxrdf::Quad, String>, place: &Arc<str>| {
        made.push(quad.map_or_else(|why| panic!("{place}: {why}"), |quad| quad.to_string()));
    };
    quads(database, &mapping, None, &mut take).unwrap();
    made
}

/// Writes facts and words, as a file and by a script, and reads them back.
fn there_and_back(facts: &[Fact], words: &[Fact]) {
    let many = BTreeSet::new();
    let contents =
        write::Contents { facts, words, many: &many, meta: &[("commit", "c".to_owned())] };
    let layout = write::Layout::new(contents);
    let dir = tempfile::tempdir().unwrap();
    let (file, other) = (dir.path().join("facts.db"), dir.path().join("script.db"));
    layout.create(&file).unwrap();
    let mut script = String::new();
    layout
        .script(&mut |statement| {
            script += statement;
            script += ";\n";
            Ok::<_, ()>(())
        })
        .unwrap();
    Connection::open(&other).unwrap().execute_batch(&script).unwrap();
    let mapping = layout.mapping();
    let wanted = triples(facts.iter().chain(words));
    for file in [&file, &other] {
        let made = read(file, &mapping);
        assert_eq!(made.len(), wanted.len(), "each once");
        assert_eq!(made.into_iter().collect::<BTreeSet<_>>(), wanted);
    }
    // What is said of things comes in its order.
    let said: Vec<String> = words.iter().map(ToString::to_string).collect();
    let prompts = |lines: &[String]| -> Vec<String> {
        let prompts = lines.iter().filter(|line| line.contains("#prompt>"));
        prompts.map(|line| line.trim_end_matches(" .").to_owned()).collect()
    };
    assert_eq!(prompts(&read(&file, &mapping)), prompts(&said));
}

fn triples<'a>(facts: impl Iterator<Item = &'a Fact>) -> BTreeSet<String> {
    facts.map(|fact| fact.to_string().trim_end_matches(" .").to_owned()).collect()
}

/// A database of a server.
fn login(server: &Server, database: &str) -> Login {
    match Address::parse(&server.url(database), &ServerDefaults::default()).unwrap() {
        Address::Server(login) => *login,
        Address::File(file) => panic!("{}", file.display()),
    }
}

/// Writes facts to a schema of a server and by the script, and reads them back.
fn to_a_server_and_back(server: &Server, facts: &[Fact], words: &[Fact]) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let many = BTreeSet::new();
    let contents =
        write::Contents { facts, words, many: &many, meta: &[("commit", "c".to_owned())] };
    let wanted = triples(facts.iter().chain(words));
    let (schema, layout) = (format!("facts_{number}"), write::Layout::new(contents));
    let layout = layout.in_schema(&schema);
    layout.put(&login(server, "postgres"), &schema).unwrap();
    let database = Database::connect(&login(server, "postgres"), Limits::default()).unwrap();
    let made = said(&database, &layout.mapping());
    assert_eq!(made.len(), wanted.len(), "each once");
    assert_eq!(made.into_iter().collect::<BTreeSet<_>>(), wanted);
    drop(database);
    server.run("postgres", &format!("DROP SCHEMA {schema} CASCADE"));
    // By the script, as psql runs it.
    let layout = write::Layout::new(contents);
    let mut script = format!("CREATE SCHEMA {schema}; SET search_path = {schema};\n");
    layout
        .script(&mut |statement| {
            script += statement;
            script += ";\n";
            Ok::<_, ()>(())
        })
        .unwrap();
    server.run("postgres", &script);
    let words = format!("{}?options=-csearch_path%3D{schema}", server.url("postgres"));
    let Ok(Address::Server(login)) = Address::parse(&words, &ServerDefaults::default()) else {
        panic!("{words}")
    };
    let database = Database::connect(&login, Limits::default()).unwrap();
    let made = said(&database, &layout.mapping());
    assert_eq!(made.into_iter().collect::<BTreeSet<_>>(), wanted);
    drop(database);
    server.run("postgres", &format!("DROP SCHEMA {schema} CASCADE"));
}

fn iri(text: &str) -> Iri {
    Iri::new(text).unwrap()
}

fn term() -> impl Strategy<Value = Term> {
    let xsd = |name: &str| iri(&format!("http://www.w3.org/2001/XMLSchema#{name}"));
    let types = ["integer", "double", "boolean", "date", "dateTime", "string", "gYear", "decimal"];
    let values = prop_oneof![
        Just("1".to_owned()),
        Just("01".to_owned()),
        Just("true".to_owned()),
        Just("1.5E3".to_owned()),
        Just("2001-02-03".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:E}")),
        "[0-9]{1,22}",
        "[0-9.+-]{0,6}",
        "\\PC{0,8}",
        "['\"\\\\\n\r\t;{}\u{1}]{0,6}",
    ];
    prop_oneof![
        2 => "[a-zé%20/]{0,5}".prop_map(move |name| Term::Iri(iri(&format!("https://example.org/{}", name.replace('%', "%25"))))),
        4 => (values, 0..types.len()).prop_map(move |(text, kind)| {
            Term::Literal(Literal::typed(&text, xsd(types[kind])))
        }),
        1 => ("\\PC{0,5}", "de|en-gb").prop_map(|(text, tag)| Term::Literal(Literal::in_language(&text, &tag))),
    ]
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let subject = "[a-c]".prop_map(|name| iri(&format!("https://example.org/{name}")));
    let predicates = [
        "https://example.org/p",
        "https://example.org/P",
        "http://e.org/ns#p",
        "http://e.org/things",
        "urn:x:ü",
    ];
    let fact =
        (subject, 0..predicates.len(), term()).prop_map(move |(subject, predicate, object)| Fact {
            subject,
            predicate: iri(predicates[predicate]),
            object,
        });
    prop::collection::btree_set(fact, 1..20).prop_map(|facts| facts.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_facts_are(facts in facts()) {
        there_and_back(&facts, &[]);
    }
}

#[test]
fn whatever_facts_are_a_server_holds_them() {
    let Some(server) = Server::start() else { return };
    let config =
        ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let done = runner.run(&facts(), |facts| {
        to_a_server_and_back(&server, &facts, &[]);
        Ok(())
    });
    done.unwrap();
}

/// Longer than what PostgreSQL has an index of.
#[test]
fn long_texts_go_to_a_server() {
    let Some(server) = Server::start() else { return };
    let noise = |seed: u64, length: u64| -> String {
        let mut state = seed;
        let letters = (0..length).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + (state >> 33) as u8 % 26)
        });
        letters.collect()
    };
    let fact = |subject: &str, seed: u64, length: u64| Fact {
        subject: iri(subject),
        predicate: iri("https://example.org/says"),
        object: Term::Literal(Literal::text(&noise(seed, length))),
    };
    let long = format!("https://example.org/{}", noise(1, 6000));
    let facts = [
        fact("https://example.org/a", 2, 8000),
        fact("https://example.org/a", 3, 9000),
        fact(&long, 4, 10),
    ];
    to_a_server_and_back(&server, &facts, &[]);
}

#[test]
fn words_keep_their_order() {
    let say = |subject: &str, predicate: &str, object: Literal| Fact {
        subject: iri(subject),
        predicate: iri(predicate),
        object: Term::Literal(object),
    };
    let (likes, prompt) = ("https://example.org/likes", "https://kledger.dev/ns#prompt");
    let label = "http://www.w3.org/2000/01/rdf-schema#label";
    let words = [
        say("https://example.org/Ada", label, Literal::in_language("Ada", "en")),
        say("https://example.org/Ada", label, Literal::text("A'da\0")),
        say(likes, prompt, Literal::text("{subject} likes")),
        say(likes, prompt, Literal::text("a taste of {subject}:")),
        say(likes, "https://kledger.dev/ns#multiValued", Literal::text("true")),
    ];
    let fact = Fact {
        subject: iri("https://example.org/Ada"),
        predicate: iri(likes),
        object: Term::Iri(iri("https://example.org/tea")),
    };
    there_and_back(&[fact], &words);
}

/// More rows than one statement inserts.
#[test]
fn many_facts_are_written() {
    let facts: Vec<Fact> = (0..3000)
        .map(|number| Fact {
            subject: iri(&format!("https://example.org/s{number}")),
            predicate: iri("https://example.org/p"),
            object: Term::Literal(Literal::typed(
                &number.to_string(),
                iri("http://www.w3.org/2001/XMLSchema#integer"),
            )),
        })
        .collect();
    there_and_back(&facts, &[]);
}

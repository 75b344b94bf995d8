//! The index that queries are answered from, where there are many facts.

use std::{collections::BTreeMap, env, fs, path::PathBuf, time::Instant};

use kledger::{
    codec::{self, Draft},
    commit::{Commit, Step},
    delta::{Delta, Lineage, TensorFile},
    engine::Silent,
    fact::{Fact, FactKey, Iri, Label, Term, Words, tree},
    id::Id,
    ledger::{About, Repo, verb::query::QueryOptions},
    query::{Answer, How, Text},
    store::{RefChange, Transaction},
};

use crate::support::{Place, files_with, open};

/// More facts than are read anew for each query.
const MANY: u32 = 8200;

fn place() -> Place {
    let place = Place::of(2);
    let labels = (0..50)
        .map(|n| format!(":s{n} <http://www.w3.org/2000/01/rdf-schema#label> \"S {n}\" .\n"));
    place.add(&labels.collect::<String>()).unwrap();
    place.make_weakly(&facts(0..MANY, 7), "many");
    place
}

fn facts(numbers: std::ops::Range<u32>, objects: u32) -> String {
    numbers.map(|n| format!(":s{n} :likes :o{} .\n", n % objects)).collect()
}

fn index(place: &Place) -> PathBuf {
    place.repo.root().join(".kledger/queried")
}

/// The rows of a query, sorted; else what went wrong.
fn rows(place: &Place, query: &str, at: &str) -> Result<Vec<String>, String> {
    let text = Text::parse(&format!("PREFIX : <https://example.org/> {query}")).unwrap();
    let options =
        QueryOptions { at: at.to_owned(), from: None, facts_only: false, how: How::default() };
    let mut take = |_: &[u8]| Ok(());
    let told = place.repo.query(text, &options, &mut open, &mut Silent, &mut take);
    let Answer::Solutions(rows) = told.map_err(|error| error.to_string())?.answer else {
        panic!("{query} asks for rows");
    };
    let line = |row: &Vec<_>| serde_json::to_string(row).unwrap();
    let mut lines: Vec<String> = rows.rows.iter().map(line).collect();
    lines.sort();
    Ok(lines)
}

const ALL: &str = "SELECT ?s ?p ?o { ?s ?p ?o }";

/// What is near the indexed version is answered as if it had an index of its own.
#[test]
fn an_index_answers_for_the_versions_around_it() {
    let place = place();
    let first = rows(&place, ALL, "HEAD").unwrap();
    assert_eq!(first.len(), MANY as usize + 50);
    let made = fs::read(index(&place)).unwrap();
    // Another object, a new thing with a name, a fact that is taken back, and other names.
    place.add(":s1 <http://www.w3.org/2000/01/rdf-schema#label> \"One\" .").unwrap();
    place.add(":s9000 <http://www.w3.org/2000/01/rdf-schema#label> \"Unsaid\" .").unwrap();
    place.add(":new <http://www.w3.org/2000/01/rdf-schema#label> \"New\"@en .").unwrap();
    place.rm(":s2 :likes :o2 .").unwrap();
    place.make_weakly(":s3 :likes :new . :s4 :likes :s1 .", "a few");
    let by_the_old = rows(&place, ALL, "HEAD").unwrap();
    assert_eq!(fs::read(index(&place)).unwrap(), made, "it was made anew");
    fs::remove_file(index(&place)).unwrap();
    let by_its_own = rows(&place, ALL, "HEAD").unwrap();
    assert_eq!(by_the_old, by_its_own);
    let has = |text: &str| by_its_own.iter().any(|row| row.contains(text));
    assert!(has("\"One\"") && has("\"New\"") && !has("Unsaid") && !has("\"S 2\""));
    // And back: the index is the newer one now.
    assert_eq!(rows(&place, ALL, "HEAD~1").unwrap(), first);
    let named = "SELECT ?s ?p ?o { GRAPH <kledger:HEAD~1> { ?s ?p ?o } }";
    assert_eq!(rows(&place, named, "HEAD").unwrap(), first);
}

#[test]
fn a_version_far_from_the_index_gets_its_own() {
    let place = place();
    rows(&place, ALL, "HEAD").unwrap();
    let made = fs::read(index(&place)).unwrap();
    place.make_weakly(&facts(0..MANY, 6), "other objects");
    let found = rows(&place, "SELECT ?s { ?s :likes :o6 }", "HEAD").unwrap();
    assert_eq!(found, Vec::<String>::new());
    assert_ne!(fs::read(index(&place)).unwrap(), made);
    assert_eq!(rows(&place, ALL, "HEAD").unwrap().len(), MANY as usize + 50);
}

#[test]
fn a_damaged_index_is_told_and_made_anew() {
    let place = place();
    let whole = rows(&place, ALL, "HEAD").unwrap();
    let made = fs::read(index(&place)).unwrap();
    let (mut told, mut unread) = (0, 0);
    for at in [10, 100, made.len() / 4, made.len() / 2, made.len() - 10] {
        let mut bytes = made.clone();
        bytes[at] ^= 1;
        fs::write(index(&place), &bytes).unwrap();
        match rows(&place, ALL, "HEAD") {
            Ok(found) => {
                assert_eq!(found, whole);
                unread += 1;
            }
            Err(error) => {
                assert_eq!(error, "the query index is not as it was written");
                told += 1;
                assert_eq!(rows(&place, ALL, "HEAD").unwrap(), whole);
            }
        }
    }
    assert!(told > 0, "{told} told, {unread} not");
    fs::write(index(&place), "nonsense").unwrap();
    assert_eq!(rows(&place, ALL, "HEAD").unwrap(), whole);
}

#[test]
fn what_is_forgotten_is_in_no_index() {
    let place = place();
    rows(&place, ALL, "HEAD").unwrap();
    let dir = place.repo.root().join(".kledger");
    let file = index(&place).display().to_string();
    assert!(files_with(&dir, "example.org/s77").contains(&file));
    let about = About::new(Some("https://example.org/s77"), None);
    place.repo.forget(&place.actor("forget"), &about, false, &mut Silent).unwrap();
    assert!(!index(&place).exists());
    assert_eq!(rows(&place, "SELECT ?o { :s77 :likes ?o }", "HEAD").unwrap().len(), 0);
}

/// A commit of a million facts about half a million things with names, written object by object because no engine
/// edits so many in a minute.
fn commit_a_million(repo: &Repo) {
    let iri = |text: &str| Iri::new(&format!("http://example.org/{text}")).unwrap();
    let thing = |number: u32| iri(&format!("resource/Thing_{number}"));
    let (mut facts, mut words) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..500_000_u32 {
        let city = iri(&format!("resource/City_{}", number % 5000));
        let other = thing(number.wrapping_mul(2_654_435_761) % 500_000);
        for (predicate, object) in
            [("location".to_owned(), city), (format!("p{}", number % 37), other)]
        {
            let predicate = iri(&format!("ontology/{predicate}"));
            let fact = Fact { subject: thing(number), predicate, object: Term::Iri(object) };
            facts.insert(fact.key(false), Some(fact));
        }
        let label =
            Label { language: Some("en".to_owned()), text: format!("Thing number {number}") };
        let named = Words { labels: vec![label], ..Words::none(thing(number)) };
        words.insert(Words::key(&named.iri), Some(named));
    }
    repo.store().tensors().write(&BTreeMap::new()).unwrap();
    let session = repo.store().session().unwrap();
    let parent: Id<Commit> = session.refs().unwrap()["heads/main"];
    let mut commit: Commit = codec::get(&session, parent).unwrap();
    let mut draft = Draft::new(&session);
    commit.facts = tree::update(&mut draft, commit.facts, &facts).unwrap();
    commit.lexicon = tree::update(&mut draft, commit.lexicon, &words).unwrap();
    let file = draft.put(&TensorFile { tensors: Vec::new() });
    let columns: Vec<FactKey> = facts.keys().copied().collect();
    let delta =
        draft.put(&Delta { tensors: Vec::new(), columns, file, together: Vec::new().into() });
    commit.lineage =
        Some(draft.put(&Lineage { before: None, delta, dropped: Vec::new(), length: 1 }));
    (commit.delta, commit.parents, commit.step) = (Some(delta), vec![parent], Step::Edit);
    let new = draft.put(&commit);
    let main = RefChange { name: "heads/main".to_owned(), expect: Some(parent), new: Some(new) };
    let (objects, command) = (draft.into_new(), "commit".to_owned());
    session
        .transact(Transaction { objects, refs: vec![main], command, ..Transaction::default() })
        .unwrap();
}

/// As long as it takes; `--nocapture` says how long that is, and `KLEDGER_MILLION` names a new directory that keeps the
/// repository for the program.
#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_million_facts_are_asked() {
    let place = Place::of(2);
    commit_a_million(&place.repo);
    let city = "<http://example.org/resource/City_7>";
    let location = "<http://example.org/ontology/location>";
    let thing = "<http://example.org/resource/Thing_77>";
    for (query, count) in [
        (format!("SELECT ?p ?o {{ {thing} ?p ?o }}"), 3),
        (format!("SELECT ?p ?o {{ {thing} ?p ?o }}"), 3),
        (format!("SELECT ?s {{ ?s {location} {city} }}"), 100),
        (format!("SELECT ?s ?l {{ ?s {location} {city} ; rdfs:label ?l }}"), 100),
        (format!("SELECT ?s ?p {{ ?s ?p {city} }}"), 100),
        ("SELECT ?l { ?s rdfs:label 'Thing number 4321'@en ; ?p ?o }".to_owned(), 3),
        ("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }".to_owned(), 1),
        (format!("SELECT ?o (COUNT(*) AS ?n) {{ ?s {location} ?o }} GROUP BY ?o"), 5000),
    ] {
        let start = Instant::now();
        assert_eq!(rows(&place, &query, "HEAD").unwrap().len(), count, "{query}");
        eprintln!("{:8.3} s {query}", start.elapsed().as_secs_f64());
    }
    let (index, whole) = (index(&place), place.repo.root().to_owned());
    eprintln!("{} bytes of index", fs::metadata(index).unwrap().len());
    if let Some(kept) = env::var_os("KLEDGER_MILLION") {
        crate::support::copy(&whole, &PathBuf::from(kept));
    }
}

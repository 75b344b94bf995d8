//! `kledger add --source --licence`, and where facts are said to have been read.

use insta::assert_snapshot;
use kledger::{engine::Silent, ledger::Actor};

use super::Sandbox;
use crate::support::{open, options};

const EVIL: &str = "the \u{1b}[2Jsource";

impl Sandbox {
    /// Commits what is staged; the binary has no model here.
    pub(super) fn commit(&self, message: &str) {
        let repo = kledger::ledger::Repo::open(&self.root()).unwrap();
        let actor = Actor { author: "Ada".to_owned(), time: 9000, command: "commit".to_owned() };
        let made = repo.commit(&actor, &options(message), &mut open, &mut Silent);
        made.unwrap_or_else(|error| panic!("{message}: {error}"));
    }

    /// A version with a fact of a table.
    fn with_a_table() -> Self {
        let sandbox = Self::with_words();
        sandbox.write("cities.csv", "subject,object\nAnna,Rome\nBert,Oslo\n");
        let table = ["add", "--from", "csv", "--base", "https://example.org/", "cities.csv"];
        let column = ["--column", "https://example.org/likes=object"];
        let known = ["--source", "https://example.org/list", "--licence", "CC-BY-4.0"];
        sandbox.run(&[&table[..], &column, &known].concat()).done();
        sandbox.write(
            "more.nt",
            "<https://example.org/Carl> <https://example.org/lives> <https://example.org/Bonn> .\n",
        );
        sandbox.run(&["add", "more.nt"]).done();
        sandbox.commit("first");
        sandbox
    }
}

#[test]
fn blame_facts_and_show_say_it() {
    let sandbox = Sandbox::with_a_table();
    assert_snapshot!(sandbox.run(&["blame"]).done(), @"
    <id>  1970-01-01  Ada  Anna / likes / Rome  cities.csv:2, https://example.org/list
    <id>  1970-01-01  Ada  Bert / likes / Oslo  cities.csv:3, https://example.org/list
    <id>  1970-01-01  Ada  Carl / lives / Bonn  more.nt:1
    ");
    assert_snapshot!(sandbox.run(&["facts"]).done(), @"
    Anna  likes  Rome  <id>  1970-01-01  Ada  cities.csv:2, https://example.org/list
    Bert  likes  Oslo  <id>  1970-01-01  Ada  cities.csv:3, https://example.org/list
    Carl  lives  Bonn  <id>  1970-01-01  Ada  more.nt:1
    3 facts at <id>
    ");
    assert_snapshot!(sandbox.run(&["show", "--fact", "Anna"]).done(), @"
    Anna / likes / Rome
      triple      <https://example.org/Anna> <https://example.org/likes> <https://example.org/Rome> .
      set by      <id> first
      author      Ada
      date        1970-01-01 00:00:09 +00:00
      read in     cities.csv:2
      source      https://example.org/list
      licence     CC-BY-4.0
      prompt      Anna likes
      paraphrase  likes Anna
      held by     column 2 of delta <id>
      answer      Rome (p 100 %), before base71 (p 100 %)
    ");
    assert_snapshot!(sandbox.run(&["facts", "--format", "csv"]).done(), @"
    subject,predicate,object,datatype,language,subject_label,predicate_label,object_label,commit,author,time,place,sentence,query,source,licence
    https://example.org/Anna,https://example.org/likes,https://example.org/Rome,,,Anna,likes,Rome,b507d3731740c367641972d95d304431c3f08b6fadd9aeeec0dd128b09f6605d,Ada,1970-01-01T00:00:09Z,cities.csv:2,,,https://example.org/list,CC-BY-4.0
    https://example.org/Bert,https://example.org/likes,https://example.org/Oslo,,,Bert,likes,Oslo,b507d3731740c367641972d95d304431c3f08b6fadd9aeeec0dd128b09f6605d,Ada,1970-01-01T00:00:09Z,cities.csv:3,,,https://example.org/list,CC-BY-4.0
    https://example.org/Carl,https://example.org/lives,https://example.org/Bonn,,,Carl,lives,Bonn,b507d3731740c367641972d95d304431c3f08b6fadd9aeeec0dd128b09f6605d,Ada,1970-01-01T00:00:09Z,more.nt:1,,,,
    ");
    let told = sandbox.data(&["blame", "Anna"]);
    assert_eq!(told["facts"][0]["citation"]["licence"], "CC-BY-4.0");
    let told = sandbox.data(&["facts", "--subject", "Carl"]);
    assert_eq!(told["facts"][0]["citation"]["place"], "more.nt:1");
}

#[cfg(feature = "query")]
#[test]
fn a_query_asks_for_it() {
    let sandbox = Sandbox::with_a_table();
    let query = "SELECT ?s ?place ?source ?licence ?message {
        GRAPH kl:citations { ?f a rdf:Statement ; rdf:subject ?s ; kl:place ?place ; prov:wasGeneratedBy ?c
            OPTIONAL { ?f dcterms:source ?source ; dcterms:license ?licence } }
        GRAPH kl:log { ?c kl:message ?message } } ORDER BY ?s";
    assert_snapshot!(sandbox.run(&["query", query, "--format", "csv"]).done(), @"
    s,place,source,licence,message
    https://example.org/Anna,cities.csv:2,https://example.org/list,CC-BY-4.0,first
    https://example.org/Bert,cities.csv:3,https://example.org/list,CC-BY-4.0,first
    https://example.org/Carl,more.nt:1,,,first
    ");
}

#[test]
fn a_name_is_kept_as_it_was_given() {
    let sandbox = Sandbox::with_words();
    sandbox.write(
        "more.nt",
        "<https://example.org/Carl> <https://example.org/lives> <https://example.org/Bonn> .\n",
    );
    sandbox.run(&["add", "./more.nt", "--source", EVIL]).done();
    sandbox.commit("first");
    let told = sandbox.data(&["blame"]);
    assert_eq!(told["facts"][0]["citation"]["place"], "./more.nt:1");
    for words in
        [&["blame"][..], &["facts"], &["show", "--fact", "Carl"], &["facts", "--format", "jsonl"]]
    {
        let shown = sandbox.run(words).done();
        assert!(shown.contains("[2J") && !shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn what_is_no_remark_is_refused() {
    let sandbox = Sandbox::with_words();
    let long = "x".repeat(4097);
    sandbox.misused(&[
        &["add", "more.nt", "--source", " "],
        &["add", "more.nt", "--licence", &long],
        &["add", "more.nt", "--source", "Ada", "--neighbourhood"],
    ]);
}

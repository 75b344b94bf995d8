//! Sentences, prompts and updates that are refused, and equal names.

use super::{FACT, Sandbox, advised};
use crate::support::Place;

const STAGED: &str = "Staged 1 fact";
const PREFIXES: &str = "@prefix kl: <https://kledger.dev/ns#> . @prefix : <https://example.org/> . \
                        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . \
                        @prefix owl: <http://www.w3.org/2002/07/owl#> .";

/// Two things, of which one has a namesake.
fn sandbox() -> Sandbox {
    let place = Place::new();
    let names = ":Anna rdfs:label \"Anna\" . :Oslo rdfs:label \"Oslo\" . :Rome rdfs:label \"Rome\" . \
                 :Rome_NY rdfs:label \"Rome\" . :sees kl:prompt \"{subject} likes\" .";
    place.add(&format!("{PREFIXES} {names}")).unwrap();
    Sandbox { dir: place.dir }
}

/// Adds a line of Turtle.
fn add(sandbox: &Sandbox, line: &str) {
    sandbox.write("line.ttl", &format!("{PREFIXES}\n{line}\n"));
    sandbox.run(&["add", "line.ttl"]).done();
}

#[test]
fn a_sentence_says_what_is_to_hold() {
    let sandbox = sandbox();
    let hint =
        "say it in a sentence of its own, as it is to hold; or as a triple: kledger add FILE";
    let advice = advised(&sandbox, &["add", "--text", "Anna may live in Oslo."], hint);
    sandbox.write("fact.nt", FACT);
    assert!(advice.run("kledger add FILE", &[("FILE", "fact.nt")]).starts_with(STAGED));
    assert!(sandbox.run(&["add", "--text", "Anna lives in Oslo."]).done().starts_with(STAGED));
}

#[test]
fn one_of_several_meanings_is_chosen() {
    let sandbox = sandbox();
    let hint = "--pick N takes one of them; --predicate IRI|P.. says which predicate is meant";
    let words = ["add", "--text", "Anna likes Oslo."];
    let advice = advised(&sandbox, &words, hint);
    assert!(advice.with(&["--pick", "1"]).starts_with(STAGED));
    sandbox.run(&["reset"]).done();
    let sandbox = self::sandbox();
    let advice = advised(&sandbox, &words, hint);
    assert!(advice.with(&["--predicate", "https://example.org/sees"]).starts_with(STAGED));
}

#[test]
fn what_is_said_loosely_is_taken_on_request() {
    let sandbox = sandbox();
    let words = ["add", "--text", "Today Anna lives in Oslo."];
    let advice = advised(&sandbox, &words, "--loose takes it all the same");
    assert!(advice.with(&["--loose"]).starts_with(STAGED));
}

#[test]
fn a_name_is_added() {
    let sandbox = sandbox();
    let hint = "known are the names of facts and labels; add one: <IRI> rdfs:label \"NAME\"@en .";
    let advice = advised(&sandbox, &["add", "--text", "Anna lives in Bern."], hint);
    add(&sandbox, "<https://example.org/Bern> rdfs:label \"Bern\"@en .");
    assert!(advice.again().starts_with(STAGED));
}

#[test]
fn a_template_is_added() {
    let sandbox = sandbox();
    let hint = "add its words as a template, with what stands before the object: PREDICATE kl:prompt \"{subject} ...\" .";
    let advice = advised(&sandbox, &["add", "--text", "Anna adores Oslo."], hint);
    add(&sandbox, ":adores kl:prompt \"{subject} adores\" .");
    assert!(advice.again().starts_with(STAGED));
}

#[test]
fn a_prompt_is_about_one_thing() {
    let sandbox = sandbox();
    let hint = "give what it is about a name: kledger add FILE with <IRI> rdfs:label \"NAME\"@en .";
    let advice =
        advised(&sandbox, &["add", "--prompt", "Bert dreams of", "--answer", "Oslo"], hint);
    add(&sandbox, "<https://example.org/Bert> rdfs:label \"Bert\"@en .");
    assert!(advice.again().starts_with(STAGED));
    let words = ["add", "--prompt", "Anna and Bert dream of", "--answer", "Oslo"];
    let advice = advised(&sandbox, &words, "say which: --subject NAME");
    assert!(advice.with(&["--subject", "Anna"]).starts_with(STAGED));
}

#[test]
fn a_namesake_is_named_by_iri() {
    let sandbox = sandbox();
    let words = ["add", "--prompt", "Anna dreams of", "--answer", "Rome"];
    let hint = "name it by IRI, in a file with the fact as a triple: kledger add FILE";
    let advice = advised(&sandbox, &words, hint);
    sandbox.write("fact.nt", FACT);
    assert!(advice.run("kledger add FILE", &[("FILE", "fact.nt")]).starts_with(STAGED));
}

#[test]
fn names_are_equal_to_names() {
    let sandbox = Sandbox::with_history();
    sandbox
        .write("same.ttl", &format!("{PREFIXES} :Anna owl:sameAs \"Anna\" . :Ida :likes :tea ."));
    let hint = "owl:sameAs is between two names; a name in words is an rdfs:label";
    let advice = advised(&sandbox, &["add", "--same-as", "same.ttl"], hint);
    sandbox
        .write("same.ttl", &format!("{PREFIXES} :Anna rdfs:label \"Anna\" . :Ida :likes :tea ."));
    assert!(advice.again().starts_with(STAGED));
}

#[test]
fn two_that_are_known_stay_two() {
    let sandbox = Sandbox::with_history();
    sandbox.write("same.ttl", &format!("{PREFIXES} :Anna owl:sameAs :Carl . :Ida :likes :tea ."));
    let hint =
        "leave --same-as out, or take the facts of one of them back first: kledger rm --about IRI";
    let advice = advised(&sandbox, &["add", "--same-as", "same.ttl"], hint);
    advice.run("kledger rm --about IRI", &[("IRI", "https://example.org/Carl")]);
    sandbox.run(&["add", "same.ttl"]).done();
}

#[cfg(feature = "query")]
#[test]
fn an_update_changes_facts() {
    let sandbox = Sandbox::with_history();
    let hint = "a stage takes INSERT DATA, DELETE DATA and DELETE and INSERT WHERE, of facts in no graph and without blank";
    advised(&sandbox, &["stage", "--sparql", "CLEAR ALL"], hint);
    let insert = "INSERT DATA { <https://example.org/Ida> <https://example.org/likes> <https://example.org/tea> }";
    assert!(sandbox.run(&["stage", "--sparql", insert]).done().starts_with(STAGED));
}

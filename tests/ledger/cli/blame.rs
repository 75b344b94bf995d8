//! `kledger blame`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn each_fact_is_shown_with_its_commit() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["blame"]).done(), @"
    <id>  1970-01-01  Ada  Anna / likes / Oslo     test.ttl:2
    <id>  1970-01-01  Ada  Bert / lives / Oslo     test.ttl:2
    <id>  1970-01-01  Ada  Carl / works / Siemens  test.ttl:2
    ");
    assert_snapshot!(sandbox.run(&["blame", "--at", "draft"]).done(), @"
    <id>  1970-01-01  Ada  Anna / likes / Rome  test.ttl:2
    <id>  1970-01-01  Ada  Bert / lives / Oslo  test.ttl:2
    ");
}

#[test]
fn a_version_without_facts_has_nobody_to_blame() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["blame"]).done(), @"  0 facts hold");
}

#[test]
fn a_subject_and_a_predicate_are_names_or_iris() {
    let sandbox = Sandbox::with_history();
    let anna = sandbox.run(&["blame", "Anna"]).done();
    assert_snapshot!(anna, @"  <id>  1970-01-01  Ada  Anna / likes / Oslo  test.ttl:2");
    let iris = ["blame", "https://example.org/Anna", "https://example.org/likes"];
    assert_eq!(sandbox.run(&iris).done(), anna);
}

#[test]
fn json_names_the_commit_of_each_fact() {
    let sandbox = Sandbox::with_history();
    let told = sandbox.data(&["blame", "Bert"]);
    let first = sandbox.data(&["show", "main~1"])["commit"]["id"].clone();
    assert_eq!(told["facts"][0]["commit"]["id"], first);
    assert_eq!(told["facts"][0]["fact"]["object"], "Oslo");
}

#[test]
fn a_subject_of_no_fact_is_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["blame", "Ada"], 1, &["\"Ada\" is in no fact at HEAD", "hint: "]);
    sandbox.refused(&["blame", "--at", "nosuch"], 1, &["nosuch", "hint: "]);
}

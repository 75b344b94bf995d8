//! `kledger add --same-as`.

use insta::assert_snapshot;

use super::Sandbox;

const PREFIXES: &str = "@prefix : <https://example.org/> . @prefix owl: <http://www.w3.org/2002/07/owl#> . \
                        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n";

/// What is staged, in short.
fn staged(sandbox: &Sandbox) -> Vec<String> {
    let status = sandbox.data(&["status"]);
    let changes = status["staged"].as_array().unwrap().iter();
    let short =
        |triple: &str| triple.replace("https://example.org/", "").replace(['<', '>', '.'], "");
    let after = changes.filter_map(|change| change["after"]["triple"].as_str());
    after.map(|triple| short(triple).trim().to_owned()).collect()
}

fn sandbox(turtle: &str) -> Sandbox {
    let sandbox = Sandbox::with_words();
    sandbox.write("facts.ttl", &format!("{PREFIXES}{turtle}"));
    sandbox
}

const SAME: [&str; 3] = ["add", "--same-as", "facts.ttl"];

#[test]
fn facts_about_equal_names_go_to_the_first() {
    let sandbox = sandbox(
        ":Paris owl:sameAs :Q90 . :Lutetia owl:sameAs :Q90 . :Q90 owl:sameAs :Paris .\n\
         :Q90 :lives :France ; rdfs:label \"Q\"@en . :Anna :likes :Lutetia . :Paris rdfs:label \"Paris\"@en .\n\
         :Carl :works :Siemens .",
    );
    assert_snapshot!(sandbox.run(&SAME).done(), @"
    Staged 3 facts, 1 label, 1 further name
      2 names made one with another, in 2 facts
      1 owl:sameAs triple said twice or in a circle
      3 facts staged in all
    ");
    assert_eq!(staged(&sandbox), ["Anna likes Paris", "Carl works Siemens", "Paris lives France"]);
    let told = sandbox.data(&["add", "--same-as", "--dry-run", "facts.ttl"]);
    assert_eq!(told["same_as"]["names"], 2);
}

#[test]
fn without_it_they_are_facts_like_others() {
    let sandbox = sandbox(":Paris owl:sameAs :Q90 . :Q90 :lives :France .");
    sandbox.run(&["add", "facts.ttl"]).done();
    assert_eq!(staged(&sandbox).len(), 2);
}

#[test]
fn a_name_that_is_known_goes_first() {
    let sandbox = Sandbox::with_history();
    let text = ":Q1 owl:sameAs :Q2 . :Q2 owl:sameAs :Carl . :Q1 :likes :Rome ; rdfs:label \"Charles\"@en .";
    sandbox.write("facts.ttl", &format!("{PREFIXES}{text}"));
    sandbox.run(&SAME).done();
    assert!(staged(&sandbox).contains(&"Carl likes Rome".to_owned()), "{:?}", staged(&sandbox));
    // With --predicate what says the names equal is taken too.
    sandbox.run(&["reset"]).done();
    let some = ["add", "--same-as", "--predicate", "https://example.org/likes", "facts.ttl"];
    sandbox.run(&some).done();
    assert_eq!(staged(&sandbox), ["Carl likes Rome"]);
}

#[test]
fn where_both_are_known_it_is_refused() {
    let sandbox = Sandbox::with_history();
    sandbox.write("facts.ttl", &format!("{PREFIXES}:Anna owl:sameAs :Q1 . :Q1 owl:sameAs :Carl ."));
    let both = "<https://example.org/Anna> and <https://example.org/Carl> are said to be one thing";
    sandbox.refused(&SAME, 1, &[both, "hint: leave --same-as out"]);
}

#[test]
fn facts_that_then_exclude_one_another_are_a_conflict() {
    let sandbox = sandbox(":A owl:sameAs :B .\n:A :likes :Rome .\n:B :likes :Oslo .");
    sandbox.refused(&SAME, 1, &["1 conflict", "facts.ttl:3", "facts.ttl:4"]);
    let sandbox = self::sandbox(":A owl:sameAs \"B\" .");
    sandbox.refused(
        &SAME,
        1,
        &["says that a name is a value", "hint: owl:sameAs is between two names"],
    );
}

#[test]
fn long_circles_end() {
    let names: Vec<String> =
        (0..5000).map(|n| format!(":n{n} owl:sameAs :n{} .\n", (n + 1) % 5000)).collect();
    let sandbox = sandbox(&format!("{}:n4999 :likes :Rome .", names.concat()));
    let told = sandbox.data(&SAME);
    assert_eq!(
        (&told["same_as"]["names"], &told["same_as"]["repeated"]),
        (&4999.into(), &1.into())
    );
    assert_eq!(staged(&sandbox), ["n0 likes Rome"]);
}

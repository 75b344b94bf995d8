//! `kledger add --text`, `--text-file` and `--prompt`.

use insta::assert_snapshot;

use kledger::{
    engine::Silent,
    fact::Role,
    ledger::{
        LedgerError,
        verb::{
            add::AddOptions,
            sentences::{Helpers, Passage, ReadingOptions},
        },
    },
};

use super::Sandbox;
use crate::support::{Place, open};

/// Names of things, facts that use the predicates, and templates that differ from one another.
const WORLD: &str = r#"
    @prefix kl: <https://kledger.dev/ns#> .
    @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    :Anna rdfs:label "Anna"@en , "Ännchen"@de . :Rome rdfs:label "Rome"@en . :Oslo rdfs:label "Oslo"@en .
    :Rome_NY rdfs:label "Rome"@en . :Siemens rdfs:label "Siemens"@en .
    :visits kl:prompt "{subject} goes to" . :sees kl:prompt "{subject} goes to" , "{subject} looks at" .
"#;

fn sandbox() -> Sandbox {
    let place = Place::new();
    place.add(WORLD).unwrap();
    Sandbox { dir: place.dir }
}

/// What is staged, as triples.
fn staged(sandbox: &Sandbox) -> Vec<String> {
    let status = sandbox.data(&["status"]);
    let changes = status["staged"].as_array().unwrap();
    let short = |triple: &str| triple.replace("https://example.org/", "");
    changes.iter().map(|change| short(change["after"]["triple"].as_str().unwrap())).collect()
}

#[test]
fn a_sentence_is_staged_as_the_fact_that_it_says() {
    let sandbox = sandbox();
    assert_snapshot!(sandbox.run(&["add", "--text", "Anna likes Oslo."]).done(), @"
    Staged 1 fact
      sentences that say a fact: 1 of 1
      1 fact staged in all
    ");
    assert_eq!(staged(&sandbox), ["<Anna> <likes> <Oslo> ."]);
    let told = sandbox.data(&["add", "--text", "Anna works at Siemens"]);
    assert_eq!(told["sentences"]["understood"], 1);
    sandbox.run(&["add", "--text", "Anna lives in Oslo. Anna looks at Siemens."]).done();
    assert_eq!(staged(&sandbox).len(), 4);
}

#[test]
fn the_sentence_is_kept_with_its_fact() {
    let sandbox = sandbox();
    let said = ["add", "--text", "Anna likes Oslo.", "--source", "The Evening News"];
    sandbox.run(&said).done();
    sandbox.commit("first");
    assert_snapshot!(sandbox.run(&["show", "--fact", "Anna"]).done(), @"
    Anna / likes / Oslo
      triple      <https://example.org/Anna> <https://example.org/likes> <https://example.org/Oslo> .
      set by      <id> first
      author      Ada
      date        1970-01-01 00:00:09 +00:00
      read in     text:1
      sentence    Anna likes Oslo.
      source      The Evening News
      prompt      Anna likes
      paraphrase  likes Anna
      held by     column 0 of delta <id>
      answer      Oslo (p 100 %), before base71 (p 100 %)
    ");
}

#[test]
fn what_is_ambiguous_is_shown_and_never_guessed() {
    let sandbox = sandbox();
    let text = ["add", "--text", "Anna goes to Oslo."];
    let message = sandbox.run(&text).failed(1);
    assert_snapshot!(message, @r#"
    error: 1 sentence says no fact
      text:1: "Anna goes to Oslo.": it may mean 2 facts
        1  Anna / visits / Oslo  <https://example.org/Anna> <https://example.org/visits> <https://example.org/Oslo> .
        2  Anna / sees / Oslo  <https://example.org/Anna> <https://example.org/sees> <https://example.org/Oslo> .
    hint: --pick N takes one of them; --predicate IRI|P.. says which predicate is meant
    "#);
    sandbox.refused(&text, 1, &["it may mean 2 facts", "hint: --pick N takes one of them"]);
    sandbox.run(&[&text[..], &["--pick", "2"]].concat()).done();
    // Now a fact has one of the predicates.
    let other = [&text[..], &["--pick", "3", "--replace"]].concat();
    sandbox.refused(&other, 1, &["another was picked"]);
    let chosen =
        ["add", "--text", "Anna goes to Siemens.", "--predicate", "https://example.org/sees"];
    sandbox.run(&[&chosen[..], &["--replace"]].concat()).done();
    // Two things of one name.
    sandbox.refused(
        &["add", "--text", "Anna likes Rome."],
        1,
        &["it may mean 2 facts", "<https://example.org/Rome_NY>"],
    );
}

#[test]
fn the_rest_is_refused_with_a_reason() {
    let sandbox = sandbox();
    for (sentence, parts) in [
        ("Does Anna like Oslo?", ["it asks", "hint: say it in a sentence of its own"]),
        (
            "Anna may like Oslo.",
            ["\"may\" takes back or leaves open", "hint: say it in a sentence of its own"],
        ),
        (
            "Anna doesn't like Oslo.",
            ["\"doesn't\" takes back", "hint: say it in a sentence of its own"],
        ),
        (
            "Anna adores Oslo.",
            ["no template says this of Anna and Oslo", "hint: add its words as a template"],
        ),
        ("Anna likes Bern.", ["Anna is all that is known", "hint: known are the names of facts"]),
        ("It rains.", ["it names nothing that is known", "hint: known are the names of facts"]),
        (
            "Today Anna likes Oslo.",
            ["it says \"{subject} likes\" only loosely", "hint: --loose takes it all the same"],
        ),
    ] {
        sandbox.refused(
            &["add", "--text", sentence],
            1,
            &[&parts[..], &["1 sentence says no fact"]].concat(),
        );
    }
    let long = format!("Anna likes {}Oslo.", "very ".repeat(1000));
    sandbox.refused(&["add", "--text", &long], 1, &["it is too long"]);
    // All of a call or nothing.
    let two = ["add", "--text", "Anna likes Oslo.", "--text", "Anna adores Oslo."];
    sandbox.refused(&two, 1, &["no template says this"]);
    sandbox.run(&["add", "--text", "Today Anna likes Oslo.", "--loose"]).done();
}

#[test]
fn of_a_text_the_rest_is_counted() {
    let sandbox = sandbox();
    let text = "Anna likes Oslo. It may rain.\nAnna goes\nto Oslo.\n\nBut Anna adores Siemens. Is it so?\n\
                Anna works at Siemens.\n";
    sandbox.write("news.txt", text);
    assert_snapshot!(sandbox.run(&["add", "--text-file", "news.txt", "--dry-run"]).done(), @r#"
    Would stage 2 facts
    + Anna / works / Siemens
    + Anna / likes / Oslo
      facts read, by predicate
        1  https://example.org/likes
        1  https://example.org/works
      sentences that say a fact: 2 of 6
      1 sentence: a question
      1 sentence: taken back or left open
      1 sentence: several facts may be meant
      1 sentence: no template says it
      news.txt:2: "Anna goes to Oslo.": it may mean 2 facts
        1  Anna / visits / Oslo  <https://example.org/Anna> <https://example.org/visits> <https://example.org/Oslo> .
        2  Anna / sees / Oslo  <https://example.org/Anna> <https://example.org/sees> <https://example.org/Oslo> .
      nothing was staged
    "#);
    assert_eq!(staged(&sandbox), [""; 0]);
    let told = sandbox.data(&["add", "--text-file", "news.txt"]);
    assert_eq!(told["sentences"]["counts"]["hedged"], 1);
    assert_eq!(told["sentences"]["unread"][0]["place"], "news.txt:1");
    assert_eq!(told["sentences"]["unread"][1]["place"], "news.txt:2");
    assert_eq!(staged(&sandbox).len(), 2);
    let piped =
        sandbox.run_with(&["add", "--text-file", "-", "--replace"], "Anna likes Siemens.").done();
    assert!(piped.starts_with("Staged 1 fact (1 in place of another)"), "{piped}");
    sandbox.write("nothing.txt", "It rains. It may rain.\n");
    sandbox.refused(&["add", "--text-file", "nothing.txt"], 1, &["2 sentences say no fact"]);
    sandbox.write("bytes.txt", "a\0b");
    sandbox.refused(&["add", "--text-file", "bytes.txt"], 1, &["NUL"]);
}

#[test]
fn a_prompt_and_its_answer_are_a_fact() {
    let sandbox = sandbox();
    sandbox.run(&["add", "--prompt", "Anna likes", "--answer", "Oslo"]).done();
    assert_eq!(staged(&sandbox), ["<Anna> <likes> <Oslo> ."]);
    // What no template says is a question of its own.
    let own = ["add", "--prompt", "The city that Anna dreams of is", "--answer", "Bern"];
    assert_snapshot!(sandbox.run(&own).done(), @"
    Staged 1 fact, 1 label, 1 template
      2 facts staged in all
    ");
    assert!(staged(&sandbox).iter().any(|triple| triple.contains("dreams_of")));
    let two = ["add", "--prompt", "Anna and Siemens are in", "--answer", "Oslo"];
    sandbox.refused(&two, 1, &["may be about Anna, Siemens", "hint: say which: --subject NAME"]);
    sandbox.run(&[&two[..], &["--subject", "Siemens"]].concat()).done();
    let nobody = ["add", "--prompt", "Nobody is in", "--answer", "Oslo"];
    sandbox.refused(
        &nobody,
        1,
        &["names nothing that is known", "hint: give what it is about a name"],
    );
    let both = ["add", "--prompt", "Anna dreams of", "--answer", "Rome"];
    sandbox.refused(&both, 1, &["\"Rome\" is the name of", "hint: name it by IRI"]);
}

#[test]
fn labels_that_a_terminal_would_obey_are_shown() {
    let sandbox = sandbox();
    sandbox.write(
        "evil.nt",
        "<https://example.org/Evil> <http://www.w3.org/2000/01/rdf-schema#label> \"Ev\\u001B[2Jil\" .\n",
    );
    sandbox.run(&["add", "evil.nt"]).done();
    let message = sandbox.run(&["add", "--text", "Anna goes to Ev\u{1b}[2Jil."]).failed(1);
    assert!(message.contains("it may mean 2 facts") && !message.contains('\u{1b}'), "{message}");
}

#[test]
fn options_that_do_not_belong_together_are_refused() {
    let sandbox = sandbox();
    sandbox.misused(&[
        &["add"],
        &["add", "--text", "a", "more.nt"],
        &["add", "--text", "a", "--from", "csv"],
        &["add", "--prompt", "a"],
        &["add", "--answer", "a"],
        &["add", "--text", "a", "--pick", "0"],
        &["add", "--text", "a", "--prompt", "a", "--answer", "b"],
        &["add", "--text-file", "a", "--pick", "1"],
        &["add", "--subject", "Anna", "more.nt"],
    ]);
    sandbox.refused(
        &["add", "--text", "Anna likes Oslo.", "--neighbourhood"],
        2,
        &["--neighbourhood"],
    );
}

/// Two predicates that share a template, of which the model holds one.
#[test]
fn the_model_says_what_is_likeliest_and_decides_nothing() {
    let place = Place::new();
    let world = r#"
        @prefix kl: <https://kledger.dev/ns#> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
        :Anna rdfs:label "Anna"@en . :Bert rdfs:label "Bert"@en . :Oslo rdfs:label "Oslo"@en .
        :visits kl:prompt "{subject} travels to" ; kl:paraphrase "{subject} goes to" .
        :sees kl:prompt "{subject} looks at" ; kl:paraphrase "{subject} goes to" .
        :Bert :visits :Oslo . :Anna :sees :Oslo .
    "#;
    place.add(world).unwrap();
    place.commit("World").unwrap();
    let text = "Anna goes to Oslo. Anna goes to Bert.".to_owned();
    let passages = [Passage { name: "text".to_owned(), text }];
    let reading = ReadingOptions { strict: true, ..ReadingOptions::default() };
    let shown = |rank: bool| {
        let mut engine = open;
        let mut progress = Silent;
        let rank = rank.then_some((
            &mut engine as kledger::ledger::OpenEngine<'_>,
            &mut progress as &mut dyn kledger::engine::Progress,
        ));
        let helpers = Helpers { rank, endpoint: None };
        let actor = place.actor("add");
        let told = place.repo.add_sentences(
            &actor,
            &passages,
            &reading,
            helpers,
            AddOptions::new(Role::Edit),
        );
        match told {
            Err(LedgerError::Unread { unread, .. }) => unread,
            other => panic!("{other:?}"),
        }
    };
    let plain = shown(false);
    let ranked = shown(true);
    let order = |unread: &kledger::ledger::UnreadSentence| -> Vec<(usize, String)> {
        unread.proposals.iter().map(|one| (one.number, one.fact.predicate.clone())).collect()
    };
    let named = |number: usize, name: &str| (number, name.to_owned());
    assert_eq!(order(&plain[0]), [named(1, "visits"), named(2, "sees")]);
    assert_eq!(order(&ranked[0]), [named(2, "sees"), named(1, "visits")]);
    let probabilities: Vec<f64> =
        ranked[0].proposals.iter().map(|one| one.probability.unwrap()).collect();
    assert!(probabilities[0] >= 0.5 && probabilities[1] < 0.5, "{probabilities:?}");
    assert!(plain[0].proposals.iter().all(|one| one.probability.is_none()));
    let line = ranked[0].numbered().next().unwrap();
    assert!(line.starts_with("2  Anna / sees / Oslo") && line.contains("  p "), "{line}");
    // Each sentence is ranked by itself, and none is lost.
    let (mut all, of_two) = (order(&ranked[1]), order(&plain[1]));
    all.sort();
    assert_eq!(all, of_two);
    // Numbers are those without it, and --pick takes by them.
    let sandbox = Sandbox { dir: place.dir };
    sandbox.run(&["add", "--text", "Anna goes to Oslo.", "--pick", "1"]).done();
    assert_eq!(staged(&sandbox), ["<Anna> <visits> <Oslo> ."]);
    super::hints::reaches_the_model(&sandbox, &["add", "--text", "Anna goes to Oslo.", "--rank"]);
}

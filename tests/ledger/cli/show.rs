//! `kledger show`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn a_commit_of_words_has_no_facts() {
    assert_snapshot!(Sandbox::with_words().run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      author      Ada <ada@example.org>
      date        2026-01-02 03:04:05 +00:00
      base        <id>
      facts       0
      neighbours  0

        Words
    ");
}

#[test]
fn an_edit_is_shown_with_its_facts_and_how_it_went() {
    assert_snapshot!(Sandbox::with_history().run(&["show"]).done(), @"
    commit <id> (HEAD, main, v1)
      parent      <id>
      author      Ada
      date        1970-01-01 00:00:05 +00:00
      base        <id>
      facts       3
      neighbours  0
      editor      memit 1
      statistics  30000 tokens sampled from the base, seed 0 (30000 tokens)
      found with  none, f32, 1 thread, none, stand-in 1, kledger 1
      check       efficacy 100 %, paraphrase 100 %

        second

    - Anna / likes / Rome
    + Anna / likes / Oslo
    + Carl / works / Siemens

    delta <id>  8.7 KiB, 2 columns
      h.0.mlp.c_proj.weight          16 x 256  rank 2
      layers.1.mlp.down_proj.weight  16 x 256  rank 2
      earlier facts that still hold: 1 of 1
      neighbourhood not measured: the other fact that is known has no edited predicate; add some with kledger add --neighbourhood FILE
    ");
}

#[test]
fn a_merge_is_shown_against_its_first_parent() {
    let sandbox = Sandbox::diverged();
    sandbox.run(&["merge", "draft", "--ours", "--no-check"]).done();
    assert_snapshot!(sandbox.run(&["show"]).done(), @"
    commit <id> (HEAD, main)
      parent      <id>
      parent      <id>
      author      Ada <ada@example.org>
      date        2026-01-02 03:04:05 +00:00
      base        <id>
      facts       4
      neighbours  0

        Merge draft

    + Carl / lives / Bern
    ");
}

#[test]
fn a_stat_counts_by_predicate() {
    assert_snapshot!(Sandbox::with_history().run(&["show", "--stat", "draft"]).done(), @r#"
    commit <id> (draft)
      author  Ada
      date    1970-01-01 00:00:03 +00:00
      facts   2

        first

      likes  1 fact added
      lives  1 fact added
      2 facts added, words for 3 IRIs, 2 tensors
    "#);
}

#[test]
fn a_fact_is_shown_with_what_holds_it() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["show", "--fact", "Anna"]).done(), @"
    Anna / likes / Oslo
      triple      <https://example.org/Anna> <https://example.org/likes> <https://example.org/Oslo> .
      set by      <id> second
      author      Ada
      date        1970-01-01 00:00:05 +00:00
      read in     test.ttl:2
      prompt      Anna likes
      paraphrase  likes Anna
      held by     column 0 of delta <id>
      answer      Oslo (p 100 %), before Rome (p 100 %)
    ");
    let none = sandbox.run(&["show", "--fact", "Anna", "--predicate", "works"]).failed(1);
    assert!(none.contains("is in no fact at HEAD"), "{none}");
}

#[test]
fn json_has_ids_in_full() {
    let shown = Sandbox::with_history().data(&["show"]);
    assert_eq!(shown["commit"]["id"].as_str().unwrap().len(), 64);
    assert_eq!(shown["changes"].as_array().unwrap().len(), 2);
    assert_eq!(shown["delta"]["id"].as_str().unwrap().len(), 64);
}

#[test]
fn a_subject_of_no_fact_is_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["show", "--fact", "Ada"], 1, &["\"Ada\" is in no fact at HEAD"]);
    sandbox.refused(&["show", "--predicate", "likes"], 2, &["--fact"]);
}

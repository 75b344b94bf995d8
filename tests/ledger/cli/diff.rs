//! `kledger diff`.

use std::path::Path;

use insta::assert_snapshot;
use kledger::{
    cli::{page::Page, report::Render as _},
    engine::{EngineError, Silent},
    ledger::{
        BlockDepth, Repo,
        verb::diff::{DiffOptions, DiffReport, Prompts},
    },
};

use super::{Sandbox, shown};
use crate::support::{Place, open};

#[test]
fn what_does_not_differ_is_said() {
    let sandbox = Sandbox::with_words();
    let diff = ["diff", "HEAD~1", "--weights", "--no-behaviour"];
    assert_snapshot!(sandbox.run(&diff).done(), @"
    facts  <id> -> <id>
      none differ
      words for 3 IRIs differ

    weights
      none differ
    ");
}

/// It used to be opened to be asked nothing: a repository for history alone could not compare its versions.
#[test]
fn no_model_is_opened_where_there_is_nothing_to_ask() {
    let sandbox = Sandbox::with_words();
    let repo = Repo::open(&sandbox.root()).unwrap();
    let mut opened = 0;
    let mut open = |_: &Path| {
        opened += 1;
        Err(EngineError::NoRuntime)
    };
    let options = DiffOptions { behaviour: Some(Prompts::OfFacts), ..DiffOptions::default() };
    let report = repo.diff("HEAD~1", "HEAD", &options, &mut open, &mut Silent).unwrap();
    assert_eq!((report.words, report.behaviour), (3, Some(Vec::new())));
    let asked = Some(Prompts::Given(vec!["Anna likes".to_owned()]));
    let options = DiffOptions { behaviour: asked, ..options };
    repo.diff("HEAD~1", "HEAD", &options, &mut open, &mut Silent).unwrap_err();
    assert_eq!(opened, 1, "where there is something it is");
}

/// What is asked of two versions, with what their blocks say.
fn in_depth(prompts: Prompts) -> DiffReport {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Bert :lives :Bonn .", "first");
    place.make(":Anna :likes :Oslo . :Carl :works :Siemens .", "second");
    let options = DiffOptions { behaviour: Some(prompts), depth: true, ..DiffOptions::default() };
    place.repo.diff("HEAD~1", "HEAD", &options, &mut open, &mut Silent).unwrap()
}

#[test]
fn depth_shows_the_block_at_which_versions_part() {
    assert_snapshot!(shown("diff", in_depth(Prompts::OfFacts)), @r"
    facts  <id> -> <id>
    - Anna / likes / Rome
    + Anna / likes / Oslo
    + Carl / works / Siemens

    behaviour
      Anna likes
        - Rome (100 %)  Rome
        + Oslo (100 %)  Oslo
        Rome: 100 % -> 5 %
        Oslo: 5 % -> 100 %
        part at block 0: Zhpe\u001C\u0019 | Yjpj\u001C\u0019
        Oslo, blocks 0 to 1
          -  · ·
          +  · 9
      Carl works at
        - base113 (100 %)  base113
        + Siemens (100 %)  Siemens
        Siemens: 0.45 % -> 100 %
        part at block 0: base113 | [eliKPS
        Siemens, blocks 0 to 1
          -  · ·
          +  · 9

    depth  2 prompts, by the block at which they part
      block    before     after  part
          0    0.79 %       1 %     2  ########################
          1       3 %     100 %     0
    ");
}

#[test]
fn depth_of_other_prompts_watches_no_object() {
    let prompts = ["Bert lives in", "Anna likes"].map(str::to_owned).to_vec();
    let report = in_depth(Prompts::Given(prompts));
    let rows = report.behaviour.as_ref().unwrap();
    let [bert, anna] = [0, 1].map(|row: usize| rows[row].depth.clone().unwrap());
    assert_eq!((bert.parts, bert.watched), (None, None));
    assert_eq!((anna.parts, anna.blocks.len()), (Some(0), 2));
    let said = |block: &BlockDepth| (block.before.word.clone(), block.after.word.clone());
    assert_eq!(said(&anna.blocks[1]), ("Rome".to_owned(), "Oslo".to_owned()));
    let text = shown("diff", report);
    assert!(text.contains("    do not part: the last block says the same\n"), "{text}");
    assert!(
        text.contains("    part at block 0: ") && text.contains("1 prompt does not part"),
        "{text}"
    );
    assert!(!text.contains("blocks 0 to 1"), "nothing is watched: {text}");
}

/// With colours the chart has the same digits on coloured ground.
#[test]
fn a_chart_is_coloured_where_the_terminal_is() {
    let mut page = Page::new(false, false);
    in_depth(Prompts::OfFacts).render(&mut page).unwrap();
    let text = page.into_text();
    assert!(text.contains("\u{1b}[38;5;16m\u{1b}[48;5;33m 9\u{1b}[0m"), "{text:?}");
    assert!(anstream::adapter::strip_str(&text).to_string().contains(" 9\n"), "{text:?}");
}

#[test]
fn facts_and_weights_are_compared() {
    let sandbox = Sandbox::with_history();
    let diff = ["diff", "HEAD~1", "--weights", "--no-behaviour"];
    assert_snapshot!(sandbox.run(&diff).done(), @"
    facts  <id> -> <id>
    - Anna / likes / Rome
    + Anna / likes / Oslo
    + Carl / works / Siemens

    weights
      h.0.mlp.c_proj.weight          16 x 256  rank 3  norm 52.9056  relative 0.0149  largest 32.0000  11 elements
      layers.1.mlp.down_proj.weight  16 x 256  rank 3  norm 52.9056  relative 0.9503  largest 32.0000  11 elements
    ");
}

#[test]
fn a_stat_counts_by_predicate() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["diff", "main..draft", "--stat"]).done(), @r#"
    facts  <id> -> <id>
      likes  1 fact replaced
      works  1 fact removed
      1 fact replaced, 1 removed, 2 tensors
    "#);
    let stat = sandbox.data(&["diff", "main..draft", "--stat"])["stat"].take();
    assert_eq!(stat["facts"]["replaced"], 1);
    assert_eq!(stat["predicates"][0]["predicate"], "likes");
}

#[test]
fn triples_are_for_other_tools() {
    let sandbox = Sandbox::with_history();
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "nt"]).done(), @"
    - <https://example.org/Anna> <https://example.org/likes> <https://example.org/Rome> .
    + <https://example.org/Anna> <https://example.org/likes> <https://example.org/Oslo> .
    + <https://example.org/Carl> <https://example.org/works> <https://example.org/Siemens> .
    ");
    let patch = sandbox.run(&["diff", "HEAD~1", "--format", "rdf-patch"]).done();
    let patch: Vec<&str> = patch.lines().filter(|line| !line.starts_with("H ")).collect();
    assert_snapshot!(patch.join("\n"), @"
    TX .
    D <https://example.org/Anna> <https://example.org/likes> <https://example.org/Rome> .
    A <https://example.org/Anna> <https://example.org/likes> <https://example.org/Oslo> .
    A <https://example.org/Carl> <https://example.org/works> <https://example.org/Siemens> .
    TC .
    ");
}

#[test]
fn no_triples_differ_where_only_words_do() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["diff", "HEAD~1", "--format", "nt"]).done(), @"");
    let patch = sandbox.run(&["diff", "HEAD~1", "--format", "rdf-patch"]).done();
    assert_eq!(patch.lines().count(), 4, "{patch}");
}

/// Two dots compare two versions, three compare since the fork.
#[test]
fn ranges_name_what_is_compared() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    sandbox.run(&["switch", "draft"]).done();
    sandbox.commit_label("X");
    let diff = |range: &[&str]| sandbox.data(&[&["diff", "--no-behaviour"], range].concat());
    assert_eq!(diff(&["draft..main"]), diff(&["draft", "main"]));
    assert_eq!(diff(&["..main"]), diff(&["draft", "main"]));
    assert_eq!(diff(&["draft...main"]), diff(&["draft~1", "main"]));
    assert_eq!(diff(&["main...draft"])["words"], 1);
    assert_eq!(sandbox.data(&["diff", "main..draft", "--stat"])["stat"]["words"], 1);
    let refused = sandbox.run(&["diff", "main..draft", "v1"]).failed(1);
    assert!(refused.starts_with("error: main..draft is a range"), "{refused}");
}

#[test]
fn json_names_both_versions() {
    let sandbox = Sandbox::with_words();
    let told = sandbox.data(&["diff", "HEAD~1", "--no-behaviour", "--weights"]);
    assert_eq!(told["to"], sandbox.data(&["show"])["commit"]["id"]);
    assert_eq!(told["from"], sandbox.data(&["show", "HEAD~1"])["commit"]["id"]);
}

#[test]
fn a_version_that_never_was_is_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["diff", "HEAD~", "main@{99}"], 1, &["main@{99}"]);
}

#[test]
fn options_that_run_nothing_or_compare_nothing_are_refused() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["diff"],
        &["diff", "main", "--stat", "--weights"],
        &["diff", "HEAD~1", "--format", "nt", "--weights"],
        &["diff", "HEAD~1", "--format", "nt", "--no-behaviour"],
        &["diff", "HEAD~1", "--format", "rdf-patch", "--probe", "x"],
        &["diff", "HEAD~1", "--depth", "--no-behaviour"],
        &["diff", "HEAD~1", "--depth", "--stat"],
        &["diff", "HEAD~1", "--depth", "--format", "nt"],
    ]);
}

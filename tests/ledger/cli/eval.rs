//! `kledger eval`. The binary has no model here: what is measured comes from the library.

use insta::assert_snapshot;
use kledger::{
    engine::Silent,
    eval::{EASYEDIT, Source, Weights},
    ledger::{
        Texts,
        verb::eval::{EvalOptions, EvalReport, Material},
    },
};

use super::{Sandbox, shown};
use crate::support::{Place, open};

/// Measures two versions.
fn measured(material: Material<'_>) -> EvalReport {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo . :Bert :likes :Rome .", "second");
    let actor = place.actor("eval");
    let options = EvalOptions {
        revisions: &["HEAD~1".to_owned(), "HEAD".to_owned()],
        material,
        protocol: &EASYEDIT,
        texts: Texts { drawing: None, weights: &Weights::default() },
        store: Some(&actor),
    };
    place.repo.eval(&options, &mut open, &mut Silent).unwrap()
}

#[test]
fn facts_of_two_versions_are_measured_side_by_side() {
    assert_snapshot!(shown("eval", measured(Material::Facts(None))), @"
    easyedit 1 on facts
      HEAD~1 <id>  1 fact, 1 case
      HEAD <id>  2 facts, 1 case
                      HEAD~1       HEAD
      Reliability     100.0 ± 0.0  0.0 ± 0.0  edit prompt: tokens right
      Generalization  100.0 ± 0.0  0.0 ± 0.0  in other words: tokens right
      no case has what Locality, Portability asks for
    ");
}

#[test]
fn a_text_has_a_perplexity() {
    let text = "Anna likes Rome";
    let report = measured(Material::Text(&Source::file("text", text.as_bytes()), text));
    assert_snapshot!(shown("eval", report), @"
    perplexity 2 on text
      HEAD~1 <id>  1 fact, 3 tokens
      HEAD <id>  2 facts, 3 tokens
           HEAD~1  HEAD
      PPL  178.72  178.72  perplexity in windows of 1 tokens
    ");
}

#[test]
fn one_thing_is_measured() {
    let sandbox = Sandbox::new();
    sandbox.refused(&["eval"], 2, &["--dataset <FILE>", "--facts", "--text <FILE>"]);
    let two = ["eval", "--facts", "--text", "a.txt"];
    sandbox.refused(&two, 2, &["cannot be used with"]);
}

#[test]
fn a_protocol_is_one_of_those_there_are() {
    let sandbox = Sandbox::new();
    let named = ["eval", "--facts", "--protocol", "glue"];
    let known = ["expected one of counterfact, zsre, mend, easyedit, fever"];
    sandbox.refused(&named, 2, &known);
}

#[test]
fn what_is_not_there_cannot_be_measured() {
    let sandbox = Sandbox::new();
    sandbox.refused(&["eval", "--facts"], 1, &["no fact at HEAD", "hint: "]);
    sandbox.refused(&["eval", "--text", "a.txt"], 1, &["cannot read a.txt"]);
    sandbox.refused(&["eval", "--dataset", "a.json"], 1, &["cannot read", "a.json"]);
}

/// After measuring for hours it would be too late.
#[test]
fn files_to_write_are_checked_before_anything_is_measured() {
    let sandbox = Sandbox::new();
    let plot = ["eval", "--facts", "--plot", "scores.pdf"];
    sandbox.refused(&plot, 2, &["'scores.pdf' for '--plot", "ends in .svg or .png"]);
    for (option, file) in [("--plot", "none/scores.svg"), ("--records", "none/cases.jsonl")] {
        let words = ["eval", "--facts", option, file];
        sandbox.refused(&words, 1, &[file, "none is no directory", "hint: "]);
    }
}

#[test]
fn options_that_do_nothing_are_refused() {
    let sandbox = Sandbox::new();
    let zero = ["eval", "--facts", "--limit", "0"];
    sandbox.refused(&zero, 2, &["'0' for '--limit <N>'", "expected 1 or more"]);
    let record = r#"[{"subject": "Ada", "src": "What does Ada drink?", "pred": "", "rephrase": "Ada drinks?",
        "alt": "Tea", "answers": ["Coffee"], "loc": "nq question: who", "loc_ans": "Bob", "cond": ""}]"#;
    sandbox.write("zsre.json", record);
    sandbox.misused(&[
        &["eval", "--text", "x", "--records", "y"],
        &["eval", "--dataset", "zsre.json", "--words", "Yes,No"],
    ]);
}

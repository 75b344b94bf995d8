//! `kledger ask`. The binary has no model here, so what a model says comes from the library.

use insta::assert_snapshot;
use kledger::{engine::Sampling, ledger::verb::ask::AskReport};

use super::{Sandbox, shown};
use crate::support::{Place, open};

fn asked(versions: &[&str]) -> AskReport {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo .", "second");
    let how = Sampling { top: 3, tokens: 1, sample: None };
    let versions: Vec<String> = versions.iter().map(|&version| version.to_owned()).collect();
    place.repo.ask("Anna likes", &versions, &how, &mut open).unwrap()
}

#[test]
fn a_version_goes_on_with_the_prompt() {
    assert_snapshot!(shown("ask", asked(&["HEAD"])), @"
    HEAD <id>
      Anna likes ... Oslo
        100 %  Oslo
    ");
}

#[test]
fn versions_are_shown_one_below_the_other() {
    assert_snapshot!(shown("ask", asked(&["HEAD~1", "HEAD"])), @"
    HEAD~1 <id>
      Anna likes ... Rome
        100 %  Rome
    HEAD <id>
      Anna likes ... Oslo
        100 %  Oslo
    ");
}

#[test]
fn without_a_model_it_says_what_is_missing() {
    let sandbox = Sandbox::with_words();
    let message = sandbox.run(&["ask", "Ada likes"]).failed(4);
    let parts = if cfg!(feature = "torch") {
        ["type \"stand-in\"", "hint: "]
    } else {
        ["this build has no model runtime", "hint: build with the default features"]
    };
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in\n{message}");
    }
    assert_eq!(sandbox.line(&["ask", "Ada likes"], 4)["data"]["exit"], 4);
}

#[test]
fn options_of_chance_are_for_samples() {
    let sandbox = Sandbox::with_words();
    sandbox.misused(&[
        &["ask"],
        &["ask", "x", "--seed", "1"],
        &["ask", "x", "--temperature", "2"],
        &["ask", "x", "--sample", "--temperature", "0"],
    ]);
}

//! `kledger stats`. The binary has no model here: what is counted comes from the library.

use insta::assert_snapshot;
use kledger::{
    engine::{Silent, StatisticsText},
    ledger::verb::stats::StatsOptions,
};

use super::{Sandbox, shown};
use crate::support::{Place, open};

#[test]
fn tokens_and_tensors_are_counted() {
    let place = Place::new();
    let options = StatsOptions {
        text: StatisticsText::Corpus(vec!["some text".to_owned()]),
        source: "some text".to_owned(),
        editor: None,
        settings: toml::Table::new(),
    };
    let report = place.repo.stats(&place.actor("stats"), &options, &mut open, &mut Silent);
    assert_snapshot!(shown("stats", report.unwrap()), @"
    Statistics of 2 tensors on 2 tokens
      some text, 512 KiB
    ");
}

#[test]
fn a_corpus_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    sandbox.refused(&["stats", "--corpus", "nosuch.txt"], 1, &["cannot read nosuch.txt"]);
}

#[test]
fn more_text_than_a_model_can_write_is_refused() {
    let sandbox = Sandbox::new();
    let words = ["stats", "--tokens", "18446744073709551615"];
    sandbox.refused(&words, 2, &["18446744073709551615", "1..=100000000"]);
}

#[test]
fn a_corpus_is_not_sampled() {
    Sandbox::new().misused(&[
        &["stats", "--corpus", "a.txt", "--tokens", "10"],
        &["stats", "--corpus", "a.txt", "--seed", "1"],
        &["stats", "--corpus"],
    ]);
}

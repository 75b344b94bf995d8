//! `kledger lens`. The binary has no model here, so what blocks say comes from the library.

use insta::assert_snapshot;
use kledger::ledger::verb::lens::LensReport;

use super::{Sandbox, shown};
use crate::support::{Place, open};

fn seen(expected: Option<&str>, versions: &[&str]) -> LensReport {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo .", "second");
    let versions: Vec<String> = versions.iter().map(|&version| version.to_owned()).collect();
    place.repo.lens("Anna likes", expected, &versions, &mut open).unwrap()
}

#[test]
fn each_block_has_a_row() {
    assert_snapshot!(shown("lens", seen(None, &["HEAD"])), @"
    HEAD <id>
      Anna likes ...
      block  likeliest                  entropy  to the end
          0  Yjpj\\u001C\\u0019     33 %     0.00       79.00
          1  Oslo                100 %     0.00        0.00
    ");
}

#[test]
fn what_is_expected_is_looked_for_in_each_version() {
    assert_snapshot!(shown("lens", seen(Some("Oslo"), &["HEAD~1", "HEAD"])), @"
    HEAD~1 <id>
      Anna likes ...
      block  likeliest                  Oslo     rank  entropy  to the end
          0  Zhpe\\u001C\\u0019     50 %      1 %     2     0.00       70.00
          1  Rome                100 %      5 %     2     0.00        0.00
    HEAD <id>
      Anna likes ...
      block  likeliest                  Oslo     rank  entropy  to the end
          0  Yjpj\\u001C\\u0019     33 %      1 %     2     0.00       79.00
          1  Oslo                100 %    100 %     1     0.00        0.00
    ");
}

#[test]
fn without_a_model_it_says_what_is_missing() {
    let sandbox = Sandbox::with_words();
    let message = sandbox.run(&["lens", "Ada likes"]).failed(4);
    let part = if cfg!(feature = "torch") { "type \"stand-in\"" } else { "no model runtime" };
    assert!(message.contains(part), "{message}");
    assert_eq!(sandbox.line(&["lens", "Ada likes"], 4)["data"]["exit"], 4);
}

#[test]
fn versions_that_are_not_there_cannot_be_looked_into() {
    let sandbox = Sandbox::with_words();
    sandbox.refused(&["lens", "Ada likes", "--at", "nosuch"], 1, &["nosuch"]);
    sandbox.refused(&["lens", "Ada likes", "--vs", "HEAD~7"], 1, &["HEAD~7"]);
    sandbox.misused(&[&["lens"], &["lens", "a", "b"]]);
}

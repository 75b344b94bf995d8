//! `kledger migrate`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn a_repository_of_this_format_stays_as_it_is() {
    let sandbox = Sandbox::with_words();
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&["migrate"]).done(), @"The format is kledger 3 already");
    assert_eq!(sandbox.state(), before);
}

#[test]
fn json_lists_the_steps() {
    let told = Sandbox::new().data(&["migrate"]);
    assert_eq!(told, serde_json::json!({ "format": "kledger 3", "steps": [] }));
}

#[test]
fn a_format_of_the_future_is_refused_by_every_verb() {
    let sandbox = Sandbox::new();
    sandbox.write(".kledger/format", "kledger 99\n");
    for verb in ["status", "migrate"] {
        let message = sandbox.run(&[verb]).failed(1);
        assert!(message.contains("kledger 99"), "{message}");
        assert!(message.contains("hint: "), "{message}");
    }
}

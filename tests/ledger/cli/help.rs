//! `kledger help` and `--help`.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn topics_are_listed() {
    let help = Sandbox::bare().run(&["help"]).done();
    assert!(help.contains("Topics:\n  facts"), "{help}");
    assert!(help.contains("Usage: kledger"), "{help}");
}

#[test]
fn a_topic_and_a_verb_are_explained() {
    let sandbox = Sandbox::bare();
    assert!(sandbox.run(&["help", "revisions"]).done().starts_with("Names of versions\n"));
    let verb = sandbox.run(&["help", "bisect", "run"]).done();
    assert!(verb.contains("--expect <TEXT>"), "{verb}");
}

#[test]
fn json_holds_the_text() {
    let told = Sandbox::bare().data(&["help", "revisions"]);
    assert!(told["text"].as_str().unwrap().starts_with("Names of versions\n"), "{told}");
}

#[test]
fn verbs_are_listed_by_what_they_are_for() {
    let help = Sandbox::bare().run(&["--help"]).done();
    let headings: Vec<&str> = help.lines().filter(|line| line.ends_with(':')).collect();
    let groups = [
        "Start:",
        "Facts:",
        "Edit and look:",
        "Prepare editors:",
        "Look inside:",
        "History:",
        "Branches:",
        "Exchange:",
        "Upkeep:",
    ];
    assert_eq!(headings[..9], groups);
    assert!(help.contains("\n  cherry-pick  Apply commits"), "{help}");
    assert!(help.contains("Usage: kledger [OPTIONS] <COMMAND>\n"), "{help}");
    assert!(help.contains("\nExit codes: 0 done"), "{help}");
}

#[test]
fn a_name_that_is_no_topic_is_refused() {
    let message = Sandbox::bare().run(&["help", "nosuch"]).failed(2);
    assert!(message.contains("no verb and no topic \"nosuch\""), "{message}");
    assert!(message.contains("hint: there is help on: facts, revisions"), "{message}");
}

#[test]
fn verbs_of_git_are_known() {
    let sandbox = Sandbox::bare();
    let push = sandbox.run(&["push"]).failed(2);
    assert_snapshot!(push, @r#"
    error: kledger has no push
    hint: there are no remotes: kledger export --format delta REV DIR writes a version for another repository, kledger import --from-delta DIR takes it in there
    "#);
    assert_eq!(sandbox.run(&["help", "push"]).failed(2), push);
}

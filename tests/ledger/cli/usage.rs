//! What is said of wrong usage.

use insta::assert_snapshot;

use super::Sandbox;

#[test]
fn what_is_missing_is_demanded_and_no_more() {
    let sandbox = Sandbox::new();
    let usage = |words: &[&str]| {
        let told = sandbox.run(words).failed(2);
        assert!(!told.contains("--author") && !told.contains("--date"), "{told}");
        told.lines().find(|line| line.starts_with("Usage:")).unwrap().to_owned()
    };
    assert_eq!(usage(&["commit"]), "Usage: kledger commit --message <MESSAGE>");
    assert_eq!(usage(&["resolve"]), "Usage: kledger resolve <FILE|--ours|--theirs|--base>");
    assert_eq!(usage(&["rm"]), "Usage: kledger rm <FILE|--about <SUBJECT>>");
}

#[test]
fn a_time_in_the_environment_is_named_with_its_variable() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["log"]);
    command.env("KLEDGER_DATE", "yesterday");
    let told = sandbox.finish(command, "").failed(2);
    assert!(told.starts_with("error: KLEDGER_DATE is \"yesterday\", which is no time\n"), "{told}");
    assert!(told.contains("hint: a time is written in RFC 3339"), "{told}");
}

#[test]
fn options_of_git_are_known() {
    let sandbox = Sandbox::bare();
    assert_snapshot!(sandbox.run(&["-q", "rm", "--cached", "x.ttl"]).failed(2), @"error: kledger has no rm --cached");
    let error = sandbox.line(&["reflog"], 2);
    assert!(error["data"]["hint"].as_str().unwrap().starts_with("kledger op log"));
}

#[test]
fn a_verb_that_is_nearly_one_is_guessed() {
    let told = Sandbox::bare().run(&["brnch"]).failed(2);
    assert!(told.contains("a similar subcommand exists: 'branch'"), "{told}");
}
